"""Reads the LoRA that a run goes on from. A file of any trainer and any ranks becomes the tensors of the run's adapter.

Module names are compared in kohya's spelling (underscores for dots), so that one table serves all trainers' files.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.lora_tools.layers import grouped, kind_of
from visiontrain_trainer.lora_tools.roles import PREFIXES, flat_name, unread_kind
from visiontrain_trainer.model.ldm_keys import unet_to_ldm

Tensors = dict[str, torch.Tensor]

#: How the names of a text encoder's layers begin.
TEXT_PREFIXES = (*PREFIXES["text_encoder"], *PREFIXES["text_encoder_2"])


@dataclass(frozen=True)
class Wanted:
    """What a run trains: alpha by layer name, the adapter's initial tensors (`own`), and the base model's kind."""

    scales: Mapping[str, float]
    own: Tensors
    family: str
    unet_config: Mapping[str, Any]


@dataclass
class Read:
    """The adapter's tensors from a file, the names of unused tensors, and layers missing or of a lower rank there."""

    tensors: Tensors = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    padded: list[str] = field(default_factory=list)


def from_file(stored: Tensors, metadata: Mapping[str, str], wanted: Wanted, source: str) -> Read:
    """Read a LoRA of any trainer into the adapter's tensors, so that the adapter computes what the LoRA did.

    A layer of a lower rank is filled up: `up` with zeros, which add nothing to the output, and `down` with the run's
    initial values, so that the added rank can learn. A layer that the file lacks keeps the run's initial values. `up`
    is scaled from the file's alpha to the adapter's. The file's alpha comes from its `.alpha` tensors or from peft's
    `metadata`; without either, alpha is the rank. Raises TrainingError when a rank is higher than the run's, when no
    layer fits, or when the file holds another kind of adapter.
    """
    modules = modules_of(stored)
    kind = unread_kind(stored) or next((kind for roles in modules.values() if (kind := _other_kind(roles))), None)
    if kind:
        raise TrainingError(
            f"{source} is {kind}; only plain LoRA files can be trained further.",
            next_steps=["Leave training.init_lora empty, or choose a LoRA file."],
            id="lora/unusable",
        )
    alphas, read, used = Alphas(metadata, source), Read(), set()
    for layer, alpha in wanted.scales.items():
        part, module = layer.split(".", 1)
        names = aliases(part, module, wanted.family, wanted.unet_config)
        keys = next((modules[name] for name in names if {"down", "up"} <= modules.get(name, {}).keys()), None)
        own = {kind: wanted.own[f"{layer}.{kind}"] for kind in ("down", "up")}
        if keys is None:
            read.lacking.append(layer)
            read.tensors |= {f"{layer}.{kind}": tensor for kind, tensor in own.items()}
            continue
        used |= set(keys.values())
        down, up = (_fitted(stored[keys[kind]], own, kind, f"{source}: {keys[kind]}") for kind in ("down", "up"))
        rank, room = len(down), len(own["down"])
        if up.shape[1] != rank:
            raise TrainingError(
                f"{source}: {layer} has the ranks {rank} and {up.shape[1]}: the file is damaged.", id="lora/unusable"
            )
        alpha_here = alpha_in({"alpha": stored[keys["alpha"]]} if "alpha" in keys else {}, f"{source}: {layer}")
        its = alphas.of(part, module, rank) if alpha_here is None else alpha_here
        its = rank if its is None else its
        if rank < room:
            read.padded.append(layer)
            down = torch.cat([down, own["down"][rank:]])
            up = torch.cat([up, torch.zeros_like(own["up"][:, rank:])], dim=1)
        read.tensors[f"{layer}.down"] = down
        # For equal ranks the rank cancels out, and leaving it out avoids its rounding.
        read.tensors[f"{layer}.up"] = up * (its / alpha if rank == room else its / rank * room / alpha)
    if len(read.lacking) == len(wanted.scales):
        raise TrainingError(
            f"{source}: none of its layers is one that this run trains.",
            next_steps=["Choose a LoRA of the same base model, or leave training.init_lora empty."],
            id="lora/unusable",
        )
    read.unused = sorted(set(stored) - used)
    return read


def alpha_in(pieces: Mapping[str, torch.Tensor], where: str) -> float | None:
    """The alpha of a layer's tensors, or None. Raises TrainingError for a tensor of several numbers."""
    alpha = pieces.get("alpha")
    if alpha is None:
        return None
    if alpha.numel() != 1:
        raise TrainingError(
            f"{where}: its alpha has {alpha.numel()} numbers; one is right.",
            next_steps=["Choose another file."],
            id="lora/unusable",
        )
    return float(alpha.reshape(-1)[0])


def _other_kind(roles: Iterable[str]) -> str | None:
    return "a LoCon with a Tucker core" if "mid" in roles else kind_of(roles)


def modules_of(stored: Iterable[str]) -> dict[str, dict[str, str]]:
    """The stored tensors' names, by module (in kohya's spelling) and by role."""
    found: dict[str, dict[str, str]] = {}
    for module, roles in grouped(stored)[0].items():
        found.setdefault(flat_name(module), {}).update(roles)
    return found


def aliases(part: str, module: str, family: str, unet_config: Mapping[str, Any]) -> list[str]:
    """All names that files may give a module, in kohya's spelling."""
    if part == "unet":
        names = [module]
        # A layer that the original layout lacks has only its name in diffusers.
        with contextlib.suppress(KeyError):
            names.append(unet_to_ldm(module, unet_config))
        if family == "sdxl":
            names.reverse()
    else:
        short = module.removeprefix("text_model.")
        names = [f"text_model.{short}", short]
    return [prefix + name.replace(".", "_") for prefix in PREFIXES[part] for name in names]


def _fitted(value: torch.Tensor, own: Tensors, kind: str, where: str) -> torch.Tensor:
    """A stored weight as fp32, reshaped to the number of axes that the run's weight has.

    Raises TrainingError when the shape does not fit the layer, or the rank is higher than the run's.
    """
    given, shape = value.float(), own[kind].shape
    axis = 0 if kind == "down" else 1
    rank = given.shape[axis] if given.dim() > axis else 0
    ours = [*shape[:axis], rank, *shape[axis + 1 :]]
    if rank == 0 or given.numel() != math.prod(ours):
        raise TrainingError(
            f"{where} has the shape {list(value.shape)}, the layer of this run {list(shape)}.",
            next_steps=["Choose a LoRA of the same base model."],
            id="lora/unusable",
        )
    if rank > shape[axis]:
        setting = "training.conv_rank" if own["down"].dim() > 2 and max(own["down"].shape[2:]) > 1 else "training.rank"
        raise TrainingError(
            f"{where} has the rank {rank}, the layer of this run {shape[axis]}.",
            next_steps=[f"Set {setting} to {rank} or more."],
            id="lora/unusable",
        )
    return given.reshape(ours)
