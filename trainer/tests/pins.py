"""Short runs whose losses are pinned in pinned_losses.json, as torchtune does. `npm run pins` writes that file anew.

A commit that changes the numbers must say why the training, or the embedded model, changed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests import tiny_models
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan

PINS = Path(__file__).with_name("pinned_losses.json")
_TINY = Path(__file__).parents[2] / "presets" / "tiny"
_IMAGES = 5


def _lesson() -> list[dict[str, Any]]:
    """The first images of the embedded lesson, as in a plan. The last of them is kept for validation."""
    samples = []
    for path in sorted((_TINY / "lesson").glob("zibbo-*.png"))[:_IMAGES]:
        with Image.open(path) as image:
            size = list(image.size)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        caption = path.with_suffix(".txt").read_text().strip()
        sample = {"id": digest[:16], "path": path.name, "sha256": digest, "size": size, "bucket": [64, 64]}
        samples.append({**sample, "repeats": 1, "caption": caption, "validation": len(samples) == _IMAGES - 1})
    return samples


def plan_of(name: str, scratch: Path) -> dict[str, Any]:
    """The plan of a pinned run: `embedded sd15`, or with seeded random weights `random sd15` or `random sdxl`."""
    if name == "embedded sd15":
        return tiny_models.make_plan(_TINY / "sd15", _TINY / "lesson", _lesson(), scratch / "cache")
    family = name.removeprefix("random ")
    base, images = tiny_models.make_model(scratch / family, family), scratch / "pictures"
    return tiny_models.make_plan(base, images, tiny_models.make_images(images), scratch / "cache")


def numbers_of(name: str, scratch: Path) -> dict[str, Any]:
    """Keys: `unet`, SHA-256 of the embedded file; `losses`, one for each step; `measured`, at fixed noise, before and
    after.
    """
    from visiontrain_trainer.run.loop import train

    plan = plan_of(name, scratch)
    unet = Path(plan["model"]["path"]) / "unet" / "diffusion_pytorch_model.safetensors"
    run = scratch / "run"
    run.mkdir()
    events = Events(run / "events.jsonl")
    try:
        train(run, parse_plan(plan), events, Control(run / "control"))
    finally:
        events.close()
    told = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    learned = next(e for e in told if e["type"] == "learned")
    return {
        "unet": hashlib.sha256(unet.read_bytes()).hexdigest() if name == "embedded sd15" else None,
        "losses": [round(e["loss"], 6) for e in told if e["type"] == "step"],
        "measured": [round(learned[when]["loss"], 6) for when in ("before", "after")],
    }


NAMES = ("embedded sd15", "random sd15", "random sdxl")


def main() -> None:
    pins = {}
    for name in NAMES:
        with tempfile.TemporaryDirectory() as scratch:
            pins[name] = numbers_of(name, Path(scratch))
        print(name, *pins[name]["losses"], file=sys.stderr)
    PINS.write_text(json.dumps(pins, indent=2) + "\n")


if __name__ == "__main__":
    main()
