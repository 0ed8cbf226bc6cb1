"""What is to be judged, as `src/engine/judge/worker.ts` writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from visiontrain_trainer.base.errors import TrainingError

VERSION = 1
#: Folder of the run in which the samples of judging lie.
FOLDER = "judge"


@dataclass(frozen=True)
class Prompt:
    """A prompt of the samples. `trigger` tells whether it holds the LoRA's trigger; None for a LoRA without one."""

    text: str
    negative: str
    trigger: bool | None
    #: Path in the plan of the image whose caption this is, held out or trained on; None where it is no image's caption.
    image: str | None = None
    #: Place among the prompts of the plan of the one whose size, steps, guidance and clip skip it has; None: the usual.
    shot: int | None = None


@dataclass(frozen=True)
class Job:
    """The checkpoints by step, the strengths each is judged at, and the samples that are made of each."""

    steps: tuple[int, ...]
    strengths: tuple[float, ...]
    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    #: Folder of the model that compares images; None for the built-in measure.
    likeness: str | None = None
    #: Folder of the model that scores how well an image fits its prompt; None when that is not scored.
    fit: str | None = None


def parse_job(text: str) -> Job:
    """The job in an argument. Raises TrainingError when it is none that this version understands."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw["version"] != VERSION:
            raise ValueError(f"its version is {raw['version']!r}, this is for {VERSION}")
        prompts = [
            Prompt(str(p["text"]), str(p["negative"]), p["trigger"], p["image"], p["shot"]) for p in raw["prompts"]
        ]
        seeds = tuple(int(seed) for seed in raw["seeds"])
        strengths = tuple(float(strength) for strength in raw["strengths"])
        steps = tuple(int(step) for step in raw["steps"])
        return Job(steps, strengths, tuple(prompts), seeds, raw["likeness"], raw["fit"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError("The job of judging cannot be read.", [str(error)[:200]], id="judge/failed") from error
