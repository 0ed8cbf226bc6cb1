"""Writing safetensors with the same bytes each time: the library's own writer orders metadata at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

import torch

#: Bytes on their way into a file.
Piece = bytes | memoryview

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def _block(tensor: torch.Tensor) -> memoryview:
    """The bytes of a tensor in row-major order, as safetensors stores them; those of a CPU tensor are not copied."""
    return memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    """A copy of the bytes of a tensor, as safetensors stores them."""
    return bytes(_block(tensor))


def pieces(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> Iterator[Piece]:
    """A safetensors file piece by piece: its header, then the bytes of each tensor.

    Tensors go by falling element size, then by name, so that all are aligned. Pieces can be written and hashed while
    another thread runs Python, which one large copy of all bytes would hold up.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    start = 0
    for name in order:
        tensor = tensors[name]
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + size],
        }
        start += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in order:
        yield _block(tensors[name])


def serialize(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file, as `pieces` gives them."""
    return b"".join(pieces(tensors, metadata))


def _payload_start(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata in the header of a safetensors file, which the library's own `load` does not return.

    It is empty where the header has none, or has `null` for it, which the library accepts.
    """
    return json.loads(content[8 : _payload_start(content)]).get("__metadata__") or {}


#: First byte and size in bytes of the part of a file that old Stable Diffusion programs hash.
_WINDOW, _WINDOW_SIZE = 0x100000, 0x10000


def model_hashes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """The hashes by which Stable Diffusion programs know a LoRA file of this content.

    `sshs_model_hash` is the SHA-256 of all bytes behind the header, `sshs_legacy_hash` one of 64 KiB in the file.
    """
    whole, window, place = hashlib.sha256(), hashlib.sha256(), 0
    for number, piece in enumerate(pieces(tensors, metadata)):
        if number > 0:
            whole.update(piece)
        first, last = (min(max(0, edge - place), len(piece)) for edge in (_WINDOW, _WINDOW + _WINDOW_SIZE))
        window.update(piece[first:last])
        place += len(piece)
    return {"sshs_model_hash": whole.hexdigest(), "sshs_legacy_hash": window.hexdigest()[:8]}
