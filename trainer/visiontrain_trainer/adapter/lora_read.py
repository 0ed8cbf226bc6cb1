"""Reads the LoRA that a run goes on from. A file of any trainer and any ranks becomes the tensors of the run's adapter.

Module names are compared in kohya's spelling (underscores for dots), so that one table serves all trainers' files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.lora_tools.changes import rank_of
from visiontrain_trainer.lora_tools.layers import grouped, kind_of
from visiontrain_trainer.lora_tools.roles import PREFIXES, flat_name, unread_kind
from visiontrain_trainer.model.ldm_keys import unet_to_ldm

from .lora_fit import fit, is_whole, kind_of_run

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

    The file must be of the kind that the run trains: LoRA or LoCon, DoRA, LoHa or LoKr. A layer of a lower rank is
    filled up (`lora_fit.py`). A layer that the file lacks keeps the run's initial values. The weights are scaled from
    the file's alpha to the adapter's. The file's alpha comes from its `.alpha` tensors or from peft's `metadata`;
    without either, alpha is the rank. Raises TrainingError when a rank is higher than the run's, when no layer fits, or
    when the file holds another kind of adapter.
    """
    own: dict[str, Tensors] = {layer: {} for layer in wanted.scales}
    for name, tensor in wanted.own.items():
        layer, _, weight = name.rpartition(".")
        if layer in own:
            own[layer][weight] = tensor
    modules = modules_of(stored)
    kind = kind_of_run(next(iter(own.values()), {"down": torch.empty(0)}))
    _refuse_others(stored, modules, kind, source)
    alphas, read, used = Alphas(metadata, source), Read(), set()
    for layer, alpha in wanted.scales.items():
        part, module = layer.split(".", 1)
        names = aliases(part, module, wanted.family, wanted.unet_config)
        keys = next((modules[name] for name in names if is_whole(kind, modules.get(name, {}))), None)
        if keys is None:
            read.lacking.append(layer)
            read.tensors |= {f"{layer}.{name}": tensor for name, tensor in own[layer].items()}
            continue
        used |= set(keys.values())
        given = {role: stored[key].float() for role, key in keys.items()}
        where = f"{source}: {layer}"
        its, rank = alpha_in(given, where), rank_of(given)
        its = alphas.of(part, module, rank) if its is None and rank > 0 else its
        fitted, is_padded = fit(given, own[layer], (float(rank) if its is None else its, alpha), where)
        if is_padded:
            read.padded.append(layer)
        read.tensors |= {f"{layer}.{name}": tensor for name, tensor in fitted.items()}
    if len(read.lacking) == len(wanted.scales):
        raise TrainingError(
            f"{source}: none of its layers is one that this run trains.",
            next_steps=["Choose a LoRA of the same base model, or leave training.init_lora empty."],
            id="lora/unusable",
        )
    read.unused = sorted(set(stored) - used)
    return read


def _refuse_others(stored: Tensors, modules: Mapping[str, Mapping[str, str]], kind: str, source: str) -> None:
    """Raises TrainingError when the file holds another kind of adapter than the run's."""
    kinds = map(_kind_in, modules.values())
    found = unread_kind(stored) or next((its for its in kinds if its not in (kind, None)), kind)
    if found == kind:
        return
    settings = None if found is None else _SETTINGS.get(found)
    raise TrainingError(
        f"{source} is {found}, and this run trains {kind}.",
        next_steps=[
            "Leave training.init_lora empty, or choose a file of that kind.",
            *([] if settings is None else [f"Or train what it is:  {settings}"]),
        ],
        id="lora/unusable",
    )


#: What makes a run train the kind that a file is.
_SETTINGS = {
    "a LoRA": "--set training.adapter=lora --set training.dora=false",
    "a DoRA": "--set training.dora=true",
    "a LoHa": "--set training.adapter=loha",
    "a LoKr": "--set training.adapter=lokr",
}


def _kind_in(roles: Iterable[str]) -> str | None:
    """What a layer with these roles is; None for what goes with layers of every kind. Lengths make another kind."""
    known = set(roles)
    kind = kind_of(known) or ("a LoRA" if {"down", "up", "mid"} & known else None)
    if "hada_t1" in known:
        return "a LoHa with a Tucker core"
    return f"{kind} with DoRA" if "magnitude" in known and kind != "a DoRA" else kind


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
