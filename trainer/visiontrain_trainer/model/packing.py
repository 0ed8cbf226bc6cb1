"""Frozen weights in fewer bits: in 8 with a scale for each row, or in 4 with one for each 64 numbers (NF4).

Rows have scales of their own because a single outlier would otherwise push all smaller weights of a layer to zero. The
unpacked weight is the packed number in the number format of training times its scale in fp32, rounded once.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch.nn import functional as F

Tensor = torch.Tensor
Tensors = dict[str, Tensor]

#: Numbers that share a scale in NF4.
BLOCK = 64
#: The 16 values of NF4: quantiles of the normal distribution, with an exact 0 (arXiv:2305.14314, appendix E).
NF4_LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)


class Packing(ABC):
    """A way to store a weight as tensors, from which it can be made again in any number format."""

    @abstractmethod
    def pack(self, weight: Tensor, dtype: torch.dtype) -> Tensors:
        """The tensors that stand for `weight`, on its device; `dtype` is the format in which it will be used."""

    @abstractmethod
    def unpack(self, tensors: Tensors, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """The weight, of `shape` and in `dtype`."""


class Same(Packing):
    """The weight as it is, for weights that are only kept elsewhere."""

    def pack(self, weight: Tensor, dtype: torch.dtype) -> Tensors:
        return {"data": weight.to(dtype)}

    def unpack(self, tensors: Tensors, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        return tensors["data"]


class ByRow(Packing):
    """8-bit numbers with a scale for each row (output channel): the largest of a row becomes `most`."""

    def __init__(self, dtype: torch.dtype, most: float) -> None:
        self._dtype, self._most = dtype, most

    def pack(self, weight: Tensor, dtype: torch.dtype) -> Tensors:
        exact = weight.float()
        largest = exact.flatten(1).abs().amax(1) / self._most
        # A row of zeros has no scale of its own.
        scale = torch.where(largest > 0, largest, 1.0).view(-1, *[1] * (weight.dim() - 1))
        data = (exact / scale).clamp(-self._most, self._most)
        return {"data": (data if self._dtype.is_floating_point else data.round()).to(self._dtype), "scale": scale}

    def unpack(self, tensors: Tensors, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        # Each number of 8 bits is exact in all formats of training, so that only the product is rounded.
        return tensors["data"].to(dtype).mul_(tensors["scale"])


class Nf4(Packing):
    """4-bit numbers, two in a byte. `pairs` are the two levels of each byte, so that one look-up gives both."""

    def pack(self, weight: Tensor, dtype: torch.dtype) -> Tensors:
        exact = weight.float().reshape(-1)
        blocks = F.pad(exact, (0, -len(exact) % BLOCK)).view(-1, BLOCK)
        largest = blocks.abs().amax(1, keepdim=True)
        largest = torch.where(largest > 0, largest, 1.0)
        levels = torch.tensor(NF4_LEVELS, device=weight.device)
        between = (levels[1:] + levels[:-1]) / 2
        codes = torch.bucketize(blocks / largest, between, out_int32=True).view(-1, 2)
        data = (codes[:, 0] * 16 + codes[:, 1]).to(torch.uint8)
        each = torch.arange(256, device=weight.device)
        return {"data": data, "scale": largest, "pairs": levels[torch.stack([each // 16, each % 16], 1)]}

    def unpack(self, tensors: Tensors, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        numbers = F.embedding(tensors["data"].int(), tensors["pairs"].to(dtype))
        return numbers.view(-1, BLOCK).mul_(tensors["scale"]).view(-1)[: math.prod(shape)].view(shape)


PACKINGS: dict[str, Packing] = {
    "same": Same(),
    "fp8": ByRow(torch.float8_e4m3fn, 448.0),
    "int8": ByRow(torch.int8, 127.0),
    "nf4": Nf4(),
}
