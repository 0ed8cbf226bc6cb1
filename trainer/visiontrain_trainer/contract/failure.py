"""How a process of the trainer tells that it failed: the first by the event `result`, the others by a file."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from visiontrain_trainer.base.errors import MachineError, TrainerError
from visiontrain_trainer.base.files import write_atomic

from .events import Events


def is_first() -> bool:
    """Whether this process writes the events and files of the run."""
    return os.environ.get("RANK", "0") == "0"


def tell_failure(run: Path, events: Events, error: TrainerError) -> None:
    """Tell the supervisor of `error`. On a full disk nothing can be told, and the exit code alone says it."""
    # The code that raised the error does not know the run's name, so its commands get the name here.
    name = run.resolve().name
    steps = [step.replace(" resume`", f" resume {name}`") for step in error.next_steps]
    told = {"code": error.code, "id": error.id, "reason": error.reason, "details": error.details, "next_steps": steps}
    with contextlib.suppress(MachineError, OSError):
        if is_first():
            events.emit("result", status="failed", step=events.last_step, **told)
        else:
            rank = int(os.environ["RANK"])
            write_atomic(run / "control" / f"failed-{rank}.json", json.dumps({"rank": rank, **told}).encode())
