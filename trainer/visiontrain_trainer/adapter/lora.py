"""LoRA layers (arXiv:2106.09685) put into the base's modules. Trainable weights are fp32 and lie in one flat buffer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Training

from .dropout import Dropout
from .fused import FusedLinear

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
#: The digest takes this many weights at a time, to bound its memory.
_DIGEST_PIECE = 1 << 22
_BLOCKS = ("down_blocks.", "mid_block.", "up_blocks.")
_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


class LoraLayer(nn.Module):
    """y = base(x) + alpha / rank · up(down(x)); `base` is a frozen Linear or Conv2d."""

    def __init__(self, base: nn.Module, name: str, rank: int, alpha: float, dropout: Dropout) -> None:
        super().__init__()
        self.base = base
        self.name = name
        self.rank, self.alpha = rank, alpha
        self.scale = alpha / rank
        self.enabled = True
        self._dropout = dropout
        self.is_conv = isinstance(base, nn.Conv2d)
        if self.is_conv:
            down = (rank, base.in_channels, *base.kernel_size)
            up: tuple[int, ...] = (base.out_channels, rank, 1, 1)
        else:
            down, up = (rank, base.in_features), (base.out_features, rank)
        self._window = dropout.window(down[1])
        self.down = nn.Parameter(torch.empty(down))
        self.up = nn.Parameter(torch.zeros(up))
        #: The two weights that `forward` uses: `down` and `up`, or their copies in the base's number format.
        self.used: tuple[torch.Tensor, torch.Tensor] = (self.down, self.up)

    @property
    def weight(self) -> torch.Tensor:
        """The base's weight, because some of diffusers' code asks a layer's weight for its number format."""
        return self.base.weight

    def _dropped(self, x: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        mask = masks[:, self._window]
        return x * (mask[:, :, None, None] if self.is_conv else mask.view(len(mask), *[1] * (x.dim() - 2), -1))

    def fuses(self, x: torch.Tensor) -> bool:
        """Whether this pass may use the fused products. They are for CUDA; torch's compiler does its own fusing."""
        plain = self.is_conv or not self.enabled or self._dropout.masks is not None
        return x.is_cuda and not plain and not torch.compiler.is_compiling()

    def fused(self, function: type[torch.autograd.Function], x: torch.Tensor) -> torch.Tensor:
        """`function` (FusedLinear or FusedGeglu) of x and this layer's weights."""
        return function.apply(x, self.base.weight, self.base.bias, *self.used, self.scale)

    def forward(self, x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        if self.fuses(x):
            return self.fused(FusedLinear, x)
        y = self.base(x)
        if not self.enabled:
            return y
        if self._dropout.masks is not None:
            x = self._dropped(x, self._dropout.masks)
        down, up = self.used
        if self.is_conv:
            base = self.base
            h = F.conv2d(x, down, None, base.stride, base.padding, base.dilation)
            return y + F.conv2d(self._scaled(h), up)
        # The scale is applied between the two factors, where the tensor is smallest.
        return y + F.linear(self._scaled(F.linear(x, down)), up)

    def _scaled(self, h: torch.Tensor) -> torch.Tensor:
        """h · alpha / rank. A product by 1 is left out: it changes no bit, and on small models it takes a while."""
        return h if self.scale == 1 else h * self.scale

    @torch.no_grad()
    def cap(self, most: float) -> None:
        """Shorten a weight change s · ‖up · down‖ longer than `most` to it, by the root of the factor on both weights.

        ‖up · down‖² is the sum of the products of the Gram matrices of the two weights.
        """
        down, up = self.down.flatten(1), self.up.flatten(1)
        square = ((down @ down.t()) * (up.t() @ up)).sum().clamp(min=0)
        root = (most / (square.sqrt() * self.scale).clamp(min=1e-12)).clamp(max=1).sqrt()
        self.down *= root
        self.up *= root


def _unet_targets(unet: nn.Module, plan: Training) -> Iterator[tuple[str, int, float]]:
    """(name, rank, alpha) of each U-Net layer that is trained, chosen as sd-scripts does for LoRA.

    With `conv_rank` above 0 it also yields the layers of a LoCon.
    """
    for name, module in unet.named_modules():
        if not isinstance(module, (nn.Linear, nn.Conv2d)):
            continue
        spatial = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
        if ".attentions." in name:
            if not spatial and (plan.targets == "all" or name.endswith(_ATTENTION)):
                yield name, plan.rank, plan.alpha
        elif plan.conv_rank > 0 and name.startswith(_BLOCKS):
            yield name, plan.conv_rank if spatial else plan.rank, plan.conv_alpha if spatial else plan.alpha


class Adapter:
    """All LoRA layers of a run, by (part, module name), with their flat weights and gradients.

    `parts` maps "unet" and each text encoder that is trained to its module. The weights of a layer and their gradients
    are views into `flat` and `flat_grad`, one fp32 tensor for each part. The optimiser, the norm, the digest and the
    sum over processes use these flat tensors. Raises TrainingError for a part without layers to train.
    """

    def __init__(self, parts: dict[str, nn.Module], plan: Training, seed: int) -> None:
        self.dropout = Dropout(plan.dropout, seed)
        self.layers: dict[str, dict[str, LoraLayer]] = {}
        for part, module in parts.items():
            if part == "unet":
                targets = list(_unet_targets(module, plan))
            else:
                targets = [
                    (name, plan.rank, plan.alpha)
                    for name, m in module.named_modules()
                    if isinstance(m, nn.Linear) and ".layers." in name and name.endswith(_TEXT)
                ]
            self.layers[part] = {name: self._wrap(module, part, name, rank, alpha) for name, rank, alpha in targets}
            if not self.layers[part]:
                raise TrainingError(f"The {part} has no layers to train.")
        for part, layers in self.layers.items():
            for name, layer in layers.items():
                bound = 1 / math.sqrt(layer.down[0].numel())
                drawn = rng.uniform(layer.down.shape, seed, "init", part, name)
                layer.down.data.copy_(drawn * 2 * bound - bound)
        self.flat: dict[str, torch.Tensor] = {}
        self.flat_grad: dict[str, torch.Tensor] = {}
        #: For parts whose base is not fp32: a copy of `flat` in the base's number format, and the views into that copy.
        self._low: dict[str, torch.Tensor] = {}
        self._leaves: dict[str, list[torch.Tensor]] = {}
        self._flatten()

    def _wrap(self, root: nn.Module, part: str, name: str, rank: int, alpha: float) -> LoraLayer:
        parent_name, _, leaf = name.rpartition(".")
        parent = root.get_submodule(parent_name)
        base = getattr(parent, leaf)
        layer = LoraLayer(base, f"{part}.{name}", rank, alpha, self.dropout).to(base.weight.device)
        setattr(parent, leaf, layer)
        return layer

    def _flatten(self) -> None:
        for part, layers in self.layers.items():
            parameters = [p for layer in layers.values() for p in (layer.down, layer.up)]
            device = parameters[0].device
            flat = torch.cat([p.detach().reshape(-1) for p in parameters]).to(device)
            grad = torch.zeros_like(flat)
            start = 0
            for parameter in parameters:
                window = slice(start, start + parameter.numel())
                parameter.data = flat[window].view(parameter.shape)
                parameter.grad = grad[window].view(parameter.shape)
                start += parameter.numel()
            self.flat[part], self.flat_grad[part] = flat, grad
            self._lower(part)
        longest = min(_DIGEST_PIECE, max(map(len, self.flat.values())))
        self._places = torch.arange(1, 2 * longest, 2, device=device)

    def _lower(self, part: str) -> None:
        """Make the layers use copies in the base's number format, so that one conversion serves all layers."""
        layers = list(self.layers[part].values())
        dtype = layers[0].weight.dtype
        if dtype == torch.float32:
            return
        self._low[part] = low = self.flat[part].to(dtype)
        start = 0
        leaves = []
        for layer in layers:
            for weight in (layer.down, layer.up):
                leaves.append(low[start : start + weight.numel()].view(weight.shape).detach().requires_grad_())
                start += weight.numel()
            layer.used = (leaves[-2], leaves[-1])
        self._leaves[part] = leaves

    # -- as one thing ----------------------------------------------------------------------------------------------

    def parameters(self, part: str) -> list[nn.Parameter]:
        return [p for layer in self.layers[part].values() for p in (layer.down, layer.up)]

    def zero_grad(self) -> None:
        self.forget()
        for grad in self.flat_grad.values():
            grad.zero_()

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy changed weights to the layers' copies in the base's number format. Call it after each change."""
        for part, low in self._low.items():
            low.copy_(self.flat[part])

    def forget(self) -> None:
        """Drop gradients left by a backward pass that ran out of memory. Call it before each backward pass."""
        for part in self._leaves:
            self._forget(part)

    def _forget(self, part: str) -> None:
        for leaf in self._leaves[part]:
            leaf.grad = None

    @torch.no_grad()
    def gather(self, *parts: str) -> None:
        """Add the gradients of a backward pass through `parts` to `flat_grad`."""
        for part in parts:
            # Where the base is fp32, the gradients are views into `flat_grad`, and there is nothing to add.
            if part in self._leaves:
                grads = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self._leaves[part]]
                self.flat_grad[part] += torch.cat([grad.reshape(-1) for grad in grads])
                self._forget(part)

    def norms(self, flat: dict[str, torch.Tensor]) -> torch.Tensor:
        """Euclidean norm of each part of `flat` or `flat_grad`, [parts] on the device."""
        return torch.stack([torch.linalg.vector_norm(part) for part in flat.values()])

    def enable(self, on: bool) -> None:
        for layers in self.layers.values():
            for layer in layers.values():
                layer.enabled = on

    def digest(self) -> torch.Tensor:
        """64-bit checksum of all weights, an int64 scalar on the device.

        Integer sums are exact, so the checksum does not depend on the order of summation.
        """
        total = torch.zeros((), dtype=torch.int64, device=next(iter(self.flat.values())).device)
        for flat in self.flat.values():
            for piece in flat.view(torch.int32).split(_DIGEST_PIECE):
                places = self._places[: len(piece)]
                # Both expressions give the same number. `dot` takes half the time, but CUDA has no `dot` for integers.
                on_cpu = piece.device.type == "cpu"
                total = total * 1_000_003 + (torch.dot(piece.long(), places) if on_cpu else (piece * places).sum())
        return total

    # -- in and out ------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of all weights on the CPU, fp32, by name: `part.module.down` and `part.module.up`."""
        return {
            f"{layer.name}.{kind}": getattr(layer, kind).detach().to("cpu", copy=True)
            for layers in self.layers.values()
            for layer in layers.values()
            for kind in ("down", "up")
        }

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Inverse of `tensors`. Raises TrainingError when a layer is missing or has another shape."""
        for layers in self.layers.values():
            for layer in layers.values():
                for kind in ("down", "up"):
                    own: nn.Parameter = getattr(layer, kind)
                    given = tensors.get(f"{layer.name}.{kind}")
                    if given is None or given.shape != own.shape:
                        found = "missing" if given is None else f"{list(given.shape)} instead of {list(own.shape)}"
                        raise TrainingError(f"LoRA weights do not fit: {layer.name}.{kind} is {found}.")
                    own.data.copy_(given)
        self.refresh()
