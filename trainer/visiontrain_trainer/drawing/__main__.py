"""`python -m visiontrain_trainer.drawing JOB`: draw samples. Exit codes 0, 3, 5; lines of JSON on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, TrainingError, is_out_of_memory, no_memory
from visiontrain_trainer.base.libraries import cannot_import


def say(type: str, **payload: Any) -> None:
    print(json.dumps({"type": type, **payload}), flush=True)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m visiontrain_trainer.drawing JOB", file=sys.stderr)
        return 2
    try:
        _draw(Path(arguments[0]))
    except Exception as error:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        known = _explained(error)
        say("error", **known.told())
        return known.code
    say("done")
    return 0


def _draw(path: Path) -> None:
    from .job import read_job

    job = read_job(path)
    resources = job.plan.resources
    # OpenMP reads this variable when torch is imported.
    os.environ["OMP_NUM_THREADS"] = str(resources.threads)
    try:
        from visiontrain_trainer.compute.device import prepare_environment

        prepare_environment(resources)
        from .work import draw
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise cannot_import(error) from error
    draw(job, say)


def _explained(error: Exception) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    if is_out_of_memory(error):
        return no_memory("There is not enough memory to load the base model.", error)
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if isinstance(error, OSError):
        return MachineError("A sample could not be written, or a file not read.", [first], id="disk/write-failed")
    return TrainingError(f"Drawing failed unexpectedly: {first}", [type(error).__name__], id="sample/failed")


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(exit_code)
