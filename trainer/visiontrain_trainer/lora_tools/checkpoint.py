"""Writes a checkpoint with LoRAs in it: a single file, or a diffusers folder with its shards and variants."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.files import Hashed, write_atomic

from .bases import Base
from .into import Merged, Part, changes_in
from .tensors import Stored

#: Files of a folder that are not taken over: weights in formats that other programs read in the place of safetensors,
#: and would find unchanged.
_OTHER_WEIGHTS = (".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".onnx", ".onnx_data", ".h5", ".gguf", ".xml")
_WEIGHTS = ".safetensors"
#: Most bytes of a list of shards.
_MOST_INDEX = 64 << 20


def merge_into_file(base: Path, parts: Sequence[Part], to: Path, precision: str | None) -> dict[str, Any]:
    """Write the checkpoint, and return its size and hash, how many weights changed, and layers that fit none.

    Raises TrainingError when nothing of a file fits or a weight overflows, and MachineError without room on the disk.
    """
    ground = Base([base])
    changes = changes_in(parts, ground, base.name)
    merged = Merged(ground.files[0], parts, changes, precision)
    to.parent.mkdir(parents=True, exist_ok=True)
    _need_room(to, merged.bytes)
    hashed = Hashed(merged.pieces())
    write_atomic(to, hashed)
    answer = {"path": str(to), "bytes": hashed.bytes, "sha256": hashed.sha256}
    return answer | {"changed": merged.changed, "left": changes.left}


def merge_into_folder(base: Path, parts: Sequence[Part], to: Path, precision: str | None) -> dict[str, Any]:
    """Write a diffusers folder: each file of weights anew, all else as it is. It appears whole or not at all.

    Raises as `merge_into_file` does.
    """
    weights, others, omitted = _files_of(base)
    trained = [path for path in weights if path.parent.name in ("unet", "text_encoder", "text_encoder_2")]
    ground = Base(trained)
    changes = changes_in(parts, ground, base.name)
    made = [Merged(Stored(path), parts, changes, precision) for path in weights]
    to.parent.mkdir(parents=True, exist_ok=True)
    _need_room(to, sum(merged.bytes for merged in made) + sum(path.stat().st_size for path in others))
    work = Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.parent))
    try:
        files = [_written(merged, work / merged.path.relative_to(base)) for merged in made]
        for path in others:
            _copied(path, work / path.relative_to(base), [each for each in made if each.path.parent == path.parent])
        work.chmod(0o777 & ~_umask())
        work.rename(to)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    listed = [{**each, "path": str(to / Path(each["path"]).relative_to(work))} for each in files]
    changed = sum(merged.changed for merged in made)
    size = sum(int(each["bytes"]) for each in files)
    return {"path": str(to), "bytes": size, "changed": changed, "left": changes.left} | {
        "files": listed,
        "omitted": omitted,
    }


def _files_of(base: Path) -> tuple[list[Path], list[Path], list[str]]:
    """A folder's files of weights, its other files, and the names of those that are not taken over.

    Links to files are followed, since the cache of Hugging Face is made of them.
    """
    weights, others, omitted = [], [], []
    for folder, names, files in os.walk(base):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not path.is_file() or name.startswith("."):
                continue
            is_top = path.parent == base
            if name.endswith(_OTHER_WEIGHTS) or (is_top and name.endswith(_WEIGHTS)):
                omitted.append(str(path.relative_to(base)))
            else:
                (weights if name.endswith(_WEIGHTS) else others).append(path)
    return weights, others, omitted


def _written(merged: Merged, to: Path) -> dict[str, Any]:
    to.parent.mkdir(parents=True, exist_ok=True)
    hashed = Hashed(merged.pieces())
    write_atomic(to, hashed)
    return {"path": str(to), "bytes": hashed.bytes, "sha256": hashed.sha256}


def _copied(path: Path, to: Path, beside: Sequence[Merged]) -> None:
    """A file as it is. A list of shards gets their new size, which another number format changes."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(f"{_WEIGHTS}.index.json") and path.stat().st_size <= _MOST_INDEX:
        try:
            index = json.loads(path.read_bytes())
            shards = set(index["weight_map"].values())
            sizes = [merged.weights for merged in beside if merged.path.name in shards]
            if len(sizes) != len(shards):
                raise TrainingError(f"{path} names files that are not there.", id="lora/not-made")
            index["metadata"] = {**index.get("metadata", {}), "total_size": sum(sizes)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path} is no list of shards ({error}).", id="lora/not-made") from error
        to.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
        return
    shutil.copyfile(path, to)


def _need_room(to: Path, size: int) -> None:
    free = shutil.disk_usage(to.parent).free
    if free < size:
        raise MachineError(
            f"{to}: it needs {size / 1e9:.1f} GB, and its disk has {free / 1e9:.1f} GB left.",
            next_steps=["Write it to another disk:  -o FILE"],
            id="disk/write-failed",
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
