"""`python -m visiontrain_trainer.captioning JOB`: caption what the job names. Exit codes 0, 3, 5; lines on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path

from visiontrain_trainer.base.errors import MachineError, TrainerError, is_out_of_memory
from visiontrain_trainer.base.libraries import cannot_import


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m visiontrain_trainer.captioning JOB", file=sys.stderr)
        return 2
    from .report import Report

    report = Report()
    try:
        # Pillow and numpy are imported here, so that a Python without them is told by its cause.
        from .job import read_job
        from .work import do_job

        do_job(read_job(Path(arguments[0])), report)
    except Exception as error:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        report.error(_explained(error))
        return _explained(error).code
    report.line("done")
    return 0


def _explained(error: Exception) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    if isinstance(error, ImportError):
        return cannot_import(error)
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if is_out_of_memory(error):
        return MachineError("There is not enough memory to caption.", [first])
    return TrainerError(f"Captioning failed unexpectedly: {first}", [type(error).__name__])


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(exit_code)
