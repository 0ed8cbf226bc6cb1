"""Reads what the supervisor tells a running trainer about hooks: files in RUN/control (`src/engine/supervisor`).

The supervisor hands over lines for events.jsonl, because that file has one writer at a time, and the number of the
last event that all hooks have handled, because training waits for some hooks. Neither changes what is trained.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.files import is_plain, open_regular

#: Seconds between two looks whether the hooks have handled an event.
_LOOK_SECONDS = 0.05
#: Most bytes that are read of one of the supervisor's files.
_MOST = 1 << 20
#: Types of events that the supervisor may have written.
_TYPES = ("note", "metric")


def _read(path: Path) -> bytes:
    """The content of a plain file; empty where there is none."""
    if not is_plain(path):
        return b""
    with contextlib.suppress(OSError):
        file = open_regular(path, os.O_RDONLY)
        try:
            return os.read(file, _MOST)
        finally:
            os.close(file)
    return b""


class Beside:
    """Reads the supervisor's files in the folder `control`.

    VISIONTRAIN_WAIT_AFTER in `environment` names the types of events after which training waits for hooks, with
    commas between them, and VISIONTRAIN_WAIT_SECONDS the most seconds of one wait.
    """

    def __init__(self, control: Path, environment: Mapping[str, str]) -> None:
        self._told = control / "told"
        self._handled = control / "handled"
        self._after = frozenset(filter(None, environment.get("VISIONTRAIN_WAIT_AFTER", "").split(",")))
        seconds = environment.get("VISIONTRAIN_WAIT_SECONDS", "0")
        self._seconds = float(seconds) if seconds.isdigit() else 0.0

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """The lines that the supervisor has for events.jsonl, as (type, payload). Its file is removed."""
        text = _read(self._told)
        if not text:
            return []
        self._told.unlink(missing_ok=True)
        lines = []
        with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
            for line in json.loads(text):
                kind = line.pop("type")
                if kind in _TYPES:
                    lines.append((kind, line))
        return lines

    def wait_after(self, kind: str, seq: int) -> None:
        """Wait until the hooks have handled the event `seq`; return at once for a kind that nothing waits after.

        The supervisor ends each hook in time. If the supervisor itself is gone, the wait ends after the time that
        all hooks together could have taken.
        """
        if kind not in self._after:
            return
        limit = time.monotonic() + self._seconds
        while time.monotonic() < limit:
            done = _read(self._handled)
            if done.isdigit() and int(done) >= seq:
                return
            time.sleep(_LOOK_SECONDS)
