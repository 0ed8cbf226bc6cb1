"""Dropout of LoRA layers: it drops input channels of each image. All masks of a pass are drawn at once.

A mask is a pure function of (seed, epoch, use), so it is the same when a pass is computed again, and for any number of
processes. All masks of a pass are one tensor among its inputs, because a CUDA graph can only read its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.device import Device


class Dropout:
    """The dropout of all LoRA layers. Each layer reads its own window of the masks' channels."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate, self._seed = rate, seed
        self._width = 0
        #: The masks of the pass under way: [B, channels of all layers], each 0 or 1 / (1 − rate). None drops nothing.
        self.masks: torch.Tensor | None = None

    def window(self, channels: int) -> slice:
        """Reserve the next `channels` of the masks for a layer with that many input channels."""
        start = self._width
        self._width += channels
        return slice(start, self._width)

    def draw(self, uses: list[tuple[int, str]], device: Device) -> torch.Tensor | None:
        """Masks [B, channels of all layers] for the images of a pass, each given as (epoch, use); None at rate 0."""
        if self._rate == 0:
            return None
        rows = [rng.uniform((self._width,), self._seed, "dropout", epoch, use) >= self._rate for epoch, use in uses]
        return device.put(torch.stack(rows)).to(device.dtype) / (1 - self._rate)

    @contextmanager
    def dropping(self, masks: torch.Tensor | None) -> Iterator[None]:
        """Inside this context the layers use `masks`."""
        before, self.masks = self.masks, masks
        try:
            yield
        finally:
            self.masks = before
