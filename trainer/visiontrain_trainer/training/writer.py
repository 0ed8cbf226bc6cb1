"""Writes files in a thread of its own, so that the next step need not wait for conversions, hashes and the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class Writer:
    """Carries out one job after another beside the training. What a job reads must be its own copy.

    At most one job is under way: `submit` waits for the one before it, so that copies never pile up in memory. An error
    of a job is raised by the next `check`, `submit` or `wait`. Used as a context, it waits for the last job at its end,
    and raises that job's error unless the context itself ends with another error.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """Begin a job. Raises the error of the job before it."""
        self.wait()
        self._thread = threading.Thread(target=self._run, args=(job,), name="writer", daemon=True)
        self._thread.start()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            self._error = error

    def check(self) -> None:
        """Raises the error of a job that has ended with one. Does not wait."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def wait(self) -> None:
        """Wait until the last job is done. Raises its error."""
        self._join()
        self.check()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._join()
        if error is None:
            self.check()
