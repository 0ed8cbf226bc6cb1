"""Reports to the parent process: one JSON object a line on stdout, which nothing else may write to."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, is_out_of_memory
from visiontrain_trainer.base.libraries import cannot_import
from visiontrain_trainer.base.owner import end_with_owner

#: Least seconds between two lines of progress.
_EVERY = 0.5


class Report:
    """Writes to the stdout that the process started with; whatever libraries print goes to stderr from then on."""

    def __init__(self, stream: int | None = None) -> None:
        if stream is None:
            sys.stdout.flush()
            stream = os.dup(1)
            os.dup2(2, 1)
        self._stream = stream
        self._lock = threading.Lock()
        self._last = 0.0

    def line(self, type: str, **payload: Any) -> None:
        data = (json.dumps({"type": type, **payload}) + "\n").encode()
        with self._lock:
            while data:
                data = data[os.write(self._stream, data) :]

    def progress(self, method: str, done: int, total: int, rate: float | None = None) -> None:
        """Report how many images a method has done. At most one line in a while is printed, but the first and the last
        of a method always are.
        """
        now = time.monotonic()
        if 0 < done < total and now - self._last < _EVERY:
            return
        self._last = now
        self.line("progress", method=method, done=done, total=total, **({} if rate is None else {"rate": rate}))

    def failed(self, path: str, reason: str) -> None:
        """Tell that an image gets no caption, and why."""
        self.line("failed", path=path, reason=reason)

    def error(self, error: TrainerError) -> None:
        self.line("error", **error.as_json())


@contextlib.contextmanager
def sparing_others(report: Report, path: str) -> Iterator[None]:
    """Inside this context an error of the image at `path` is reported and ends, so that the others are done.

    A decoder may raise any exception. Raises what is not the image's fault: TrainerError, and MachineError where memory
    runs out.
    """
    try:
        yield
    except TrainerError:
        raise
    except MemoryError as error:
        raise MachineError("There is not enough memory to read an image.", [path], id="training/memory") from error
    except Exception as error:
        report.failed(path, f"cannot be read ({str(error)[:200]})")


def run_program(arguments: list[str], module: str, what: str, work: Callable[[Path, Report], None]) -> int:
    """Do the job that the only argument names, as `run_job`. Exit code 2 and a line on stderr for other arguments."""
    if len(arguments) != 1:
        print(f"usage: python -m visiontrain_trainer.{module} JOB", file=sys.stderr)
        return 2
    return run_job(lambda report: work(Path(arguments[0]), report), what)


def run_job(work: Callable[[Report], None], what: str) -> int:
    """Do a job and tell its end. `what` names the work in sentences, as in "Captioning". Gives the exit code."""
    end_with_owner()
    report = Report()
    try:
        work(report)
    except Exception as error:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        explained = _explained(error, what)
        report.error(explained)
        return explained.code
    report.line("done")
    return 0


def _explained(error: Exception, what: str) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    if isinstance(error, ImportError):
        return cannot_import(error)
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if is_out_of_memory(error):
        return MachineError(f"There is not enough memory. {what} ended.", [first], id="training/memory")
    return TrainerError(f"{what} failed unexpectedly: {first}", [type(error).__name__], id="bug/trainer")
