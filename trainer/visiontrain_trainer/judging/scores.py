"""Scores of a checkpoint from what a measure says of its samples. Pure. Each has its error over prompts and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Of images that copy nothing, the share that lies as near to a training image as what counts as a copy.
BY_CHANCE = 0.1


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


def nearness_by_chance(references: References) -> tuple[float, float] | None:
    """How near to a training image something must lie to count as a copy, and the share of images that copy nothing and
    lie as near all the same; None with fewer than three images to tell it by.

    Images that were kept out, and each training image beside the others, show how near one of them comes that is none
    of them (Meehan, Chaudhuri and Dasgupta, arXiv:2004.05675). With few of these the share is that of a conformal test
    (Vovk, Gammerman and Shafer 2005): the largest of n values is exceeded by one more of them in 1 of n + 1 cases.
    """
    if not len(references.trained):
        return None
    found = references.to_trained(references.trained)
    np.fill_diagonal(found, -np.inf)
    known = found.max(1) if len(found) > 1 else np.empty(0)
    if len(references.held_out):
        known = np.concatenate([known, references.to_trained(references.held_out).max(1)])
    if len(known) < 3:
        return None
    exceeding = max(1, math.floor(BY_CHANCE * (len(known) + 1)))
    return float(np.sort(known)[-exceeding]), exceeding / (len(known) + 1)


def _copies(drawn: Drawn, references: References) -> dict[str, Any] | None:
    """How many samples are copies of a training image, how many prompts are copied at every seed, and the nearest pair.

    A copy lies nearer to a training image than images that copy nothing do but for a few, nearer to it than the base
    model's sample with the same noise, and, where its prompt is the caption of an image kept out, nearer than to that
    one. Any other prompt may ask for the very thing that a training image shows, so its samples count only where there
    is no such caption. Samples of one prompt are alike, and so are their errors: what counts is the prompt, and that
    all its seeds agree.
    """
    limit = nearness_by_chance(references)
    if limit is None:
        return None
    usual, by_chance = limit
    shape = drawn.own.shape[:2]
    own = _own_images(drawn, references)
    told = np.isfinite(own)
    found, before = (references.to_trained(each.reshape(-1, each.shape[-1])) for each in (drawn.own, drawn.base))
    nearest, which = found.max(1), found.argmax(1)
    moved = nearest > before[np.arange(len(before)), which]
    # The base model's own row is measured by the same rule, without what compares it with itself.
    copied = (nearest > usual) & (nearest > own) & (moved | np.array_equal(drawn.own, drawn.base))
    counted = told if told.any() else np.ones_like(told)
    copied &= counted
    # The pair that is shown is one that counts, where there is any.
    sample = int(np.where(copied, nearest, nearest - 2 * copied.any()).argmax())
    paths = [path for prompt in drawn.paths for path in prompt]
    return {
        "samples": int(counted.sum()),
        "copied": int(copied.sum()),
        "prompts": int(counted.reshape(shape).all(1).sum()),
        "prompts_copied": int(copied.reshape(shape).all(1).sum()),
        "by_chance": by_chance,
        "usual": usual,
        "nearest": {
            "sample": paths[sample],
            "image": references.trained_paths[int(which[sample])],
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
