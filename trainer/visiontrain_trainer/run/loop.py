"""The run: before, steps, after. Read this first; everything it calls has one job and a file of its own."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from visiontrain_trainer.adapter.export import make_files, write_files
from visiontrain_trainer.base.errors import FAILED, STOPPED, TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.timesteps import bounds
from visiontrain_trainer.contract.control import REQUESTS, Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import Use
from visiontrain_trainer.training import checkpoint
from visiontrain_trainer.training.environment import Stretch, compare_with_checkpoints, compare_with_original
from visiontrain_trainer.training.finite import Place, check_step
from visiontrain_trainer.training.measure import Measured, levels, measure, measured_uses, verdict, weight_change
from visiontrain_trainer.training.optim import state_from_plain
from visiontrain_trainer.training.result import PendingResult
from visiontrain_trainer.training.writer import Writer

from .base_check import Known, check_base
from .due import Due
from .pictures import Pictures
from .saves import Saves, Wanted, name_after, name_at
from .session import Session, open_session

_RATE_OVER_STEPS = 20
#: On a GPU a step is reported while the next one runs: waiting for its numbers would leave the device idle.
_STEPS_IN_FLIGHT = 1


@dataclass
class Progress:
    """The state of the training loop; a checkpoint holds most of it beside weights and optimiser."""

    step: int = 0
    #: Losses of each measured image before training; None until they are measured.
    before: list[list[float]] | None = None
    #: Losses of the same that the check of the base has measured: not in a checkpoint, measured anew where it lacks.
    known: Known = field(default_factory=dict)
    #: The last validation and its step.
    last: tuple[int, Measured] | None = None
    #: The last step at which memory did not suffice to validate.
    unmeasured: int | None = None
    #: The checkpoint that validates best: its step and loss.
    best_step: int | None = None
    best_loss: float = math.inf
    saved_at: int | None = None
    #: The environments in which the steps so far were computed.
    stretches: list[Stretch] = field(default_factory=list)
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=_RATE_OVER_STEPS))


def train(run: Path, plan: Plan, events: Events, control: Control) -> int:
    """Do what the plan says; returns the exit code. Raises TrainerError, or Stopped when there is nothing to save."""
    session = open_session(run, plan, events, control)
    compare_with_original(run, session.facts, events)
    progress = resume(session)
    if progress.step == 0:
        progress.known = check_base(session)
    pictures = Pictures(session)
    with Writer() as writer:
        saves = Saves(session, writer)
        saves.any_checkpoint = progress.saved_at is not None
        return run_steps(session, progress, pictures, saves)


def run_steps(session: Session, progress: Progress, pictures: Pictures, saves: Saves) -> int:
    """All steps that are left, and the work that is due between them. Returns the exit code."""
    plan, events, steps = session.plan, session.events, session.plan.training.steps
    events.emit("phase", phase="train")
    events.emit("start", step=progress.step, steps=steps, batches_per_epoch=session.batches.per_epoch)
    pictures.make(progress.step, adapter=False)
    due = Due(
        session.batches,
        steps,
        {
            "checkpoint": plan.output.checkpoint_every,
            "lora": plan.output.save_every,
            "samples": plan.samples.every,
        },
    )

    flight: deque[PendingResult] = deque()
    while progress.step < steps:
        asked = session.processes.agree(session.control.poll(), REQUESTS)
        if asked:
            report(session, flight, progress, saves)
            if asked & {"stop", "save"}:
                lora = name_at(plan, progress.step)
                save(session, progress, saves, Save(validated="stop" not in asked, lora=lora))
                saves.wait()
            if "sample" in asked:
                pictures.make(progress.step, adapter=True)
            session.control.done(asked)
            if "stop" in asked:
                return stopped(session, progress)
        began = time.perf_counter()
        flight.append(session.train_step.run(progress.step))
        progress.step += 1
        report(session, flight, progress, saves, keep=_STEPS_IN_FLIGHT if session.device.is_cuda else 0)
        progress.durations.append(time.perf_counter() - began)
        saves.check()
        wanted = planned(session, due, progress.step)
        if wanted is not None:
            report(session, flight, progress, saves)
            save(session, progress, saves, wanted)
        if due.after("samples", progress.step):
            report(session, flight, progress, saves)
            pictures.make(progress.step, adapter=True)
    report(session, flight, progress, saves)
    return finish(session, progress, pictures, saves)


@dataclass(frozen=True)
class Save:
    """What shall be saved: a checkpoint, validated or not, and a LoRA file of this name."""

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


def resume(session: Session) -> Progress:
    """Go on from the newest whole checkpoint, or start at 0. Raises TrainingError for one that does not fit."""
    found, damaged = checkpoint.newest(session.run / "checkpoints", session.plan.spec_sha256)
    for sentence in damaged:
        session.events.note(sentence, "warn")
    if found is None:
        return Progress(stretches=[Stretch(0, session.facts)])
    try:
        session.adapter.load(found.adapter)
        state_from_plain(session.optimizer, found.optimizer, found.state["optimizer"])
        session.train_step.micro_batch = found.state["micro_batch"]
        session.train_step.scale.value, session.train_step.scale.steps = found.state["loss_scale"]
        best = found.state["best"]
        recorded = [Stretch(**stretch) for stretch in found.state["environments"]]
    except (TrainingError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{found.path}: the checkpoint does not fit the layers and the optimiser of this run.",
            [str(error).split("\n")[0], "Another version of visiontrain wrote it."],
            ["Go on with that version, or start anew: `visiontrain run` with the run's run.yaml."],
        ) from error
    return Progress(
        step=found.step,
        before=found.state["before"],
        best_step=best and best["step"],
        best_loss=best["loss"] if best else math.inf,
        saved_at=found.step,
        stretches=compare_with_checkpoints(recorded, session.facts, found.step, session.events),
    )


def report(session: Session, flight: deque[PendingResult], progress: Progress, saves: Saves, *, keep: int = 0) -> None:
    """Write the events of finished steps, and leave the newest `keep` steps in flight.

    Raises TrainingError at the first number that is not finite.
    """
    while len(flight) > keep:
        result = flight.popleft().read()
        check_step(Place(session.plan, session.run, saves.any_checkpoint), session.adapter, result)
        rate = len(result.losses) / median(progress.durations) if progress.durations else None
        session.events.emit(
            "step",
            step=result.step,
            epoch=result.epoch,
            loss=math.fsum(result.losses) / len(result.losses),
            lr=result.lr,
            grad_norm=result.grad_norm,
            digest=result.digest,
            pictures_per_second=rate and round(rate, 3),
            memory=session.device.memory(),
        )


def validate(session: Session, progress: Progress) -> Measured:
    """Measure the loss at fixed noise and timesteps, and emit it if the images were kept out of training.

    The first call also measures the loss with the initial weights. Measured here and not before the first step, it does
    not delay that step.
    """
    uses, held_out = measured_uses(session.batches)
    at = levels(bounds(session.plan.training.timesteps, session.diffusion.steps))

    def losses_before(use: Use, steps: list[int], draw: int) -> list[float]:
        return progress.known.get((use.sample.id, draw)) or session.train_step.measured(use, steps, draw)

    def measure_at(step: int) -> Measured:
        found = measure(uses, at, session.train_step.measured if step else losses_before)
        if held_out:
            session.events.emit("validation", step=step, **found.as_event(), pictures=len(uses))
        return found

    if progress.last and progress.last[0] == progress.step:
        return progress.last[1]
    session.train_step.release()
    if progress.before is None:
        now = session.adapter.tensors()
        session.adapter.load(session.initial)
        try:
            progress.before = measure_at(0).each
        finally:
            session.adapter.load(now)
    progress.last = progress.step, measure_at(progress.step)
    return progress.last[1]


def validate_if_it_fits(session: Session, progress: Progress) -> Measured | None:
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


def save(session: Session, progress: Progress, saves: Saves, wanted: Save) -> None:
    """Save what is wanted of the present state, unless this step is saved already. It is written meanwhile."""
    step = progress.step
    lora = wanted.lora if step > 0 and saves.lora_at != step else None
    state = None
    if wanted.checkpoint and progress.saved_at != step and session.processes.first:
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
        "environments": [stretch.as_json() for stretch in progress.stretches],
    }


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


def finish(session: Session, progress: Progress, pictures: Pictures, saves: Saves) -> int:
    """Save the last checkpoint and the LoRA file, make samples, and give the verdict on what was learned.

    Returns the exit code: 0, or 5 for the verdict "nothing", which is a failure.
    """
    events, plan = session.events, session.plan
    save(session, progress, saves, Save())
    saves.wait()
    if not session.processes.first:
        session.processes.barrier()
        return 0
    events.emit("phase", phase="export")
    last = saves.weights(progress.step, session.adapter.tensors())
    written = write_files(session.run / "output", plan.name, make_files(plan, last.tensors, last.origin))
    for file in written:
        events.emit(
            "output",
            path=str(file.path.relative_to(session.run)),
            bytes=file.bytes,
            sha256=file.sha256,
            format=file.format,
        )
    if progress.best_step is not None and progress.best_step < progress.step:
        saves.best(progress.best_step)
    pictures.make(progress.step, adapter=True)
    after = validate_if_it_fits(session, progress)
    before = Measured.of(progress.before) if progress.before else None
    learnt = verdict(weight_change(session.adapter, session.initial), before, after, bool(session.batches.validation))
    if after and progress.best_step is not None and progress.best_step < progress.step:
        learnt["reason"] += f" It validated best at step {progress.best_step}; the steps after it gained nothing."
    events.emit("learnt", **learnt, best_step=progress.best_step)
    session.processes.barrier()
    if learnt["verdict"] == "nothing":
        events.emit(
            "result",
            status="failed",
            code=FAILED,
            step=progress.step,
            reason=learnt["reason"],
            next_steps=[
                "Raise training.learning_rate or training.steps, and check that the trigger is in the captions."
            ],
        )
        return FAILED
    events.emit("result", status="finished", code=0, step=progress.step)
    return 0
