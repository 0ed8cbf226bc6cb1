"""Requests to the running trainer: files RUN/control/{stop,save,sample} and the signals SIGTERM and SIGINT."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from .errors import Stopped

REQUESTS = ("stop", "save", "sample")


class Control:
    """`poll()` is called once per step: three `stat` calls, no thread. A request's file is removed when acted on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within it SIGTERM and SIGINT ask for a stop at the next step instead of killing the process.

        What was called before is called again after it: a process that went on with these handlers, and whatever it
        forks, could not be ended any more.
        """
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                # None stands for a handler that was not set from Python, which cannot be set from here again.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def poll(self) -> set[str]:
        """The requests that are waiting now."""
        found = {name for name in REQUESTS if (self._folder / name).exists()}
        return found | {"stop"} if self._stop else found

    def done(self, requests: set[str]) -> None:
        for name in requests:
            (self._folder / name).unlink(missing_ok=True)

    def stop_if_asked(self) -> None:
        """For stretches without training state (caching): raises Stopped."""
        if "stop" in self.poll():
            self.done({"stop"})
            raise Stopped


class Unasked(Control):
    """Of processes beside the first: that one is asked, and they hear of it from it."""

    def poll(self) -> set[str]:
        return set()
