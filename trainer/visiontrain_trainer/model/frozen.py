"""Layers of the base whose weights are packed, or lie in the machine's memory, until the product that needs them.

What is unpacked is dropped right after the product, in the forward and in the backward pass: autograd would keep each
unpacked weight until the backward pass, and then such a base takes more memory than a plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .packing import PACKINGS, Packing, Tensors
from .stream import Slot, Stream

Tensor = torch.Tensor
#: Layers that are never packed: the first and last convolution, and the embeddings of time and of SDXL's conditions.
#: They have few weights, and every prediction depends on them.
KEPT = ("conv_in", "conv_out", "time_embedding", "add_embedding", "text_projection")


@dataclass(frozen=True)
class Storage:
    """How the weights of a network's linear layers and convolutions are kept."""

    #: "same", "fp8", "int8" or "nf4".
    precision: str = "same"
    channels_last: bool = False
    #: Sends the weights from the machine's memory to the card when they are needed.
    stream: Stream | None = None

    @property
    def is_plain(self) -> bool:
        return self.precision == "same" and self.stream is None

    def layers(self, root: nn.Module) -> dict[str, nn.Module]:
        """The layers of a network that are kept so, by name."""
        if self.is_plain:
            return {}
        return {
            name: module
            for name, module in root.named_modules()
            if isinstance(module, (nn.Linear, nn.Conv2d)) and not any(part in KEPT for part in name.split("."))
        }

    def keep(self, root: nn.Module, name: str, weight: Tensor, dtype: torch.dtype) -> None:
        """Put a layer in the place of the layer `name` of `root` that keeps `weight` so, for use in `dtype`."""
        parent_name, _, leaf = name.rpartition(".")
        parent = root.get_submodule(parent_name)
        kind = FrozenConv2d if weight.dim() == 4 else FrozenLinear
        setattr(parent, leaf, kind(getattr(parent, leaf), weight, dtype, self))


class _Frozen(nn.Module):
    """What the two kinds of layers have in common: where the weight comes from."""

    def __init__(self, like: nn.Module, weight: Tensor, dtype: torch.dtype, storage: Storage) -> None:
        nn.Module.__init__(self)
        for name in type(like).__constants__:
            setattr(self, name, getattr(like, name))
        self.bias = like.bias
        self.shape, self.dtype, self.device = weight.shape, dtype, weight.device
        self._packing: Packing = PACKINGS[storage.precision]
        if storage.channels_last and weight.dim() == 4:
            weight = weight.contiguous(memory_format=torch.channels_last)
        tensors = self._packing.pack(weight, dtype)
        self._stream, self._names = storage.stream, tuple(tensors)
        self._slot: Slot | None = None
        if self._stream is None:
            for name, tensor in tensors.items():
                self.register_buffer(name, tensor, persistent=False)
        else:
            self._slot = self._stream.put(tensors)

    @property
    def weight(self) -> Tensor:
        """The weight on the device, made for this one use: the next layer's may take its place in memory."""
        if self._stream is not None and self._slot is not None:
            tensors: Tensors = self._stream.get(self._slot)
        else:
            tensors = {name: getattr(self, name) for name in self._names}
        return self._packing.unpack(tensors, self.shape, self.dtype)


class FrozenLinear(_Frozen, nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return _LinearOf.apply(x, self)


class FrozenConv2d(_Frozen, nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return _ConvOf.apply(x, self)


class _LinearOf(torch.autograd.Function):
    """x Wᵀ + b with a gradient for x alone; nothing is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: FrozenLinear) -> Tensor:
        ctx.layer = layer
        return F.linear(x, layer.weight, layer.bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows = grad.reshape(-1, grad.shape[-1])
        return (rows @ ctx.layer.weight).view(*grad.shape[:-1], -1), None


class _ConvOf(torch.autograd.Function):
    """The convolution with a gradient for x alone; of x only the shape is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: FrozenConv2d) -> Tensor:
        ctx.layer, ctx.shape = layer, x.shape
        return F.conv2d(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        layer = ctx.layer
        weight = layer.weight
        # The gradient of x depends on the shape of x alone.
        x = grad.new_empty(1).expand(ctx.shape)
        found = torch.ops.aten.convolution_backward(
            *(grad, x, weight, None, layer.stride, layer.padding, layer.dilation),
            *(False, [0, 0], layer.groups, [True, False, False]),
        )
        return found[0], None


def frozen_layers(root: nn.Module) -> Iterator[_Frozen]:
    return (module for module in root.modules() if isinstance(module, _Frozen))


def count_weights(root: nn.Module) -> int:
    """Number of the network's weights, however they are kept."""
    plain = sum(parameter.numel() for parameter in root.parameters())
    return plain + sum(layer.shape.numel() for layer in frozen_layers(root))
