"""Tests on a card what the other files test on a processor: `VISIONTRAIN_TEST_CARD=0 pytest tests/run/test_gpu.py`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Run, prepare_run, read_events

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no card named in VISIONTRAIN_TEST_CARD")

TRAINER = Path(__file__).parents[2]
#: Number of steps in one pass over the images, with batches of three shapes.
STEPS = 4


def _plan(plan_for: Any, family: str = "sd15", /, **more: Any) -> dict[str, Any]:
    resources = {"device": "cuda:0", "threads": 2, **more.pop("resources", {})}
    training = {"steps": STEPS, "conv_rank": 2, "min_snr_gamma": 5, **more.pop("training", {})}
    return plan_for(family, resources=resources, training=training, **more)


def _digests(run: Run) -> list[str]:
    return [event["digest"] for event in run.of("step")]


@pytest.mark.parametrize(
    ("family", "precision", "training"),
    [
        ("sd15", "fp32", {}),
        ("sd15", "bf16", {}),
        ("sd15", "fp16", {}),
        ("sdxl", "bf16", {}),
        ("sd15", "bf16", {"dropout": 0.1}),
        ("sd15", "fp32", {"dropout": 0.1, "text_encoder_learning_rates": [1e-3]}),
        ("sdxl", "bf16", {"dropout": 0.1, "text_encoder_learning_rates": [1e-3, 1e-3]}),
    ],
)
def test_graphs_compute_what_plain_passes_do(
    family: str, precision: str, training: Any, train_here: Any, plan_for: Any, monkeypatch: Any
) -> None:
    from visiontrain_trainer.training import step

    plan = _plan(plan_for, family, resources={"precision": precision}, training=training)
    replayed = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda self: (replayed.append(self), replay(self)))
    with_graphs = train_here(plan, "graphs")
    assert len(replayed) == STEPS
    assert all("fp16 overflowed" in note["text"] for note in with_graphs.of("note"))
    monkeypatch.setattr(step, "Graphs", lambda *_: None)
    replayed.clear()
    plain = train_here(plan, "plain")
    assert not replayed
    assert [e["loss"] for e in plain.of("step")] == [e["loss"] for e in with_graphs.of("step")]
    assert _digests(plain) == _digests(with_graphs)
    assert plain.sha256 == with_graphs.sha256
    assert with_graphs.code == 0


def test_killed_and_resumed(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    """The run and its resume have their own processes: another process must choose the same kernels."""
    plan = _plan(plan_for, resources={"precision": "bf16"}, output={"checkpoint_every": 2})
    whole = train_here(plan, "whole")
    folder = prepare_run(tmp_path / "killed", plan)
    paths = [str(TRAINER), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "visiontrain_trainer", str(folder)]
    with (folder / "trainer.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        while process.poll() is None and not (folder / "checkpoints" / "step-000002").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode == 0
    outputs = [event for event in read_events(folder) if event["type"] == "output"]
    assert outputs[-1]["sha256"] == whole.sha256


def test_too_little_memory_for_the_batch(train_here: Any, plan_for: Any, images: Any) -> None:
    """At the card's own error for lack of memory, the run goes on with fewer images at once and says so."""
    plan = _plan(plan_for, training={"batch_size": 4}, resources={"precision": "bf16"})
    for sample in plan["data"]["images"]:
        sample["bucket"] = [1024, 1024]
    plan["training"]["batches_per_epoch"] = -(-sum(not s["validation"] for s in plan["data"]["images"]) // 4)
    roomy = train_here(plan, "roomy")
    peak = max(event["memory"] for event in roomy.of("step"))
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(1.0, 0.7 * peak / total))
    try:
        tight = train_here(plan, "tight")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert tight.code == 0
    notes = [event["text"] for event in tight.of("note")]
    assert any("not enough memory; from here 2 pictures at once" in text for text in notes), notes
    for ours, theirs in zip(tight.of("step"), roomy.of("step"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.02)


@pytest.mark.parametrize("checkpointing", ["selective", "full"])
def test_checkpointing_changes_no_number(checkpointing: str, train_here: Any, plan_for: Any) -> None:
    straight = train_here(_plan(plan_for, resources={"precision": "bf16"}), "straight")
    changed = {"precision": "bf16", "gradient_checkpointing": checkpointing}
    # Digests are compared, because the files differ in their metadata about the run.
    assert _digests(train_here(_plan(plan_for, resources=changed), "checkpointed")) == _digests(straight)


def test_sampling_and_measuring_in_between(train_here: Any, plan_for: Any) -> None:
    busy = _plan(plan_for, samples={"every": 2, "prompts": ["zwx"]}, output={"checkpoint_every": 1, "facts": {}})
    quiet = _plan(plan_for, output={"checkpoint_every": 0, "facts": {}})
    assert train_here(busy, "busy").sha256 == train_here(quiet, "quiet").sha256


def test_loader_workers_and_a_cold_cache(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    straight = train_here(_plan(plan_for), "straight")
    cold = {"workers": 4, "cache_dir": str(tmp_path / "cold")}
    assert train_here(_plan(plan_for, resources=cold), "workers").sha256 == straight.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"dropout": 0.1}},
        {"training": {"text_encoder_learning_rates": [1e-3]}},
        {"training": {"gradient_accumulation": 3}},
        {"training": {"optimizer": "adafactor"}},
        {"training": {"optimizer": "prodigy", "learning_rate": 1.0}},
        {"training": {"optimizer": "adamw8bit"}},
        {"resources": {"channels_last": True}},
        {"resources": {"attention": "math"}},
        {"data": {"crop": "random", "flip": True, "shuffle_tags": True, "caption_dropout": 0.2}},
        {"samples": {"every": 2, "prompts": ["zwx"]}, "output": {"checkpoint_every": 1, "facts": {}}},
        {"resources": {"compile": True}},
    ],
    ids=str,
)
def test_twice(changes: Any, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    import copy

    changes = copy.deepcopy(changes)
    resources = {"precision": "bf16", **changes.pop("resources", {})}
    plan = _plan(plan_for, resources=resources, **changes)
    first, second = (train_here(plan, name) for name in ("first", "second"))
    assert first.code == 0
    assert not [e for e in first.events if e["type"] == "note" and e["level"] == "warn"]
    assert not first.of("sample_failed")
    assert _digests(first) == _digests(second)
    assert first.sha256 == second.sha256
