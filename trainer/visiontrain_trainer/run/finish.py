"""How a run ends: stopped on request, or with its LoRA file and the verdict on what was learned."""

from __future__ import annotations

from visiontrain_trainer.base.errors import STOPPED, TrainingError
from visiontrain_trainer.training.measure import Validation, verdict, weight_change

from .image_losses import measure_images
from .progress import Progress
from .samples import SampleMaker
from .save import Save, save
from .saves import Saves
from .session import Session
from .validate import validate_if_it_fits


def stopped(session: Session, progress: Progress) -> int:
    """Emit the `result` of a run that was stopped on request and saved. Returns the exit code 75."""
    session.events.emit(
        "result",
        status="stopped",
        code=STOPPED,
        step=progress.step,
        reason=f"Stopped on request after step {progress.step} of {session.plan.training.steps}; it is saved.",
        next_steps=[f"Go on with `visiontrain resume {session.run.resolve().name}`."],
    )
    return STOPPED


def finish(session: Session, progress: Progress, samples: SampleMaker, saves: Saves) -> int:
    """Save, export and judge the weights that are to be used. Returns the exit code, as `_finish` says."""
    with session.used_weights():
        return _finish(session, progress, samples, saves)


def _export(session: Session, progress: Progress, saves: Saves) -> None:
    """Write the LoRA file of the present weights, and that of the best step where it is another."""
    events, plan = session.events, session.plan
    events.emit("phase", phase="export")
    last = saves.weights_now(progress.step)
    for file in saves.written(plan.name, last):
        events.emit(
            "output",
            path=str(file.path.relative_to(session.run)),
            bytes=file.bytes,
            sha256=file.sha256,
            format=file.format,
        )
    if progress.best_step is not None and progress.best_step < progress.step:
        saves.best(progress.best_step)


def nothing_learned(reason: str) -> TrainingError:
    """The failure of a run whose LoRA changes nothing; `reason` is that of the verdict."""
    return TrainingError(
        reason,
        next_steps=["Raise training.learning_rate or training.steps, and check that the trigger is in the captions."],
        id="training/nothing-learned",
    )


def _finish(session: Session, progress: Progress, samples: SampleMaker, saves: Saves) -> int:
    """Save the last checkpoint and the LoRA file, make samples, and give the verdict on what was learned.

    Returns the exit code: 0, or 5 for the verdict "nothing", which is a failure.
    """
    events = session.events
    save(session, progress, saves, Save())
    saves.wait()
    if session.processes.first:
        _export(session, progress, saves)
    samples.make(progress.step, adapter=True)
    after = validate_if_it_fits(session, progress)
    before = Validation.of(progress.before) if progress.before else None
    learned = verdict(weight_change(session.adapter, session.initial), before, after, bool(session.batches.validation))
    if after and progress.best_step is not None and progress.best_step < progress.step:
        learned["reason"] += f" It validated best at step {progress.best_step}; the steps after it gained nothing."
    events.emit("learned", **learned, best_step=progress.best_step)
    measure_images(session, progress)
    session.processes.barrier()
    if learned["verdict"] == "nothing":
        failure = nothing_learned(learned["reason"])
        events.emit("result", status="failed", step=progress.step, **failure.as_json())
        return failure.code
    events.emit("result", status="finished", code=0, step=progress.step, reason=progress.ended)
    return 0
