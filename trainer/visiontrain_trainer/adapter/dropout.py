"""Dropout of adapter layers: of input channels, ranks and whole layers, for each image. A pass draws all at once.

T-LoRA (arXiv:2507.05964) leaves out ranks too, by the timestep in place of chance, and without scaling up the others.
A mask is a pure function of (seed, epoch, use, timestep), so it is the same when a pass is computed again, and for any
number of processes. All masks of a pass are one tensor among its inputs, because a CUDA graph can only read its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.plan import TLora


def ranks_at(plan: TLora, rank: int, timestep: int, timesteps: int) -> int:
    """How many directions of `rank` are trained at a timestep: all at 0, `min_rank` at the strongest noise."""
    least = min(plan.min_rank, rank)
    return min(rank, int(((timesteps - timestep) / timesteps) ** plan.power * (rank - least)) + least)


class Dropout:
    """The dropout of all adapter layers. Each layer reads its own windows of the masks' columns.

    `rate` is that of input channels, `ranks` that of a LoRA's directions, `modules` that of whole layers. What is kept
    of channels and ranks is scaled up by 1 / (1 − rate); whole layers are not, as in sd-scripts.
    """

    def __init__(self, rate: float, seed: int, *, ranks: float = 0.0, modules: float = 0.0) -> None:
        self._rate, self._ranks, self._modules, self._seed = rate, ranks, modules, seed
        self._width = 0
        #: T-LoRA's plan, the length of the noise schedule, and the first column and number of each layer's ranks.
        self.timed: TLora | None = None
        self.timesteps = 1000
        self._timed_windows: list[tuple[int, int]] = []
        #: The rates of the columns, and what a kept one is divided by, as (columns, rate, divisor) in their order.
        self._columns: list[tuple[int, float, float]] = []
        #: The masks of the pass under way: [B, columns of all layers], each 0 or 1 ÷ its divisor. None drops nothing.
        self.masks: torch.Tensor | None = None

    def _reserve(self, columns: int, rate: float, divisor: float) -> slice | None:
        if rate == 0:
            return None
        start = self._width
        self._width += columns
        self._columns.append((columns, rate, divisor))
        return slice(start, self._width)

    def window(self, channels: int) -> slice | None:
        """Reserve the next columns for a layer with that many input channels; None where none are dropped."""
        return self._reserve(channels, self._rate, 1 - self._rate)

    def rank_window(self, rank: int) -> slice | None:
        """Reserve columns for a LoRA of `rank` directions; None where none are dropped."""
        return self._reserve(rank, self._ranks, 1 - self._ranks)

    def timed_window(self, rank: int) -> slice | None:
        """Reserve columns for a LoRA of `rank` directions that are trained by the timestep; None where all are."""
        if self.timed is None:
            return None
        self._timed_windows.append((self._width, rank))
        # The rate of these columns is 0, so that chance drops none: `draw` zeroes them by the timestep.
        start, self._width = self._width, self._width + rank
        self._columns.append((rank, 0.0, 1.0))
        return slice(start, self._width)

    def module_window(self) -> slice | None:
        """Reserve a column for a whole layer; None where none are dropped."""
        return self._reserve(1, self._modules, 1.0)

    def draw(self, uses: list[tuple[int, str, int]], device: Device) -> torch.Tensor | None:
        """Masks [B, columns of all layers] for the images of a pass, (epoch, use, timestep) each; None without any."""
        if self._width == 0:
            return None
        counts = torch.tensor([columns for columns, _, _ in self._columns])
        rates, divisors = (
            torch.tensor([column[i] for column in self._columns]).repeat_interleave(counts) for i in (1, 2)
        )
        rows = [rng.uniform((self._width,), self._seed, "dropout", epoch, use) >= rates for epoch, use, _ in uses]
        masks = torch.stack(rows) / divisors
        for row, (_, _, timestep) in zip(masks, uses, strict=True):
            for first, rank in self._timed_windows:
                assert self.timed is not None
                row[first + ranks_at(self.timed, rank, timestep, self.timesteps) : first + rank] = 0
        return device.put(masks.to(device.dtype))

    @contextmanager
    def dropping(self, masks: torch.Tensor | None) -> Iterator[None]:
        """Inside this context the layers use `masks`."""
        before, self.masks = self.masks, masks
        try:
            yield
        finally:
            self.masks = before
