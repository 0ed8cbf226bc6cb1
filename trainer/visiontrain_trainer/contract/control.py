"""Requests to the running trainer: files RUN/control/{stop,save,sample} and the signals SIGTERM and SIGINT."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from visiontrain_trainer.base.errors import Stopped, TakenOver
from visiontrain_trainer.base.files import is_plain

REQUESTS = ("stop", "save", "sample")


_LOOK_SECONDS = 1.0


def _newest(attempts: Path) -> int:
    """The highest attempt number in the folder; 0 when there is none."""
    try:
        names = [path.name for path in attempts.iterdir()]
    except OSError:
        return 0
    return max((int(name[:-5]) for name in names if re.fullmatch(r"[1-9][0-9]{0,5}\.json", name)), default=0)


class Control:
    """Requests of a person to a running trainer. `poll` is called once per step: three `stat` calls, no thread.

    The file of a request is removed once the request is carried out (`done`). At most once a second, `poll` also looks
    whether a later attempt of the run has begun: a machine that wakes from sleep must not go on writing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._attempts = folder.parent / "attempts"
        self._attempt = _newest(self._attempts)
        self._looked = time.monotonic()
        self._stop = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Inside this context SIGTERM and SIGINT ask for a stop at the next step instead of killing the process.

        The earlier handlers are restored at its end. With the handlers of this context left in place, the process and
        all processes it forks could no longer be ended by these signals.
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
        """The names of the requests waiting now. Raises TakenOver when a later attempt of the run has begun."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            if _newest(self._attempts) > self._attempt:
                raise TakenOver
        found = {name for name in REQUESTS if is_plain(self._folder / name)}
        return found | {"stop"} if self._stop else found

    def done(self, requests: set[str]) -> None:
        """Remove the files of requests that were carried out."""
        for name in requests:
            (self._folder / name).unlink(missing_ok=True)

    def stop_if_asked(self) -> None:
        """Raises Stopped when a stop is requested. For phases without training state to save, such as caching."""
        if "stop" in self.poll():
            self.done({"stop"})
            raise Stopped


class Unasked(Control):
    """Control for processes of rank above 0. They never poll: rank 0 polls and broadcasts the requests to them."""

    def poll(self) -> set[str]:
        return set()
