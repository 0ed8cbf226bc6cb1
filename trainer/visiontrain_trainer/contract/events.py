"""Writer of RUN/events.jsonl (contract: `src/engine/events/schema.ts`): one line, one write, in append mode."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.files import open_regular

from .beside import Beside

HEARTBEAT_SECONDS = 15.0
#: Seconds between two looks for lines that the supervisor has for this file.
_LOOK_SECONDS = 1.0
_TAIL = 1 << 16
#: Most bytes at the end of the file that are searched for a whole line. No event is this long.
_MOST_TAIL = 1 << 24


def _finite(value: Any) -> Any:
    """`value` with None in the place of each NaN or infinity, which JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _last_line(file: int) -> tuple[int, bool]:
    """(`seq` of the last whole line, or 0 without one; whether the file ends in the middle of a line)."""
    size = os.fstat(file).st_size
    partial, window = False, _TAIL
    while True:
        text = os.pread(file, window, max(0, size - window))
        partial = bool(text) and not text.endswith(b"\n")
        lines = text.split(b"\n")[: -1 if partial else None]
        for line in reversed(lines):
            try:
                return int(json.loads(line)["seq"]), partial
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        if window >= min(size, _MOST_TAIL):
            return 0, partial
        window *= 4


class Events:
    """Appends events to `path`, numbered on from the last complete line. `enabled=False` (rank above 0) writes nothing.

    A thread adds a heartbeat every HEARTBEAT_SECONDS, and the lines that the supervisor has for this file meanwhile.
    Raises MachineError when the file cannot be opened for writing.
    """

    def __init__(self, path: Path, *, enabled: bool = True) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._phase: str = "load"
        self._step: int | None = None
        self._path = path
        #: Finds the run folder's path in /proc, which means nothing to a reader of events. None for an ordinary path.
        self._held = re.compile(re.escape(str(path.parent)) + r"(?!\d)") if path.is_relative_to("/proc") else None
        self._fd: int | None = None
        #: Whether the file ends in the middle of a line, so that the next event must start on a new line.
        self._torn = False
        if not enabled:
            return
        try:
            self._fd = open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        except OSError as error:
            raise MachineError(
                f"{path.resolve()}: events cannot be written there ({error.strerror}).",
                next_steps=["Look at it, and remove it if you do not know it."],
                id="disk/write-failed",
            ) from error
        self._seq, partial = _last_line(self._fd)
        if partial:
            # An earlier writer died in the middle of a line. Ending the line makes readers skip it and nothing else.
            self._write(b"\n")
        self._beside = Beside(path.parent / "control", os.environ)
        self._beat = threading.Thread(target=self._heartbeat, daemon=True, name="heartbeat")
        self._beat.start()

    @property
    def phase(self) -> str:
        """The phase last reported, "load" before the first."""
        return self._phase

    @property
    def last_step(self) -> int:
        """The last step reported, 0 before the first."""
        return self._step or 0

    def emit(self, type: str, **payload: Any) -> None:
        """Append one event. Keys whose value is None are left out. Raises MachineError when the disk is full."""
        if self._fd is None:
            return
        body = {key: _finite(value) for key, value in payload.items() if value is not None}
        with self._lock:
            if self._fd is None:
                return
            self._seq += 1
            seq = self._seq
            line = {"v": 2, "seq": seq, "t": round(time.time(), 3), "type": type, **body}
            self._write((self._named(json.dumps(line, ensure_ascii=False, allow_nan=False)) + "\n").encode())
        if type == "phase":
            self._phase = str(payload["phase"])
        elif type in ("step", "start"):
            self._step = payload["step"]
        self._beside.wait_after(type, seq)

    def _named(self, text: str) -> str:
        """`text` (JSON) with the run folder's path in /proc replaced by the folder's real path at this moment."""
        if self._held is None or not self._held.search(text):
            return text
        now = json.dumps(str(self._path.parent.resolve()), ensure_ascii=False)[1:-1]
        return self._held.sub(lambda _: now, text)

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        try:
            # A short write happens only when the disk fills up. Writing the rest then raises an OSError that says so.
            while line:
                rest = line[os.write(self._fd, line) :]  # type: ignore[arg-type]
                line, self._torn = rest, bool(rest)
        except OSError as error:
            raise MachineError(
                f"{self._path}: cannot be written ({error.strerror}); what the last checkpoint holds is safe.",
                next_steps=["Free some disk space, then `visiontrain resume`."],
                id="disk/write-failed",
            ) from error

    def note(self, text: str, level: str = "info") -> None:
        """Emit one sentence for the person; `level` is "info" or "warn"."""
        self.emit("note", level=level, text=text)

    def _heartbeat(self) -> None:
        beaten = time.monotonic()
        while not self._done.wait(_LOOK_SECONDS):
            # A full disk is no failure of a heartbeat: the run's next event reports it, if the disk is still full.
            with contextlib.suppress(MachineError):
                for kind, payload in self._beside.take():
                    self.emit(kind, **payload)
                if time.monotonic() - beaten >= HEARTBEAT_SECONDS:
                    beaten = time.monotonic()
                    self.emit("heartbeat", phase=self._phase, step=self._step)

    def close(self) -> None:
        """Flush to disk and stop the heartbeat. Safe to call twice."""
        self._done.set()
        with self._lock:
            if self._fd is not None:
                with contextlib.suppress(OSError):
                    os.fsync(self._fd)
                os.close(self._fd)
                self._fd = None


class Progress:
    """Emits `progress` events for countable work: at its start, at its end, and at most once a second between.

    The rate (units per second) is taken over the last ten events, because entries found in the cache pass a thousand
    times as fast as entries that must be encoded.
    """

    def __init__(self, events: Events, unit: str, total: int) -> None:
        self._events, self._unit, self._done, self._total = events, unit, 0, total
        self._said: deque[tuple[float, int]] = deque(maxlen=10)
        self._say(time.monotonic())

    def advance(self) -> None:
        """Count one more unit as done."""
        self._done += 1
        now = time.monotonic()
        if self._done == self._total or now - self._said[-1][0] >= 1:
            self._say(now)

    def _say(self, now: float) -> None:
        began, before = self._said[0] if self._said else (now, 0)
        rate = round((self._done - before) / (now - began), 3) if now - began >= 1 else None
        self._said.append((now, self._done))
        self._events.emit("progress", phase="cache", unit=self._unit, done=self._done, total=self._total, rate=rate)
