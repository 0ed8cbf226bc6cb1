"""A run resumes after a stop or with a damaged checkpoint. A sample that fails changes nothing of the training."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run, read_events
from tests.run.test_exact import TRAINER, _stop_after
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.base.errors import MachineError, Stopped, TrainingError
from visiontrain_trainer.contract.control import Control, Unasked
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.training import checkpoint


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("adapter.safetensors", _flip_a_bit, "adapter.safetensors does not match its checksum"),
        ("optimizer.safetensors", lambda path: os.truncate(path, 100), "optimizer.safetensors does not match"),
        ("optimizer.safetensors", os.unlink, "No such file"),
        ("state.json", lambda path: path.write_text("{}"), "damaged"),
        ("state.json", lambda path: path.write_text(path.read_text().replace('"step": 6', '"step": 5')), "checksum"),
        ("state.json", lambda path: path.write_bytes(b"\xff\x00\n\n"), "damaged"),
        ("state.json", os.unlink, "No such file"),
    ],
)
def test_damaged_newest_checkpoint_falls_back(
    file: str, damage: Any, said: str, train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    plan = plan_for(output={"checkpoint_keep": 5})
    whole = train_here(plan, "run")
    folder = tmp_path / "run" / "checkpoints"
    damage(folder / "step-000006" / file)
    again = train_here(plan, "run")
    assert again.sha256 == whole.sha256
    notes = [e["text"] for e in again.of("note") if e["level"] == "warn"]
    assert len(notes) == 1 and "step-000006 is damaged" in notes[0] and said in notes[0]
    assert [e["step"] for e in again.of("start")] == [0, 4]
    assert checkpoint.newest(folder, "0" * 64)[0].step == 6  # type: ignore[union-attr] # made again, and whole


def test_without_a_whole_checkpoint_the_run_begins_anew(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    whole = train_here(plan_for(), "run")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        _flip_a_bit(path / "adapter.safetensors")
    again = train_here(plan_for(), "run")
    assert again.sha256 == whole.sha256
    assert [e["step"] for e in again.of("start")] == [0, 0]


def test_a_checkpoint_of_another_spec_is_refused(train_here: Any, plan_for: Any) -> None:
    train_here(plan_for(), "run")
    with pytest.raises(TrainingError, match=r"another run\.yaml"):
        train_here(plan_for(spec_sha256="1" * 64), "run")


def test_old_checkpoints_go_and_leftovers_too(train_here: Any, plan_for: Any, tmp_path: Path, images: Any) -> None:
    samples = [{**s, "validation": i == 0} for i, s in enumerate(images[1])]
    plan = plan_for(
        data={"images": samples},
        training={"steps": 9, "learning_rate": 3.0, "schedule": "constant"},
        output={"checkpoint_every": 1, "checkpoint_keep": 2},
    )
    left = tmp_path / "run" / "checkpoints" / ".step-000001.tmp"
    left.mkdir(parents=True)
    run = train_here(plan)
    best = run.of("learned")[0]["best_step"]
    curve = {e["step"]: e["loss"] for e in run.of("validation")}
    assert curve[best] == min(curve[s] for s in curve if s > 0)
    assert sorted(checkpoint.all_steps(tmp_path / "run" / "checkpoints")) == sorted({8, 9, best})
    assert not left.exists()
    assert [e["step"] for e in run.of("checkpoint") if e.get("best")][-1] == best


def test_a_damaged_checkpoint_that_was_passed_over_displaces_none(tmp_path: Path) -> None:
    for step in (100, 200):
        checkpoint.save(tmp_path, step, checkpoint.Contents({}, {}, {}, {}))
    # The checkpoint of step 200 was damaged, so the run went on from step 100.
    checkpoint.save(tmp_path, 150, checkpoint.Contents({}, {}, {}, {}))
    checkpoint.prune(tmp_path, 150, keep=1, best=100)
    assert checkpoint.all_steps(tmp_path) == [150, 100]


@pytest.mark.parametrize(("before", "words"), [((), "there is none before it"), ((3, 5), "that of step 5 is whole")])
def test_a_checkpoint_that_the_disk_does_not_take(
    before: tuple[int, ...], words: str, tmp_path: Path, monkeypatch: Any
) -> None:
    for step in before:
        checkpoint.save(tmp_path, step, checkpoint.Contents({}, {}, {}, {}))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "write_atomic", full)
    with pytest.raises(MachineError, match=f"step-000009: .*No space left on device.*; {words}"):
        checkpoint.save(tmp_path, 9, checkpoint.Contents({}, {}, {}, {}))
    assert checkpoint.all_steps(tmp_path) == sorted(before, reverse=True)


def test_control_files_save_and_sample(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", plan_for())
    for name in ("save", "sample"):
        (folder / "control" / name).touch()
    run = train_here(plan_for(samples={"prompts": ["zwx"]}, output={"checkpoint_every": 0}))
    assert [e["step"] for e in run.of("checkpoint")] == [0, 6]
    assert [(e["step"], e["adapter"]) for e in run.of("sample")] == [(0, False), (0, True), (6, True)]
    assert not list((folder / "control").iterdir())


def test_control_files_act_at_the_next_step(train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    control = prepare_run(tmp_path / "run", plan_for()) / "control"
    emit = Events.emit

    def asking(self: Events, type: str, **payload: Any) -> None:
        emit(self, type, **payload)
        if type == "step" and payload["step"] in (3, 5):
            for name in ("save", "sample") if payload["step"] == 3 else ("stop",):
                (control / name).touch()

    monkeypatch.setattr(Events, "emit", asking)
    run = train_here(plan_for(samples={"prompts": ["zwx"]}, output={"checkpoint_every": 0}))
    assert run.code == 75 and run.events[-1]["status"] == "stopped" and run.events[-1]["step"] == 5
    assert [e["step"] for e in run.of("checkpoint")] == [3, 5]
    assert [(e["step"], e["adapter"]) for e in run.of("sample")] == [(0, False), (3, True)]
    assert not list(control.iterdir())
    assert sorted(p.name[-13:] for p in (run.folder / "output").iterdir()) == ["3.safetensors", "5.safetensors"]


def test_a_stop_while_images_are_encoded_leaves_a_run_that_can_go_on(
    plan_for: Any, train_here: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    plan = plan_for(resources={"cache_dir": str(tmp_path / "cache")})
    folder = prepare_run(tmp_path / "run", plan)
    emit = Events.emit

    def asking(self: Events, type: str, **payload: Any) -> None:
        emit(self, type, **payload)
        if type == "progress" and payload["unit"] == "images":
            (folder / "control" / "stop").touch()

    with monkeypatch.context() as patch:
        patch.setattr(Events, "emit", asking)
        assert main([str(folder)]) == 75
    events = read_events(folder)
    assert (events[-1]["status"], events[-1]["step"]) == ("stopped", 0)
    assert not any(e["type"] in ("start", "checkpoint") for e in events)
    assert not list((folder / "control").iterdir())
    assert main([str(folder)]) == 0
    assert (
        train_here(plan_for(), "straight").sha256
        == [e for e in read_events(folder) if e["type"] == "output"][0]["sha256"]
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_exit_75(number: signal.Signals, plan_for: Any, tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", plan_for(training={"steps": 100_000}))
    process = subprocess.Popen(
        [sys.executable, "-m", "visiontrain_trainer", str(folder)], env={**os.environ, "PYTHONPATH": str(TRAINER)}
    )
    while not any(e["type"] == "step" for e in (read_events(folder) if (folder / "events.jsonl").exists() else [])):
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait() == 75
    last = read_events(folder)[-1]
    assert (last["type"], last["status"], last["code"]) == ("result", "stopped", 75)
    assert checkpoint.newest(folder / "checkpoints", "0" * 64)[0].step == last["step"]  # type: ignore[union-attr]


def test_only_the_first_process_is_asked_to_stop(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    Unasked(tmp_path).stop_if_asked()
    assert (tmp_path / "stop").exists()
    with pytest.raises(Stopped):
        Control(tmp_path).stop_if_asked()
    assert not (tmp_path / "stop").exists()


def test_a_failing_sample_does_not_end_the_run(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", plan_for())
    for step in (3, 6):
        (folder / "samples" / f"step-{step:06d}-0.png" / "in the way").mkdir(parents=True)
    run = train_here(plan_for(samples={"prompts": ["zwx"], "every": 3}))
    assert run.code == 0
    assert [e["step"] for e in run.of("sample_failed")] == [3, 6]


def test_no_kind_of_failing_sample_ends_the_run(train_here: Any, plan_for: Any, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("prompt")

    quiet = train_here(plan_for(), "quiet")
    monkeypatch.setattr("visiontrain_trainer.run.samples.sample_latents", fail)
    run = train_here(plan_for(samples={"prompts": ["zwx"], "every": 2}))
    assert run.code == 0 and run.sha256 == quiet.sha256
    assert [e["step"] for e in run.of("sample_failed")] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [({"optimizer": "adafactor"}, "parameter group"), ({"conv_rank": 4, "conv_alpha": 4}, "is missing")],
    ids=["optimiser", "layers"],
)
def test_a_checkpoint_of_another_layout_is_refused_in_words(
    changes: Any, detail: str, plan_for: Any, train_here: Any, tmp_path: Path
) -> None:
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan_for(), 3) == 75
    with pytest.raises(TrainingError, match="step-000003: the checkpoint does not fit the layers and") as refused:
        train_here(plan_for(training=changes), "cut")
    assert detail in refused.value.details[0]
