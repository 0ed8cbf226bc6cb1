"""Prodigy with the averaging of schedule-free training, as prodigy-plus-schedule-free 2 computes it."""

from __future__ import annotations

from typing import Any

import torch

from .schedule_free import Averaging

Tensor = torch.Tensor

#: The distance to the start is measured on each eleventh weight, as that package does.
_EACH = 11
#: The rate found may grow by this factor in a step: the fourth root of 2.
_MOST_GROWTH = 2**0.25


class ProdigyScheduleFree(Averaging):
    """Schedule-free steps at the rate d · lr, where d is Prodigy's estimate, one for each group of weights.

    The lines are ours because the package changes the trained weights into their average and back in place, which
    rounds, because it rounds its start and its sums to bf16, and because it looks for another trainer's modules to
    change when it is made. Its factored second moment is left out: it divides the rows of tall matrices by themselves.
    """

    def __init__(self, params: Any, *, betas: tuple[float, float], weight_decay: float, **args: Any) -> None:
        defaults = {"lr": 1.0, "betas": tuple(betas), "weight_decay": weight_decay}
        defaults |= {"eps": 1e-8, "d0": 1e-6, "d_coef": 1.0, "beta3": None, "schedulefree_c": 0.0, "prodigy_steps": 0}
        super().__init__(params, {**defaults, **args})
        for group in self.param_groups:
            group |= {"k": 0, "d": group["d0"], "numerator": 0.0, "weight_sum": 0.0}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        sums = []
        for group in self.param_groups:
            group["k"] += 1
            share = self._share(group)
            measured = [self._update(y, group, share) for y in group["params"]]
            sums.append(torch.stack([torch.stack(each).sum() for each in zip(*measured, strict=True)]))
        # All numbers come to the host in one copy, because each copy waits for the device.
        for group, (numerator, denominator) in zip(self.param_groups, torch.stack(sums).tolist(), strict=True):
            if _adapts(group):
                _estimate(group, numerator, denominator)

    @staticmethod
    def _share(group: dict[str, Any]) -> float:
        """By how much the average goes to the new step."""
        weight = (group["d"] * group["lr"]) ** 2
        group["weight_sum"] += weight
        # The rate may be 0 at the first steps of a warm-up.
        share = weight / group["weight_sum"] if group["weight_sum"] else 0.0
        if group["schedulefree_c"] > 0:
            share = min(1.0, share * (1 - group["betas"][0]) * group["schedulefree_c"])
        return share

    def _update(self, y: Tensor, group: dict[str, Any], share: float) -> tuple[Tensor, Tensor]:
        """Change y and z. Returns what the tensor adds to numerator and denominator of the estimate."""
        (first, second), d, lr = group["betas"], group["d"], group["d"] * group["lr"]
        state = self.state[y]
        if not state:
            state["z"], state["square"] = y.detach().clone(), torch.zeros_like(y)
            state["start"] = _sliced(y).clone()
            state["sum"] = torch.zeros_like(state["start"])
        z = state["z"]
        state["square"].mul_(second).addcmul_(y.grad, y.grad, value=(1 - second) * d**2)
        update = (y.grad * d).div_(state["square"].sqrt().add_(d * group["eps"]))
        # The package divides by the root of the size, and not by the size, of an update that is longer than 1.
        update.mul_((update.norm() / update.numel() ** 0.5).clamp_min(1.0).rsqrt())
        found = self._measure(y.grad, state, group) if _adapts(group) else (y.new_zeros(()), y.new_zeros(()))
        if group["weight_decay"]:
            update.add_(y, alpha=group["weight_decay"])
        # y = (1 − β₁) z + β₁ x for the new z and x, written without x.
        y.lerp_(z, share).sub_(update, alpha=lr * (1 - first * (1 - share)))
        z.sub_(update, alpha=lr)
        return found

    @staticmethod
    def _measure(grad: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> tuple[Tensor, Tensor]:
        weight = group["d"] ** 2 / group["d0"] ** 0.5
        sliced, total = _sliced(grad), state["sum"]
        total.mul_(_third(group)).add_(sliced, alpha=weight)
        return torch.dot(sliced, state["start"] - _sliced(state["z"])) * weight, total.abs().sum()


def _sliced(tensor: Tensor) -> Tensor:
    return tensor.detach().reshape(-1)[::_EACH]


def _third(group: dict[str, Any]) -> float:
    return group["betas"][1] ** 0.5 if group["beta3"] is None else group["beta3"]


def _adapts(group: dict[str, Any]) -> bool:
    """Whether d is still estimated, or stays as it was after `prodigy_steps`."""
    return group["prodigy_steps"] == 0 or group["k"] < group["prodigy_steps"]


def _estimate(group: dict[str, Any], numerator: float, denominator: float) -> None:
    """d never falls. Until it first grows, negative terms are left out, so that an early one does not hold it back."""
    group["numerator"] *= _third(group)
    if group["d"] > group["d0"] or numerator > 0:
        group["numerator"] += numerator
    if denominator > 0:
        found = min(group["d"] * _MOST_GROWTH, group["numerator"] / denominator)
        group["d"] = max(group["d"], found * group["d_coef"])
