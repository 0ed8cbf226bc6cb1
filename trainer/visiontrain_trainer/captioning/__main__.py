"""`python -m visiontrain_trainer.captioning JOB`: caption what the job names. Exit codes 0, 3, 5; lines on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from visiontrain_trainer.base.leave import leave

from .report import Report, run_program


def work(job: Path, report: Report) -> None:
    # Pillow and numpy are imported here, so that a Python without them ends with an error that names them.
    from .job import read_job
    from .work import do_job

    do_job(read_job(job), report)


def main(arguments: list[str]) -> int:
    return run_program(arguments, "captioning", "Captioning", work)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
