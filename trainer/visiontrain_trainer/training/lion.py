"""Lion (arXiv:2302.06675): the sign of a mean of gradients is the step."""

from __future__ import annotations

from typing import Any

import torch


class Lion(torch.optim.Optimizer):
    """w ← w − lr · (sign(β₁ m + (1 − β₁) g) + λ w), then m ← β₂ m + (1 − β₂) g.

    The lines are ours because packages of Lion bring code for cards alone, or change the formula for momentum in bf16.
    """

    def __init__(self, params: Any, *, betas: tuple[float, float], weight_decay: float) -> None:
        super().__init__(params, {"lr": 1e-4, "betas": tuple(betas), "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            (first, second), lr = group["betas"], group["lr"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["mean"] = torch.zeros_like(p)
                mean = state["mean"]
                direction = (mean * first).add_(p.grad, alpha=1 - first).sign_()
                p.mul_(1 - lr * group["weight_decay"]).sub_(direction, alpha=lr)
                mean.mul_(second).add_(p.grad, alpha=1 - second)
