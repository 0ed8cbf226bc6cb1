"""Checks that the base model predicts what run.yaml says, on the person's own images, before the first step.

A base that is read wrongly trains without an error and gives a LoRA of noise. Its loss on images is 1.4, where a sound
base has 0.02 to 0.4. Not every file has marks that tell its kind, but a few forward passes tell it for every file.
"""

from __future__ import annotations

import math

import torch

from visiontrain_trainer.base.errors import TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.training.measure import SHARES, measured_uses

from .session import Session

PICTURES = 2
#: Another kind explains the predictions if its loss, where the noise is strongest, is below this share of the loss as
#: the kind that run.yaml says. By the formulas, the loss of a sound ε base as ε is there 0.01 times its loss as v. The
#: loss of a sound v base as v is 0.2 to 0.6 times its loss as ε, since not even a perfect base knows the image. For
#: noise both losses are the same.
OTHER_KIND = 0.7
#: A kind explains the predictions only if its loss is below this share of the loss of predicting nothing.
ANYTHING = 0.8
#: The most that a sound base may have of loss ÷ loss of predicting nothing, at the noise level where that is least. By
#: the formulas a sound ε base has 0.01 to 0.05 (a very noisy image is nearly all noise), a sound v base 0.15 to 0.5.
#: Noise has 1 and more.
EXPLAINS = {"epsilon": 0.5, "v_prediction": 0.8}
#: A U-Net with fewer weights than this is a test model, often with random weights. SD1.5 has 860 million, SDXL 2570.
REAL = 300_000_000


class Fit:
    """Losses (mean squares) by kind and noise level: `losses` of the base's predictions, `nothing` of predicting 0."""

    def __init__(self) -> None:
        self.losses: dict[str, dict[int, list[float]]] = {}
        self.nothing: dict[str, dict[int, list[float]]] = {}

    def add(self, prediction: torch.Tensor, targets: dict[str, torch.Tensor], level: int) -> None:
        """Add one prediction at the timestep `level`; `targets` is what a base of each kind should predict."""
        for kind, target in targets.items():
            self.losses.setdefault(kind, {}).setdefault(level, []).append(float((prediction - target).square().mean()))
            self.nothing.setdefault(kind, {}).setdefault(level, []).append(float(target.square().mean()))

    def share(self, kind: str, level: int) -> float:
        """Loss of the predictions as `kind` ÷ loss of predicting nothing."""
        return math.fsum(self.losses[kind][level]) / max(math.fsum(self.nothing[kind][level]), 1e-9)


def check_base(session: Session) -> None:
    """Raises TrainingError for a base whose predictions are of another kind than the run trains, or of no kind at all.

    The check changes no weight and no random draw of the run. Where memory does not suffice, the check is left out, and
    the first step raises the error.
    """
    steps = [int(share * session.diffusion.steps) for share in SHARES]
    fit, kind = Fit(), session.plan.model.prediction
    session.adapter.enable(False)
    try:
        for use in measured_uses(session.batches)[0][:PICTURES]:
            for batch, prediction in session.stepper.predictions(use, steps):
                targets = session.diffusion.targets(batch.latents, batch.noise, batch.t)
                fit.add(prediction, targets, int(batch.t))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        give_back_memory()
        return
    finally:
        session.adapter.enable(True)
    size = sum(parameter.numel() for parameter in session.unet.parameters())
    judge(fit, kind, session.plan.model.name, real=size >= REAL)


def judge(fit: Fit, kind: str, name: str, *, real: bool) -> None:
    """Raises TrainingError when `fit` shows that the base `name` does not predict `kind`.

    `real` tells whether the base is as large as a Stable Diffusion model, so that it must predict something.
    """
    levels = sorted(fit.losses[kind])
    strongest = {each: math.fsum(losses[levels[-1]]) for each, losses in fit.losses.items()}
    if not all(math.isfinite(fit.share(kind, level)) for level in levels):
        # The first training step names the image whose loss is not finite.
        return
    other = min(strongest, key=lambda each: strongest[each])
    numbers = f"At fixed noise on your pictures, its loss as {kind} is {fit.share(kind, levels[-1]):.2f}"
    numbers += " of what predicting nothing has where the noise is strongest"
    if strongest[other] < OTHER_KIND * strongest[kind] and fit.share(other, levels[-1]) < ANYTHING:
        raise TrainingError(
            f"{name} does not predict {kind}, as run.yaml says: its numbers are of the kind {other}.",
            [
                f"{numbers}, and {fit.share(other, levels[-1]):.2f} as {other}.",
                "Training it as another kind gives a LoRA of noise.",
            ],
            [
                f"Set model.prediction to {other}: --set model.prediction={other}"
                if other in EXPLAINS
                else "Choose another base model: visiontrain models list"
            ],
        )
    least = min(fit.share(kind, level) for level in levels)
    if real and least > EXPLAINS[kind]:
        raise TrainingError(
            f"{name} predicts nothing of your pictures: it is damaged, or not read as it should be.",
            [f"{numbers}, and {least:.2f} at its best level; a sound base has less than {EXPLAINS[kind]} there."],
            ["Choose another base model, or another file of it: visiontrain models list"],
        )
