"""Checkpoints and LoRA files on the way. They are copied to the host at once and written while training goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from visiontrain_trainer.adapter.export import Origin, Written, make_files, write_files
from visiontrain_trainer.adapter.lora_metadata import make_metadata
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import BatchSampler
from visiontrain_trainer.training import checkpoint
from visiontrain_trainer.training.optim import state_to_plain
from visiontrain_trainer.training.writer import Writer

if TYPE_CHECKING:
    from .session import Session


def name_at(plan: Plan, step: int) -> str:
    """Name of the LoRA after `step` steps, as sd-scripts gives it."""
    return f"{plan.name}-step{step:08d}"


def name_after(plan: Plan, epochs: int) -> str:
    """Name of the LoRA after whole epochs, as sd-scripts gives it."""
    return f"{plan.name}-{epochs:06d}"


def name_of_best(plan: Plan) -> str:
    return f"{plan.name}-best"


def name_of_raw(name: str) -> str:
    """Name of the LoRA with the trained weights, beside the one with their average."""
    return f"{name}-raw"


@dataclass(frozen=True)
class Weights:
    """The weights after a step, the epoch of that step (from 1), and what a LoRA file tells of them."""

    tensors: dict[str, torch.Tensor]
    step: int
    epoch: int
    origin: Origin
    #: Where the run keeps a moving average: whichever of average and trained weights `tensors` is not. Else None.
    unused: dict[str, torch.Tensor] | None = None


@dataclass(frozen=True)
class Wanted:
    """What is saved at a step: the state of a checkpoint or None, and the name of a LoRA file or None."""

    state: dict[str, Any] | None
    lora: str | None


class Saves:
    """Saves the state of a session. The thread of `writer` writes the files, and emits an event for each."""

    def __init__(self, session: Session, writer: Writer) -> None:
        self._session, self._writer = session, writer
        self._plan, self._events = session.plan, session.events
        #: Whether there is a checkpoint to resume from, or one that is being written.
        self.any_checkpoint = False
        #: The step of the last LoRA file that was asked for.
        self.lora_at: int | None = None

    def save(self, step: int, wanted: Wanted, best_step: int | None) -> None:
        """Copy what is wanted to the host, and begin to write it. Raises the error of the save before."""
        # Waiting first keeps the copies of two saves from lying in memory together.
        self._writer.wait()
        with self._session.used_weights():
            weights = self.weights_now(step)
            optimizer, values = state_to_plain(self._session.optimizer) if wanted.state is not None else ({}, {})
        jobs: list[Callable[[], None]] = []
        if wanted.state is not None:
            self.any_checkpoint = True
            state = {**wanted.state, "optimizer": values, "lora": weights.origin.as_json()}
            if self._session.ema is not None:
                state["ema_updates"] = self._session.ema.updates
            contents = checkpoint.Contents(weights.tensors, optimizer, weights.unused or {}, state)
            jobs.append(lambda: self._checkpoint(step, contents, best_step))
        if wanted.lora is not None:
            name = wanted.lora
            self.lora_at = step
            jobs.append(lambda: self._lora(name, weights, best_step))

        def all_jobs() -> None:
            for job in jobs:
                job()

        self._writer.submit(all_jobs)

    def weights_now(self, step: int) -> Weights:
        """Copies of the weights after `step`. To be called inside `used_weights`."""
        session = self._session
        unused = None if session.ema is None else session.ema.unused_tensors()
        return self.weights(step, session.adapter.tensors(), unused)

    def weights(
        self, step: int, tensors: dict[str, torch.Tensor], unused: dict[str, torch.Tensor] | None = None
    ) -> Weights:
        """The weights that stood after `step`, with what a file tells of them."""
        session = self._session
        epoch = session.batches.epoch_of(max(0, step - 1)) + 1
        facts = make_metadata(self._plan, step, epoch)
        return Weights(tensors, step, epoch, Origin.of(session.scales, dict(session.unet.config), facts), unused)

    def check(self) -> None:
        """Raises the error of a save that could not be written."""
        self._writer.check()

    def wait(self) -> None:
        """Wait until everything is written. Raises its error."""
        self._writer.wait()

    def _checkpoint(self, step: int, contents: checkpoint.Contents, best_step: int | None) -> None:
        run = self._session.run
        folder = run / "checkpoints"
        path, size = checkpoint.save(folder, step, contents)
        checkpoint.prune(folder, step, self._plan.output.checkpoint_keep, best_step)
        self._events.emit(
            "checkpoint",
            step=step,
            path=str(path.relative_to(run)),
            bytes=size,
            best=True if best_step == step else None,
        )

    def _lora(self, name: str, weights: Weights, best_step: int | None) -> None:
        """Write a LoRA file on the way. Weights too large for its number format only leave it out: training goes on."""
        try:
            self._write(name, weights)
        except TrainingError as error:
            self._events.note(f"Step {weights.step}: {error.reason}", "warn")
            return
        kept = self._plan.output.save_keep
        if kept is not None:
            folder, batches = self._session.run / "output", self._session.batches
            removed = prune(folder, self._plan, batches, weights.step, best_step=best_step)
            for path in removed:
                self._events.emit("unsaved", path=str(path.relative_to(self._session.run)))

    def best(self, best_step: int) -> None:
        """Write the LoRA of the checkpoint that validates best, where that checkpoint can still be read."""
        try:
            found = checkpoint.read(self._session.run / "checkpoints", best_step)
            weights = self.weights(best_step, found.adapter, found.unused)
            self._write(name_of_best(self._plan), weights, best=True)
        except TrainingError as error:
            self._events.note(f"There is no file of the best step {best_step}: {error.reason}", "warn")

    def written(self, name: str, weights: Weights) -> list[Written]:
        """Write the LoRA called `name`, and beside an average, where the plan wants both, the trained weights.

        Raises TrainingError before the first file where a weight is too large, and MachineError for a full disk.
        """
        contents = {name: make_files(self._plan, weights.tensors, weights.origin)}
        ema = self._plan.training.ema
        if ema is not None and ema.save == "both" and weights.unused:
            contents[name_of_raw(name)] = make_files(self._plan, weights.unused, weights.origin)
        folder = self._session.run / "output"
        return [file for each, files in contents.items() for file in write_files(folder, each, files)]

    def _write(self, name: str, weights: Weights, *, best: bool = False) -> None:
        for file in self.written(name, weights):
            self._events.emit(
                "saved",
                step=weights.step,
                epoch=weights.epoch,
                path=str(file.path.relative_to(self._session.run)),
                bytes=file.bytes,
                sha256=file.sha256,
                format=file.format,
                best=True if best else None,
            )


def step_of(path: Path, plan: Plan, batches: BatchSampler) -> int | None:
    """The step after which a LoRA file on the way was made, by its name; None for other files."""
    match = re.fullmatch(
        re.escape(plan.name) + r"-(?:step([0-9]{8,})|([0-9]{6,}))(?:-raw)?(?:\.(?:diffusers|embedding))?\.safetensors",
        path.name,
    )
    if match is None:
        return None
    if match[1]:
        return int(match[1])
    return -(-int(match[2]) * batches.per_epoch // plan.training.gradient_accumulation)


def prune(folder: Path, plan: Plan, batches: BatchSampler, now: int, *, best_step: int | None) -> list[Path]:
    """Remove all but the newest LoRA files on the way, and return what was removed.

    Files of later steps, which an attempt that was killed has left, are written again when the run comes to them.
    """
    found = {path: step_of(path, plan, batches) for path in sorted(folder.iterdir()) if path.is_file()}
    steps = sorted({step for step in found.values() if step is not None and step <= now}, reverse=True)
    kept = {best_step, *steps[: plan.output.save_keep]}
    removed = [path for path, step in found.items() if step in steps and step not in kept]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed
