"""Heartbeats between the processes of a run: whether all have come, and whether one has gone without a word.

A collective operation waits for a process that was stopped, or whose machine went down, until its own time limit, which
must be longer than the longest work that one process does alone. A thread of each process therefore counts up a number
in the store that the launcher keeps, and looks at those of the others.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch

from visiontrain_trainer.base.errors import TrainerError, TrainingError


def lost_process(who: str, detail: str) -> TrainingError:
    """The error for a process that has gone without a word."""
    return TrainingError(
        f"{who} is gone: all of them end.",
        [detail],
        ["See why it went, then go on from the last checkpoint with `visiontrain resume`."],
        id="training/lost-process",
    )


def _store(seconds: float) -> Any:
    """A second connection to the launcher's store, because PyTorch's own is blocked while one of its calls waits.

    A call on it that takes longer than `seconds` raises RuntimeError.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return torch.distributed.TCPStore(host, port, is_master=False, timeout=timedelta(seconds=seconds))


def wait_for_all(rank: int, count: int, seconds: float) -> None:
    """Wait at most `seconds` until all `count` processes have started.

    Raises TrainingError naming those that have not.
    """
    attempt = os.environ.get("TORCHELASTIC_RUN_ID", "")
    keys = [f"visiontrain/{attempt}/here/{other}" for other in range(count)]
    store = None
    try:
        store = _store(seconds)
        store.set(keys[rank], "1")
        store.wait(keys, timedelta(seconds=seconds))
    except RuntimeError as error:
        missing = []
        if store is not None:
            missing = [str(i) for i, key in enumerate(keys) if not store.check([key])]
        raise TrainingError(
            f"Not all of the {count} processes came within {seconds:g} s"
            + (f": {', '.join(missing)} did not." if missing else "."),
            [str(error).split("\n")[0][:300]],
            [
                "Start the same command on every node, with the same rendezvous and each with its own number.",
                "Each node must reach the first at that address and port.",
            ],
            id="training/rendezvous",
        ) from error


def watch(rank: int, count: int, limit: float, lost: Callable[[TrainerError], None]) -> None:
    """Start the heartbeat of this process, and watch those of the others.

    `lost` is called once, in the thread of the heartbeat, when another process has had none for `limit` seconds or the
    launcher's store is gone.
    """
    thread = threading.Thread(target=_beat, args=(rank, count, limit, lost), name="heartbeat", daemon=True)
    thread.start()


def _beat(rank: int, count: int, limit: float, lost: Callable[[TrainerError], None]) -> None:
    attempt = os.environ.get("TORCHELASTIC_RUN_ID", "")
    others = [other for other in range(count) if other != rank]
    seen = {other: ("", time.monotonic()) for other in others}
    beats = 0
    try:
        store = _store(limit)
        while True:
            store.set(f"visiontrain/{attempt}/beat/{rank}", str(beats))
            beats += 1
            began = time.monotonic()
            for other in others:
                key = f"visiontrain/{attempt}/beat/{other}"
                beat = store.get(key).decode() if store.check([key]) else ""
                if beat != seen[other][0]:
                    seen[other] = (beat, time.monotonic())
            late = [other for other in others if time.monotonic() - seen[other][1] > limit]
            if late:
                lost(lost_process(f"Process {late[0]} of {count}", f"It gave no sign of life for {limit:g} s."))
                return
            time.sleep(max(0.0, min(5.0, limit / 6) - (time.monotonic() - began)))
            # This process itself was stopped for long (Ctrl-Z, a machine asleep). Its record of the others is out of
            # date, so each of them gets the whole limit again.
            if time.monotonic() - began > limit / 2:
                seen = {other: (beat, time.monotonic()) for other, (beat, _) in seen.items()}
    except RuntimeError as error:
        lost(lost_process("The launcher of the first node", str(error).split("\n")[0][:300]))
