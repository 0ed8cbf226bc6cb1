"""Encodes what a run will use and the cache lacks: images to latents, captions to text states."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan, PlanImage, encodes_in_steps
from visiontrain_trainer.contract.shots import all_shots
from visiontrain_trainer.data.batch_builder import Caches
from visiontrain_trainer.data.batches import BatchSampler, ImageUse, View, without
from visiontrain_trainer.data.caption_options import longest_forms, plain_caption
from visiontrain_trainer.data.captions import caption_of, preserved
from visiontrain_trainer.data.own_settings import captions_vary, views_vary
from visiontrain_trainer.training.image_losses import uses_to_measure
from visiontrain_trainer.training.measure import validation_uses

#: An image, and how it is shown.
Shown = tuple[PlanImage, View]


def fill_caches(
    plan: Plan, caches: Caches, device: Device, events: Events, *, control: Control
) -> tuple[Plan, BatchSampler]:
    """Encode the images and captions that the run will use and the cache lacks.

    Returns the plan without the images that cannot be decoded, and the batches of that plan. Raises TrainingError for
    images that are gone or changed, MachineError when memory or disk runs out, and Stopped.
    """
    events.emit("phase", phase="cache")
    plan, batches = encode_images(plan, caches, events, control)
    for sentence in caches.masks.prepare((use.image, batches.view(use)) for use in _uses_to_encode(plan, batches)):
        events.note(sentence)
    measured = _measured_uses(plan, batches)
    plain = {plain_caption(plan.data, image.caption) for image in plan.data.images}
    if encodes_in_steps(plan.training):
        caches.texts.prepare_trained(plain | longest_forms(plan.data), device.dtype)
        return plan, batches
    captions = {caption_of(plan, use) for use in batches.all_uses()} if captions_vary(plan.data) else plain
    if plan.training.preservation is not None:
        captions = captions | {preserved(plan.training.preservation, caption) for caption in captions}
        plain = plain | {preserved(plan.training.preservation, caption) for caption in plain}
    prompts = [text for shot in all_shots(plan.samples) for text in (shot.prompt, shot.negative)]
    tested = [plain_caption(plan.data, use.image.caption) for use in measured]
    longest = plain | longest_forms(plan.data)
    caches.texts.keep_shots(all_shots(plan.samples))
    caches.texts.prepare([*captions, *tested, *prompts], longest, events, control)
    return plan, batches


def encode_images(plan: Plan, caches: Caches, events: Events, control: Control) -> tuple[Plan, BatchSampler]:
    """Encode the images of all uses. Images that cannot be decoded are named in notes, and left out of the plan."""
    keep = caches.masks.boxes(plan.data.images)
    while True:
        batches = BatchSampler(plan, keep)
        uses = _uses_to_encode(plan, batches)
        measured = _measured_uses(plan, batches)
        unreadable = caches.latents.prepare(
            ((use.image, batches.view(use)) for use in [*uses, *measured]), events, control
        )
        if not unreadable:
            return plan, batches
        say_left_out(plan, unreadable, events)
        plan = without(plan, unreadable)


def encode_share(
    plan: Plan, caches: Caches, share: Callable[[list[Shown]], Sequence[Shown]], events: Events, *, control: Control
) -> None:
    """Encode this process's share of the images. What cannot be read is left to `encode_images`, which names it."""
    batches = BatchSampler(plan, caches.masks.boxes(plan.data.images))
    uses = [*_uses_to_encode(plan, batches), *_measured_uses(plan, batches)]
    different = {(use.image.id, view): (use.image, view) for use in uses for view in [batches.view(use)]}
    caches.latents.prepare(share(list(different.values())), events, control)


def _uses_to_encode(plan: Plan, batches: BatchSampler) -> list[ImageUse]:
    """Uses that show every view of every image that is trained on."""
    return batches.all_uses() if views_vary(plan.data) else batches.one_epoch()


def _measured_uses(plan: Plan, batches: BatchSampler) -> list[ImageUse]:
    """Uses whose loss is measured: by validations, and of each image at the end."""
    return [*validation_uses(batches)[0], *uses_to_measure(plan, batches)]


def say_left_out(plan: Plan, unreadable: dict[str, str], events: Events) -> None:
    """Name the images that are left out: the first twenty in events, and all of them in the log."""
    named = [f"{s.path} {unreadable[s.id]}" for s in plan.data.images if s.id in unreadable]
    for sentence in named:
        print(f"left out: {sentence}", flush=True)
    for sentence in named[:20]:
        events.note(f"{sentence}: left out", "warn")
    if len(named) > 20:
        events.note(f"{len(named) - 20} more pictures cannot be read and are left out: trainer.log names them", "warn")
