"""The state of the training loop beside weights and optimiser, and how a run goes on from a checkpoint."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.training import checkpoint
from visiontrain_trainer.training.environment import EnvironmentSpan, compare_with_checkpoints
from visiontrain_trainer.training.measure import Validation
from visiontrain_trainer.training.optim import state_from_plain
from visiontrain_trainer.training.schedule_free import return_to_training
from visiontrain_trainer.training.validations import Validations

from .base_check import Known
from .session import Session

_RATE_OVER_STEPS = 20


@dataclass
class Progress:
    """The state of the training loop; a checkpoint holds most of it beside weights and optimiser."""

    step: int = 0
    #: Losses of each measured image before training; None until they are measured.
    before: list[list[float]] | None = None
    #: Some of the losses in `before` that the check of the base has measured already. They are in no checkpoint: after
    #: a resume they are measured with the others.
    known: Known = field(default_factory=dict)
    #: The last validation and its step.
    last: tuple[int, Validation] | None = None
    #: The last step at which memory did not suffice to validate: it is not tried again at that step.
    unmeasured: int | None = None
    #: The checkpoint that validates best: its step and loss.
    best_step: int | None = None
    best_loss: float = math.inf
    saved_at: int | None = None
    #: The validations that later ones are compared with.
    validations: Validations = field(default_factory=Validations)
    #: Why the run ends before its last step.
    ended: str | None = None
    #: The environments in which the steps so far were computed.
    spans: list[EnvironmentSpan] = field(default_factory=list)
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=_RATE_OVER_STEPS))


def resume(session: Session) -> Progress:
    """Go on from the newest whole checkpoint, or start at 0. Raises TrainingError for one that does not fit."""
    found, damaged = checkpoint.newest(session.run / "checkpoints", session.plan.spec_sha256)
    for sentence in damaged:
        session.events.note(sentence, "warn")
    if found is None:
        return Progress(spans=[EnvironmentSpan(0, session.facts)])
    try:
        session.adapter.load(found.adapter)
        if session.ema is not None:
            session.ema.restore(found.adapter, found.unused, found.state["ema_updates"])
        state_from_plain(session.optimizer, found.optimizer, found.state["optimizer"])
        return_to_training(session.optimizer, session.adapter)
        session.train_step.micro_batch = found.state["micro_batch"]
        session.train_step.scale.value, session.train_step.scale.steps = found.state["loss_scale"]
        best = found.state["best"]
        validations = Validations.of_json(found.state["validations"])
        recorded = [EnvironmentSpan(**span) for span in found.state["environments"]]
    except (TrainingError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{found.path}: the checkpoint does not fit the layers and the optimiser of this run.",
            [str(error).split("\n")[0], "Another version of visiontrain wrote it."],
            ["Go on with that version, or start anew: `visiontrain run` with the run's run.yaml."],
            id="training/checkpoint",
        ) from error
    return Progress(
        step=found.step,
        before=found.state["before"],
        best_step=best and best["step"],
        best_loss=best["loss"] if best else math.inf,
        saved_at=found.step,
        validations=validations,
        spans=compare_with_checkpoints(recorded, session.facts, found.step, session.events),
    )
