"""The same plan gives the same bytes, whatever happens on the way."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import multiprocessing.process
import multiprocessing.shared_memory
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
from PIL import Image

from tests.conftest import Run, prepare_run

TRAINER = Path(__file__).parents[2]


def _rich(plan_for: Any, **more: Any) -> dict[str, Any]:
    """A plan that makes every kind of random draw."""
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


def test_a_cache_filled_by_other_kernels(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    """A run does not use latents that other kernels encoded, because their last bits differ."""
    cache, cold = str(tmp_path / "cache"), str(tmp_path / "cold")
    alone = train_here(_rich(plan_for, resources={"cache_dir": cold}), "alone")
    train_here(_rich(plan_for, resources={"cache_dir": cache, "attention": "math"}), "math")
    assert train_here(_rich(plan_for, resources={"cache_dir": cache}), "after").sha256 == alone.sha256


def test_loader_workers(
    straight: Any, train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers are threads, so a run does not depend on a container's small /dev/shm, which processes would need."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left in /dev/shm")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
    monkeypatch.setattr(multiprocessing.shared_memory.SharedMemory, "__init__", refuse)
    plan = _rich(plan_for, resources={"workers": 4, "cache_dir": str(tmp_path / "workers")})
    assert train_here(plan, "workers").sha256 == straight.sha256


def test_caption_options_resume_and_rerun(train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    """Lines, wildcards and separators are drawn alike in one go and through a stop, and differ from plain captions."""
    options = {"keep_separator": "|||", "group_separator": ";;;", "protected": ["smile"], "wildcards": True}
    options |= {"lines": "random", "dropout_every_epochs": 3}
    captions = ["zwx ||| {red|blue} hat;;;bow, smile ||| end\nzwx, another"] * len(images[1])
    samples = [{**sample, "caption": caption} for sample, caption in zip(images[1], captions, strict=True)]
    plan = _rich(plan_for, data={"images": samples, "caption_options": options})
    once = train_here(plan, "once")
    assert _stop_after(prepare_run(tmp_path / "resumed", plan), plan, 3) == 75
    assert train_here(plan, "resumed").sha256 == once.sha256
    assert once.sha256 != train_here(plan_for(data={"images": samples}), "plain").sha256


def test_more_captions_than_are_kept(
    straight: Any, train_here: Any, plan_for: Any, images: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Captions are encoded when they are used, and not stored, if there are too many: shuffled tags would fill the
    disk.
    """
    monkeypatch.setattr("visiontrain_trainer.data.text.CACHE_LIMIT", 2)
    run = train_here(_rich(plan_for, resources={"cache_dir": str(tmp_path / "cache")}), "live")
    assert run.sha256 == straight.sha256
    assert any("the text encoders stay loaded" in e["text"] for e in run.of("note"))
    captions = {sample["caption"] for sample in images[1]}
    assert len(list((tmp_path / "cache" / "text").rglob("*.safetensors"))) == len({"", *captions})


def test_crops_that_are_the_same_are_encoded_once(train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    """An image of its bucket's size has no part to crop off, so it has only two views: as it is, and mirrored."""
    fitting = Image.open(images[0] / "1.png").crop((0, 0, 64, 64))
    (tmp_path / "data").mkdir()
    fitting.save(tmp_path / "data" / "1.png")
    sha256 = hashlib.sha256((tmp_path / "data" / "1.png").read_bytes()).hexdigest()
    sample = {**images[1][1], "size": [64, 64], "sha256": sha256, "repeats": 8}
    data = {"root": str(tmp_path / "data"), "images": [sample], "crop": "random", "flip": True}
    training = {"batches_per_epoch": 4, "steps": 12}
    run = train_here(plan_for(data=data, training=training, resources={"cache_dir": str(tmp_path / "cache")}))
    assert run.code == 0
    assert len(list((tmp_path / "cache" / "latents").rglob("*.safetensors"))) == 2


def test_sampling_and_measuring_in_between(straight: Any, train_here: Any, plan_for: Any) -> None:
    busy = _rich(
        plan_for, samples={"every": 2, "prompts": ["zwx", "zwx, blue"]}, output={"checkpoint_every": 1, "facts": {}}
    )
    quiet = _rich(plan_for, output={"checkpoint_every": 0, "facts": {}})
    assert train_here(busy, "busy").sha256 == train_here(quiet, "quiet").sha256


def test_moved_data_set(straight: Any, train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "pictures"
    shutil.copytree(images[0], moved)
    plan = _rich(plan_for, data={"root": str(moved)}, resources={"cache_dir": str(tmp_path / "moved")})
    assert train_here(plan, "moved").sha256 == straight.sha256


def test_another_seed_gives_other_bytes(straight: Any, train_here: Any, plan_for: Any) -> None:
    assert train_here(_rich(plan_for, seed=12), "other").sha256 != straight.sha256


@pytest.mark.parametrize("changes", [{}, {"gradient_accumulation": 3}, {"text_encoder_learning_rates": [1e-3]}])
def test_stopped_and_resumed(changes: Any, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = _rich(plan_for, training=changes, output={"checkpoint_every": 0})
    whole = train_here(plan, "whole")
    folder = prepare_run(tmp_path / "cut", plan)
    # The run is stopped before its first step, resumed, and stopped again after the third.
    assert _stop_after(folder, plan, 0) == 75
    assert _stop_after(folder, plan, 3) == 75
    done = train_here(plan, "cut")
    assert done.code == 0
    assert done.sha256 == whole.sha256
    steps = [e["step"] for e in done.of("step")]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert [e["digest"] for e in done.of("step")] == [e["digest"] for e in whole.of("step")]


def _stop_after(folder: Path, plan: dict[str, Any], step: int) -> int:
    """Train in this process and ask for a stop once `step` is reported, or for step 0 once the start is reported."""
    from visiontrain_trainer.contract.control import Control
    from visiontrain_trainer.contract.events import Events
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.run.loop import train

    class Watching(Events):
        def emit(self, type: str, **payload: Any) -> None:
            super().emit(type, **payload)
            if type in ("start", "step") and payload["step"] == step:
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


def _may_mount() -> bool:
    return (
        os.name == "posix"
        and subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.mark.skipif(shutil.which("unshare") is None or not _may_mount(), reason="this user may mount nothing")
def test_loader_workers_need_no_shared_memory(straight: Any, plan_for: Any, tmp_path: Path) -> None:
    """Containers have 64 MB of shared memory, which other programs may have filled."""
    plan = _rich(plan_for, resources={"workers": 2, "cache_dir": str(tmp_path / "full")})
    folder = prepare_run(tmp_path / "full-shm", plan)
    full = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && { yes | dd of=/dev/shm/full 2>/dev/null; exec "$@"; }'
    subprocess.run(
        ["unshare", "-m", "sh", "-c", full, "sh", sys.executable, "-m", "visiontrain_trainer", str(folder)],
        env={**os.environ, "PYTHONPATH": str(TRAINER)},
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert Run(folder, 0).sha256 == straight.sha256


#: Runs are killed after these events, so that kills happen during steps, saving, validation and sampling.
_TOLD = ("step", "validation", "sample", "checkpoint")


def _told(folder: Path) -> int:
    events = folder / "events.jsonl"
    return sum(e["type"] in _TOLD for e in _whole_lines(events)) if events.exists() else 0


def _whole_lines(events: Path) -> list[dict[str, Any]]:
    """The events so far. A line that is not whole is skipped: a killed writer leaves one, a live one is writing it."""
    lines = events.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def _kill_and_go_on(folder: Path, deaths: list[int]) -> dict[str, Any]:
    """Start the run and SIGKILL it after each number of further events in `deaths`, then let it finish.

    Returns its `output` event.
    """
    for after in deaths:
        process, goal = _start(folder), _told(folder) + after
        while process.poll() is None and _told(folder) < goal:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (folder / "trainer.log").read_text()
    process = _start(folder)
    assert process.wait() == 0, (folder / "trainer.log").read_text()
    events = _whole_lines(folder / "events.jsonl")
    starts = [e["step"] for e in events if e["type"] == "start"]
    assert len(starts) == len(deaths) + 1 and starts[-1] > 0
    return [e for e in events if e["type"] == "output"][-1]


def test_killed_at_random_steps_and_resumed(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = _rich(plan_for, training={"steps": 40}, output={"checkpoint_every": 3})
    whole = train_here(plan, "whole")
    seed = time.time_ns()
    print("seed", seed)
    draw = random.Random(seed)
    killed = prepare_run(tmp_path / "killed", plan)
    assert _kill_and_go_on(killed, [draw.randrange(5, 20) for _ in range(2)])["sha256"] == whole.sha256


def test_killed_with_everything_at_once(train_here: Any, plan_for: Any, images: Any, tmp_path: Path) -> None:
    """Accumulation, a trained text encoder, workers, validation and samples are all on. The run is also killed while
    it fills the cache.
    """
    samples = [{**sample, "validation": index == 2} for index, sample in enumerate(images[1])]
    common = {
        "data": {"images": samples},
        "training": {"steps": 24, "gradient_accumulation": 2, "text_encoder_learning_rates": [1e-3]},
    }
    plain = _rich(plan_for, **copy.deepcopy(common), output={"checkpoint_every": 0})
    whole = train_here(plain, "whole")
    busy = _rich(
        plan_for,
        **common,
        samples={"every": 2, "prompts": ["zwx", "zwx, blue"]},
        output={"checkpoint_every": 3},
        resources={"workers": 4, "cache_dir": str(tmp_path / "cache")},
    )
    folder = prepare_run(tmp_path / "killed", busy)
    draw = random.Random(6)
    process = _start(folder)
    while process.poll() is None and not list((tmp_path / "cache").rglob("*.safetensors")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (folder / "trainer.log").read_text()
    output = _kill_and_go_on(folder, [draw.randrange(6, 26) for _ in range(3)])
    assert output["sha256"] == whole.sha256
    events = _whole_lines(folder / "events.jsonl")
    last = {e["step"]: (e["loss"], e["digest"]) for e in events if e["type"] == "step"}
    assert last == {e["step"]: (e["loss"], e["digest"]) for e in whole.of("step")}
    assert {e["step"] for e in events if e["type"] == "validation"} == {0, *range(3, 25, 3)}
    assert {e["step"] for e in events if e["type"] == "sample"} == set(range(0, 25, 2))
