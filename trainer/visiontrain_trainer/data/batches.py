"""Which images are in which batch: a pure function of (plan, epoch). The position in a run is one integer."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Plan, PlanImage, whole_batch

from .facts import counted_again
from .images import Box
from .own_settings import settings_of
from .sizes import drawn, drawn_counts, uses_by_sizes
from .variations import View, drawn_view


@dataclass(frozen=True)
class ImageUse:
    """One use of an image in one epoch. `key` is the image's id and the number of the repeat; random draws go by it.

    `place` is the use's number among the uses of its step (from 0), and how many these are.
    """

    image: PlanImage
    key: str
    epoch: int
    place: tuple[int, int] = (0, 1)


def batches_per_epoch(plan: Plan, training: Sequence[PlanImage]) -> int:
    """Batches in one epoch of these images: Σ over buckets ⌈uses ÷ batch size⌉, as `src/engine/plan/lengths.ts` counts.

    Where sizes are drawn, each use is at one of the sizes of its image.
    """
    draw = plan.data.resolution_use == "draw"
    uses: dict[tuple[int, int], int] = defaultdict(int)
    others: dict[tuple[int, int], int] = defaultdict(int)
    for image in training:
        if image.regularisation or not draw:
            (others if image.regularisation else uses)[image.bucket] += image.repeats
    if draw:
        uses |= drawn_counts([image for image in training if not image.regularisation])
    total = sum(uses.values())
    for bucket, count in others.items():
        uses[bucket] += regularisation_uses(count, sum(others.values()), total)
    return sum(-(-count // whole_batch(plan, bucket)) for bucket, count in uses.items())


def regularisation_uses(in_bucket: int, images: int, uses: int) -> int:
    """How often regularisation images of one bucket are used in an epoch.

    All together are used as often as the others, which have `uses`; each bucket by its share, and at least once.
    """
    return max(1, (2 * uses * in_bucket + images) // (2 * images))


def without(plan: Plan, unreadable: dict[str, str]) -> Plan:
    """The plan without the images that cannot be read. `unreadable` gives the reason by the image's id.

    This is a pure function, so that a rerun or resume leaves out the same images. Raises TrainingError when no image is
    left to train on.
    """
    kept = [image for image in plan.data.images if image.id not in unreadable]
    training = [image for image in kept if not image.validation]
    if all(image.regularisation for image in training):
        gone = [f"{s.path} {unreadable[s.id]}" for s in plan.data.images if s.id in unreadable]
        raise TrainingError(
            "None of the pictures to train on can be read.",
            gone[:20],
            ["Replace the pictures, then start the run again with `visiontrain run`."],
            id="dataset/unreadable",
        )
    data = replace(plan.data, images=kept)
    return replace(
        plan,
        data=data,
        training=replace(plan.training, batches_per_epoch=batches_per_epoch(plan, training)),
        output=replace(plan.output, facts=counted_again(plan.output.facts, data, plan.name)),
    )


class _Regularisation:
    """The regularisation images. Those of a bucket are used in one order through all epochs, so that none is left out.

    `uses` is the number of uses in an epoch of the images that are learned.
    """

    def __init__(self, images: list[PlanImage], seed: int, uses: int) -> None:
        self.by_id = {image.id: image for image in images}
        self.buckets: dict[tuple[int, int], list[str]] = defaultdict(list)
        for image in images:
            self.buckets[image.bucket].append(image.id)
        for bucket, ids in self.buckets.items():
            self.buckets[bucket] = rng.shuffled(ids, seed, "regularisation", f"{bucket[0]}x{bucket[1]}")
        self._uses, self._images = uses, len(images)

    def names(self, bucket: tuple[int, int], epoch: int) -> list[str]:
        """Names of the uses of a bucket's images in an epoch."""
        ids = self.buckets.get(bucket, [])
        if not ids:
            return []
        count = regularisation_uses(len(ids), self._images, self._uses)
        # A bucket of fewer images than uses shows some of them several times; the number tells these apart.
        return [f"{ids[(epoch * count + i) % len(ids)]}/{i // len(ids)}" for i in range(count)]


class BatchSampler:
    """All batches of a run. Every image is used `repeats` times an epoch; the last batch of a bucket may be smaller.

    `keep` tells by an image's id what its crop must keep. Raises TrainingError when every image is kept for validation,
    or the plan counts other batches per epoch.
    """

    def __init__(self, plan: Plan, keep: Mapping[str, Box] | None = None) -> None:
        self._plan, self._keep = plan, keep or {}
        own = [image for image in plan.data.images if not image.regularisation]
        self.training = [image for image in own if not image.validation]
        self.validation = [image for image in plan.data.images if image.validation]
        if not self.training:
            raise TrainingError(
                "All pictures are kept for validation: there is nothing to train on.",
                next_steps=["Lower dataset.validation_share in run.yaml."],
                id="dataset/empty",
            )
        self._uses: dict[str, PlanImage] = {}
        self._buckets: dict[tuple[int, int], list[str]] = defaultdict(list)
        for image in sorted(self.training, key=lambda s: s.id):
            for repeat in range(image.repeats):
                name = f"{image.id}/{repeat}"
                self._uses[name] = image
                self._buckets[image.bucket].append(name)
        self._sizes = uses_by_sizes(self.training) if plan.data.resolution_use == "draw" else None
        total = len(self._uses) if self._sizes is None else sum(map(len, self._sizes.values()))
        self._others = _Regularisation([image for image in plan.data.images if image.regularisation], plan.seed, total)
        self.per_epoch = batches_per_epoch(plan, [s for s in plan.data.images if not s.validation])
        if self.per_epoch != plan.training.batches_per_epoch:
            raise TrainingError(
                f"plan.json says {plan.training.batches_per_epoch} batches per epoch, the pictures give "
                f"{self.per_epoch}.",
                next_steps=["Start the run again with `visiontrain run`."],
                id="run/unreadable-plan",
            )
        # Two epochs are kept, because with gradient accumulation one optimiser step may take batches from both.
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)

    def _make_epoch(self, epoch: int) -> list[list[str]]:
        seed = self._plan.seed
        batches: list[list[str]] = []
        own = self._buckets if self._sizes is None else drawn(self._sizes, seed, epoch)
        for bucket in sorted({*own, *self._others.buckets}):
            uses = [*own.get(bucket, []), *self._others.names(bucket, epoch)]
            order = rng.shuffled(uses, seed, "order", epoch, f"{bucket[0]}x{bucket[1]}")
            size = whole_batch(self._plan, bucket)
            batches += [order[i : i + size] for i in range(0, len(order), size)]
        by_first = {batch[0]: batch for batch in batches}
        return [by_first[first] for first in rng.shuffled(by_first, seed, "batches", epoch)]

    def epoch_of(self, step: int) -> int:
        """Epoch (from 0) in which optimiser step `step` (from 0) begins."""
        return step * self._plan.training.gradient_accumulation // self.per_epoch

    def step(self, step: int) -> list[list[ImageUse]]:
        """The forward passes of optimiser step `step` (from 0), each a list of uses from one bucket."""
        accumulation = self._plan.training.gradient_accumulation
        found = [divmod(step * accumulation + i, self.per_epoch) for i in range(accumulation)]
        named = [(epoch, self._epoch(epoch)[index]) for epoch, index in found]
        count, places = sum(len(names) for _, names in named), itertools.count()
        return [
            [ImageUse(self._image(name), name, epoch, (next(places), count)) for name in names]
            for epoch, names in named
        ]

    def largest(self) -> list[list[ImageUse]]:
        """The forward passes of an optimiser step that takes most memory: those of the first epoch's largest batch."""
        sizes = {tuple(names): self._image(names[0]).bucket for names in self._epoch(0)}
        names, _ = max(sizes.items(), key=lambda each: (len(each[0]) * each[1][0] * each[1][1], each[0]))
        passes, count = self._plan.training.gradient_accumulation, itertools.count()
        total = passes * len(names)
        return [[ImageUse(self._image(name), name, 0, (next(count), total)) for name in names] for _ in range(passes)]

    def _image(self, name: str) -> PlanImage:
        """The image of a use, by the use's name."""
        return self._uses.get(name) or self._others.by_id[name.rpartition("/")[0]]

    def view(self, use: ImageUse) -> View:
        """Crop, mirroring and variation of a use. Outside of training (epoch -1) it is the centre, not mirrored."""
        keep = self._keep.get(use.image.id)
        if use.epoch < 0:
            return View(-1, False, keep=keep)
        data = settings_of(self._plan.data, use.image)
        view = drawn_view(data, self._plan.seed, epoch=use.epoch, use=use.key, image=use.image.id)
        return view if keep is None else replace(view, keep=keep)

    def one_epoch(self) -> list[ImageUse]:
        """Every use of epoch 0 once, and every regularisation image: enough where views do not differ by epoch."""
        others = {f"{image.id}/0": image for image in self._others.by_id.values()}
        return [ImageUse(image, name, 0) for name, image in (self._uses | others).items()]

    def all_uses(self) -> list[ImageUse]:
        """Every use of the run, in order. The cache must hold the latents and captions of them all."""
        return [use for step in range(self._plan.training.steps) for batch in self.step(step) for use in batch]
