"""LoHa (arXiv:2108.06098): the change is the elementwise product of two low-rank ones, ΔW = s · (A₁ B₁) ⊙ (A₂ B₂).

The names, shapes and first values of the weights are LyCORIS'. ΔW has to be formed, but is not kept for the backward
pass of linear layers: there it is formed again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base import rng

from .dropout import Dropout
from .layer import AdapterLayer, Target, Tensor, Weights


def product(factors: Sequence[Tensor], scale: float) -> Tensor:
    """s · (a₁ b₁) ⊙ (a₂ b₂), [out, in · k²], of the factors a₁, b₁, a₂, b₂."""
    a1, b1, a2, b2 = factors
    return (a1 @ b1) * (a2 @ b2) * scale


def gradients(grad: Tensor, factors: Sequence[Tensor], scale: float) -> tuple[Tensor, ...]:
    """The gradients of the four factors for the gradient of their product."""
    a1, b1, a2, b2 = factors
    grad = grad * scale
    first, second = grad * (a2 @ b2), grad * (a1 @ b1)
    return first @ b1.t(), a1.t() @ first, second @ b2.t(), a2.t() @ second


class LohaWeight(torch.autograd.Function):
    """The product, of which only the factors are kept."""

    @staticmethod
    def forward(ctx: Any, scale: float, *factors: Tensor) -> Tensor:
        ctx.save_for_backward(*factors)
        ctx.scale = scale
        return product(factors, scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *gradients(grad, ctx.saved_tensors, ctx.scale))


class LohaLinear(torch.autograd.Function):
    """x ΔWᵀ, where neither ΔW nor its two factors are kept: a layer of SDXL would keep up to 52 MB."""

    @staticmethod
    def forward(ctx: Any, scale: float, x: Tensor, *factors: Tensor) -> Tensor:
        ctx.save_for_backward(x, *factors)
        ctx.scale = scale
        return F.linear(x, product(factors, scale))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, *factors = ctx.saved_tensors
        of_x = grad @ product(factors, ctx.scale) if ctx.needs_input_grad[1] else None
        rows, sums = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
        return (None, of_x, *gradients(sums.t() @ rows, factors, ctx.scale))


class LohaLayer(AdapterLayer):
    """A layer with a LoHa. Its change can have the rank r² with the weights of two LoRAs of rank r."""

    names = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
    faster = frozenset({"hada_w2_a"})

    def __init__(self, base: nn.Module, target: Target, dropout: Dropout) -> None:
        super().__init__(base, target, dropout)
        out, width = self.sides[0], self.sides[1] * math.prod(self.kernel)
        shapes = {name: (out, self.rank) if name.endswith("a") else (self.rank, width) for name in self.names}
        self._add(**{name: torch.empty(shape) for name, shape in shapes.items()})

    def start(self, seed: int, part: str, module: str) -> None:
        for name, deviation in (("hada_w1_a", 0.1), ("hada_w1_b", 1.0), ("hada_w2_a", 0.0), ("hada_w2_b", 1.0)):
            weight: nn.Parameter = getattr(self, name)
            weight.data.copy_(rng.normal(weight.shape, seed, f"init-{name}", part, module) * deviation)

    def change(self, weights: Weights) -> Tensor:
        return product([weights[name] for name in self.names], self.scale).view(self.shape)

    def shorten(self, factor: Tensor) -> None:
        root = factor.sqrt()
        self.hada_w1_a.mul_(root)
        self.hada_w2_a.mul_(root)

    def added(self, x: Tensor) -> Tensor:
        if not self.is_conv:
            return LohaLinear.apply(self.scale, x, *self.used)
        return self.convolve(x, LohaWeight.apply(self.scale, *self.used).view(self.shape))
