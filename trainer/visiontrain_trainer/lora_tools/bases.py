"""The layers of a base model, a single file or the parts of a diffusers folder, by their names in diffusers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError

from .measure import Measured
from .modules import unet_pairs
from .tensors import Array, Stored

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

    @property
    def sides(self) -> tuple[int, int]:
        """Outputs, and inputs times the area of the kernel."""
        out, *others = self.shape
        return out if self.third is None else out // 3, math.prod(others)

    @property
    def rows(self) -> slice:
        """The rows of the tensor that are the layer's."""
        out, _ = self.sides
        return slice(None) if self.third is None else slice(self.third * out, (self.third + 1) * out)

    @property
    def bias(self) -> str:
        """The tensor with the layer's bias, where there is one."""
        return re.sub(r"(\.|_)weight$", r"\1bias", self.tensor)


def spots_of(stored: Stored) -> dict[str, Spot]:
    """The layers in a file of a base by their name in diffusers; none for a file without a U-Net or text encoder."""
    shapes = {name: place.shape for name, place in stored.places.items()}
    single = any(name.startswith(_UNET) for name in shapes)
    part = stored.path.parent.name
    found: dict[str, Spot] = {}
    for name, shape in shapes.items():
        spots = _single(name, shapes) if single else _in_folder(part, name)
        found |= {layer: Spot(name, shape, third) for layer, third in spots if len(shape) >= 2}
    return found


class Base:
    """The files of a base, whose weights are read one by one.

    Raises TrainingError when the files are damaged, or no base of these families.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = [Stored(path) for path in files]
        #: Where each layer is: the number of its file, and its place there.
        self.spots: dict[str, tuple[int, Spot]] = {}
        for index, stored in enumerate(self.files):
            self.spots |= {layer: (index, spot) for layer, spot in spots_of(stored).items()}
        if not any(name.startswith("unet.") for name in self.spots):
            raise TrainingError(
                f"{files[0] if files else 'The base'} holds no U-Net of SD 1.5 or SDXL.",
                next_steps=["visiontrain models list   shows which bases there are"],
                id="lora/not-made",
            )

    def weight(self, layer: str) -> Array | None:
        """A layer's weight, or None where the base has no such layer."""
        found = self.spots.get(layer)
        return None if found is None else self.files[found[0]].array(found[1].tensor)[found[1].rows]


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
    elif part == "unet" and name.endswith(".weight"):
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


def fit(lora: Path, base: Sequence[Path]) -> dict[str, Any]:
    """Which layers of a LoRA the base lacks, and which have other sizes there, with counts by part."""
    spots, file = Base(base).spots, Measured(lora)
    missing, unfit = [], []
    parts: dict[str, dict[str, int]] = {}
    for name in sorted(file.modules):
        part = name.partition(".")[0] if "." in name else "other"
        counts = parts.setdefault(part, {"fits": 0, "missing": 0, "unfit": 0})
        module, found = file.modules[name], spots.get(name)
        if found is None:
            missing.append(module)
            counts["missing"] += 1
            continue
        sides, has = found[1].sides, file.sides(name, found[1])
        if has != sides:
            unfit.append({"module": module, "has": list(has), "base": list(sides)})
            counts["unfit"] += 1
        else:
            counts["fits"] += 1
    return {"missing": missing, "unfit": unfit, "parts": parts}
