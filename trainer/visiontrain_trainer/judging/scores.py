"""Scores of a checkpoint from what a measure says of its samples. Pure. Each has its error over prompts and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Of the likenesses of training images to their nearest ones, the share that counts as usual. One double among them
#: must not hide every copy.
USUAL = 0.9


@dataclass(frozen=True)
class References:
    """Features of the images that are trained on and of those kept out, with their paths."""

    trained: np.ndarray
    trained_paths: list[str]
    held_out: np.ndarray
    held_out_paths: list[str]
    #: The same images mirrored, [trained, held out], where training shows them so as well; else None.
    mirrored: tuple[np.ndarray, np.ndarray] | None
    #: How alike features are, [n, m]; 1 for equal ones.
    alike: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def to_trained(self, each: np.ndarray) -> np.ndarray:
        """How alike each is to the images that are trained on, [n, trained]."""
        return self._nearer(each, self.trained, 0)

    def to_held_out(self, each: np.ndarray) -> np.ndarray:
        """How alike each is to the images that were kept out, [n, held out]."""
        return self._nearer(each, self.held_out, 1)

    def _nearer(self, each: np.ndarray, others: np.ndarray, side: int) -> np.ndarray:
        found = self.alike(each, others)
        return found if self.mirrored is None else np.maximum(found, self.alike(each, self.mirrored[side]))


@dataclass(frozen=True)
class Drawn:
    """Features of the samples of a row, [prompts, seeds, …], and of the base model's own with the same noise."""

    own: np.ndarray
    base: np.ndarray
    #: Of each prompt, whether it calls the LoRA; None where nobody knows.
    triggers: Sequence[bool | None]
    #: Of each prompt, the picture kept out of training whose caption it is; None where it is of none.
    images: Sequence[str | None]
    paths: list[list[str]]


def scores(drawn: Drawn, references: References) -> dict[str, Any]:
    """Likeness, bleeding, diversity and copies of a row; None for what cannot be measured here."""
    quiet = [i for i, trigger in enumerate(drawn.triggers) if trigger is False]
    bleeding = None
    if quiet:
        apart = [[_apart(a, b) for a, b in zip(drawn.own[i], drawn.base[i], strict=True)] for i in quiet]
        bleeding = scored(np.array(apart))
    return {
        "likeness": _likeness(drawn, references),
        "bleeding": bleeding,
        "diversity": _diversity(drawn.own, references),
        "copies": _copies(drawn, references),
        "neighbours": _neighbours(drawn, references),
    }


def _neighbours(drawn: Drawn, references: References) -> list[list[dict[str, Any]]] | None:
    """The training image that each sample is nearest to, [prompts][seeds]; None without such images."""
    if not len(references.trained):
        return None
    found = references.to_trained(drawn.own.reshape(-1, drawn.own.shape[-1]))
    found = found.reshape(*drawn.own.shape[:2], -1)
    nearest = found.argmax(-1)
    return [
        [
            {"image": references.trained_paths[place], "alike": float(found[prompt, seed, place])}
            for seed, place in enumerate(each)
        ]
        for prompt, each in enumerate(nearest)
    ]


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far two pictures lie apart; exactly 0 for equal ones, as the difference of sums in `alike` is not."""
    return math.sqrt(float(((a - b) ** 2).mean()))


def _likeness(drawn: Drawn, references: References) -> dict[str, Any] | None:
    """How alike samples are to the picture whose caption they were drawn from. Where no prompt is such a caption, each
    is compared with the nearest picture kept out instead: then what surrounds a subject counts as much as the subject.
    """
    places = {path: i for i, path in enumerate(references.held_out_paths)}
    own = [(i, places[path]) for i, path in enumerate(drawn.images) if path in places]
    if own:
        return scored(np.stack([references.to_held_out(drawn.own[i])[:, place] for i, place in own]))
    called = [i for i, trigger in enumerate(drawn.triggers) if trigger is not False]
    if not len(references.held_out) or not called:
        return None
    return scored(np.stack([references.to_held_out(drawn.own[i]).max(1) for i in called]))


def scored(values: np.ndarray) -> dict[str, Any]:
    """The mean of [prompts, seeds], and its error: samples of one prompt are alike, so prompts count where there are
    several.
    """
    each = values.mean(1) if len(values) > 1 else values.reshape(-1)
    error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else 0.0
    return {"value": float(values.mean()), "stderr": error, "each": values.reshape(-1).tolist()}


def _diversity(own: np.ndarray, references: References) -> dict[str, Any] | None:
    """How far samples of one prompt lie apart over seeds; None with a single seed."""
    count = own.shape[1]
    if count < 2:
        return None
    upper = np.triu_indices(count, 1)
    return scored(np.stack([1 - references.alike(prompt, prompt)[upper] for prompt in own]))


def usual_likeness(references: References, share: float) -> float | None:
    """How alike a training image and its nearest other one are at the most in this share of them; None with fewer than
    three.
    """
    if len(references.trained) < 3:
        return None
    found = references.to_trained(references.trained)
    np.fill_diagonal(found, -np.inf)
    return float(np.quantile(found.max(1), share))


def _copies(drawn: Drawn, references: References) -> dict[str, Any] | None:
    """How many samples are copies of a training image, and the nearest pair of all.

    A sample of a caption of an image kept out of training is a copy when it is as near to a training image as these
    usually are to each other, and nearer to it than to the image that it describes. Any other prompt may ask for the
    very thing that a training image shows, so its samples count only where there is no such caption: then a copy is
    nearer to a training image than nine of ten of these are to each other, which one in ten of good samples is as well.
    """
    flat = drawn.own.reshape(-1, drawn.own.shape[-1])
    own = _own_images(drawn, references)
    told = np.isfinite(own)
    usual = usual_likeness(references, 0.5 if told.any() else USUAL)
    if usual is None:
        return None
    found = references.to_trained(flat)
    nearest = found.max(1)
    copied = (nearest > usual) & (nearest > own)
    if told.any():
        copied &= told
    # The pair that is shown is one that counts, where there is any.
    sample = int(np.where(copied, nearest, nearest - 2 * copied.any()).argmax())
    paths = [path for prompt in drawn.paths for path in prompt]
    return {
        "samples": int(told.sum()) if told.any() else len(flat),
        "copied": int(copied.sum()),
        "by_chance": 0.0 if told.any() else 1 - USUAL,
        "usual": usual,
        "nearest": {
            "sample": paths[sample],
            "image": references.trained_paths[int(found[sample].argmax())],
            "alike": float(nearest[sample]),
        },
    }


def _own_images(drawn: Drawn, references: References) -> np.ndarray:
    """How alike each sample is to the picture whose caption it was drawn from; −∞ where it is of none."""
    places = {path: i for i, path in enumerate(references.held_out_paths)}
    found = np.full(drawn.own.shape[:2], -np.inf)
    for prompt, path in enumerate(drawn.images):
        if path in places:
            found[prompt] = references.to_held_out(drawn.own[prompt])[:, places[path]]
    return found.reshape(-1)
