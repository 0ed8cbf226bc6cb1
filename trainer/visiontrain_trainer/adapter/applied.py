"""LoRA files of any trainer and kind around the layers of a network, at strengths that change between samples.

The base's weights stay as they are: what a file adds is added to the output of its layers. A plain LoRA is computed as
the run's own adapter computes it, so that its file draws the run's samples. Of a LoHa or a LoKr the weight change is
formed at each use and dropped; for DoRA, OFT, BOFT, GLoRA and (IA)³ the weight is W + strength · (W′ − W), as A1111 and
ComfyUI have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.safefile import metadata_of
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.lora_tools.changes import change_of, changes_weight, needs_base, rank_of, weight_change
from visiontrain_trainer.lora_tools.roles import CURE, unread_kind
from visiontrain_trainer.model.weights import refuse_pickle

from .lora_read import Tensors, aliases, alpha_in, modules_of

Tensor = torch.Tensor
#: Roles of tensors that stay in fp32.
_EXACT = frozenset({"magnitude", "oft_blocks", "rescale", "alpha", "weight", "on_input"})


@dataclass
class LoraFile:
    """A file that was read: its tensors, their names by module and role, and the modules that found their layer."""

    path: Path
    stored: Tensors
    modules: dict[str, dict[str, str]]
    alphas: Alphas
    used: set[str] = field(default_factory=set)


def read_lora(path: Path) -> LoraFile:
    """Raises TrainingError when the file cannot be read, holds numbers that are not finite, or is of another kind."""
    refuse_pickle(path)
    try:
        content = path.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except FileNotFoundError as error:
        raise _unusable(path, "is not there", "Check its name.") from error
    except Exception as error:
        raise _unusable(path, f"cannot be read ({error})", f"visiontrain lora check {path}") from error
    strange = unread_kind(stored)
    if strange is not None:
        raise _unusable(path, f"is {strange}, which is not drawn with here", CURE)
    modules = {name: roles for name, roles in modules_of(stored).items() if roles.keys() - {"alpha"}}
    if not modules:
        raise _unusable(path, "holds no layer of a LoRA", f"visiontrain lora inspect {path}")
    damaged = next((name for name, tensor in stored.items() if not torch.isfinite(tensor.float()).all()), None)
    if damaged is not None:
        raise _unusable(path, f"holds numbers that are not finite ({damaged})", "Use an earlier file.")
    return LoraFile(path, stored, modules, Alphas(metadata, str(path)))


def _unusable(path: Path, what: str, cure: str) -> TrainingError:
    return TrainingError(f"{path} {what}.", next_steps=[cure], id="lora/unusable")


@dataclass
class Change:
    """What one file changes in one layer: `weights` by role in the network's number format, times `scale`."""

    file: int
    weights: dict[str, Tensor]
    scale: float

    @property
    def thin(self) -> bool:
        return self.weights.keys() <= {"down", "up"}


class AppliedLayer(nn.Module):
    """A layer of the base with what the files add to it. `strengths` is shared by all layers: one for each file."""

    def __init__(self, base: nn.Module, changes: list[Change], strengths: list[float]) -> None:
        super().__init__()
        self.base, self.changes, self._strengths = base, changes, strengths
        self.is_conv = isinstance(base, nn.Conv2d)
        sides = (base.out_channels, base.in_channels) if self.is_conv else (base.out_features, base.in_features)
        self.shape = (*sides, *(base.kernel_size if self.is_conv else ()))

    @property
    def weight(self) -> Tensor:
        """The base's weight, because some of diffusers' code asks a layer's weight for its number format."""
        return self.base.weight

    @property
    def bias(self) -> Tensor | None:
        return self.base.bias

    def _times(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        base = self.base
        if not self.is_conv:
            return F.linear(x, weight.reshape(self.shape), bias)
        weight = weight.reshape(-1, *self.shape[1:])
        return F.conv2d(x, weight, bias, base.stride, base.padding, base.dilation, base.groups)

    def _added(self, x: Tensor, change: Change, strength: float) -> Tensor:
        scale = change.scale * strength
        weights = change.weights
        if change.thin:
            down, up = weights["down"], weights["up"]
            if not self.is_conv:
                h = F.linear(x, down)
                return F.linear(h if scale == 1 else h * scale, up)
            h = self._times(x, down)
            return F.conv2d(h if scale == 1 else h * scale, up)
        out = self._times(x, self._formed(weights) * scale) if weights.keys() - {"diff_b"} else torch.zeros(())
        if "diff_b" not in weights:
            return out
        bias = weights["diff_b"] * strength
        return out.to(x) + (bias[:, None, None] if self.is_conv else bias)

    def _formed(self, weights: Mapping[str, Tensor]) -> Tensor:
        return weight_change(weights, self.shape)[0]

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        acting = [(change, s) for change in self.changes if (s := self._strengths[change.file]) != 0]
        if not any(needs_base(change.weights) for change, _ in acting):
            y = self.base(x)
            for change, strength in acting:
                y = y + self._added(x, change, strength)
            return y
        weight, bias = self.base.weight.float(), self.base.bias
        for change, strength in acting:
            weights = {role: tensor.float() for role, tensor in change.weights.items()}
            if changes_weight(weights):
                weight = weight + strength * change_of(weights, weight, change.scale).to(weight)
            if "diff_b" in weights:
                bias = strength * weights["diff_b"].to(x) + (0 if bias is None else bias)
        return self._times(x, weight.to(x.dtype), bias)


@dataclass(frozen=True)
class Loras:
    """Files that act together. Changing `strengths` in place changes how each acts from the next pass on."""

    files: Sequence[LoraFile]
    strengths: list[float]
    family: str

    def put_around(self, network: nn.Module, part: str) -> int:
        """Put the files around the layers of a part that they change, and return how many layers that are.

        Raises TrainingError for tensors that do not fit the layer whose name they have.
        """
        config: dict[str, Any] = dict(getattr(network, "config", None) or {}) if part == "unet" else {}
        targets = [(n, m) for n, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        count = 0
        for name, module in targets:
            layer = self._around(module, part, name, aliases(part, name, self.family, config))
            if layer.changes:
                parent, _, leaf = name.rpartition(".")
                setattr(network.get_submodule(parent), leaf, layer)
                count += 1
        return count

    def _around(self, module: nn.Module, part: str, name: str, names: list[str]) -> AppliedLayer:
        device = getattr(module, "device", None) or module.weight.device
        dtype = getattr(module, "dtype", None) or module.weight.dtype
        layer = AppliedLayer(module, [], self.strengths)
        for index, file in enumerate(self.files):
            found = next((n for n in names if n in file.modules), None)
            if found is None:
                continue
            file.used.add(found)
            change = _change_of(file, (part, name, found), index)
            _check(layer, change, file, found)
            change.weights = {
                # A length or a turn in 16 bits could be wrong by a 256th.
                role: tensor.to(device, torch.float32 if role in _EXACT else dtype)
                for role, tensor in change.weights.items()
            }
            layer.changes.append(change)
        return layer


def _change_of(file: LoraFile, place: tuple[str, str, str], index: int) -> Change:
    part, module, found = place
    weights = {role: file.stored[key] for role, key in file.modules[found].items()}
    alpha, rank = alpha_in(weights, f"{file.path}: {found}"), rank_of(weights)
    if "oft_blocks" not in weights:
        # An OFT's alpha is a bound of its own, and stays beside its blocks.
        weights.pop("alpha", None)
    its = file.alphas.of(part, module, rank) if alpha is None and rank > 0 else alpha
    return Change(index, weights, 1.0 if its is None or rank == 0 else its / rank)


#: Roles of tensors whose numbers decide how others are computed with.
_DECIDE = frozenset({"on_input"})


def _check(layer: AppliedLayer, change: Change, file: LoraFile, name: str) -> None:
    """Raises TrainingError where the tensors make no weight of the layer; only shapes are computed with."""
    weights = {
        role: tensor.cpu() if role in _DECIDE else torch.empty(tensor.shape, device="meta")
        for role, tensor in change.weights.items()
        if role != "alpha"
    }
    try:
        if changes_weight(weights):
            change_of(weights, torch.empty(layer.shape, device="meta"), 1.0)
        if "magnitude" in weights and weights["magnitude"].numel() not in layer.shape[:2]:
            raise ValueError(f"a length of {weights['magnitude'].numel()}")
        if "diff_b" in weights:
            change.weights["diff_b"] = change.weights["diff_b"].reshape(layer.shape[0])
    except (LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise TrainingError(
            f"{file.path}: {name} does not fit the layer of this base, whose weight is {list(layer.shape)}.",
            [str(error).split("\n")[0][:200]],
            [f"visiontrain lora check {file.path} --base MODEL"],
            id="lora/unusable",
        ) from error
    if change.thin:
        change.weights["down"] = change.weights["down"].reshape(-1, *layer.shape[1:])
        ones = (1, 1) if layer.is_conv else ()
        change.weights["up"] = change.weights["up"].reshape(layer.shape[0], -1, *ones)
