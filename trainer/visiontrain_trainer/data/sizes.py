"""At which of its sizes an image is used in an epoch, where it has several and one of them is drawn for each use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import PlanImage

Bucket = tuple[int, int]


def uses_by_sizes(training: Sequence[PlanImage]) -> dict[tuple[Bucket, ...], list[list[str]]]:
    """The uses of images that have the same buckets, by these. A use is its names at each size, the largest first.

    `training` has an image at its largest size before the same at others, whose ids have an @.
    """
    sizes: dict[str, list[PlanImage]] = defaultdict(list)
    for image in training:
        sizes[image.id.partition("@")[0]].append(image)
    found: dict[tuple[Bucket, ...], list[list[str]]] = defaultdict(list)
    for _, images in sorted(sizes.items()):
        buckets = tuple(image.bucket for image in images)
        found[buckets] += [[f"{image.id}/{repeat}" for image in images] for repeat in range(images[0].repeats)]
    return found


def drawn(uses: dict[tuple[Bucket, ...], list[list[str]]], seed: int, epoch: int) -> dict[Bucket, list[str]]:
    """Names of the uses of an epoch by bucket, each use at one of its sizes.

    Uses with the same sizes share these out evenly, the first having what is over, so that every epoch has as many
    batches. Which use has which is drawn by (seed, epoch). With one size there is nothing to draw.
    """
    found: dict[Bucket, list[str]] = defaultdict(list)
    for buckets, names in uses.items():
        key = " ".join(f"{wide}x{high}" for wide, high in buckets)
        order = rng.shuffled([at_sizes[0] for at_sizes in names], seed, "resolution", epoch, key)
        place = {use: at % len(buckets) for at, use in enumerate(order)}
        for at_sizes in names:
            found[buckets[place[at_sizes[0]]]].append(at_sizes[place[at_sizes[0]]])
    return found


def drawn_counts(training: Sequence[PlanImage]) -> dict[Bucket, int]:
    """How many uses of each bucket an epoch has where sizes are drawn: the same in every epoch."""
    counts: dict[Bucket, int] = defaultdict(int)
    for buckets, names in uses_by_sizes(training).items():
        for place, bucket in enumerate(buckets):
            counts[bucket] += len(range(place, len(names), len(buckets)))
    return counts
