"""Checkpoints: folders that are complete or absent, with a checksum for each file. The position is one integer."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.files import Hashed, read_regular, replace_folder, write_atomic
from visiontrain_trainer.base.safefile import pieces

_STATE = "state.json"
_TENSORS = ("adapter.safetensors", "optimizer.safetensors")
#: Prefix in optimizer.safetensors of the names of adapter weights that are not in use: a run with a moving average
#: resumes both the average and the trained weights.
_UNUSED = "unused/"
#: Most bytes of state.json (losses of some images, plain values of an optimiser), and of a file of tensors (all weights
#: of a LoRA, or an optimiser's two states for each of them).
_MOST_STATE, _MOST_TENSORS = 1 << 28, 1 << 37


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds: the weights of the adapter, the optimiser's tensors, and plain values."""

    adapter: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    #: Where the run keeps a moving average: whichever of average and trained weights `adapter` is not. Else empty.
    unused: dict[str, torch.Tensor]
    #: The optimiser's plain values under `optimizer`, and what the training loop stores (`run/save.py`).
    state: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint(Contents):
    """A checkpoint that was read, with its folder and its step."""

    path: Path
    step: int


def name_of(step: int) -> str:
    """Name of a checkpoint's folder."""
    return f"step-{step:06d}"


def save(folder: Path, step: int, contents: Contents) -> tuple[Path, int]:
    """Write FOLDER/step-NNNNNN and return its path and size in bytes. Raises MachineError when it cannot be written."""
    optimizer = contents.optimizer | {f"{_UNUSED}{name}": tensor for name, tensor in contents.unused.items()}
    building, final = folder / f".{name_of(step)}.tmp", folder / name_of(step)
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        files = dict(zip(_TENSORS, (Hashed(pieces(contents.adapter)), Hashed(pieces(optimizer))), strict=True))
        for name, content in files.items():
            write_atomic(building / name, content)
        hashes = {name: content.sha256 for name, content in files.items()}
        text = json.dumps({**contents.state, "step": step, "files": hashes}, sort_keys=True, indent=1)
        seal = hashlib.sha256(text.encode()).hexdigest()
        write_atomic(building / _STATE, f"{text}\n{seal}\n".encode())
        size = sum(content.bytes for content in files.values()) + len(text)
        replace_folder(building, final)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        before = all_steps(folder)
        kept = f"that of step {before[0]} is whole" if before else "there is none before it"
        raise MachineError(
            f"{final}: the checkpoint cannot be written ({error.strerror}); {kept}.",
            next_steps=["Free some disk space, then `visiontrain resume`."],
            id="disk/write-failed",
        ) from error
    return final, size


def _read(path: Path) -> Checkpoint:
    text, seal = read_regular(path / _STATE, _MOST_STATE).decode().rstrip("\n").rsplit("\n", 1)
    if hashlib.sha256(text.encode()).hexdigest() != seal:
        raise ValueError("state.json does not match its checksum")
    state = json.loads(text)
    hashes = state.pop("files")
    content = {name: read_regular(path / name, _MOST_TENSORS) for name in _TENSORS}
    for name, found in content.items():
        if hashlib.sha256(found).hexdigest() != hashes[name]:
            raise ValueError(f"{name} does not match its checksum")
    adapter, optimizer = (load(content.pop(name)) for name in _TENSORS)
    if state.pop("step") != _step_of(path.name) or "spec_sha256" not in state:
        raise ValueError("state.json is not of this checkpoint")
    unused = {name: optimizer.pop(name) for name in list(optimizer) if name.startswith(_UNUSED)}
    unused = {name.removeprefix(_UNUSED): tensor for name, tensor in unused.items()}
    return Checkpoint(adapter, optimizer, unused, state, path, int(path.name.removeprefix("step-")))


def read(folder: Path, step: int) -> Checkpoint:
    """The checkpoint of one step. Raises TrainingError where it is not there or damaged."""
    path = folder / name_of(step)
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path}: the checkpoint cannot be read ({error}).",
            next_steps=["Take another one. `visiontrain resume` goes on from the newest that is whole."],
            id="training/checkpoint",
        ) from error


def _step_of(name: str) -> int | None:
    """The step in a checkpoint's name; None when it is not the name of a checkpoint."""
    number = name.removeprefix("step-")
    # `isdigit` is also true for digits of other scripts, so the name must be ASCII.
    return int(number) if number.isascii() and number.isdigit() and name == name_of(int(number)) else None


def all_steps(folder: Path) -> list[int]:
    """Steps of the checkpoints in the folder, newest first, damaged ones included."""
    steps = [_step_of(p.name) for p in folder.glob("step-*") if p.is_dir() and not p.is_symlink()]
    return sorted((step for step in steps if step is not None), reverse=True)


def newest(folder: Path, spec_sha256: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint or None, and a sentence for each damaged one that was passed over.

    Raises TrainingError when a run of another spec made the checkpoint.
    """
    damaged = []
    for step in all_steps(folder):
        path = folder / name_of(step)
        try:
            found = _read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged.append(f"Checkpoint {path.name} is damaged ({error}): the one before it is used.")
            continue
        if found.state["spec_sha256"] != spec_sha256:
            raise TrainingError(
                f"{path}: the checkpoint belongs to a run of another run.yaml.",
                next_steps=["Start a new run instead: `visiontrain run run.yaml --name another`."],
                id="training/checkpoint",
            )
        return found, damaged
    return None, damaged


def prune(folder: Path, now: int, keep: int, best: int | None) -> None:
    """Remove all but the newest `keep` checkpoints and the best one, and what a killed process left half-made.

    Checkpoints after the step `now` are removed too. They were damaged, since the run went on from an earlier one.
    """
    steps = all_steps(folder)
    kept = {best, *[step for step in steps if step <= now][:keep]}
    for step in steps:
        if step not in kept:
            shutil.rmtree(folder / name_of(step), ignore_errors=True)
    for left in [*folder.glob(".step-*.tmp"), *folder.glob(".step-*.old")]:
        shutil.rmtree(left, ignore_errors=True)
