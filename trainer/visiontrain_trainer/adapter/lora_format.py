"""Converts the adapter to the names of LoRA files, kohya's or diffusers'. `lora_read.py` reads such files.

The adapter's own tensors are `part.module.down` / `.up` with diffusers module names (see `Adapter.tensors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from visiontrain_trainer.model.ldm_keys import unet_to_ldm

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


#: What weights are called in files. Those of LoHa and LoKr have LyCORIS' names from the start. A DoRA's magnitude is
#: [1, in (, 1, 1)], by which readers know the axis of its lengths.
_FILE_NAMES = {"down": "lora_down.weight", "up": "lora_up.weight", "magnitude": "dora_scale"}


def to_kohya(
    tensors: Tensors,
    scales: Mapping[str, float],
    *,
    family: str,
    unet_config: Mapping[str, Any],
    dtype: torch.dtype,
) -> Tensors:
    """The tensors of a kohya file: for each layer its weights under the names that readers know, and `.alpha`.

    `scales` gives alpha by layer name. Raises ValueError when two layers would get the same name.
    """
    out: Tensors = {}
    kinds: dict[str, list[str]] = {}
    for name in tensors:
        layer, _, kind = name.rpartition(".")
        kinds.setdefault(layer, []).append(kind)
    for layer, alpha in scales.items():
        part, module = layer.split(".", 1)
        name = kohya_module(part, module, family, unet_config)
        if f"{name}.alpha" in out:
            raise ValueError(f"two layers have the name {name}")
        for kind in kinds[layer]:
            out[f"{name}.{_FILE_NAMES.get(kind, kind)}"] = tensors[f"{layer}.{kind}"].to(dtype)
        out[f"{name}.alpha"] = torch.tensor(alpha, dtype=dtype)
    return out


def to_diffusers(tensors: Tensors, scales: Mapping[str, float], dtype: torch.dtype) -> Tensors:
    """The tensors of a diffusers file: for each layer `.lora_A.weight` and `.lora_B.weight`.

    B is multiplied by alpha ÷ rank, because these files hold no alpha.
    """
    out: Tensors = {}
    for layer, alpha in scales.items():
        down, up = tensors[f"{layer}.down"], tensors[f"{layer}.up"]
        name = diffusers_module(*layer.split(".", 1))
        out[f"{name}.lora_A.weight"] = down.to(dtype)
        out[f"{name}.lora_B.weight"] = (up * (alpha / len(down))).to(dtype)
    return out
