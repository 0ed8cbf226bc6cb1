"""The first number that is not finite ends the run: which step, which number, why, and what to do."""

from __future__ import annotations

import math

import torch

from .errors import TrainingError
from .lora import Adapter
from .plan import Plan
from .step import Finished


def check_step(plan: Plan, adapter: Adapter, done: Finished) -> None:
    """Raises TrainingError for the step's first loss, gradient or weight that is not finite, in that order."""
    for use, loss in zip(done.uses, done.each, strict=True):
        if not math.isfinite(loss):
            raise _not_finite(plan, f"the loss of {use.sample.path}", done.step)
    for part, norm in done.gradients.items():
        if not math.isfinite(norm):
            raise _not_finite(plan, f"a gradient of the {_word(part)}", done.step)
    if not math.isfinite(done.norm):
        raise _not_finite(plan, "the norm of all gradients", done.step)
    if not all(math.isfinite(norm) for norm in done.weights.values()):
        _check_weights(plan, adapter, done.step)


def _check_weights(plan: Plan, adapter: Adapter, step: int) -> None:
    """Raises TrainingError that names the first layer of the LoRA with a weight that is not finite. Waits for a GPU."""
    for part, layers in adapter.layers.items():
        if bool(torch.isfinite(adapter.flat[part]).all()):
            continue
        for name, layer in layers.items():
            if not bool(torch.isfinite(layer.down).all() and torch.isfinite(layer.up).all()):
                raise _not_finite(plan, f"a weight of the LoRA in the {_word(part)} ({name})", step)


def _word(part: str) -> str:
    return "U-Net" if part == "unet" else part.replace("_", " ")


def _not_finite(plan: Plan, what: str, step: int) -> TrainingError:
    precision = plan.resources.precision
    causes = [
        "The learning rate is too high for this model and optimiser,"
        " or the base model or the LoRA it started from is damaged."
    ]
    if precision == "fp16":
        causes.insert(0, "Computing in fp16 overflows easily.")
    rate = plan.training.learning_rate
    lower = f"visiontrain run run.yaml --set training.learning_rate={rate / 3:.1g}"
    steps = [f"Lower training.learning_rate (it is {rate:g}): {lower}"]
    if precision == "fp16":
        steps.insert(0, "Set resources.precision to bf16 or fp32.")
    return TrainingError(
        f"Step {step}: {what} is not a finite number; nothing of it was saved.",
        causes,
        [
            *steps,
            "A resume from the last checkpoint, which is sound, computes the same again and ends at the same step.",
        ],
    )
