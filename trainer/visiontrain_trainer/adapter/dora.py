"""DoRA (arXiv:2402.09353): the base's weight is split into lengths and directions, W′ = m · V / ‖V‖, V = W + s · BA.

The lengths are those of the columns of each input channel, over the outputs: of the two forms in use it is the one that
A1111, Forge and ComfyUI compute alike. ‖V‖ counts as a constant in the backward pass (§4.3 of the paper). It comes from
‖W‖², ⟨W, BA⟩ and ‖BA‖² of each column, without forming V, and in fp32: at the start the last two are exactly 0, so that
W′ is exactly W.
"""

from __future__ import annotations

import torch
from torch import nn

from .dropout import Dropout
from .layer import Target, Tensor, Weights
from .lora import LoraLayer

#: Columns shorter than this are divided by it: a column of zeros has no direction.
_SHORTEST = 1e-12


class DoraLayer(LoraLayer):
    """A LoRA layer with a trained length for each input channel, `magnitude` [1, in (, 1, 1)]."""

    names = ("down", "up", "magnitude")
    magnitudes = frozenset({"magnitude"})

    def __init__(self, base: nn.Module, target: Target, dropout: Dropout) -> None:
        super().__init__(base, target, dropout)
        self._axes = (0, *range(2, 2 + len(self.kernel)))
        self.register_buffer("_square", base.weight.detach().float().square().sum(self._axes), persistent=False)
        shape = (1, self.sides[1], *[1] * len(self.kernel))
        self._add(magnitude=self._square.sqrt().view(shape))

    @torch.no_grad()
    def _lengths(self) -> Tensor:
        """‖V‖ of each column, fp32 [in]."""
        down, up = self.down, self.up.flatten(1)
        across = (up.t() @ self.base.weight.to(up.dtype).flatten(1)).view(down.shape) * down
        gram = ((up.t() @ up) @ down.flatten(1)).view(down.shape) * down
        square = self._square + 2 * self.scale * across.sum(self._axes) + self.scale**2 * gram.sum(self._axes)
        return square.clamp(min=0).sqrt().clamp(min=_SHORTEST)

    def change(self, weights: Weights) -> Tensor:
        """W′ − W, formed whole."""
        weight = self.base.weight.detach().to(weights["down"])
        whole = weight + super().change(weights)
        lengths = whole.square().sum(self._axes, keepdim=True).sqrt().clamp(min=_SHORTEST)
        return weights["magnitude"] * whole / lengths - weight

    def norm(self) -> Tensor:
        """‖s · BA‖: the cap is on what LoRA adds, since the lengths are no change of direction."""
        return LoraLayer.norm(self)

    def squared_change(self, now: Weights, then: Weights) -> float:
        return float((self.change(now) - self.change(then)).square().sum())

    def fuses(self, x: Tensor) -> bool:
        return False

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        if not self.enabled:
            return self.base(x)
        down, up, magnitude = self.used
        share = magnitude.flatten() / self._lengths()
        scaled = x * (share[:, None, None] if self.is_conv else share).to(x.dtype)
        return self.base(scaled) + self._kept(self.product(self._dropped(scaled), down, up))
