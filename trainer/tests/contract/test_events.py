"""Events: lines stay whole whatever happened before, a full disk is reported, and progress events stay few."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run, read_events
from tests.run.test_exact import TRAINER
from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.contract.events import Events, Progress


def test_progress_is_said_once_a_second_and_at_its_end(tmp_path: Path, monkeypatch: Any) -> None:
    clock = [100.0]
    monkeypatch.setattr("visiontrain_trainer.contract.events.time.monotonic", lambda: clock[0])
    events = Events(tmp_path / "events.jsonl")
    # A thousand images come from the cache at once, the next two take four seconds each to encode, and the last ends
    # the count.
    progress = Progress(events, "images", 1003)
    for seconds in [0.001] * 1000 + [4, 4, 0.5]:
        clock[0] += seconds
        progress.advance()
    events.close()
    said = [(e["done"], e.get("rate")) for e in read_events(tmp_path)]
    assert said[0] == (0, None) and said[-1][0] == 1003
    assert [done for done, _ in said[1:-1]] == [1000, 1001, 1002]
    assert said[1][1] == 1000 and said[-1][1] == pytest.approx(1003 / 9.5, abs=1e-3)


def test_progress_tells_the_rate_of_what_is_done_now(tmp_path: Path, monkeypatch: Any) -> None:
    clock = [100.0]
    monkeypatch.setattr("visiontrain_trainer.contract.events.time.monotonic", lambda: clock[0])
    events = Events(tmp_path / "events.jsonl")
    progress = Progress(events, "images", 2000)
    for seconds in [0.001] * 1000 + [4] * 12:
        clock[0] += seconds
        progress.advance()
    events.close()
    assert read_events(tmp_path)[-1]["rate"] == 0.25


def test_an_event_is_not_lost_to_one_that_found_no_room(tmp_path: Path, monkeypatch: Any) -> None:
    events = Events(tmp_path / "events.jsonl")
    write, room = os.write, [10]

    def full(fd: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: room.pop()])

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(MachineError, match="No space left"):
            events.emit("heartbeat", phase="train")
    events.emit("checkpoint", step=1, path="checkpoints/step-000001", bytes=1)
    events.emit("note", level="info", text="on")
    events.close()
    lines = (tmp_path / "events.jsonl").read_bytes().split(b"\n")
    assert len(lines[0]) == 10 and [json.loads(line)["type"] for line in lines[1:-1]] == ["checkpoint", "note"]


def test_events_go_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = Events(path)
    first.emit("note", level="info", text="é" * 40_000)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"v":1,"seq":2,"t":1,"type":"no')
    second = Events(path)
    second.emit("step", step=1, loss=float("nan"))
    second.close()
    lines = path.read_bytes().split(b"\n")
    assert json.loads(lines[0])["seq"] == 1 and json.loads(lines[2])["seq"] == 2
    assert json.loads(lines[2])["loss"] is None and len(lines) == 4


def test_no_room_for_another_event_ends_with_the_machines_code(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    """When neither events nor the log can be written, the exit code alone tells, and the last line stays complete."""
    plan = plan_for(output={"checkpoint_every": 0})
    train_here(plan, "warm")
    folder = prepare_run(tmp_path / "run", plan)
    room = 1 << 16
    line = b'{"v":1,"seq":1,"t":1,"type":"heartbeat","phase":"load"}\n'
    (folder / "events.jsonl").write_bytes(line * (room // len(line)))
    (folder / "trainer.log").write_bytes(b"." * room)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    with (folder / "trainer.log").open("ab") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "visiontrain_trainer", str(folder)],
            env={**os.environ, "PYTHONPATH": str(TRAINER), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=log,
            preexec_fn=limit,
        )
    assert ended.returncode == 3
    assert (folder / "trainer.log").stat().st_size == room
    assert not list((folder / "output").iterdir())


def test_no_room_for_an_event_is_said_in_words(tmp_path: Path, monkeypatch: Any) -> None:
    events = Events(tmp_path / "events.jsonl")
    events.emit("phase", phase="load")
    monkeypatch.setattr(os, "write", _full)
    with pytest.raises(MachineError, match=r"events\.jsonl: cannot be written \(No space left on device\)"):
        events.emit("phase", phase="train")
    monkeypatch.undo()
    events.close()


def _full(*_: Any) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
