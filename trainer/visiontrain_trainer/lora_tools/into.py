"""LoRA files become part of the files of a base, tensor by tensor: memory holds one weight at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .bases import Base, Spot, spots_of
from .changes import changes_weight, needs_base
from .measure import Measured
from .tensors import FORMATS, Array, Stored, decoded, encoded

_FLOATS = frozenset(FORMATS.values())
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
#: Keys of the metadata that are no longer true of the new file.
_STALE = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256")


@dataclass(frozen=True)
class Part:
    """A LoRA file with its strength."""

    file: Measured
    strength: float


@dataclass
class Changes:
    """What LoRAs change in a base: by layer the parts that change it, and the names of what fits nothing."""

    layers: dict[str, list[Part]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def changes_in(parts: Sequence[Part], base: Base, name: str) -> Changes:
    """The changes that `parts` make in the base called `name` in errors.

    Raises TrainingError when nothing of a file fits the base, or a layer has another shape there.
    """
    changes = Changes()
    for part in parts:
        file = part.file
        fitting = [layer for layer in sorted(file.modules) if layer in base.spots and _fits(part, layer, base)]
        if not fitting:
            raise TrainingError(
                f"{file.path}: none of its layers is one of {name}.",
                next_steps=[f"visiontrain lora check {file.path} --base {name}"],
                id="lora/not-made",
            )
        changes.left += [file.modules[layer] for layer in sorted(file.modules.keys() - set(fitting))]
        changes.left += file.strange
        for layer in fitting:
            changes.layers.setdefault(layer, []).append(part)
            index, spot = base.spots[layer]
            if "diff_b" in file.roles(layer) and spot.bias not in base.files[index].places:
                changes.left.append(f"{file.modules[layer]}.diff_b")
    return changes


def _fits(part: Part, layer: str, base: Base) -> bool:
    spot, file = base.spots[layer][1], part.file
    if not changes_weight(file.roles(layer)):
        return "diff_b" in file.roles(layer)
    if not needs_base(file.roles(layer)) and file.factors(layer) is None:
        return False
    has = file.sides(layer, spot)
    if has == spot.sides:
        return True
    found = "do not fit it" if has == (0, 0) else f"are of a weight of {has}"
    raise TrainingError(
        f"{file.path}: the tensors of {file.modules[layer]} {found}; that of the base has {list(spot.shape)}.",
        next_steps=[f"visiontrain lora check {file.path} --base BASE"],
        id="lora/not-made",
    )


class Merged:
    """A file of a base as it is written: its header, then its tensors in their order, with what LoRAs change in them.

    `bytes` is the size of the whole file, `weights` that of its tensors, `changed` how many of them change.
    """

    def __init__(self, stored: Stored, parts: Sequence[Part], changes: Changes, precision: str | None) -> None:
        self.path, self._stored, self._precision = stored.path, stored, precision
        self._changes: dict[str, list[tuple[Part, str, Spot]]] = {}
        self._biases: dict[str, list[tuple[Part, str, Spot]]] = {}
        for layer, spot in spots_of(stored).items():
            for part in changes.layers.get(layer, []):
                roles = part.file.roles(layer)
                if changes_weight(roles):
                    self._changes.setdefault(spot.tensor, []).append((part, layer, spot))
                if "diff_b" in roles and spot.bias in stored.places:
                    self._biases.setdefault(spot.bias, []).append((part, layer, spot))
        self.changed = len(self._changes.keys() | self._biases.keys())
        self._header, self.weights = self._make_header(parts)
        self.bytes = len(self._header) + self.weights

    def _make_header(self, parts: Sequence[Part]) -> tuple[bytes, int]:
        """The header with its length before it, and the size of all tensors. They keep their order."""
        stored = self._stored
        facts = {key: value for key, value in stored.metadata.items() if key not in _STALE}
        sources = [{"name": part.file.path.name, "strength": part.strength} for part in parts]
        if self.changed > 0:
            facts["modelspec.merged_from"] = json.dumps(sources, ensure_ascii=False)
        header: dict[str, Any] = {"__metadata__": dict(sorted(facts.items()))} if facts else {}
        start = 0
        for name in _order(stored):
            place, dtype = stored.places[name], self._dtype(name)
            same = dtype == place.dtype
            length = place.end - place.start if same else math.prod(place.shape) * _WIDTHS[dtype]
            header[name] = {"dtype": dtype, "shape": list(place.shape), "data_offsets": [start, start + length]}
            start += length
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text, start

    def _dtype(self, name: str) -> str:
        own = self._stored.places[name].dtype
        return FORMATS[self._precision] if self._precision is not None and own in _FLOATS else own

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file: the header, then each tensor.

        Raises TrainingError when a weight overflows its number format, or is stored as whole numbers.
        """
        yield self._header
        stored = self._stored
        for name in _order(stored):
            place, dtype = stored.places[name], self._dtype(name)
            changes, biases = self._changes.get(name, []), self._biases.get(name, [])
            if not changes and not biases and dtype == place.dtype:
                yield stored.raw(name)
                continue
            value = decoded(stored.raw(name), place)
            for part, layer, spot in changes:
                value = _changed(value, part, layer, spot)
            for part, layer, spot in biases:
                value = _changed_bias(value, part, layer, spot)
            yield self._encoded(name, value, dtype)

    def _encoded(self, name: str, value: Array, dtype: str) -> bytes:
        if dtype not in _FLOATS:
            raise TrainingError(
                f"{self._stored.path}: {name} is stored as {dtype}, to which nothing can be added.",
                next_steps=["Use a checkpoint in fp16, bf16 or fp32."],
                id="lora/not-made",
            )
        try:
            return encoded(value, dtype)
        except OverflowError as error:
            raise TrainingError(
                f"{name}: {error}.", next_steps=["Write it with --precision fp32 or bf16."], id="lora/not-made"
            ) from error


def _order(stored: Stored) -> list[str]:
    return sorted(stored.places, key=lambda name: (stored.places[name].start, name))


def _changed(value: Array, part: Part, layer: str, spot: Spot) -> Array:
    """The weight with what a file changes in one of its layers."""
    new = value.copy()
    old = value[spot.rows]
    try:
        new[spot.rows] = old + part.strength * part.file.spelled(layer).beside(old)
    except np.linalg.LinAlgError as error:
        raise TrainingError(
            f"{part.file.path}: the blocks of {part.file.modules[layer]} make no rotation ({error}).",
            id="lora/not-made",
        ) from error
    return new


def _changed_bias(value: Array, part: Part, layer: str, spot: Spot) -> Array:
    new = value.copy()
    added = part.file.spelled(layer).tensors["diff_b"].reshape(-1)
    if len(added) != len(new[spot.rows]):
        raise TrainingError(
            f"{part.file.path}: {part.file.modules[layer]}.diff_b has {len(added)} numbers; "
            f"the base's bias has {len(new[spot.rows])}.",
            id="lora/not-made",
        )
    new[spot.rows] += part.strength * added
    return new
