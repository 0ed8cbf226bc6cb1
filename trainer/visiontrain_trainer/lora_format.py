"""LoRA files: the adapter under kohya or diffusers names, both ways. All names are known in advance.

The adapter's own tensors are `part.module.down` / `.up` with diffusers module names (see `Adapter.tensors`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from .errors import TrainingError
from .ldm_keys import unet_to_ldm

Tensors = dict[str, torch.Tensor]


def kohya_module(part: str, module: str, family: str, unet_config: Mapping[str, Any]) -> str:
    """Name of a module in kohya files: `lora_unet_…` (sgm names for SDXL), `lora_te_…`, `lora_te1_…`, `lora_te2_…`."""
    if part == "unet":
        return "lora_unet_" + (unet_to_ldm(module, unet_config) if family == "sdxl" else module).replace(".", "_")
    prefix = {"text_encoder": "lora_te1" if family == "sdxl" else "lora_te", "text_encoder_2": "lora_te2"}[part]
    return f"{prefix}_text_model_" + module.removeprefix("text_model.").replace(".", "_")


def diffusers_module(part: str, module: str) -> str:
    if part == "unet":
        return f"unet.{module}"
    return f"{part}.text_model.{module.removeprefix('text_model.')}"


def to_kohya(
    tensors: Tensors,
    scales: Mapping[str, float],
    family: str,
    unet_config: Mapping[str, Any],
    dtype: torch.dtype,
) -> Tensors:
    """`scales`: layer name → alpha. Per layer `.lora_down.weight`, `.lora_up.weight`, `.alpha`."""
    out: Tensors = {}
    for layer, alpha in scales.items():
        part, module = layer.split(".", 1)
        name = kohya_module(part, module, family, unet_config)
        if f"{name}.alpha" in out:
            raise ValueError(f"two layers have the name {name}")
        out[f"{name}.lora_down.weight"] = tensors[f"{layer}.down"].to(dtype)
        out[f"{name}.lora_up.weight"] = tensors[f"{layer}.up"].to(dtype)
        out[f"{name}.alpha"] = torch.tensor(alpha, dtype=dtype)
    return out


def to_diffusers(tensors: Tensors, scales: Mapping[str, float], dtype: torch.dtype) -> Tensors:
    """`.lora_A.weight`, `.lora_B.weight`; alpha ÷ rank is multiplied into B, since these names carry no alpha."""
    out: Tensors = {}
    for layer, alpha in scales.items():
        down, up = tensors[f"{layer}.down"], tensors[f"{layer}.up"]
        name = diffusers_module(*layer.split(".", 1))
        out[f"{name}.lora_A.weight"] = down.to(dtype)
        out[f"{name}.lora_B.weight"] = (up * (alpha / len(down))).to(dtype)
    return out


_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight")
_UP = (".lora_up.weight", ".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight")
_PEFT = "lora_adapter_metadata"


def _configured_alpha(metadata: Mapping[str, str], part: str, module: str, rank: int, source: str) -> float | None:
    """Alpha of a layer as diffusers writes it beside names that carry none: peft's configuration of each part.

    Patterns and rank-stabilised scaling as peft reads them (`get_pattern_key`; arXiv:2312.03732).
    """
    if _PEFT not in metadata:
        return None
    try:
        config = json.loads(metadata[_PEFT])
        alpha = config.get(f"{part}.lora_alpha")
        patterns: dict[str, float] = config.get(f"{part}.alpha_pattern") or {}
        # Transformers named the layers of text encoders with `text_model.` in front, and later without it.
        names = (module, f"text_model.{module}")
        named = (v for key, v in patterns.items() if any(re.match(rf"(.*\.)?({key})$", name) for name in names))
        alpha = next(named, alpha)
        stabilised = math.sqrt(rank) if config.get(f"{part}.use_rslora") else 1.0
        return None if alpha is None else float(alpha) * stabilised
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise TrainingError(
            f"{source}: its metadata {_PEFT} cannot be read ({error}), so its strength is unknown.",
            next_steps=["Choose another file for training.init_lora."],
        ) from error


def from_file(
    stored: Tensors,
    metadata: Mapping[str, str],
    scales: Mapping[str, float],
    shapes: Mapping[str, torch.Size],
    family: str,
    unet_config: Mapping[str, Any],
    source: str,
) -> tuple[Tensors, list[str]]:
    """Read a LoRA in kohya or diffusers names into the adapter's tensors; `up` is rescaled to the adapter's alpha.

    The file's own alpha stands in tensors (`.alpha`) or in its `metadata` (peft's); without either it is the rank.
    Returns (tensors, stored names nothing in the adapter matches). Raises TrainingError when ranks differ, the file
    lacks a layer, or is of a kind other than plain LoRA.
    """
    other = next((n for n in stored if any(k in n for k in ("hada_", "lokr_", "lora_mid", "dora_scale", "oft_"))), None)
    if other:
        raise TrainingError(
            f"{source}: only plain LoRA files can be trained further, this one holds {other}.",
            next_steps=["Leave training.init_lora empty, or choose a LoRA file."],
        )
    out, used = {}, set()
    for layer, alpha in scales.items():
        part, module = layer.split(".", 1)
        names = [kohya_module(part, module, family, unet_config), diffusers_module(part, module)]
        if part == "unet":
            names.append("lora_unet_" + module.replace(".", "_"))
        found = {}
        for kind, endings in (("down", _DOWN), ("up", _UP)):
            key = next((n + e for n in names for e in endings if n + e in stored), None)
            if key is None:
                raise TrainingError(
                    f"{source}: the LoRA has no {layer}, which this run trains.",
                    next_steps=["Train the same layers as it does (training.targets, conv_rank, text encoder rates)."],
                )
            used.add(key)
            value = stored[key].float()
            wanted = shapes[f"{layer}.{kind}"]
            if value.numel() != wanted.numel():
                raise TrainingError(
                    f"{source}: {key} has the shape {list(value.shape)}, this run needs {list(wanted)}.",
                    next_steps=["Set training.rank (and conv_rank) to the rank of the LoRA, and use its base model."],
                )
            found[kind] = value.reshape(wanted)
        rank = len(found["down"])
        stored_alpha = next((stored[n + ".alpha"] for n in names if n + ".alpha" in stored), None)
        used |= {n + ".alpha" for n in names if n + ".alpha" in stored}
        own = _configured_alpha(metadata, part, module, rank, source) if stored_alpha is None else float(stored_alpha)
        factor = (rank if own is None else own) / alpha
        out[f"{layer}.down"], out[f"{layer}.up"] = found["down"], found["up"] * factor
    return out, sorted(set(stored) - used)
