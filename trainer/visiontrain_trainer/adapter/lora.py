"""LoRA layers (arXiv:2106.09685): the change of a weight is the product of two thin ones."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base import rng

from .dropout import Dropout
from .fused import FusedLinear
from .layer import AdapterLayer, Target, Weights


class LoraLayer(AdapterLayer):
    """y = base(x) + alpha / rank · up(down(x)); `base` is a frozen Linear or Conv2d."""

    names = ("down", "up")
    faster = frozenset({"up"})

    def __init__(self, base: nn.Module, target: Target, dropout: Dropout) -> None:
        super().__init__(base, target, dropout)
        out, into = self.sides
        ones = (1,) * len(self.kernel)
        self._rank_window = dropout.rank_window(self.rank)
        # A text encoder's states serve any timestep, so T-LoRA masks the U-Net's ranks only.
        self._timed_window = dropout.timed_window(self.rank) if target.part == "unet" else None
        self._add(down=torch.empty(self.rank, into, *self.kernel), up=torch.zeros(out, self.rank, *ones))

    def start(self, seed: int, part: str, module: str) -> None:
        bound = 1 / math.sqrt(self.down[0].numel())
        drawn = rng.uniform(self.down.shape, seed, "init", part, module)
        self.down.data.copy_(drawn * 2 * bound - bound)

    def change(self, weights: Weights) -> torch.Tensor:
        product = weights["up"].flatten(1) @ weights["down"].flatten(1)
        return (self.scale * product).view(self.shape)

    def norm(self) -> torch.Tensor:
        """‖s · up · down‖: its square is the sum of the products of the Gram matrices of the two weights."""
        down, up = self.down.detach().flatten(1), self.up.detach().flatten(1)
        return ((down @ down.t()) * (up.t() @ up)).sum().clamp(min=0).sqrt() * self.scale

    def squared_change(self, now: Weights, then: Weights) -> float:
        """‖[U, −U₀][D; D₀]‖² · s², computed from the small Gram matrices without forming the product."""
        down = torch.cat([each["down"].flatten(1) for each in (now, then)])
        up = torch.cat([now["up"].flatten(1), -then["up"].flatten(1)], dim=1)
        return float(((down @ down.T) * (up.T @ up)).sum().clamp(min=0) * self.scale**2)

    def shorten(self, factor: torch.Tensor) -> None:
        root = factor.sqrt()
        self.down.mul_(root)
        self.up.mul_(root)

    def fuses(self, x: torch.Tensor) -> bool:
        """Whether this pass may use the fused products. They are for CUDA; torch's compiler does its own fusing."""
        plain = self.is_conv or not self.enabled or self._dropout.masks is not None
        return x.is_cuda and not plain and not torch.compiler.is_compiling()

    def fused(self, function: type[torch.autograd.Function], x: torch.Tensor) -> torch.Tensor:
        """`function` (FusedLinear or FusedGeglu) of x and this layer's weights."""
        return function.apply(x, self.base, *self.used, self.scale)

    def product(self, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        """s · up(down(x))."""
        # The scale is applied between the two factors, where the tensor is smallest.
        h = self._scaled(self.convolve(x, down) if self.is_conv else F.linear(x, down))
        for window in (self._rank_window, self._timed_window):
            if self._dropout.masks is not None and window is not None:
                h = h * self._spread(self._dropout.masks[:, window], h)
        return F.conv2d(h, up) if self.is_conv else F.linear(h, up)

    def _scaled(self, h: torch.Tensor) -> torch.Tensor:
        """h · alpha / rank. A product by 1 is left out: it changes no bit, and on small models it takes a while."""
        return h if self.scale == 1 else h * self.scale

    def added(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x, *self.used)

    def forward(self, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return self.fused(FusedLinear, x) if self.fuses(x) else super().forward(x)
