"""Layers under the names of kohya's files, and as the tensors of a diffusers file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from .layers import Layer
from .modules import parts_of, tables
from .tensors import Array


def _is_sdxl(layers: Mapping[str, Layer]) -> bool:
    """Whether the layers are those of SDXL: its cross attention is 2048 wide, and it has a second text encoder."""
    for module, layer in layers.items():
        if re.search(r"attn2[._]to_[kv]$", module):
            return layer.kernel[0] == 2048
    return any(re.match(r"lora_te[12]_|text_encoder_2|lora_unet_(?:input|output|middle)_block", m) for m in layers)


def to_kohya(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """The layers under kohya's names. Files that have them already stay as they are."""
    if all(re.match(r"lora_(?:unet|te\d?)_", module) for module in layers):
        return dict(layers)
    sdxl = _is_sdxl(layers)
    original = {ours: flat for flat, ours in tables()[1].items()}
    out: dict[str, Layer] = {}
    for module, layer in layers.items():
        part, name = parts_of(module)
        if part == "unet":
            flat = original[name] if sdxl else name.replace(".", "_")
            out[f"lora_unet_{flat}"] = layer
        else:
            number = ("2" if part.endswith("2") else "1") if sdxl else ""
            out[f"lora_te{number}_text_model_{name.replace('.', '_')}"] = layer
    return out


def to_diffusers(layers: Mapping[str, Layer]) -> dict[str, Array]:
    """The tensors of a diffusers file. It holds no alpha, so `up` is multiplied by alpha ÷ rank."""
    out: dict[str, Array] = {}
    for module, layer in layers.items():
        part, name = parts_of(module)
        whole = f"unet.{name}" if part == "unet" else f"{part}.text_model.{name}"
        ones = (1,) * (len(layer.kernel) - 1)
        out[f"{whole}.lora_A.weight"] = layer.down.reshape(layer.rank, *layer.kernel)
        out[f"{whole}.lora_B.weight"] = np.ascontiguousarray(
            (layer.up * (layer.alpha / layer.rank)).reshape(-1, layer.rank, *ones)
        )
    return out
