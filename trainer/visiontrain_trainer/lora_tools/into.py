"""LoRA files become part of a single-file checkpoint, tensor by tensor: memory holds one weight at a time."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.files import write_atomic

from .bases import Spot, layers_of
from .measure import Measured
from .tensors import FORMATS, Array, Stored, decoded, encoded

_FLOATS = frozenset(FORMATS.values())
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
#: Keys of the metadata that no longer hold of what is written.
_STALE = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256")
#: Columns shorter than this are divided by it: a column of zeros has no direction.
_SHORTEST = 1e-12


@dataclass(frozen=True)
class Part:
    """A LoRA file with its strength."""

    file: Measured
    strength: float


def merge_into(base: Path, parts: Sequence[Part], to: Path, precision: str | None) -> dict[str, Any]:
    """Write the checkpoint, and return its size and hash, how many weights changed, and layers that fit none.

    Raises TrainingError when nothing of a file fits or a weight overflows, and MachineError without room on the disk.
    """
    stored, spots = Stored(base), layers_of([base])
    changed: dict[str, list[tuple[Part, str, Spot]]] = {}
    left: list[str] = []
    for part in parts:
        fitting = [name for name in sorted(part.file.modules) if _fits(part, name, spots)]
        if not fitting:
            raise TrainingError(
                f"{part.file.path}: none of its layers is one of {base.name}.",
                next_steps=[f"visiontrain lora check {part.file.path} --base {base}"],
                id="lora/not-made",
            )
        left += [part.file.modules[name][0] for name in sorted(part.file.modules.keys() - set(fitting))]
        left += part.file.unread
        for name in fitting:
            changed.setdefault(spots[name].tensor, []).append((part, name, spots[name]))
    header, size = _header(stored, parts, precision)
    to.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(to.parent).free
    if free < size:
        raise MachineError(
            f"{to}: it needs {size / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB left.",
            next_steps=["Write it to another disk:  -o FILE"],
            id="disk/write-failed",
        )
    digest, count = hashlib.sha256(), [0]

    def pieces() -> Iterator[bytes]:
        for piece in (header, *_weights(stored, changed, precision)):
            digest.update(piece)
            count[0] += len(piece)
            yield piece

    write_atomic(to, pieces())
    answer = {"path": str(to), "bytes": count[0], "sha256": digest.hexdigest()}
    return answer | {"changed": len(changed), "left": left}


def _fits(part: Part, name: str, spots: Mapping[str, Spot]) -> bool:
    spot = spots.get(name)
    factors = None if spot is None else part.file.factors(name)
    if spot is None or factors is None:
        return False
    out = spot.shape[0] if spot.third is None else spot.shape[0] // 3
    if factors.sides == (out, math.prod(spot.shape[1:])):
        return True
    raise TrainingError(
        f"{part.file.path}: {part.file.modules[name][0]} changes a weight of {factors.sides}, "
        f"that of the base has {list(spot.shape)}.",
        next_steps=[f"visiontrain lora check {part.file.path} --base BASE"],
        id="lora/not-made",
    )


def _order(stored: Stored) -> list[str]:
    return sorted(stored.places, key=lambda name: (stored.places[name].start, name))


def _dtype(stored: Stored, name: str, precision: str | None) -> str:
    own = stored.places[name].dtype
    return FORMATS[precision] if precision is not None and own in _FLOATS else own


def _header(stored: Stored, parts: Sequence[Part], precision: str | None) -> tuple[bytes, int]:
    """The header with its length before it, and the size of the whole file. Tensors keep their order."""
    facts = {key: value for key, value in stored.metadata.items() if key not in _STALE}
    sources = [{"name": part.file.path.name, "strength": part.strength} for part in parts]
    facts["modelspec.merged_from"] = json.dumps(sources, ensure_ascii=False)
    header: dict[str, Any] = {"__metadata__": dict(sorted(facts.items()))}
    start = 0
    for name in _order(stored):
        place, dtype = stored.places[name], _dtype(stored, name, precision)
        same = dtype == place.dtype
        length = place.end - place.start if same else math.prod(place.shape) * _WIDTHS[dtype]
        header[name] = {"dtype": dtype, "shape": list(place.shape), "data_offsets": [start, start + length]}
        start += length
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + start


def _weights(
    stored: Stored, changed: Mapping[str, list[tuple[Part, str, Spot]]], precision: str | None
) -> Iterator[bytes]:
    for name in _order(stored):
        place, dtype, changes = stored.places[name], _dtype(stored, name, precision), changed.get(name)
        if changes is None and dtype == place.dtype:
            yield stored.raw(name)
            continue
        value = decoded(stored.raw(name), place)
        for part, layer, spot in changes or []:
            value = _changed(value, part, layer, spot)
        if changes is not None and dtype not in _FLOATS:
            raise TrainingError(
                f"{stored.path}: {name} is stored as {dtype}, to which nothing can be added.",
                next_steps=["Use a checkpoint in fp16, bf16 or fp32."],
                id="lora/not-made",
            )
        try:
            yield encoded(value, dtype)
        except OverflowError as error:
            raise TrainingError(
                f"{name}: {error}.", next_steps=["Write it with --precision fp32 or bf16."], id="lora/not-made"
            ) from error


def _changed(value: Array, part: Part, layer: str, spot: Spot) -> Array:
    """The weight with what a file changes in one of its layers."""
    factors = part.file.factors(layer)
    assert factors is not None
    rows = slice(None)
    if spot.third is not None:
        height = spot.shape[0] // 3
        rows = slice(spot.third * height, (spot.third + 1) * height)
    old = value[rows]
    change = factors.whole().reshape(old.shape)
    magnitude = part.file.magnitude(layer)
    if magnitude is not None:
        whole = old + change
        by_input = magnitude.shape[:1] == (1,) and magnitude.size == old.shape[1]
        axes = (0, *range(2, old.ndim)) if by_input else tuple(range(1, old.ndim))
        lengths = np.maximum(np.sqrt(np.square(whole).sum(axes, keepdims=True)), _SHORTEST)
        change = magnitude.reshape(lengths.shape) * whole / lengths - old
    new = value.copy()
    new[rows] = old + part.strength * change
    return new
