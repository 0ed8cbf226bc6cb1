"""Tells from the loss of each image before and after training which were never learned or memorised. Pure.

Images and noise are the same both times, so that the gain of a single image means something although its loss depends
on the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import BatchSampler, ImageUse

#: With fewer images than this nothing is said of any: too few to tell what is usual among them.
LEAST_IMAGES = 8
#: With fewer held-out images than this, the trained images are compared with each other instead.
LEAST_HELD_OUT = 4
#: An image is an outlier when its gain differs from the usual one by more than this many deviations.
FAR = 3.0
#: Standard deviation of a normal distribution ÷ its median absolute deviation.
_OF_NORMAL = 1.4826
#: Least distance of an outlier's gain from the usual one, whatever the deviation: a tenth of the loss before training.
LEAST_DISTANCE = 0.1

#: Each image is compared with this share of the others, and with at least so many: those whose loss before training was
#: nearest to its own.
PEERS, LEAST_PEERS = 1 / 3, 8

Kind = Literal["learned", "never", "by_heart"]


@dataclass(frozen=True)
class ImageLoss:
    """An image with its mean loss before training and after it."""

    id: str
    path: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """The share of its loss before training by which the loss fell; below 0 where it rose."""
        return (self.before - self.after) / max(self.before, 1e-12)


@dataclass(frozen=True)
class Sorted:
    """The kind of each image by its id, and what gains were compared with to tell which images are memorised."""

    kinds: dict[str, Kind]
    compared_with: Literal["held_out", "others"]


def uses_to_measure(plan: Plan, batches: BatchSampler) -> list[ImageUse]:
    """The images that are measured: all that are trained on, or as many as the plan allows, drawn by the seed."""
    if plan.validation.images == 0:
        return []
    # An image that is used at several resolutions is measured at the largest, which has no @ in its id.
    by_id = {image.id: image for image in batches.training if "@" not in image.id}
    drawn = set(rng.shuffled(sorted(by_id), plan.seed, "image losses")[: plan.validation.images])
    return [ImageUse(image, image.id, -1) for image in batches.training if image.id in drawn]


def sort_out(images: Sequence[ImageLoss], held_out: Sequence[ImageLoss]) -> Sorted:
    """The images that were never learned (`never`), and those that were memorised (`by_heart`).

    Never learned: the loss fell by far less than that of images with a similar loss before training. Images that the
    base knew well already are not compared with, because they have little to gain.
    Memorised: the loss fell by far more than that of held-out images, or, where these are too few, than that of the
    other trained images.
    """
    usual, wide = _usual_gain(images)
    compared = len(held_out) >= LEAST_HELD_OUT
    high = usual + FAR * wide
    if compared:
        others = [image.gain for image in held_out]
        mean = math.fsum(others) / len(others)
        spread = math.sqrt(math.fsum((gain - mean) ** 2 for gain in others) / (len(others) - 1))
        high = mean + max(FAR * spread, LEAST_DISTANCE)
    kinds: dict[str, Kind] = {}
    for image in images:
        typical, width = _usual_gain(_peers(image, images))
        low = typical > 0 and image.gain < min(typical - FAR * width, typical / 2)
        kinds[image.id] = "never" if low else "by_heart" if image.gain > high else "learned"
    return Sorted(kinds, "held_out" if compared else "others")


def _usual_gain(images: Sequence[ImageLoss]) -> tuple[float, float]:
    """Median of the gains, and their deviation estimated from the median absolute deviation: outliers move neither."""
    gains = [image.gain for image in images]
    usual = median(gains)
    return usual, max(_OF_NORMAL * median(abs(gain - usual) for gain in gains), LEAST_DISTANCE / FAR)


def _peers(image: ImageLoss, images: Sequence[ImageLoss]) -> list[ImageLoss]:
    """The other images whose loss before training was nearest to that of `image`, compared by logarithm."""
    others = [other for other in images if other is not image]
    count = max(LEAST_PEERS, round(PEERS * len(others)))

    def apart(other: ImageLoss) -> float:
        return abs(math.log(max(other.before, 1e-12) / max(image.before, 1e-12)))

    return sorted(others, key=lambda other: (apart(other), other.id))[:count]


def as_json(
    step: int, timesteps: list[int], images: Sequence[ImageLoss], held_out: Sequence[ImageLoss]
) -> dict[str, Any]:
    """Content of image-losses.json; its schema is `imageLossesSchema` of `src/engine/events/image-losses.ts`."""
    found = sort_out(images, held_out)
    rows = [
        {"path": i.path, "id": i.id, "before": i.before, "after": i.after, "kind": found.kinds[i.id]} for i in images
    ]
    return {
        "version": 1,
        "step": step,
        "timesteps": timesteps,
        "compared_with": found.compared_with,
        "images": rows,
        "held_out": [{"path": i.path, "id": i.id, "before": i.before, "after": i.after} for i in held_out],
    }
