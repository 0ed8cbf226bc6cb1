"""Shared parts of the trainer's benchmarks: images, plans, and runs in their own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TRAINER = Path(__file__).parents[2] / "trainer"
sys.path.insert(0, str(TRAINER))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from tests.tiny_models import make_plan  # noqa: E402


def images(folder: Path, count: int, side: int) -> list[dict[str, Any]]:
    """Write square images, and metadata.jsonl with their captions for diffusers. Returns them as a plan lists them."""
    import hashlib

    folder.mkdir(parents=True, exist_ok=True)
    samples, lines = [], []
    for i in range(count):
        generator = np.random.default_rng(i)
        small = Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        path = folder / f"{i:05d}.png"
        small.resize((side, side), Image.Resampling.BICUBIC).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        caption = f"zwx, picture {i % 8}"
        lines.append(json.dumps({"file_name": path.name, "text": caption}))
        samples.append(
            {
                "id": digest[:16],
                "path": path.name,
                "sha256": digest,
                "size": [side, side],
                "bucket": [side, side],
                "repeats": 1,
                "caption": caption,
                "validation": False,
            }
        )
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return samples


def prepare(folder: Path, plan: dict[str, Any]) -> Path:
    for name in ("control", "checkpoints", "samples", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The events that a run has written so far, without a last line that is not whole yet."""
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def launch(folder: Path) -> dict[str, Any]:
    """The command with which the supervisor would start the trainer in a run folder: {argv, env, cwd}."""
    command = ["node", Path(__file__).with_name("command.mjs"), folder, sys.executable]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(folder: Path, until: str | None = None) -> dict[str, Any]:
    """Train in a process of its own: {seconds, first_step (from process start), events}.

    `until` is an event's type: the process is ended when this event comes.
    """
    command = launch(folder)
    wall, began = time.time(), time.perf_counter()
    with (folder / "trainer.log").open("w") as log:
        process = subprocess.Popen(command["argv"], env=command["env"], stdout=log, stderr=subprocess.STDOUT)
    ended = False
    while process.poll() is None and not ended:
        time.sleep(0.2)
        ended = until is not None and any(e["type"] == until for e in read_events(folder))
    if ended:
        process.kill()
    process.wait()
    seconds, events = time.perf_counter() - began, read_events(folder)
    if process.returncode and not ended:
        sys.exit(
            f"the run failed with {process.returncode}: {events[-1:]}\n{(folder / 'trainer.log').read_text()[-2000:]}"
        )
    first = next(e["t"] for e in events if e["type"] == "step") - wall
    return {"seconds": seconds, "first_step": first, "events": events}


__all__ = ["TRAINER", "launch", "make_plan", "images", "prepare", "read_events", "run"]
