"""Ends the run at the first number that is not finite. The error tells which step and number, why, and what to do."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import torch

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Plan

from .result import StepResult

_SAME_AGAIN = "A resume from the last checkpoint, which is sound, computes the same again and ends at the same step."


@dataclass(frozen=True)
class Place:
    """The facts of a run that the advice depends on."""

    plan: Plan
    folder: Path
    #: Whether there is a checkpoint to go on from.
    saved: bool


def check_step(place: Place, adapter: Adapter, result: StepResult) -> None:
    """Raises TrainingError for the step's first loss, gradient or weight that is not finite, in that order."""
    for use, loss in zip(result.uses, result.losses, strict=True):
        if not math.isfinite(loss):
            raise _not_finite(place, f"the loss of {use.image.path}", result.step, updated=result.step > 1)
    for part, norm in result.grad_norms.items():
        if not math.isfinite(norm):
            raise _not_finite(place, f"a gradient of the {_word(part)}", result.step, updated=result.step > 1)
    if not math.isfinite(result.grad_norm):
        raise _not_finite(place, "the norm of all gradients", result.step, updated=result.step > 1)
    if not all(math.isfinite(norm) for norm in result.weight_norms.values()):
        _check_weights(place, adapter, result.step)


def _check_weights(place: Place, adapter: Adapter, step: int) -> None:
    """Raises TrainingError that names the first layer of the LoRA with a weight that is not finite. Waits for a GPU."""
    for part, layers in adapter.layers.items():
        if bool(torch.isfinite(adapter.flat[part]).all()):
            continue
        for name, layer in layers.items():
            if not all(bool(torch.isfinite(weight).all()) for weight in layer.weights().values()):
                raise _not_finite(place, f"a weight of the LoRA in the {_word(part)} ({name})", step)


def _word(part: str) -> str:
    return "U-Net" if part == "unet" else part.replace("_", " ")


def _not_finite(place: Place, what: str, step: int, *, updated: bool = True) -> TrainingError:
    """The error for `what` at `step`. `updated` tells whether any weight had changed before the number was computed."""
    plan = place.plan
    precision = plan.resources.precision
    steps = []
    causes = ["Computing in fp16 overflows easily."] if precision == "fp16" else []
    if precision == "fp16":
        steps.append("Set resources.precision to bf16 or fp32.")
    lora = " or the LoRA it started from" if plan.training.init_lora else ""
    if updated:
        causes.append(
            f"The learning rate is too high for this model and optimiser, or the base model{lora} is damaged."
        )
        steps.append(_lower_rate(place))
    else:
        # All weights of the base (`models.py`) and all latents (`latents.py`) were checked to be finite.
        causes.append(
            f"Nothing was learned before it: the numbers of the base model{lora} are too large to compute with."
        )
        vae = f"{', another model.vae' if plan.model.vae_path else ''}"
        steps.append(f"Choose another base model{vae}{' or another training.init_lora' if lora else ''}.")
    return TrainingError(
        f"Step {step}: {what} is not a finite number; nothing of it was saved.",
        causes,
        steps + [_SAME_AGAIN] * place.saved,
        id="training/not-finite",
    )


def _lower_rate(place: Place) -> str:
    training = place.plan.training
    rate = training.learning_rate
    # Rates above 0.01 are far too high for a LoRA, and a third of such a rate would be so too.
    lower = 1e-4 if rate > 0.01 and training.optimizer != "prodigy" else rate / 3
    again = f"visiontrain run {shlex.quote(str(place.folder / 'run.yaml'))} --set training.learning_rate={lower:.1g}"
    return f"Lower training.learning_rate (it is {rate:g}): {again}"
