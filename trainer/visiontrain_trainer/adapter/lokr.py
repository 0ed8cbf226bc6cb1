"""LoKr (arXiv:2212.10650, arXiv:2309.14859): the change is a Kronecker product, ΔW = s · W1 ⊗ W2.

The names and shapes of the weights, and where one is a product of two, are LyCORIS', so that its readers know them.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Lokr

from .dropout import Dropout
from .layer import AdapterLayer, Target, Tensor, Weights


def factors(side: int, factor: int) -> tuple[int, int]:
    """Two numbers whose product is `side`, the smaller first: `factor` where it divides, else as near as can be.

    `factor` -1 asks for the two that are nearest to each other. Otherwise the smaller is at most `factor`.
    """
    if factor > 0 and side % factor == 0:
        return min(factor, side // factor), max(factor, side // factor)
    most = math.isqrt(side) if factor < 0 else min(factor, math.isqrt(side))
    small = next(n for n in range(most, 0, -1) if side % n == 0)
    return small, side // small


class LokrLayer(AdapterLayer):
    """x is laid out as i1 × i2; W2 works on the second axis and W1 on the first, so ΔW is never formed."""

    def __init__(self, base: nn.Module, target: Target, dropout: Dropout, plan: Lokr) -> None:
        super().__init__(base, target, dropout)
        (o1, o2), (i1, i2) = (factors(side, plan.factor) for side in self.sides)
        self._i, self._o = (i1, i2), (o1, o2)
        rank, area = self.rank, math.prod(self.kernel)
        weights: Weights = {}
        if plan.decompose_both and rank < max(o1, i1) / 2:
            weights |= {"lokr_w1_a": torch.empty(o1, rank), "lokr_w1_b": torch.empty(rank, i1)}
        else:
            weights["lokr_w1"] = torch.empty(o1, i1)
        if not plan.full and rank < max(o2, i2) / 2:
            weights |= {"lokr_w2_a": torch.empty(o2, rank), "lokr_w2_b": torch.empty(rank, i2 * area)}
        else:
            weights["lokr_w2"] = torch.empty(o2, i2, *self.kernel)
        if "lokr_w1" in weights and "lokr_w2" in weights:
            # Readers find no rank in such a file and take the scale 1, whatever alpha is.
            self.alpha, self.scale = float(rank), 1.0
        self.names = tuple(weights)
        self.faster = frozenset({"lokr_w2_b", "lokr_w2"} & set(weights))
        self._add(**weights)

    def start(self, seed: int, part: str, module: str) -> None:
        for name, weight in self.weights().items():
            if name in self.faster:
                weight.data.zero_()
            else:
                # Kaiming's uniform distribution with a = √5, as LyCORIS begins.
                bound = 1 / math.sqrt(weight[0].numel())
                drawn = rng.uniform(weight.shape, seed, f"init-{name}", part, module)
                weight.data.copy_(drawn * 2 * bound - bound)

    def _pair(self, weights: Weights) -> tuple[Tensor, Tensor]:
        """W1 [o1, i1] and W2 [o2, i2 (, k, k)]."""
        w1 = weights["lokr_w1"] if "lokr_w1" in weights else weights["lokr_w1_a"] @ weights["lokr_w1_b"]
        w2 = weights["lokr_w2"] if "lokr_w2" in weights else weights["lokr_w2_a"] @ weights["lokr_w2_b"]
        return w1, w2.view(self._o[1], self._i[1], *self.kernel)

    def change(self, weights: Weights) -> Tensor:
        w1, w2 = self._pair(weights)
        return self.scale * torch.kron(w1.view(*w1.shape, *[1] * len(self.kernel)), w2)

    def norm(self) -> Tensor:
        w1, w2 = self._pair({name: weight.detach() for name, weight in self.weights().items()})
        return w1.norm() * w2.norm() * self.scale

    def shorten(self, factor: Tensor) -> None:
        root = factor.sqrt()
        for name in self.names:
            if name in ("lokr_w1", "lokr_w1_a", "lokr_w2", "lokr_w2_a"):
                getattr(self, name).mul_(root)

    def added(self, x: Tensor) -> Tensor:
        used = dict(zip(self.names, self.used, strict=True))
        w1 = (used["lokr_w1"] if "lokr_w1" in used else used["lokr_w1_a"] @ used["lokr_w1_b"]) * self.scale
        (i1, i2), (o1, o2) = self._i, self._o
        if not self.is_conv:
            h = x.reshape(*x.shape[:-1], i1, i2)
            h = (
                F.linear(h, used["lokr_w2"])
                if "lokr_w2" in used
                else F.linear(F.linear(h, used["lokr_w2_b"]), used["lokr_w2_a"])
            )
            return (w1 @ h).reshape(*x.shape[:-1], o1 * o2)
        h = x.reshape(len(x) * i1, i2, *x.shape[2:])
        if "lokr_w2" in used:
            h = self.convolve(h, used["lokr_w2"])
        else:
            h = self.convolve(h, used["lokr_w2_b"].view(-1, i2, *self.kernel))
            h = F.conv2d(h, used["lokr_w2_a"][:, :, None, None])
        places = h.shape[2:]
        h = w1 @ h.reshape(len(x), i1, -1)
        return h.reshape(len(x), o1 * o2, *places)
