"""The run: before, steps, after. Read this first; everything it calls has one job and a file of its own."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from statistics import median

from visiontrain_trainer.contract.control import REQUESTS, Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.training.environment import compare_with_original
from visiontrain_trainer.training.finite import Place, check_step
from visiontrain_trainer.training.result import PendingResult
from visiontrain_trainer.training.writer import Writer

from .base_check import check_base
from .due import Due
from .finish import finish, stopped
from .probe import probe
from .progress import Progress, resume
from .samples import SampleMaker
from .save import Save, planned, save
from .saves import Saves, name_at
from .session import Session, open_session
from .validate import cadence, ends_early, validate_as_planned

#: On a GPU a step is reported while the next one runs: waiting for its numbers would leave the device idle.
_STEPS_IN_FLIGHT = 1


def train(run: Path, plan: Plan, events: Events, control: Control) -> int:
    """Do what the plan says; returns the exit code. Raises TrainerError, or Stopped when there is nothing to save."""
    session = open_session(run, plan, events, control)
    compare_with_original(run, session.facts, events)
    progress = resume(session)
    if progress.step == 0:
        progress.known = check_base(session)
        probe(session)
    samples = SampleMaker(session)
    with Writer() as writer:
        saves = Saves(session, writer)
        saves.any_checkpoint = progress.saved_at is not None
        return run_steps(session, progress, samples, saves)


def run_steps(session: Session, progress: Progress, samples: SampleMaker, saves: Saves) -> int:
    """All steps that are left, and the work that is due between them. Returns the exit code."""
    plan, events, steps = session.plan, session.events, session.plan.training.steps
    events.emit("phase", phase="train")
    events.emit("start", step=progress.step, steps=steps, batches_per_epoch=session.batches.per_epoch)
    samples.make(progress.step, adapter=False)
    due = Due(
        session.batches,
        steps,
        {
            "checkpoint": plan.output.checkpoint_every,
            "lora": plan.output.save_every,
            "samples": plan.samples.every,
            "validation": cadence(plan),
        },
    )

    flight: deque[PendingResult] = deque()
    while progress.step < steps and not ends_early(session, progress):
        asked = session.processes.agree(session.control.poll(), REQUESTS)
        if asked:
            report(session, flight, progress, saves)
            if asked & {"stop", "save"}:
                lora = name_at(plan, progress.step)
                save(session, progress, saves, Save(validated="stop" not in asked, lora=lora))
                saves.wait()
            if "sample" in asked:
                samples.make(progress.step, adapter=True)
            session.control.done(asked)
            if "stop" in asked:
                return stopped(session, progress)
        began = time.perf_counter()
        flight.append(session.train_step.run(progress.step))
        progress.step += 1
        report(session, flight, progress, saves, keep=_STEPS_IN_FLIGHT if session.device.is_cuda else 0)
        progress.durations.append(time.perf_counter() - began)
        saves.check()
        if due.after("validation", progress.step):
            report(session, flight, progress, saves)
            # Before a checkpoint of the same step, which then holds this validation.
            validate_as_planned(session, progress)
        wanted = planned(session, due, progress.step)
        if wanted is not None:
            report(session, flight, progress, saves)
            save(session, progress, saves, wanted)
        if due.after("samples", progress.step):
            report(session, flight, progress, saves)
            samples.make(progress.step, adapter=True)
    report(session, flight, progress, saves)
    return finish(session, progress, samples, saves)


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
            lr=result.rate.set,
            lr_used=result.rate.used,
            grad_norm=result.grad_norm,
            digest=result.digest,
            images_per_second=rate and round(rate, 3),
            memory=session.device.memory(),
            memories=result.memories or None,
            capped=result.capped and dict(zip(("layers", "mean", "largest"), result.capped, strict=True)),
        )
