"""Schedule-free AdamW (arXiv:2405.15682): an average of all steps takes the place of a falling learning rate."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch

from visiontrain_trainer.adapter.adapter import Adapter

#: Name in the optimiser's state of the trained weights while their average stands in their place.
_TRAINED = "trained"


class Averaging(torch.optim.Optimizer):
    """An optimiser whose parameters are y = (1 − β₁) z + β₁ x, where x is the average that is to be used.

    z lies in its state. x is made from y and z when it is asked for.
    """

    @torch.no_grad()
    def to_average(self) -> None:
        """Put x in the place of y, which the state keeps until `to_trained`."""
        for group in self.param_groups:
            for y in group["params"]:
                state = self.state.get(y)
                if state:
                    state[_TRAINED] = y.detach().clone()
                    y.lerp_(state["z"], 1 - 1 / group["betas"][0])

    @torch.no_grad()
    def to_trained(self) -> None:
        """Put y back, bit by bit as it was. A state that was read from a checkpoint holds it too."""
        for group in self.param_groups:
            for y in group["params"]:
                state = self.state.get(y)
                if state and _TRAINED in state:
                    y.copy_(state.pop(_TRAINED))

    @property
    def is_average(self) -> bool:
        """Whether the average stands in the place of the trained weights."""
        return any(_TRAINED in state for state in self.state.values())


class ScheduleFreeAdamW(Averaging):
    """Gradients are taken at y = (1 − β₁) z + β₁ x, where z makes Adam's steps and x is their average.

    z ← z − γ (g / √v̂ + λ y), x ← (1 − c) x + c z with c = γ² / Σ γ², γ being the largest rate so far. The lines are
    ours because the authors' package changes y into x and back in place, which rounds: a run that saves more often
    would then train other weights.
    """

    def __init__(self, params: Any, *, betas: tuple[float, float], weight_decay: float, eps: float = 1e-8) -> None:
        defaults = {"lr": 1e-4, "betas": tuple(betas), "weight_decay": weight_decay, "eps": eps}
        super().__init__(params, {**defaults, "k": 0, "largest_lr": 0.0, "weight_sum": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            (first, second), lr = group["betas"], group["lr"]
            group["k"] += 1
            group["largest_lr"] = max(lr, group["largest_lr"])
            weight = group["largest_lr"] ** 2
            group["weight_sum"] += weight
            # The rate may be 0 at the first steps of a warm-up.
            share = weight / group["weight_sum"] if group["weight_sum"] else 0.0
            for y in group["params"]:
                state = self.state[y]
                if not state:
                    state["z"], state["square"] = y.detach().clone(), torch.zeros_like(y)
                state["square"].mul_(second).addcmul_(y.grad, y.grad, value=1 - second)
                update = y.grad / (state["square"] / (1 - second ** group["k"])).sqrt_().add_(group["eps"])
                if group["weight_decay"]:
                    update.add_(y, alpha=group["weight_decay"])
                # y = (1 − β₁) z + β₁ x for the new z and x, written without x.
                y.lerp_(state["z"], share).add_(update, alpha=lr * (first * (1 - share) - 1))
                state["z"].sub_(update, alpha=lr)


@contextmanager
def averaged(optimizer: torch.optim.Optimizer, adapter: Adapter) -> Generator[None]:
    """In this context the adapter has the weights that are to be used: with a schedule-free optimiser their average.

    Samples, validation, checkpoints and files have them. It may be entered inside itself.
    """
    if not isinstance(optimizer, Averaging) or optimizer.is_average:
        yield
        return
    optimizer.to_average()
    adapter.refresh()
    try:
        yield
    finally:
        return_to_training(optimizer, adapter)


def return_to_training(optimizer: torch.optim.Optimizer, adapter: Adapter) -> None:
    """Give the adapter the weights that training goes on with, after `averaged` or a checkpoint, which holds both."""
    if isinstance(optimizer, Averaging):
        optimizer.to_trained()
        adapter.refresh()
