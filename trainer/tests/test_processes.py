"""Several processes as `accelerate launch` starts them: the same samples, losses equal to rounding."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run, read_events

TRAINER = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_train_as_one(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(
        data={"flip": True, "shuffle_tags": True},
        training={"batch_size": 3, "gradient_accumulation": 2, "dropout": 0.1, "steps": 5},
        samples={"prompts": ["zwx"]},
    )
    alone = train_here(plan, "alone")
    folder = prepare_run(tmp_path / "two", plan)
    # What `accelerate launch` runs for several processes; its own command line wants MPI for CPUs.
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"),
        *("--master_addr", "127.0.0.1", "--master_port", str(free_port()), "-m", "visiontrain_trainer", str(folder)),
    ]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(TRAINER)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    events = read_events(folder)
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    steps = [e for e in events if e["type"] == "step"]
    assert [e["loss"] for e in steps] == pytest.approx([e["loss"] for e in alone.of("step")], rel=1e-4)
    assert [e["grad_norm"] for e in steps] == pytest.approx([e["grad_norm"] for e in alone.of("step")], rel=1e-3)
    assert next(e for e in events if e["type"] == "active")["facts"]["processes"] == 2
    assert events[-1]["type"] == "result" and events[-1]["status"] == "finished"
