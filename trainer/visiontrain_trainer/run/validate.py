"""Validation: the loss at fixed noise and timesteps, before training and now."""

from __future__ import annotations

from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.timesteps import bounds
from visiontrain_trainer.contract.cadence import Every
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import ImageUse
from visiontrain_trainer.training.measure import Validation, levels, measure, validation_uses

from .progress import Progress
from .session import Session


def validate(session: Session, progress: Progress) -> Validation:
    """Measure the loss at fixed noise and timesteps, and emit it if the images were kept out of training.

    The first call also measures the loss with the initial weights. That is not done before the first step, so that
    training starts at once.
    """
    uses, held_out = validation_uses(session.batches)
    at = levels(bounds(session.plan.training.timesteps, session.diffusion.steps))

    def losses_before(use: ImageUse, steps: list[int], noise_index: int) -> list[float]:
        return progress.known.get((use.image.id, noise_index)) or session.train_step.losses_at(use, steps, noise_index)

    def measure_at(step: int) -> Validation:
        losses_at = session.train_step.losses_at if step else losses_before
        found = measure(uses, at, losses_at, session.processes)
        if held_out:
            compared = progress.validations.compared(found, progress.before)
            levels_now = found.levels_of_event()
            if step and session.ema is not None:
                with session.ema.swapped():
                    other = measure(uses, at, session.train_step.losses_at)
                compared["other"] = {"weights": session.ema.unused, **other.as_event()}
            session.events.emit(
                "validation", step=step, **found.as_event(), images=len(uses), levels=levels_now, **compared
            )
        progress.validations.add(step, found)
        return found

    if progress.last and progress.last[0] == progress.step:
        return progress.last[1]
    session.train_step.release()
    with session.used_weights():
        if progress.before is None:
            now = session.adapter.tensors()
            session.adapter.load(session.initial)
            try:
                progress.before = measure_at(0).each
            finally:
                session.adapter.load(now)
        progress.last = progress.step, measure_at(progress.step)
    return progress.last[1]


def cadence(plan: Plan) -> Every:
    """How often validations are due: as `validation.every` says, else with each checkpoint if they may end the run."""
    if plan.validation.every is not None:
        return plan.validation.every
    return 0 if plan.validation.patience is None else plan.output.checkpoint_every


def validate_as_planned(session: Session, progress: Progress) -> None:
    """Validate at a step that the plan names.

    Only these validations may end a run early, at the same step each time.
    """
    if not session.batches.validation:
        return
    found = validate_if_it_fits(session, progress)
    if found and session.plan.validation.patience is not None:
        progress.validations.add_planned(progress.step, found)


def ends_early(session: Session, progress: Progress) -> bool:
    """Whether the validations so far end the run here. All processes learn it; `progress.ended` says why."""
    planned = session.plan.validation
    if planned.patience is None:
        return False
    progress.ended = progress.validations.reason_to_stop(progress.step, planned.patience, planned.min_change)
    return bool(session.processes.agree({"end"} if progress.ended else set(), ("end",)))


def validate_if_it_fits(session: Session, progress: Progress) -> Validation | None:
    """`validate`, or None where memory does not suffice: the run must go on, so that what was learned is not lost."""
    if progress.unmeasured == progress.step:
        return None
    try:
        return validate(session, progress)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    give_back_memory()
    progress.unmeasured = progress.step
    session.events.note(f"Step {progress.step}: not enough memory to validate; left out.", "warn")
    return None
