"""Is the base what run.yaml says it is? Measured on the person's own pictures, before the first step.

A base that is read wrongly trains without an error, to a LoRA of noise: its loss on pictures is 1.4 where a sound one
has 0.02 to 0.4. Marks in files say much, but not of every file; a handful of forward passes says it of all.
"""

from __future__ import annotations

import math

import torch

from visiontrain_trainer.base.errors import TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.training.measure import SHARES, measured_uses

from .session import Session

PICTURES = 2
#: Where the noise is strongest, another kind explains the predictions if its loss is below this share of the right
#: one's. By the formulas a sound ε base has there 0.01 times the loss as ε that it has as v; a sound v base 0.2 to 0.6
#: times the loss as v that it has as ε (not even a perfect one knows the picture); what explains neither the same.
OTHER_KIND = 0.7
#: What explains a kind has less than this share of the loss of predicting nothing.
ANYTHING = 0.8
#: Loss ÷ that of predicting nothing, at the noise level where it is least. By the formulas a sound ε base has 0.01 to
#: 0.05 (a noisy picture is nearly all noise, whatever the picture), a sound v base 0.15 to 0.5; noise has 1 and more.
EXPLAINS = {"epsilon": 0.5, "v_prediction": 0.8}
#: U-Nets of fewer weights than any of SD1.5 and SDXL (860 and 2570 million) are for tests, many with random weights.
REAL = 300_000_000


class Fit:
    """Mean squares by noise level: of the base's predictions as each kind, and of predicting nothing as each kind."""

    def __init__(self) -> None:
        self.losses: dict[str, dict[int, list[float]]] = {}
        self.nothing: dict[str, dict[int, list[float]]] = {}

    def add(self, prediction: torch.Tensor, targets: dict[str, torch.Tensor], level: int) -> None:
        """One prediction, and what each kind would have said, at the timestep `level`."""
        for kind, target in targets.items():
            self.losses.setdefault(kind, {}).setdefault(level, []).append(float((prediction - target).square().mean()))
            self.nothing.setdefault(kind, {}).setdefault(level, []).append(float(target.square().mean()))

    def share(self, kind: str, level: int) -> float:
        """Loss as `kind` ÷ that of predicting nothing."""
        return math.fsum(self.losses[kind][level]) / max(math.fsum(self.nothing[kind][level]), 1e-9)


def check_base(session: Session) -> None:
    """Raises TrainingError for a base whose predictions are not of the kind that the run trains, or of none at all.

    Nothing of the run changes by it: no weight, no draw. Where memory does not suffice the first step says so.
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
    """`real`: whether it is as large as a Stable Diffusion, so that it must predict something. Raises TrainingError."""
    levels = sorted(fit.losses[kind])
    strongest = {each: math.fsum(losses[levels[-1]]) for each, losses in fit.losses.items()}
    if not all(math.isfinite(fit.share(kind, level)) for level in levels):
        # The first step names the picture.
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
