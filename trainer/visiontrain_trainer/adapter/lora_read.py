"""Reads the LoRA that a run goes on from. A file of any trainer and any ranks becomes the tensors of the run's adapter.

Module names are compared in kohya's spelling (underscores for dots), so that one table serves all trainers' files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.model.ldm_keys import unet_to_ldm

Tensors = dict[str, torch.Tensor]

#: How the names of down, up and alpha tensors end. Files that peft itself saves hold the adapter's name, `default`.
ENDINGS = {
    "down": (
        ".lora_down.weight",
        ".lora_A.weight",
        ".lora_A.default.weight",
        ".lora.down.weight",
        ".lora_linear_layer.down.weight",
        "_lora.down.weight",
    ),
    "up": (
        ".lora_up.weight",
        ".lora_B.weight",
        ".lora_B.default.weight",
        ".lora.up.weight",
        ".lora_linear_layer.up.weight",
        "_lora.up.weight",
    ),
    "alpha": (".alpha",),
}
#: Adapters of other kinds than LoRA, by a text that the names of their tensors contain.
_OTHER_KINDS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "lora_mid": "a LoCon with a Tucker core",
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "oft_": "an OFT",
}
#: Adapters of other kinds than LoRA, by how the names of their tensors end.
_OTHER_ENDINGS = {
    ".on_input": "an (IA)³",
    ".diff": "a file of full differences",
    ".diff_b": "a file of full differences",
}
#: Prefixes of a module's name, by part, as kohya, OneTrainer, diffusers, peft, LyCORIS and ComfyUI write them.
_PREFIXES = {
    "unet": ("lora_unet_", "unet_", "base_model_model_", "lycoris_unet_", "lycoris_", "diffusion_model_", ""),
    "text_encoder": ("lora_te_", "lora_te1_", "text_encoder_", "te_", "te1_", "clip_l_", "lycoris_te1_"),
    "text_encoder_2": ("lora_te2_", "text_encoder_2_", "te2_", "clip_g_", "lycoris_te2_"),
}
#: How the names of a text encoder's layers begin.
TEXT_PREFIXES = (*_PREFIXES["text_encoder"], *_PREFIXES["text_encoder_2"])


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
    kind = next((kind for name in stored for mark, kind in _OTHER_KINDS.items() if mark in name), None)
    kind = kind or next((kind for name in stored for end, kind in _OTHER_ENDINGS.items() if name.endswith(end)), None)
    if kind:
        raise TrainingError(
            f"{source} is {kind}; only plain LoRA files can be trained further.",
            next_steps=["Leave training.init_lora empty, or choose a LoRA file."],
            id="lora/unusable",
        )
    alphas, read, used = Alphas(metadata, source), Read(), set()
    modules = modules_of(stored, ENDINGS)
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
        its = float(stored[keys["alpha"]]) if "alpha" in keys else alphas.of(part, module, rank)
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


def modules_of(stored: Tensors, kinds: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, str]]:
    """The stored tensors' names, by module (in kohya's spelling) and by kind, as `kinds` tells their endings."""
    found: dict[str, dict[str, str]] = {}
    for name in stored:
        for kind, endings in kinds.items():
            ending = next((ending for ending in endings if name.endswith(ending)), None)
            if ending is not None:
                # Early versions of diffusers kept LoRA layers in attention processors, which shows in the names.
                module = name.removesuffix(ending).replace(".processor.", ".").replace(".", "_")
                module = f"{module}_0" if module.endswith("_to_out") else module
                found.setdefault(module, {})[kind] = name
                break
    return found


def aliases(part: str, module: str, family: str, unet_config: Mapping[str, Any]) -> list[str]:
    """All names that files may give a module, in kohya's spelling."""
    if part == "unet":
        names = [module]
        if family == "sdxl":
            names.insert(0, unet_to_ldm(module, unet_config))
    else:
        short = module.removeprefix("text_model.")
        names = [f"text_model.{short}", short]
    return [prefix + name.replace(".", "_") for prefix in _PREFIXES[part] for name in names]


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
