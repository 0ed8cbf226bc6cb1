"""Scores of a checkpoint from the features of its samples, each with its standard error over prompts. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Raised with each change of what is measured, here or in `pixels.py`: `src/engine/judge/schema.ts` has the same.
VERSION = 2
#: Share of images that copy nothing but are, by chance, as near to a training image as a copy must be.
BY_CHANCE = 0.1


@dataclass(frozen=True)
class References:
    """Features of the images that are trained on and of those kept out, with their paths."""

    trained: np.ndarray
    trained_paths: list[str]
    held_out: np.ndarray
    held_out_paths: list[str]
    #: Features of the same images mirrored, [trained, held out], where training mirrors images; else None.
    mirrored: tuple[np.ndarray, np.ndarray] | None
    #: Likeness [n, m] of features [n, …] and [m, …]; 1 for equal ones.
    alike: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def to_trained(self, each: np.ndarray) -> np.ndarray:
        """Likeness of each to the images that are trained on, [n, trained]."""
        return self._nearer(each, self.trained, 0)

    def to_held_out(self, each: np.ndarray) -> np.ndarray:
        """Likeness of each to the held-out images, [n, held out]."""
        return self._nearer(each, self.held_out, 1)

    def _nearer(self, each: np.ndarray, others: np.ndarray, side: int) -> np.ndarray:
        found = self.alike(each, others)
        return found if self.mirrored is None else np.maximum(found, self.alike(each, self.mirrored[side]))


@dataclass(frozen=True)
class Drawn:
    """Features [prompts, seeds, …] of a row's samples (`own`), and of the base model's samples with the same noise."""

    own: np.ndarray
    base: np.ndarray
    #: Whether each prompt holds the LoRA's trigger; None for a LoRA without one.
    triggers: Sequence[bool | None]
    #: The image whose caption each prompt is, held out or trained on; None where it is no image's caption.
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
    """Root mean squared difference of two features: exactly 0 for equal ones, unlike 1 − `alike`, which is rounded."""
    return math.sqrt(float(((a - b) ** 2).mean()))


def _likeness(drawn: Drawn, references: References) -> dict[str, Any] | None:
    """Likeness of samples to the held-out image whose caption they were drawn from; None without held-out images.

    Where no prompt is such a caption, each sample is compared with the nearest held-out image instead. The scene around
    the subject then counts as much as the subject.
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
    """The mean of values [prompts, seeds] and its standard error, from the means of prompts where there are several:
    samples of one prompt are alike, so they are not independent.
    """
    each = values.mean(1) if len(values) > 1 else values.reshape(-1)
    error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else 0.0
    return {"value": float(values.mean()), "stderr": error, "each": values.reshape(-1).tolist()}


def _diversity(own: np.ndarray, references: References) -> dict[str, Any] | None:
    """How different the samples of one prompt are over seeds, as 1 − likeness; None with a single seed."""
    count = own.shape[1]
    if count < 2:
        return None
    upper = np.triu_indices(count, 1)
    return scored(np.stack([1 - references.alike(prompt, prompt)[upper] for prompt in own]))


def nearness_by_chance(references: References) -> tuple[float, float] | None:
    """The likeness to a training image above which a sample counts as a copy, and the share of images that copy nothing
    and exceed it by chance. None where fewer than three images are there to estimate it from.

    Held-out images, and each training image against all others, show how near an image comes that is no copy (Meehan,
    Chaudhuri and Dasgupta, arXiv:2004.05675). The share is that of a conformal test (Vovk, Gammerman and Shafer 2005):
    a further value of the same kind exceeds the largest of n values in 1 of n + 1 cases.
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
    """How many samples are copies of a training image, for how many prompts every seed is one, and the nearest pair.

    A copy is nearer to a training image than `nearness_by_chance`, nearer to it than the base model's sample with the
    same noise, and, where its prompt is the caption of a held-out image, nearer to it than to that image. Samples of
    other prompts are counted only where no prompt is such a caption, because a prompt may describe just what a training
    image shows, and those of a caption that is trained on never are. The verdict goes by prompts that are copied at
    every seed: samples of one prompt are alike, so one of them that looks like a copy by chance makes the others likely
    to.
    """
    limit = nearness_by_chance(references)
    if limit is None:
        return None
    usual, by_chance = limit
    shape = drawn.own.shape[:2]
    own = _own_images(drawn, references)
    captioned = np.isfinite(own)
    found, before = (references.to_trained(each.reshape(-1, each.shape[-1])) for each in (drawn.own, drawn.base))
    nearest, which = found.max(1), found.argmax(1)
    moved = nearest > before[np.arange(len(before)), which]
    # The base model's own row is measured by the same rule, without the comparison with itself.
    copied = (nearest > usual) & (nearest > own) & (moved | np.array_equal(drawn.own, drawn.base))
    asked = np.isin(np.array(drawn.images, dtype=object), references.trained_paths)
    counted = captioned if captioned.any() else np.repeat(~asked, shape[1])
    copied &= counted
    # The pair that is shown is the nearest copy, or without copies the nearest pair of all.
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
    """Likeness of each sample to the held-out image whose caption it was drawn from; −∞ for other prompts."""
    places = {path: i for i, path in enumerate(references.held_out_paths)}
    found = np.full(drawn.own.shape[:2], -np.inf)
    for prompt, path in enumerate(drawn.images):
        if path in places:
            found[prompt] = references.to_held_out(drawn.own[prompt])[:, places[path]]
    return found.reshape(-1)
