"""CAME (arXiv:2307.02047): Adafactor's memory, with steps that are smaller where the update is uncertain."""

from __future__ import annotations

from typing import Any

import torch

Tensor = torch.Tensor


def _rms(x: Tensor) -> Tensor:
    return x.norm() / x.numel() ** 0.5


def _means(square: Tensor) -> tuple[Tensor, Tensor]:
    return square.mean(1), square.mean(0)


def _inverse_root(rows: Tensor, columns: Tensor) -> Tensor:
    """1 / √(r cᵀ / mean(r)), the factored estimate, [rows, columns]."""
    return ((rows / rows.mean()).rsqrt())[:, None] * columns.rsqrt()[None]


class Came(torch.optim.Optimizer):
    """The algorithm of the paper's code, with means over the rows and columns of each layer's matrix.

    The paper's code factors a convolution over its 3 × 3 kernel, which saves nothing; here a kernel is laid out as
    [out, in · k²] first. The lines are ours for that reason, and because the common package keeps its state under keys
    that differ between versions.
    """

    def __init__(self, params: Any, *, betas: tuple[float, float, float], weight_decay: float, **args: Any) -> None:
        defaults = {"lr": 1e-4, "betas": tuple(betas), "weight_decay": weight_decay}
        defaults |= {"eps": (1e-30, 1e-16), "clip_threshold": 1.0, **args}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad.flatten(1) if p.dim() > 2 else p.grad
                state = self.state[p]
                if not state:
                    self._begin(state, grad)
                update = self._update(grad, state, group)
                if group["weight_decay"]:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(update.view(p.shape), alpha=group["lr"])

    @staticmethod
    def _begin(state: dict[str, Tensor], grad: Tensor) -> None:
        state["mean"] = torch.zeros_like(grad)
        if grad.dim() == 2:
            for name in ("square", "doubt"):
                state[f"{name}_rows"] = grad.new_zeros(grad.shape[0])
                state[f"{name}_columns"] = grad.new_zeros(grad.shape[1])
        else:
            state["square"] = torch.zeros_like(grad)

    @staticmethod
    def _factored(name: str, square: Tensor, state: dict[str, Tensor], beta: float) -> Tensor:
        for axis, mean in zip(("rows", "columns"), _means(square), strict=True):
            state[f"{name}_{axis}"].mul_(beta).add_(mean, alpha=1 - beta)
        return _inverse_root(state[f"{name}_rows"], state[f"{name}_columns"])

    def _update(self, grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        (first, second, third), (small, smaller) = group["betas"], group["eps"]
        square = grad**2 + small
        if grad.dim() == 2:
            update = self._factored("square", square, state, second) * grad
        else:
            state["square"].mul_(second).add_(square, alpha=1 - second)
            update = state["square"].rsqrt() * grad
        update /= (_rms(update) / group["clip_threshold"]).clamp(min=1)
        mean = state["mean"].mul_(first).add_(update, alpha=1 - first)
        if grad.dim() != 2:
            return mean.clone()
        return self._factored("doubt", (update - mean) ** 2 + smaller, state, third) * mean
