"""Several processes, as `accelerate launch` starts them, use the same images and give losses equal up to rounding."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import prepare_run, read_events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.batches import BatchSampler

TRAINER = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def train_in_two(folder: Path) -> list[dict[str, Any]]:
    """Train in two processes and return the events. `torchrun` is used, which `accelerate launch` runs for several
    processes: on a CPU, `accelerate launch` itself wants MPI.
    """
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
    assert next(e for e in events if e["type"] == "active")["facts"]["processes"] == 2
    return events


def test_two_processes_train_as_one(train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    samples = [{**sample, "validation": index == 3} for index, sample in enumerate(images[1])]
    plan = plan_for(
        data={"flip": True, "shuffle_tags": True, "samples": samples},
        training={"batch_size": 3, "gradient_accumulation": 2, "dropout": 0.1, "steps": 5},
        samples={"prompts": ["zwx"], "every": 2},
        output={"checkpoint_every": 2, "precision": "fp32"},
    )
    # A batch of one image leaves the second process without work; a batch of three splits unevenly.
    batches = BatchSampler(parse_plan(plan))
    sizes = {len(batch) for step in range(5) for batch in batches.step(step)}
    assert {1, 3} <= sizes

    alone = train_here(plan, "alone")
    folder = prepare_run(tmp_path / "two", plan)
    # The request is polled by rank 0 alone, and both processes carry it out before the first step.
    (folder / "control" / "save").touch()
    events = train_in_two(folder)

    def both(type: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return [e for e in events if e["type"] == type], alone.of(type)

    steps, expected = both("step")
    assert [e["loss"] for e in steps] == pytest.approx([e["loss"] for e in expected], rel=1e-4)
    assert [e["grad_norm"] for e in steps] == pytest.approx([e["grad_norm"] for e in expected], rel=1e-3)
    measured, expected = both("validation")
    assert [e["step"] for e in measured] == [e["step"] for e in expected] == [0, 2, 4, 5]
    assert [e["loss"] for e in measured] == pytest.approx([e["loss"] for e in expected], rel=1e-5)
    assert [e["step"] for e in both("checkpoint")[0]] == [0, 2, 4, 5]
    assert [(e["step"], e["adapter"]) for e in both("sample")[0]] == [(0, False), (2, True), (4, True), (5, True)]
    output, expected = (load_file(dir / "output" / "tiny.safetensors") for dir in (folder, alone.folder))
    assert output.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(output[name], tensor, rtol=1e-3, atol=2e-5)
    assert events[-1]["type"] == "result" and events[-1]["status"] == "finished"
