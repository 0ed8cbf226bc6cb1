"""`python -m visiontrain_trainer.inspection JOB`: look at what the job names. Exit codes 0, 3, 5; lines on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from visiontrain_trainer.captioning.report import Report, run_job


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m visiontrain_trainer.inspection JOB", file=sys.stderr)
        return 2

    def work(report: Report) -> None:
        # Pillow and numpy are imported here, so that a Python without them is told by its cause.
        from .job import read_look_job
        from .work import do_look_job

        do_look_job(read_look_job(Path(arguments[0])), report)

    return run_job(work, "Looking")


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(exit_code)
