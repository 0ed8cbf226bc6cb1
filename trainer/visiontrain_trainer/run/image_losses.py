"""Measures the loss of each image before and after training, and writes image-losses.json of the run folder."""

from __future__ import annotations

import json
from typing import Any

from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.timesteps import bounds
from visiontrain_trainer.training.image_losses import LEAST_IMAGES, ImageLoss, as_json, uses_to_measure
from visiontrain_trainer.training.measure import Validation, levels, measure, validation_uses

from .progress import Progress
from .session import Session

FILE = "image-losses.json"
#: Most names of one kind in the event; the file has them all.
MOST_NAMED = 20


def measure_images(session: Session, progress: Progress) -> None:
    """Measure the losses, write the file and emit `image_losses`.

    Where memory or disk does not suffice, a note says so and the run still ends well: its LoRA is written by then.
    """
    uses = uses_to_measure(session.plan, session.batches)
    if len(uses) < LEAST_IMAGES:
        return
    try:
        content = _measured(session, progress)
        if session.processes.first:
            write_atomic(session.run / FILE, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        session.events.note(f"The loss of each picture could not be written ({error.strerror}).", "warn")
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        give_back_memory()
        session.events.note("Not enough memory to measure the loss of each picture; left out.", "warn")
        return
    kinds: dict[str, list[str]] = {"never": [], "by_heart": [], "learned": []}
    for row in content["images"]:
        kinds[row["kind"]].append(row["path"])
    session.events.emit(
        "image_losses",
        step=progress.step,
        path=FILE,
        images=len(uses),
        of=len(session.batches.training),
        never=kinds["never"][:MOST_NAMED],
        never_count=len(kinds["never"]),
        by_heart=kinds["by_heart"][:MOST_NAMED],
        by_heart_count=len(kinds["by_heart"]),
        compared_with=content["compared_with"],
    )


def _measured(session: Session, progress: Progress) -> dict[str, Any]:
    """Content of the file: losses with the present weights, and with those that training began from."""
    uses = uses_to_measure(session.plan, session.batches)
    at = levels(bounds(session.plan.training.timesteps, session.diffusion.steps))
    session.train_step.release()
    after = measure(uses, at, session.train_step.losses_at, session.processes)
    now = session.adapter.tensors()
    session.adapter.load(session.initial)
    try:
        before = measure(uses, at, session.train_step.losses_at, session.processes)
    finally:
        session.adapter.load(now)
    pairs = zip(uses, before.of_each_image(), after.of_each_image(), strict=True)
    images = [ImageLoss(use.image.id, use.image.path, early, late) for use, early, late in pairs]
    return as_json(progress.step, at, images, _held_out(session, progress))


def _held_out(session: Session, progress: Progress) -> list[ImageLoss]:
    """The images that were kept out of training, where the last validation is of the present weights."""
    uses, held_out = validation_uses(session.batches)
    if not held_out or progress.before is None or progress.last is None or progress.last[0] != progress.step:
        return []
    early, late = Validation.of(progress.before).of_each_image(), progress.last[1].of_each_image()
    return [ImageLoss(u.image.id, u.image.path, e, x) for u, e, x in zip(uses, early, late, strict=True)]
