"""A moving average of the adapter's weights (EMA), beside the training, which it leaves as it is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.contract.plan import Ema as EmaPlan


def decay_at(update: int, most: float) -> float:
    """The decay of an update, counted from 1. It begins small, so that the first weights are soon forgotten."""
    return min(most, (1 + update) / (10 + update))


class Ema:
    """θ̄ ← d θ̄ + (1 − d) θ over the factors of all layers, in fp32 on the device of the weights."""

    def __init__(self, plan: EmaPlan, adapter: Adapter) -> None:
        self.plan, self._adapter = plan, adapter
        self.updates = 0
        #: The average; inside `swapped` the trained weights, while the adapter has the average.
        self._other = {part: flat.clone() for part, flat in adapter.flat.items()}
        self._is_swapped = False

    @torch.no_grad()
    def after(self, step: int) -> None:
        """Update the average with the weights after `step`, counted from 1. The host does not wait for the device."""
        if step <= self.plan.start:
            self._copy()
        elif (step - self.plan.start) % self.plan.every == 0:
            self.updates += 1
            share = 1 - decay_at(self.updates, self.plan.decay)
            for part, flat in self._adapter.flat.items():
                self._other[part].lerp_(flat, share)

    @property
    def used(self) -> str:
        """Which weights samples, validation and the run's main LoRA file use: `ema` or `raw`."""
        return "raw" if self.plan.save == "raw" else "ema"

    @property
    def unused(self) -> str:
        """The weights that `used` does not name: `raw` or `ema`."""
        return "ema" if self.used == "raw" else "raw"

    @contextmanager
    def in_use(self) -> Generator[None]:
        """In this context the adapter has the weights that are to be used. It may be entered inside itself."""
        if self.used == "raw" or self._is_swapped:
            yield
            return
        with self.swapped():
            yield

    @contextmanager
    def swapped(self) -> Generator[None]:
        """In this context the adapter has the weights that it does not have now: the average, or the trained ones."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for part, flat in self._adapter.flat.items():
            other = self._other[part]
            flat_now = flat.clone()
            flat.copy_(other)
            other.copy_(flat_now)
        self._adapter.refresh()
        self._is_swapped = not self._is_swapped

    def unused_tensors(self) -> dict[str, torch.Tensor]:
        """Copies on the CPU of the weights that are not used, by name. To be called inside `in_use`."""
        with self.swapped():
            return self._adapter.tensors()

    def restore(self, used: Mapping[str, torch.Tensor], unused: Mapping[str, torch.Tensor], updates: int) -> None:
        """Go on from a checkpoint. Raises TrainingError for weights that do not fit the adapter."""
        trained, average = (used, unused) if self.used == "raw" else (unused, used)
        self._adapter.load(dict(average))
        self._copy()
        self._adapter.load(dict(trained))
        self.updates = updates

    @torch.no_grad()
    def _copy(self) -> None:
        for part, flat in self._adapter.flat.items():
            self._other[part].copy_(flat)
