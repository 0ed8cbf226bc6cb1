"""Content-addressed store of tensors: one safetensors file per key, verified on read, shared between runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from visiontrain_trainer import CODE_VERSION
from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.base.safefile import serialize, tensor_bytes


def key_of(*parts: object) -> str:
    """Name of an entry, 64 hex digits: a hash of all that its content depends on, the code version included."""
    return hashlib.sha256(json.dumps([CODE_VERSION, *parts], default=str).encode()).hexdigest()


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor_bytes(tensor))
    return digest.hexdigest()


class TensorCache:
    """Entries lie in FOLDER/ab/abcd….safetensors. Up to `keep_bytes` of them stay in memory once they are read."""

    def __init__(self, folder: Path, keep_bytes: int) -> None:
        self._folder = folder
        self._kept: dict[str, dict[str, torch.Tensor]] = {}
        self._room = keep_bytes

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.safetensors"

    def get(self, key: str) -> dict[str, torch.Tensor] | None:
        """The tensors of `key`, or None when there is no entry or its file is damaged."""
        if key in self._kept:
            return self._kept[key]
        path = self._path(key)
        try:
            with safe_open(str(path), framework="pt") as file:
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
                sound = (file.metadata() or {}).get("sha256") == _digest(tensors)
        except (OSError, SafetensorError):
            return None
        if not sound:
            return None
        self._keep(key, tensors)
        return tensors

    def put(self, key: str, tensors: dict[str, torch.Tensor]) -> None:
        """Store the tensors of `key`. Raises MachineError when the disk does not take them."""
        try:
            # The file is not flushed to disk: one torn by a crash fails its check and is made again.
            write_atomic(self._path(key), serialize(tensors, {"sha256": _digest(tensors)}), durable=False)
        except OSError as error:
            raise MachineError(
                f"{self._folder}: the cache cannot be written ({error.strerror}).",
                next_steps=["Free some disk space or set another cache folder, then `visiontrain resume`."],
                id="disk/write-failed",
            ) from error
        self._keep(key, tensors)

    def _keep(self, key: str, tensors: dict[str, torch.Tensor]) -> None:
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if size <= self._room and key not in self._kept:
            self._kept[key] = tensors
            self._room -= size
