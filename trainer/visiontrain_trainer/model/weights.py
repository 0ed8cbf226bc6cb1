"""Read-only access to the tensors of a model's parts. Only safetensors are read, and only the tensors asked for."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import write_atomic

#: From about this many tensors of a part, the first bytes go into its fingerprint.
_LOOKS = 64
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


def refuse_pickle(path: Path) -> None:
    """Raises TrainingError for the name of a pickle file, because loading one runs the code inside it."""
    if path.suffix.lower() in PICKLES:
        raise TrainingError(
            f"{path}: pickle files are refused, because loading one runs the code inside it.",
            next_steps=["Use the .safetensors file of the same model."],
            id="model/not-safetensors",
        )


#: Most bytes of a header; the format itself has this limit.
_HEADER_MOST = 100_000_000


@dataclass(frozen=True)
class TensorInfo:
    """A tensor's entry in the header. `start` and `end` are offsets in bytes from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class TensorFile:
    """One safetensors file: its header, and tensors on request. Raises TrainingError when the file is not whole."""

    def __init__(self, path: Path) -> None:
        refuse_pickle(path)
        self.path = path
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                text = file.read(min(length, _HEADER_MOST))
                if len(text) < length:
                    raise ValueError("the file ends within its header")
                header = json.loads(text)
                size = file.seek(0, 2)
            self.metadata: dict[str, str] = header.pop("__metadata__", {})
            base = 8 + length
            self.tensors = {
                name: TensorInfo(
                    e["dtype"], tuple(e["shape"]), base + e["data_offsets"][0], base + e["data_offsets"][1]
                )
                for name, e in header.items()
            }
            if any(info.end > size for info in self.tensors.values()):
                raise ValueError("the file ends too early")
        except FileNotFoundError as error:
            raise TrainingError(
                f"{path}: no such file.", next_steps=["Check model.base in run.yaml."], id="model/none"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
            raise TrainingError(
                f"{path}: not a whole safetensors file ({error}).",
                next_steps=[
                    "Fetch or copy it again.",
                    "For a model of `visiontrain models list`: `visiontrain models verify` finds damaged files.",
                ],
                id="model/unreadable",
            ) from error

    def read(self, names: list[str]) -> dict[str, torch.Tensor]:
        try:
            with safe_open(str(self.path), framework="pt") as file:
                return {name: file.get_tensor(name) for name in names}
        except (SafetensorError, OSError) as error:
            raise TrainingError(f"{self.path}: cannot be read ({error}).", id="model/unreadable") from error


class Part:
    """The tensors of one part (U-Net, VAE, a text encoder), by their names without the file's prefix."""

    def __init__(self, files: list[TensorFile], prefix: str = "", keep: Callable[[str], bool] | None = None) -> None:
        self._where = {
            name.removeprefix(prefix): (file, name)
            for file in files
            for name in file.tensors
            if name.startswith(prefix) and (keep is None or keep(name.removeprefix(prefix)))
        }

    def __bool__(self) -> bool:
        return bool(self._where)

    @property
    def names(self) -> list[str]:
        return sorted(self._where)

    def shape(self, name: str) -> tuple[int, ...] | None:
        found = self._where.get(name)
        return None if found is None else found[0].tensors[found[1]].shape

    def read(self) -> dict[str, torch.Tensor]:
        out: dict[str, torch.Tensor] = {}
        by_file: dict[TensorFile, dict[str, str]] = {}
        for name, (file, stored) in self._where.items():
            by_file.setdefault(file, {})[stored] = name
        for file, names in by_file.items():
            out |= {names[stored]: tensor for stored, tensor in file.read(sorted(names)).items()}
        return out

    def fingerprint(self) -> str:
        """SHA-256 over all names, types and shapes and the first bytes of some tensors.

        It tells two models apart at almost no cost. It proves nothing, because most bytes are not looked at.
        """
        digest, names = hashlib.sha256(), self.names
        looked_into = set(names[:: -(-len(names) // _LOOKS)])
        for name in names:
            file, stored = self._where[name]
            info = file.tensors[stored]
            digest.update(f"{name}\0{info.dtype}\0{info.shape}\0".encode())
            if name in looked_into:
                with file.path.open("rb") as handle:
                    handle.seek(info.start)
                    digest.update(handle.read(min(info.end - info.start, 4096)))
        return digest.hexdigest()

    def digest(self, memory: Path | None = None) -> str:
        """SHA-256 over names, types, shapes and bytes; a copy of the files elsewhere has the same digest.

        `memory` is a folder that remembers digests by file identity (path, size, change time), so that a warm start
        does not read the weights again.
        """
        stat = sorted(
            (str(f.path.resolve()), f.path.stat().st_size, f.path.stat().st_mtime_ns)
            for f in {file for file, _ in self._where.values()}
        )
        identity = json.dumps([stat, self.names])
        note = memory and memory / hashlib.sha256(identity.encode()).hexdigest()
        if note and note.exists():
            text = note.read_text().strip()
            if len(text) == 64:
                return text
        digest = hashlib.sha256()
        for name in self.names:
            file, stored = self._where[name]
            info = file.tensors[stored]
            digest.update(f"{name}\0{info.dtype}\0{info.shape}\0".encode())
            with file.path.open("rb") as handle:
                handle.seek(info.start)
                left = info.end - info.start
                while left and (block := handle.read(min(left, 1 << 22))):
                    digest.update(block)
                    left -= len(block)
        result = digest.hexdigest()
        if note:
            write_atomic(note, result.encode(), durable=False)
        return result


def part_in_folder(folder: Path, stem: str) -> Part:
    """A part stored as diffusers does: `STEM.safetensors`, its fp16 variant, or shards with an index.

    Raises TrainingError when the folder holds none of these, or pickle files instead.
    """
    for index in (f"{stem}.safetensors.index.json", f"{stem}.safetensors.index.fp16.json"):
        if (folder / index).is_file():
            names = sorted(set(json.loads((folder / index).read_text())["weight_map"].values()))
            return Part([TensorFile(folder / name) for name in names])
    for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
        if (folder / name).is_file():
            return Part([TensorFile(folder / name)])
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        refuse_pickle(path)
    raise TrainingError(
        f"{folder}: holds no {stem}.safetensors.",
        next_steps=["Check that model.base in run.yaml names a complete diffusers folder."],
        id="model/incomplete",
    )
