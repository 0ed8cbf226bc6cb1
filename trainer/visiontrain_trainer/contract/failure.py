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
    """Tell the supervisor of `error`. On a full disk nothing can be written, and only the exit code tells it."""
    # The code that raised the error does not know the run's name, so its commands get the name here.
    name = run.resolve().name
    steps = [step.replace(" resume`", f" resume {name}`") for step in error.next_steps]
    failure = error.as_json() | {"next_steps": steps}
    with contextlib.suppress(MachineError, OSError):
        if is_first():
            events.emit("result", status="failed", step=events.last_step, **failure)
        else:
            rank = int(os.environ["RANK"])
            write_atomic(run / "control" / f"failed-{rank}.json", json.dumps({"rank": rank, **failure}).encode())
