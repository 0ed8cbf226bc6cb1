"""What the trainer's benchmarks share: pictures, plans, runs in their own process."""

from __future__ import annotations

import json
import os
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


def pictures(folder: Path, count: int, side: int) -> list[dict[str, Any]]:
    """Square pictures with captions, as plan samples; captions also as imagefolder's metadata.jsonl for diffusers."""
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


def run(folder: Path, threads: int) -> dict[str, Any]:
    """Train in a process of its own: {rc, seconds, first_step (from process start), events}."""
    environment = {**os.environ, "PYTHONPATH": str(TRAINER), "OMP_NUM_THREADS": str(threads)}
    wall, began = time.time(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "visiontrain_trainer", str(folder)], env=environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    if done.returncode:
        sys.exit(f"the run failed with {done.returncode}: {events[-1]}\n{done.stderr[-2000:]}")
    first = next(e["t"] for e in events if e["type"] == "step") - wall
    return {"rc": done.returncode, "seconds": seconds, "first_step": first, "events": events}


__all__ = ["make_plan", "pictures", "prepare", "run"]
