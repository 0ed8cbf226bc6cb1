"""Safetensors files as numpy arrays. bfloat16 and float8, which numpy lacks, are read and written by their bits."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import open_regular

Array = NDArray[np.float64]
#: Most bytes of a header, and of a whole file.
_MOST_HEADER, _MOST_FILE = 100 << 20, 1 << 36
_PLAIN = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}
_WIDTHS = {"F8_E4M3": 1, "F8_E5M2": 1, "BF16": 2} | {name: np.dtype(code).itemsize for name, code in _PLAIN.items()}


def _float8(exponent_bits: int, bias: int) -> NDArray[np.float64]:
    """The value of each of the 256 bytes of a float8 format. Those that are not finite are NaN."""
    mantissa_bits = 7 - exponent_bits
    table = np.empty(256)
    for byte in range(256):
        exponent, mantissa = (byte >> mantissa_bits) & (2**exponent_bits - 1), byte & (2**mantissa_bits - 1)
        size = mantissa / 2**mantissa_bits
        value = size * 2.0 ** (1 - bias) if exponent == 0 else (1 + size) * 2.0 ** (exponent - bias)
        top = exponent == 2**exponent_bits - 1
        table[byte] = -value if byte & 0x80 else value
        if top and (exponent_bits == 5 or mantissa == 2**mantissa_bits - 1):
            table[byte] = np.nan
    return table


_FLOAT8 = {"F8_E4M3": _float8(4, 7), "F8_E5M2": _float8(5, 15)}


@dataclass(frozen=True)
class Place:
    """A tensor's entry in the header. `start` and `end` are offsets from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Stored:
    """A safetensors file of which tensors are read when they are asked for. Its header is checked when it is opened.

    Raises TrainingError when the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.fdopen(open_regular(path.resolve(), os.O_RDONLY), "rb")
            size = os.fstat(self._file.fileno()).st_size
            self.places, self.metadata, self.payload = self._header(size)
        except OSError as error:
            raise _damaged(path, f"it cannot be read ({error.strerror or error})") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, f"its header is wrong ({str(error)[:200]})") from error
        counts = Counter(place.dtype for place in self.places.values())
        #: The number format that most of the tensors have.
        self.common = max(sorted(counts), key=counts.__getitem__) if counts else "F32"

    def _header(self, size: int) -> tuple[dict[str, Place], dict[str, str], int]:
        length = int.from_bytes(self._file.read(8), "little")
        if size < 10 or size > _MOST_FILE:
            raise ValueError("an impossible size")
        if length > _MOST_HEADER or 8 + length > size:
            raise ValueError("it is cut short")
        header = json.loads(self._file.read(length), object_pairs_hook=_once)
        metadata = header.pop("__metadata__", {})
        places = {name: _place(facts, 8 + length, size) for name, facts in header.items()}
        spans = sorted((place.start, place.end) for place in places.values() if place.end > place.start)
        if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
            raise ValueError("tensors that lie over each other")
        return places, {str(key): str(value) for key, value in metadata.items()}, 8 + length

    def raw(self, name: str) -> bytes:
        place = self.places[name]
        self._file.seek(place.start)
        data = self._file.read(place.end - place.start)
        if len(data) != place.end - place.start:
            raise _damaged(self.path, "it is cut short")
        return data

    def array(self, name: str, numbers: type[np.floating] = np.float64) -> Array:
        """A tensor as float64, or as float32. Raises TrainingError when it holds a number that is not finite."""
        place = self.places[name]
        value = decoded(self.raw(name), place, numbers)
        if not np.isfinite(value).all():
            raise TrainingError(
                f"{self.path}: {name} has numbers that are not finite.",
                next_steps=["Use an earlier file."],
                id="lora/not-made",
            )
        return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that is there twice")
    return found


def _damaged(path: Path, why: str) -> TrainingError:
    return TrainingError(
        f"{path} is no sound safetensors file: {why}.",
        next_steps=[f"visiontrain lora check {path}"],
        id="lora/not-made",
    )


def _place(facts: Mapping[str, object], payload: int, size: int) -> Place:
    dtype, shape, offsets = str(facts["dtype"]), facts["shape"], facts["data_offsets"]
    if dtype not in _WIDTHS:
        raise ValueError(f"the number format {dtype[:20]}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise ValueError("a shape or a place that is no list of numbers")
    start, end = offsets
    if not start <= end <= size - payload or math.prod(shape) * _WIDTHS[dtype] != end - start:
        raise ValueError("the place of a tensor")
    return Place(dtype, tuple(shape), payload + start, payload + end)


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)


def decoded(data: bytes, place: Place, numbers: type[np.floating] = np.float64) -> Array:
    """The numbers of a tensor as float64, or as float32, which holds those of every format of 16 bits and fewer."""
    dtype, shape = place.dtype, place.shape
    if dtype in _FLOAT8:
        return _FLOAT8[dtype][np.frombuffer(data, np.uint8)].astype(numbers).reshape(shape)
    if dtype == "BF16":
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).astype(numbers).reshape(shape)
    return np.frombuffer(data, _PLAIN[dtype]).astype(numbers).reshape(shape)


#: Number formats that files are written in, by their names in run.yaml.
FORMATS = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}


def encoded(value: Array, dtype: str) -> bytes:
    """The bytes of a tensor in a number format, rounded to the nearest. Raises OverflowError where one is too large."""
    single = np.ascontiguousarray(value, np.float32)
    if dtype == "BF16":
        bits = single.view(np.uint32).astype(np.uint64)
        # Half of the last place is added, and one less where the result would be odd: the nearest, ties to even.
        out = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    else:
        with np.errstate(over="ignore"):
            out = single.astype({"F32": "<f4", "F16": "<f2"}[dtype])
        if not np.isfinite(out).all():
            raise OverflowError("a weight is too large for this number format")
    return out.tobytes()


def pieces(tensors: Mapping[str, Array], metadata: Mapping[str, str], dtype: str) -> Iterator[bytes]:
    """A safetensors file piece by piece, with the same bytes each time: header first, tensors by name.

    `sshs_model_hash` is put into the metadata: the SHA-256 of all behind the header.
    """
    blocks = {name: encoded(tensors[name], dtype) for name in sorted(tensors)}
    digest = hashlib.sha256()
    header: dict[str, object] = {}
    start = 0
    for name, block in blocks.items():
        digest.update(block)
        offsets = [start, start + len(block)]
        header[name] = {"dtype": dtype, "shape": list(tensors[name].shape), "data_offsets": offsets}
        start += len(block)
    facts = dict(sorted({**metadata, "sshs_model_hash": digest.hexdigest()}.items()))
    text = json.dumps({"__metadata__": facts, **header}, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    yield from blocks.values()
