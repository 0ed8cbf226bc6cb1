"""Writing safetensors with the same bytes each time: the library's own writer orders metadata at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch

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


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor in row-major order, as safetensors stores them."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def serialize(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file. Tensors go by falling element size, then by name, so that all are aligned."""
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    start, blocks = 0, []
    for name in order:
        tensor = tensors[name]
        block = tensor_bytes(tensor)
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + len(block)],
        }
        blocks.append(block)
        start += len(block)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(blocks)


def _payload_start(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata in the header of a safetensors file, which the library's own `load` does not return."""
    return json.loads(content[8 : _payload_start(content)]).get("__metadata__", {})


def payload_sha256(content: bytes) -> str:
    """SHA-256 of the bytes after the header. Stable Diffusion tools store it as `sshs_model_hash`."""
    return hashlib.sha256(memoryview(content)[_payload_start(content) :]).hexdigest()
