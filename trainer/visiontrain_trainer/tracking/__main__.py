"""Hands the values of a run to a tracker (W&B or trackio), as a program of its own: it can hang or die without the run.

    python -m visiontrain_trainer.tracking wandb < lines of JSON

Each line says what to do: `start` once, then `log` and `image`, at last `end`. Problems go to stderr, one line each.
The working directory is the run folder, which may be moved meanwhile; paths of images start there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


class Wandb:
    """Weights & Biases. The key is found by the package itself: in its variable, or where `wandb login` put it."""

    def __init__(self, start: dict[str, Any]) -> None:
        import wandb

        self.wandb = wandb
        settings = wandb.Settings(console="off", silent=True, init_timeout=120, disable_git=True, disable_code=True)
        self.run = wandb.init(
            project=start["project"],
            name=start["run"],
            id=start["id"],
            resume="allow",
            mode=start["mode"],
            dir=str(Path.cwd()),
            config=start["config"],
            settings=settings,
        )
        # A run that is resumed goes back to its checkpoint's step, which W&B's own step cannot.
        self.run.define_metric("step")
        self.run.define_metric("*", step_metric="step")

    def log(self, step: int, values: dict[str, float]) -> None:
        self.run.log({**values, "step": step})

    def image(self, step: int, tag: str, path: str) -> None:
        self.run.log({tag: self.wandb.Image(str(Path.cwd() / path)), "step": step})

    def end(self, code: int) -> None:
        self.run.finish(exit_code=code)


class Trackio:
    """trackio: a database on this machine, or a Space of Hugging Face where one is named."""

    def __init__(self, start: dict[str, Any]) -> None:
        import trackio

        self.trackio = trackio
        space = {} if start["mode"] == "offline" or not start.get("space") else {"space_id": start["space"]}
        trackio.init(
            project=start["project"], name=start["run"], config=start["config"], resume="allow", embed=False, **space
        )

    def log(self, step: int, values: dict[str, float]) -> None:
        self.trackio.log(values, step=step)

    def image(self, step: int, tag: str, path: str) -> None:
        self.trackio.log({tag: self.trackio.Image(str(Path.cwd() / path))}, step=step)

    def end(self, code: int) -> None:
        self.trackio.finish()


TRACKERS = {"wandb": Wandb, "trackio": Trackio}


def main(kind: str) -> int:
    # What packages print is not for the run's log, and their work is not worth a core of the training.
    answers = os.dup(2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    if hasattr(os, "nice"):
        os.nice(10)
    tracker = None
    for line in sys.stdin:
        order = json.loads(line)
        what = order.pop("do")
        try:
            if what == "start":
                tracker = TRACKERS[kind](order)
            elif tracker is not None and what in ("log", "image", "end"):
                getattr(tracker, what)(**order)
        except Exception as error:
            os.write(answers, f"{type(error).__name__}: {' '.join(str(error).split())[:400]}\n".encode())
            return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    # Threads of the packages must not hold up the end.
    os._exit(code)
