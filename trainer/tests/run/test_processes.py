"""Several processes, started by their launcher, share the images of a larger batch, and give its losses up to
rounding; a lost process ends all of them, and the saved run goes on to the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import prepare_run, read_events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.batches import BatchSampler

TRAINER = Path(__file__).parents[2]


def command(folder: Path, count: int) -> list[str]:
    """PyTorch's launcher, as src/engine/supervisor/command.ts calls it: `accelerate launch` needs MPI on a CPU."""
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--max-restarts", "0"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"),
        *("-m", "visiontrain_trainer", str(folder)),
    ]


def start(folder: Path, count: int = 2, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(folder, count),
        env={**os.environ, "PYTHONPATH": str(TRAINER), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train_in(folder: Path, count: int = 2) -> list[dict[str, Any]]:
    """Train in this number of processes and return the events."""
    launched = start(folder, count)
    said, _ = launched.communicate(timeout=300)
    assert launched.returncode == 0, said
    events = read_events(folder)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert next(e for e in events if e["type"] == "active")["facts"]["processes"] == count
    return events


def workers(launched: subprocess.Popen[str]) -> dict[int, int]:
    """Process numbers of the trainer's processes, by rank."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text()
            if int(stat[stat.rindex(")") + 2 :].split()[1]) == launched.pid:
                variables = dict(v.split("=", 1) for v in (entry / "environ").read_text().split("\0") if "=" in v)
                if "LOCAL_RANK" in variables:
                    found[int(variables["RANK"])] = int(entry.name)
    return found


def wait_for(folder: Path, done: Callable[[list[dict[str, Any]]], bool], launched: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and launched.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            if done(read_events(folder)):
                return
        time.sleep(0.1)
    raise AssertionError("it did not come so far")


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def test_two_processes_train_as_one(train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    samples = [{**sample, "validation": index in (2, 3)} for index, sample in enumerate(images[1])]

    def plan(batch: int, processes: int) -> dict[str, Any]:
        return plan_for(
            data={"flip": True, "shuffle_tags": True, "images": samples},
            training={"batch_size": batch, "gradient_accumulation": 2, "dropout": 0.1, "steps": 5},
            samples={"prompts": ["zwx", "zwx, a square", "a square"], "every": 2},
            output={"checkpoint_every": 2, "precision": "fp32"},
            resources={"processes": processes},
        )

    two = plan(2, 2)
    # A batch of one image leaves the second process without work; one of three or four splits.
    batches = BatchSampler(parse_plan(two))
    sizes = {len(batch) for step in range(5) for batch in batches.step(step)}
    assert {1, 3} <= sizes

    alone = train_here(plan(4, 1), "alone")
    folder = prepare_run(tmp_path / "two", two)
    # Only rank 0 polls for the request, and both processes carry it out before the first step.
    (folder / "control" / "save").touch()
    events = train_in(folder)

    def both(kind: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return of(events, kind), alone.of(kind)

    steps, expected = both("step")
    assert [e["loss"] for e in steps] == pytest.approx([e["loss"] for e in expected], rel=1e-4)
    assert [e["grad_norm"] for e in steps] == pytest.approx([e["grad_norm"] for e in expected], rel=1e-3)
    measured, expected = both("validation")
    assert [e["step"] for e in measured] == [e["step"] for e in expected] == [0, 2, 4, 5]
    assert [e["loss"] for e in measured] == pytest.approx([e["loss"] for e in expected], rel=1e-5)
    assert [e["step"] for e in of(events, "checkpoint")] == [0, 2, 4, 5]
    # The samples are split as well, and reported in their order.
    made, expected = both("sample")
    assert [(e["step"], e["index"], e["path"]) for e in made] == [(e["step"], e["index"], e["path"]) for e in expected]
    assert all((folder / e["path"]).is_file() for e in made)
    # Before the first step nothing has been summed: these samples have the same bytes.
    for i in range(3):
        assert (folder / f"samples/base-{i}.png").read_bytes() == (alone.folder / f"samples/base-{i}.png").read_bytes()
    output, expected = (load_file(dir / "output" / "tiny.safetensors") for dir in (folder, alone.folder))
    assert output.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(output[name], tensor, rtol=1e-3, atol=2e-5)
    assert events[-1]["type"] == "result" and events[-1]["status"] == "finished"


def test_a_lost_process_ends_all_and_the_run_goes_on_to_the_same_bytes(plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(training={"steps": 60, "batch_size": 1}, output={"checkpoint_every": 3}, resources={"processes": 2})
    whole = {e["format"]: e["sha256"] for e in of(train_in(prepare_run(tmp_path / "whole", plan)), "output")}
    folder = prepare_run(tmp_path / "broken", plan)

    # One process is killed: its connection closes, and the other notices at once.
    launched = start(folder)
    wait_for(folder, lambda events: len(of(events, "checkpoint")) >= 1, launched)
    os.kill(workers(launched)[1], signal.SIGKILL)
    began = time.monotonic()
    said, _ = launched.communicate(timeout=60)
    assert time.monotonic() - began < 40 and launched.returncode != 0
    told = of(read_events(folder), "result")[-1]
    assert (told["status"], told["id"]) == ("failed", "training/lost-process"), said
    assert "exitcode  : -9" in said

    # A process that is stopped closes no connection: the other notices by the heartbeat.
    launched = start(folder, VISIONTRAIN_LOST_AFTER="3")
    before = len(of(read_events(folder), "step"))
    wait_for(folder, lambda events: len(of(events, "step")) > before + 3, launched)
    stopped = workers(launched)[1]
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    try:
        launched.communicate(timeout=90)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGKILL)
    told = of(read_events(folder), "result")[-1]
    assert (told["id"], told["reason"]) == ("training/lost-process", "Process 1 of 2 is gone: all of them end.")

    # All processes agree on one step for a stop, which ends the launcher without an error.
    launched = start(folder)
    before = len(of(read_events(folder), "step"))
    wait_for(folder, lambda events: len(of(events, "step")) > before + 3, launched)
    (folder / "control" / "stop").touch()
    said, _ = launched.communicate(timeout=60)
    assert launched.returncode == 0, said
    assert of(read_events(folder), "result")[-1]["status"] == "stopped"

    events = train_in(folder)
    assert {e["format"]: e["sha256"] for e in of(events, "output")} == whole


def test_the_failure_of_another_process_is_told_by_a_file(plan_for: Any, tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", plan_for(resources={"processes": 3}))
    launched = start(folder, 2)
    launched.communicate(timeout=60)
    assert launched.returncode != 0
    told = json.loads((folder / "control" / "failed-1.json").read_text())
    assert told["reason"] == "The plan is for 3 processes, but 2 were started."
    assert of(read_events(folder), "result")[-1]["reason"] == told["reason"]
