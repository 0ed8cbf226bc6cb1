"""Layers under the names of kohya's files, and as the tensors of a diffusers file."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .layers import Layer
from .modules import parts_of, tables
from .tensors import Array


def _is_sdxl(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the layers are those of SDXL: its cross attention is 2048 wide, and it has a second text encoder."""
    for module, shape in shapes.items():
        if re.search(r"attn2[._]to_[kv]$", module):
            return shape[0] == 2048
    return any(re.match(r"lora_te[12]_|text_encoder_2|clip_g|te2_|lycoris_te[12]_", m) for m in shapes) or any(
        re.match(r"(?:lora_unet|unet|diffusion_model)[._](?:input|output|middle)_block", m) for m in shapes
    )


def kohya_names(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """kohya's names of modules in any spelling, whose weights have these shapes behind their outputs.

    A file for another family keeps the names that it has, where they are kohya's. Raises TrainingError for others.
    """
    sdxl = _is_sdxl(shapes)
    original = {ours: flat for flat, ours in tables()[1].items()}
    out: dict[str, str] = {}
    for module in shapes:
        try:
            part, name = parts_of(module)
        except TrainingError:
            if re.match(r"lora_(?:unet|te\d?)_", module) is None:
                raise
            out[module] = module
            continue
        if part == "unet":
            out[module] = f"lora_unet_{original[name] if sdxl else name.replace('.', '_')}"
        else:
            number = ("2" if part.endswith("2") else "1") if sdxl else ""
            out[module] = f"lora_te{number}_text_model_{name.replace('.', '_')}"
    return out


def tensors_of(layers: Mapping[str, Layer]) -> dict[str, Array]:
    """The tensors of a kohya file, by name."""
    out: dict[str, Array] = {}
    for module, layer in layers.items():
        ones = (1,) * (len(layer.kernel) - 1)
        out[f"{module}.lora_down.weight"] = layer.down.reshape(layer.rank, *layer.kernel)
        out[f"{module}.lora_up.weight"] = layer.up.reshape(-1, layer.rank, *ones)
        out[f"{module}.alpha"] = np.array(layer.alpha)
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
