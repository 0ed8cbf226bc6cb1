"""What the layers of every kind of adapter have in common: a frozen layer of the base, and weights that change it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .dropout import Dropout

Tensor = torch.Tensor
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Target:
    """A layer of the base that is trained. `rate` is a factor on the part's learning rate.

    `part` is the network and `module` the layer's name in it; `file_name` is its name in kohya's files.
    """

    part: str
    module: str
    file_name: str
    rank: int
    alpha: float
    rate: float = 1.0

    @property
    def name(self) -> str:
        """The layer's name in the run."""
        return f"{self.part}.{self.module}"


class AdapterLayer(nn.Module):
    """y = base(x) + change(x), where the change is linear in x; `base` is a frozen Linear or Conv2d.

    Subclasses make the weights named in `names` and compute `change`. The weights start so that the change is 0.
    """

    #: The weights, in the order in which they are stored.
    names: tuple[str, ...] = ()
    #: The weights that stay fp32 where the base has fewer bits, and that weight decay must not pull to zero.
    magnitudes: frozenset[str] = frozenset()
    #: The weights that LoRA+ trains faster (arXiv:2402.12354): those that start at 0.
    faster: frozenset[str] = frozenset()

    def __init__(self, base: nn.Module, target: Target, dropout: Dropout) -> None:
        super().__init__()
        self.base = base
        self.name = target.name
        self.rank, self.alpha, self.rate = target.rank, target.alpha, target.rate
        self.scale = target.alpha / target.rank
        self.enabled = True
        self._dropout = dropout
        self.is_conv = isinstance(base, nn.Conv2d)
        if self.is_conv:
            self.sides = (base.out_channels, base.in_channels)
            self.kernel: tuple[int, ...] = tuple(base.kernel_size)
        else:
            self.sides = (base.out_features, base.in_features)
            self.kernel = ()
        #: The shape of the base's weight, and of each change of it.
        self.shape = (*self.sides, *self.kernel)
        self._window = dropout.window(self.sides[1])
        self._module_window = dropout.module_window()
        #: The weights that `forward` uses, in the order of `names`: the parameters, or copies in the base's format.
        self.used: tuple[Tensor, ...] = ()

    def _add(self, **weights: Tensor) -> None:
        """Register the weights, in the order of `names`."""
        for name, weight in weights.items():
            setattr(self, name, nn.Parameter(weight))
        self.used = (*self.used, *(getattr(self, name) for name in weights))

    def weights(self) -> dict[str, nn.Parameter]:
        """The trainable weights by name, fp32."""
        return {name: getattr(self, name) for name in self.names}

    @property
    def weight(self) -> Tensor:
        """The base's weight, because some of diffusers' code asks a layer's weight for its number format."""
        return self.base.weight

    def start(self, seed: int, part: str, module: str) -> None:
        """Draw the weights that training begins with."""
        raise NotImplementedError

    def change(self, weights: Weights) -> Tensor:
        """The change of the base's weight that `weights` make, in their number format and the base's shape."""
        raise NotImplementedError

    def added(self, x: Tensor) -> Tensor:
        """What the layer adds to the base's output for x."""
        raise NotImplementedError

    def shorten(self, factor: Tensor) -> None:
        """Multiply the change by `factor`, a scalar on the device, by scaling the weights in place."""
        raise NotImplementedError

    def norm(self) -> Tensor:
        """The length of the change, ‖ΔW‖, a scalar on the device."""
        return self.change({name: weight.detach() for name, weight in self.weights().items()}).norm()

    def squared_change(self, now: Weights, then: Weights) -> float:
        """‖ΔW(now) − ΔW(then)‖², from weights in fp64."""
        return float((self.change(now) - self.change(then)).square().sum())

    @torch.no_grad()
    def cap(self, most: float) -> Tensor:
        """Scale a change whose norm is above `most` down to that norm. Returns the norm before and after, fp32 [2].

        A smaller change is multiplied by 1, so that the host need not wait for the comparison on the device.
        """
        norm = self.norm()
        factor = (most / norm.clamp(min=1e-12)).clamp(max=1)
        self.shorten(factor)
        return torch.stack([norm, norm * factor])

    def fuses(self, x: Tensor) -> bool:
        """Whether this pass may use the fused products of `fused.py`, which know plain LoRA alone."""
        return False

    def _spread(self, mask: Tensor, x: Tensor) -> Tensor:
        """A mask [B, channels] in a shape that multiplies x, whose channels are its second or its last axis."""
        return mask[:, :, None, None] if self.is_conv else mask.view(len(mask), *[1] * (x.dim() - 2), -1)

    def _dropped(self, x: Tensor) -> Tensor:
        masks = self._dropout.masks
        return x if masks is None or self._window is None else x * self._spread(masks[:, self._window], x)

    def _kept(self, added: Tensor) -> Tensor:
        """`added` without the images for which the whole layer is dropped."""
        masks = self._dropout.masks
        if masks is None or self._module_window is None:
            return added
        return added * self._spread(masks[:, self._module_window], added)

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        y = self.base(x)
        return y + self._kept(self.added(self._dropped(x))) if self.enabled else y

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """The base's convolution with another weight and without its bias."""
        base = self.base
        return F.conv2d(x, weight, None, base.stride, base.padding, base.dilation)
