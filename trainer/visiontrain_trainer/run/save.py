"""Which checkpoint and which LoRA file are saved now, and what a checkpoint holds beside tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .due import Due
from .progress import Progress
from .saves import Saves, Wanted, name_after, name_at
from .session import Session
from .validate import validate_if_it_fits


@dataclass(frozen=True)
class Save:
    """What is to be saved: a checkpoint, validated or not, and a LoRA file by its name, or None for no file."""

    checkpoint: bool = True
    #: A person who asked for a stop should not wait for the validation.
    validated: bool = True
    lora: str | None = None


def planned(session: Session, due: Due, step: int) -> Save | None:
    """What is to be saved after `step` by the plan; None for nothing."""
    plan = session.plan
    checkpoint, lora = due.after("checkpoint", step), due.after("lora", step)
    if not checkpoint and not lora:
        return None
    by_epoch = due.cadences["lora"].unit == "epochs"
    name = name_after(plan, session.batches.epoch_of(step)) if by_epoch else name_at(plan, step)
    return Save(checkpoint=checkpoint, lora=name if lora else None)


def save(session: Session, progress: Progress, saves: Saves, wanted: Save) -> None:
    """Save what is wanted of the present state, unless this step is saved already. It is written meanwhile."""
    step = progress.step
    lora = wanted.lora if step > 0 and saves.lora_at != step else None
    state = None
    if wanted.checkpoint and progress.saved_at != step:
        state = state_of(session, progress, validated=wanted.validated)
        progress.saved_at = step
    if session.processes.first and (state is not None or lora is not None):
        saves.save(step, Wanted(state, lora), progress.best_step)


def state_of(session: Session, progress: Progress, *, validated: bool) -> dict[str, Any]:
    """What a checkpoint holds of the present state beside tensors. First the state is validated, if `validated`."""
    if validated and session.batches.validation and progress.step > 0:
        found = validate_if_it_fits(session, progress)
        if found and found.loss < progress.best_loss:
            progress.best_step, progress.best_loss = progress.step, found.loss
    best = None if progress.best_step is None else {"step": progress.best_step, "loss": progress.best_loss}
    scale = session.train_step.scale
    return {
        "spec_sha256": session.plan.spec_sha256,
        "micro_batch": session.train_step.micro_batch,
        "loss_scale": [scale.value, scale.steps],
        "before": progress.before,
        "best": best,
        "validations": progress.validations.as_json(),
        "environments": [span.as_json() for span in progress.spans],
    }
