"""Promise 1: the same plan gives the same bytes, whatever happens on the way."""

from __future__ import annotations

import copy
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run, read_events

TRAINER = Path(__file__).parents[1]


def _rich(plan_for: Any, **more: Any) -> dict[str, Any]:
    """A plan that draws every kind of randomness."""
    data = {
        "crop": "random",
        "flip": True,
        "shuffle_tags": True,
        "caption_dropout": 0.2,
        "tag_dropout": 0.2,
        **more.pop("data", {}),
    }
    training = {"dropout": 0.1, "noise_offset": 0.05, "min_snr_gamma": 5, **more.pop("training", {})}
    return plan_for(data=data, training=training, **more)


@pytest.fixture
def straight(train_here: Any, plan_for: Any) -> Any:
    return train_here(_rich(plan_for), "straight")


def test_twice_cold_and_warm_cache(straight: Any, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    cold = _rich(plan_for, resources={"cache_dir": str(tmp_path / "cold")})
    assert train_here(cold, "cold").sha256 == straight.sha256
    assert train_here(cold, "warm").sha256 == straight.sha256


def test_loader_workers(straight: Any, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = _rich(plan_for, resources={"workers": 4, "cache_dir": str(tmp_path / "workers")})
    assert train_here(plan, "workers").sha256 == straight.sha256


def test_sampling_and_measuring_in_between(straight: Any, train_here: Any, plan_for: Any) -> None:
    busy = _rich(
        plan_for, samples={"every": 2, "prompts": ["zwx", "zwx, blue"]}, output={"checkpoint_every": 1, "facts": {}}
    )
    quiet = _rich(plan_for, output={"checkpoint_every": 0, "facts": {}})
    assert train_here(busy, "busy").sha256 == train_here(quiet, "quiet").sha256


def test_moved_data_set(straight: Any, train_here: Any, plan_for: Any, pictures: Any, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "pictures"
    shutil.copytree(pictures[0], moved)
    plan = _rich(plan_for, data={"root": str(moved)}, resources={"cache_dir": str(tmp_path / "moved")})
    assert train_here(plan, "moved").sha256 == straight.sha256


def test_another_seed_gives_other_bytes(straight: Any, train_here: Any, plan_for: Any) -> None:
    assert train_here(_rich(plan_for, seed=12), "other").sha256 != straight.sha256


@pytest.mark.parametrize("changes", [{}, {"gradient_accumulation": 3}, {"text_encoder_learning_rates": [1e-3]}])
def test_stopped_and_resumed(changes: Any, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = _rich(plan_for, training=changes, output={"checkpoint_every": 0})
    whole = train_here(plan, "whole")
    cut = copy.deepcopy(plan)
    stops = tmp_path / "cut" / "control"
    prepare_run(tmp_path / "cut", plan)
    stops.joinpath("stop").touch()
    assert train_here(cut, "cut").code == 75  # before the first step
    half = copy.deepcopy(plan)
    half["training"]["steps"] = plan["training"]["steps"]
    run = _stop_after(tmp_path / "cut", half, 3)
    assert run == 75
    done = train_here(plan, "cut")
    assert done.code == 0
    assert done.sha256 == whole.sha256
    steps = [e["step"] for e in done.of("step")]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert [e["digest"] for e in done.of("step")] == [e["digest"] for e in whole.of("step")]


def _stop_after(folder: Path, plan: dict[str, Any], step: int) -> int:
    """Train in this process and ask for a stop as soon as `step` is reported."""
    from visiontrain_trainer.control import Control
    from visiontrain_trainer.events import Events
    from visiontrain_trainer.loop import train
    from visiontrain_trainer.plan import parse_plan

    class Watching(Events):
        def emit(self, type: str, **payload: Any) -> None:
            super().emit(type, **payload)
            if type == "step" and payload["step"] == step:
                (folder / "control" / "stop").touch()

    events = Watching(folder / "events.jsonl")
    try:
        return train(folder, parse_plan(plan), events, Control(folder / "control"))
    finally:
        events.close()


def _start(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(TRAINER)}
    with (folder / "trainer.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "visiontrain_trainer", str(folder)], env=environment, stdout=log, stderr=log
        )


def test_killed_at_random_steps_and_resumed(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = _rich(plan_for, training={"steps": 40}, output={"checkpoint_every": 3})
    whole = train_here(plan, "whole")
    folder = prepare_run(tmp_path / "killed", plan)
    draw = random.Random(time.time_ns())
    for _ in range(2):
        process = _start(folder)
        last = draw.randrange(5, 20)
        before = _reached(folder)
        while process.poll() is None and _reached(folder) < before + last:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = _start(folder)
    assert process.wait() == 0, (folder / "trainer.log").read_text()
    outputs = [e for e in read_events(folder) if e["type"] == "output"]
    assert outputs[-1]["sha256"] == whole.sha256


def _reached(folder: Path) -> int:
    events = folder / "events.jsonl"
    return events.read_text().count('"type": "step"') if events.exists() else 0
