"""The layers of a base model, a single file or the parts of a diffusers folder, by their names in diffusers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError

from .measure import Measured
from .modules import unet_pairs
from .tensors import Stored

_UNET = "model.diffusion_model."
#: How the names of the text encoders begin in single files, and which encoder that is.
_TEXTS = (
    ("cond_stage_model.transformer.", "text_encoder"),
    ("conditioner.embedders.0.transformer.", "text_encoder"),
    ("conditioner.embedders.1.model.", "text_encoder_2"),
)
_OPEN_CLIP = re.compile(
    r"transformer\.resblocks\.(\d+)\.(attn\.in_proj_weight|(attn\.out_proj|mlp\.c_fc|mlp\.c_proj)\.weight)"
)
_OPEN_NAMES = {"attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}


@dataclass(frozen=True)
class Spot:
    """Where a layer's weight lies: the tensor, its shape, and which third of the rows where three layers share it."""

    tensor: str
    shape: tuple[int, ...]
    third: int | None = None


def layers_of(files: Sequence[Path]) -> dict[str, Spot]:
    """The layers of a base by name. Raises TrainingError when the files are damaged, or no base of these families."""
    found: dict[str, Spot] = {}
    for path in files:
        stored = Stored(path)
        shapes = {name: place.shape for name, place in stored.places.items()}
        single = any(name.startswith(_UNET) for name in shapes)
        part = path.parent.name
        for name, shape in shapes.items():
            spots = _single(name, shapes) if single else _in_folder(part, name)
            found |= {layer: Spot(name, shape, third) for layer, third in spots if len(shape) >= 2}
    if not any(name.startswith("unet.") for name in found):
        raise TrainingError(
            f"{files[0] if files else 'The base'} holds no U-Net of SD 1.5 or SDXL.",
            next_steps=["visiontrain models list   shows which bases there are"],
            id="lora/not-made",
        )
    return found


def _single(name: str, shapes: dict[str, Any]) -> Iterator[tuple[str, int | None]]:
    if name.startswith(_UNET) and name.endswith(".weight"):
        sdxl = f"{_UNET}label_emb.0.0.weight" in shapes
        ours = unet_pairs(sdxl).get(name.removeprefix(_UNET).removesuffix(".weight"))
        if ours is not None:
            yield f"unet.{ours}", None
    for prefix, part in _TEXTS:
        if name.startswith(prefix):
            yield from _text(part, name.removeprefix(prefix))


def _in_folder(part: str, name: str) -> Iterator[tuple[str, int | None]]:
    if part.startswith("text_encoder"):
        yield from _text(part, name)
    elif name.endswith(".weight"):
        yield f"unet.{name.removesuffix('.weight')}", None


def _text(part: str, name: str) -> Iterator[tuple[str, int | None]]:
    plain = name.removeprefix("text_model.")
    if plain.startswith("encoder.layers.") and plain.endswith(".weight"):
        yield f"{part}.{plain.removesuffix('.weight')}", None
        return
    match = _OPEN_CLIP.fullmatch(name)
    if match is None:
        return
    layer = f"{part}.encoder.layers.{match[1]}"
    if match[3] is not None:
        yield f"{layer}.{_OPEN_NAMES[match[3]]}", None
    else:
        for third, letter in enumerate("qkv"):
            yield f"{layer}.self_attn.{letter}_proj", third


def sides_of(spot: Spot) -> tuple[int, int]:
    """Outputs, and inputs times the area of the kernel, of a layer's weight."""
    out, *others = spot.shape
    area = 1
    for side in others:
        area *= side
    return out if spot.third is None else out // 3, area


def fit(lora: Path, base: Sequence[Path]) -> dict[str, Any]:
    """Which layers of a LoRA the base lacks, and which have other sizes there, with counts by part."""
    spots, file = layers_of(base), Measured(lora)
    missing, unfit = [], []
    parts: dict[str, dict[str, int]] = {}
    for name in sorted(file.modules):
        part = name.partition(".")[0] if "." in name else "other"
        counts = parts.setdefault(part, {"fits": 0, "missing": 0, "unfit": 0})
        module, spot = file.modules[name][0], spots.get(name)
        if spot is None:
            missing.append(module)
            counts["missing"] += 1
            continue
        factors = file.factors(name)
        if factors is not None and factors.sides != sides_of(spot):
            unfit.append({"module": module, "has": list(factors.sides), "base": list(sides_of(spot))})
            counts["unfit"] += 1
        else:
            counts["fits"] += 1
    return {"missing": missing, "unfit": unfit, "parts": parts}
