"""Dropout of LoRA layers: input channels of each picture, all masks of a pass drawn at once.

A mask is a pure function of (seed, epoch, use): the same when a pass is computed again, and for any number of
processes. As one tensor it is among a pass's inputs, as a CUDA graph needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.device import Device


class Dropout:
    """What the layers drop, if anything. Each takes its window of the masks, in the order in which they were made."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate, self._seed = rate, seed
        self._width = 0
        #: Of the pass under way: [B, channels of all layers], 0 or 1 / (1 − rate); None: nothing is dropped.
        self.masks: torch.Tensor | None = None

    def window(self, channels: int) -> slice:
        """The place of a layer of so many input channels."""
        start = self._width
        self._width += channels
        return slice(start, self._width)

    def draw(self, uses: list[tuple[int, str]], device: Device) -> torch.Tensor | None:
        """Masks for the pictures of a pass, each an (epoch, use); None at rate 0."""
        if self._rate == 0:
            return None
        rows = [rng.uniform((self._width,), self._seed, "dropout", epoch, use) >= self._rate for epoch, use in uses]
        return device.put(torch.stack(rows)).to(device.dtype) / (1 - self._rate)

    @contextmanager
    def dropping(self, masks: torch.Tensor | None) -> Iterator[None]:
        """Within: the layers drop what `masks` says."""
        before, self.masks = self.masks, masks
        try:
            yield
        finally:
            self.masks = before
