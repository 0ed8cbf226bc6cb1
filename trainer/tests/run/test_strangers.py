"""In a run folder from a stranger, no link is followed, no FIFO blocks, and no file is believed unchecked."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run, read_events
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.base.errors import MachineError, TakenOver, TrainingError
from visiontrain_trainer.base.files import hold, write_atomic
from visiontrain_trainer.contract import control
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan, read_plan
from visiontrain_trainer.training import checkpoint


def test_events_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("mine\n")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "profile")
    with pytest.raises(MachineError, match="events cannot be written there"):
        Events(tmp_path / "events.jsonl")
    assert (tmp_path / "profile").read_text() == "mine\n"


def test_a_fifo_is_not_waited_for(plan_for: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(TrainingError, match="no plain file"):
        read_plan(tmp_path / "plan.json")
    (tmp_path / "control").mkdir()
    os.mkfifo(tmp_path / "control" / "stop")
    (tmp_path / "control" / "save").mkdir()
    (tmp_path / "control" / "sample").touch()
    assert Control(tmp_path / "control").poll() == {"sample"}


@pytest.mark.parametrize("name", ["../../portrait", "/portrait", "a/b", "", ".hidden", "a\n", "x" * 101])
def test_a_plan_names_no_file_outside(name: str, plan_for: Any) -> None:
    with pytest.raises(TrainingError, match=r"plan\.json: name"):
        parse_plan({**plan_for(), "name": name})


def test_a_link_at_a_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / f".out.{os.getpid()}.tmp").symlink_to(tmp_path / "thesis")
    write_atomic(tmp_path / "out", b"ours")
    assert (tmp_path / "out").read_bytes() == b"ours" and not (tmp_path / "out").is_symlink()
    assert (tmp_path / "thesis").read_text() == "mine"


def _seal(folder: Path, state: dict[str, Any]) -> None:
    text = json.dumps(state)
    (folder / "state.json").write_text(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")


def test_invalid_checkpoints_are_passed_over(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    train_here(plan_for(output={"checkpoint_keep": 5}), "run")
    folder = tmp_path / "run" / "checkpoints"
    (folder / "step-000099").symlink_to(folder / "step-000006")
    (folder / "step-²").mkdir()
    (folder / "step-7").mkdir()
    # The seal fits, because whoever writes a checkpoint can compute it: it is no secret.
    for step, state in ((97, []), (96, {"files": {}, "step": 96}), (95, {"files": {"../../x": "0"}, "step": 95})):
        (folder / f"step-{step:06d}").mkdir()
        _seal(folder / f"step-{step:06d}", state)  # type: ignore[arg-type]
    (folder / "step-000094").mkdir()
    os.mkfifo(folder / "step-000094" / "state.json")
    assert checkpoint.all_steps(folder)[:4] == [97, 96, 95, 94]
    found, damaged = checkpoint.newest(folder, "0" * 64)
    assert found is not None and found.step == 6 and len(damaged) == 4


def test_a_later_attempt_ends_this_one_without_a_word(plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    for number in ("1.json", "9007199254740992.json", "x.json"):
        (attempts / number).touch()
    monkeypatch.setattr(control, "_LOOK_SECONDS", 0)
    requests = Control(tmp_path / "control")
    assert requests.poll() == set()
    (attempts / "2.json").touch()
    with pytest.raises(TakenOver):
        requests.poll()


def test_a_run_that_is_moved_goes_on_where_it_is(plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    run = prepare_run(tmp_path / "run", plan_for())
    moved = tmp_path / "moved"
    emit, done = Events.emit, []

    def emit_and_move(self: Events, type: str, **payload: Any) -> None:
        emit(self, type, **payload)
        if type == "step" and not done:
            done.append(run.rename(moved))

    monkeypatch.setattr(Events, "emit", emit_and_move)
    assert main([str(run)]) == 0
    assert not run.exists()
    events = read_events(moved)
    assert events[-1]["type"] == "result" and events[-1]["status"] == "finished"
    written = [event["path"] for event in events if event["type"] in ("output", "checkpoint")]
    assert written and all((moved / path).exists() for path in written)


def test_messages_name_the_folder_where_it_is_now(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    held = hold(folder)
    events = Events(held / "events.jsonl")
    folder.rename(tmp_path / 'na"me')
    events.note(f"{held}/checkpoints: damaged")
    events.close()
    assert read_events(tmp_path / 'na"me')[0]["text"] == str(tmp_path / 'na"me' / "checkpoints: damaged")


def test_the_cache_is_that_of_the_person_who_resumes(plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    plan = plan_for()
    plan["resources"]["cache_dir"] = str(tmp_path / "theirs")
    monkeypatch.setenv("VISIONTRAIN_CACHE_DIR", str(tmp_path / "ours"))
    assert main([str(prepare_run(tmp_path / "run", plan))]) == 0
    assert any((tmp_path / "ours").rglob("*.safetensors")) and not (tmp_path / "theirs").exists()


def test_looking_for_a_later_attempt_costs_no_step_anything(tmp_path: Path, monkeypatch: Any) -> None:
    looked = []
    monkeypatch.setattr(control, "_newest", lambda folder: looked.append(folder) or 0)
    now = [time.monotonic()]
    monkeypatch.setattr(control.time, "monotonic", lambda: now[0])
    requests = Control(tmp_path / "control")
    for _ in range(100):
        requests.poll()
    now[0] += 2
    requests.poll()
    assert len(looked) == 2
