"""`python -m visiontrain_trainer.drawing JOB SHA256`: draw samples. Exit codes 0, 3, 5; lines of JSON on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, TrainingError, is_out_of_memory, no_memory
from visiontrain_trainer.base.leave import leave
from visiontrain_trainer.compute.program import run_and_tell, say, with_torch


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m visiontrain_trainer.drawing JOB SHA256", file=sys.stderr)
        return 2
    return run_and_tell(lambda: _draw(Path(arguments[0]), arguments[1]), _explained)


def _draw(path: Path, sha256: str) -> None:
    from .job import read_job

    job = read_job(path, sha256)
    with_torch(job.plan.resources, _work)(job, say)


def _work() -> Callable[..., Any]:
    from .work import draw

    return draw


def _explained(error: Exception) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    if is_out_of_memory(error):
        return no_memory("There is not enough memory to load the base model.", error, id="sample/memory")
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if isinstance(error, OSError):
        return MachineError("A sample could not be written, or a file not read.", [first], id="disk/write-failed")
    return TrainingError(f"Drawing failed unexpectedly: {first}", [type(error).__name__], id="sample/failed")


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
