"""Scores of a checkpoint from what a measure says of its samples. Pure. Each has its error over prompts and seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .pixels import alike, mirrored

#: Of the likenesses of training images to their nearest ones, the share that counts as usual. One double among them
#: must not hide every copy.
USUAL = 0.9


@dataclass(frozen=True)
class References:
    """Features of the images that are trained on and of those kept out, with their paths."""

    trained: np.ndarray
    trained_paths: list[str]
    held_out: np.ndarray
    #: Whether training shows images mirrored as well.
    flips: bool


@dataclass(frozen=True)
class Drawn:
    """Features of the samples of a row, [prompts, seeds, …], and of the base model's own with the same noise."""

    own: np.ndarray
    base: np.ndarray
    #: Of each prompt, whether it calls the LoRA; None where nobody knows.
    triggers: Sequence[bool | None]
    paths: list[list[str]]


def scores(drawn: Drawn, references: References) -> dict[str, Any]:
    """Likeness, bleeding, diversity and copies of a row; None for what cannot be measured here."""
    called = [i for i, trigger in enumerate(drawn.triggers) if trigger is not False]
    quiet = [i for i, trigger in enumerate(drawn.triggers) if trigger is False]
    likeness = None
    if len(references.held_out) and called:
        flat = drawn.own[called].reshape(-1, drawn.own.shape[-1])
        nearest = _with_mirror(flat, references.held_out, flips=references.flips).max(1)
        likeness = _scored(nearest.reshape(len(called), -1))
    bleeding = None
    if quiet:
        apart = [[_apart(a, b) for a, b in zip(drawn.own[i], drawn.base[i], strict=True)] for i in quiet]
        bleeding = _scored(np.array(apart))
    return {
        "likeness": likeness,
        "bleeding": bleeding,
        "diversity": _diversity(drawn.own),
        "copies": _copies(drawn, references),
    }


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far two pictures lie apart; exactly 0 for equal ones, as the difference of sums in `alike` is not."""
    return math.sqrt(float(((a - b) ** 2).mean()))


def _with_mirror(each: np.ndarray, others: np.ndarray, *, flips: bool) -> np.ndarray:
    found = alike(each, others)
    if flips:
        found = np.maximum(found, alike(each, np.stack([mirrored(other) for other in others])))
    return found


def _scored(values: np.ndarray) -> dict[str, Any]:
    """The mean of [prompts, seeds], and its error: samples of one prompt are alike, so prompts count where there are
    several.
    """
    each = values.mean(1) if len(values) > 1 else values.reshape(-1)
    error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else 0.0
    return {"value": float(values.mean()), "stderr": error, "each": values.reshape(-1).tolist()}


def _diversity(own: np.ndarray) -> dict[str, Any] | None:
    """How far samples of one prompt lie apart over seeds; None with a single seed."""
    count = own.shape[1]
    if count < 2:
        return None
    upper = np.triu_indices(count, 1)
    return _scored(np.stack([1 - alike(prompt, prompt)[upper] for prompt in own]))


def usual_likeness(trained: np.ndarray, *, flips: bool = False) -> float | None:
    """How alike a training image and its nearest other one are at the most usual; None with fewer than three."""
    if len(trained) < 3:
        return None
    found = _with_mirror(trained, trained, flips=flips)
    np.fill_diagonal(found, -np.inf)
    return float(np.quantile(found.max(1), USUAL))


def _copies(drawn: Drawn, references: References) -> dict[str, Any] | None:
    """How many samples are nearer to one training image than these are to each other, and the nearest pair of all."""
    usual = usual_likeness(references.trained, flips=references.flips)
    if usual is None:
        return None
    flat = drawn.own.reshape(-1, drawn.own.shape[-1])
    found = _with_mirror(flat, references.trained, flips=references.flips)
    nearest = found.max(1)
    sample = int(nearest.argmax())
    paths = [path for prompt in drawn.paths for path in prompt]
    return {
        "samples": len(flat),
        "copied": int((nearest > usual).sum()),
        "usual": usual,
        "nearest": {
            "sample": paths[sample],
            "image": references.trained_paths[int(found[sample].argmax())],
            "alike": float(nearest[sample]),
        },
    }
