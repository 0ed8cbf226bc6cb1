"""Safetensors files as numpy arrays. bfloat16 and float8, which numpy lacks, are read and written by their bits."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visiontrain_trainer.base.errors import TrainingError

Array = NDArray[np.float64]
#: Most bytes of a header, and of a whole file that is taken into memory.
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


def read(path: Path) -> tuple[dict[str, Array], dict[str, str], str]:
    """The tensors as float64, the metadata, and the number format that most of the tensors have.

    Raises TrainingError when the file is damaged, or holds a number that is not finite.
    """
    content = path.read_bytes()
    if len(content) < 10 or len(content) > _MOST_FILE:
        raise _damaged(path, "it has an impossible size")
    length = int.from_bytes(content[:8], "little")
    if length > _MOST_HEADER or 8 + length > len(content):
        raise _damaged(path, "it is cut short")
    try:
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        out, formats = {}, []
        for name, facts in header.items():
            out[name] = _tensor(memoryview(content)[8 + length :], facts)
            formats.append(facts["dtype"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"its header is wrong ({error})") from error
    for name, value in out.items():
        if not np.isfinite(value).all():
            raise TrainingError(
                f"{path}: {name} has numbers that are not finite.",
                next_steps=["Use an earlier file."],
                id="lora/not-made",
            )
    common = max(sorted(set(formats)), key=formats.count) if formats else "F32"
    return out, {str(key): str(value) for key, value in metadata.items()}, common


def _damaged(path: Path, why: str) -> TrainingError:
    return TrainingError(
        f"{path} is no sound safetensors file: {why}.",
        next_steps=[f"visiontrain lora check {path}"],
        id="lora/not-made",
    )


def _tensor(payload: memoryview, facts: Mapping[str, object]) -> Array:
    dtype, shape, (start, end) = str(facts["dtype"]), [int(side) for side in facts["shape"]], facts["data_offsets"]
    if dtype not in _WIDTHS:
        raise ValueError(f"the number format {dtype}")
    if not 0 <= start <= end <= len(payload) or math.prod(shape) * _WIDTHS[dtype] != end - start:
        raise ValueError("the place of a tensor")
    data = payload[start:end]
    if dtype in _FLOAT8:
        return _FLOAT8[dtype][np.frombuffer(data, np.uint8)].reshape(shape)
    if dtype == "BF16":
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).astype(np.float64).reshape(shape)
    return np.frombuffer(data, _PLAIN[dtype]).astype(np.float64).reshape(shape)


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
