"""Checks that the base model predicts what run.yaml says, on the person's own images, before the first step.

A base that is read as the wrong kind trains without an error, to a LoRA of noise: its loss on images is 1.4 where a
sound one has 0.02 to 0.4. Not every file is marked with its kind, but a handful of forward passes tells it for any. The
first validation needs the same passes and takes their losses over. Refusing a sound base would be worse than missing a
wrong one, so a base is refused only if it is wrong by far on every image that was tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from visiontrain_trainer.base.errors import TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.noise import Diffusion
from visiontrain_trainer.compute.timesteps import bounds
from visiontrain_trainer.model.frozen import count_weights
from visiontrain_trainer.training.measure import levels, validation_uses
from visiontrain_trainer.training.result import Measurement

from .flow_check import Parts, check_flow, check_is_flow, ends_of
from .session import Session

IMAGES = 2
#: Losses already measured: the id of an image and the index of the noise → one loss for each timestep.
Known = dict[tuple[str, int], list[float]]
#: At the strongest noise, a base counts as another kind only if its loss as its own kind is above this share of the
#: loss of predicting nothing. By the formulas a sound ε base has 0.01 to 0.05 there, and one that predicts v 0.8.
BAD = 0.5
#: The other kind must also explain it far better: with less than this share of its loss as its own kind, …
OTHER_KIND = 0.5
#: … and less than this share of the loss of predicting nothing. A sound v base may have a high loss there, since it
#: cannot know the image yet, but as ε it has 0.77 and more by the formulas, whatever it takes the image for.
EXPLAINED = 0.7
#: A base of any kind predicts something if its loss is below this share of the loss of predicting nothing at one of the
#: noise levels. A sound ε base has 0.05 at most (at strong noise the input is nearly all noise), a sound v base 0.15 to
#: 0.6; random numbers have 1 and more.
EXPLAINS = {"epsilon": 0.7, "v_prediction": 0.95, "flow": 0.95}
#: A base is tested for rectified flow if its loss is above this share where a base of flow cannot do well as the kind
#: named: as ε at the weakest noise, where flow predicts the image, as v at the strongest, where flow predicts the
#: noise.
DOUBTFUL = {"epsilon": 0.25, "v_prediction": 0.5}
#: U-Nets of fewer weights than any of SD1.5 and SDXL (860 and 2570 million) are for tests, many with random weights.
REAL = 300_000_000


class Fit:
    """Mean squared errors on one image by noise level: of the predictions taken as each kind, and of predicting 0."""

    def __init__(self) -> None:
        self.losses: dict[str, dict[int, float]] = {}
        self.nothing: dict[str, dict[int, float]] = {}

    def add(self, prediction: torch.Tensor, targets: dict[str, torch.Tensor], level: int) -> None:
        """Add one prediction at the timestep `level`; `targets` is what a base of each kind should predict."""
        for kind, target in targets.items():
            self.losses.setdefault(kind, {})[level] = float((prediction - target).square().mean())
            self.nothing.setdefault(kind, {})[level] = float(target.square().mean())

    def share(self, kind: str, level: int) -> float:
        """Loss as `kind` ÷ that of predicting nothing."""
        return self.losses[kind][level] / max(self.nothing[kind][level], 1e-9)

    def other_kind(self, kind: str) -> str | None:
        """The kind that explains the predictions where `kind` does not by far."""
        level = max(self.losses[kind])
        strongest = {each: losses[level] for each, losses in self.losses.items()}
        other = min(strongest, key=lambda each: strongest[each])
        if self.share(kind, level) < BAD:
            return None
        explained = strongest[other] < OTHER_KIND * strongest[kind] and self.share(other, level) < EXPLAINED
        return other if explained else None

    def least(self, kind: str) -> float:
        """The least share of all noise levels."""
        return min(self.share(kind, level) for level in self.losses[kind])

    def may_be_flow(self, kind: str) -> bool:
        """Whether the loss as `kind` is high at the noise level where a base of rectified flow must have a high one."""
        level = (min if kind == "epsilon" else max)(self.losses[kind])
        return self.share(kind, level) > DOUBTFUL[kind]

    def is_finite(self, kind: str) -> bool:
        return all(map(math.isfinite, self.losses[kind].values()))


def check_base(session: Session) -> Known:
    """Raises TrainingError for a base whose predictions are not of the kind that the run trains, or of none at all.

    It changes no weight and no random draw of the run. Where memory does not suffice the check ends without a verdict,
    and the first step raises the error. Returns the losses measured, with the weights that training begins from.
    """
    steps = levels((0, session.diffusion.steps))
    trained = levels(bounds(session.plan.training.timesteps, session.diffusion.steps))
    fits: list[Fit] = []
    ends: list[tuple[Parts, Parts]] = []
    known: Known = {}
    uses = validation_uses(session.batches)[0][:IMAGES]
    kind, real = session.plan.model.prediction, count_weights(session.unet) >= REAL
    try:
        for use in uses:
            found = session.train_step.measurements(use, steps, 0)
            fits.append(_fit_of(found, session.diffusion))
            ends.append(ends_of(found))
            # A run that trains some timesteps only is measured at others than these.
            if trained == steps:
                known[use.image.id, 0] = [loss for each in found for loss in each.losses]
        if kind == "flow":
            if real and all(fit.is_finite(kind) for fit in fits):
                check_is_flow(ends, session.plan.model.name)
        elif real and all(fit.is_finite(kind) and fit.may_be_flow(kind) for fit in fits):
            check_flow(session.train_step, uses, session.diffusion.steps, session.plan.model.name)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        give_back_memory()
        return known
    judge(fits, kind, session.plan.model.name, real=real)
    return known


def _fit_of(found: Sequence[Measurement], diffusion: Diffusion) -> Fit:
    """How well the predictions of one image fit each kind of base."""
    fit = Fit()
    for each in found:
        batch = each.batch
        targets = diffusion.targets(batch.latents, batch.noise, batch.t)
        for i, level in enumerate(batch.t.tolist()):
            fit.add(each.prediction[i], {kind: target[i] for kind, target in targets.items()}, level)
    return fit


def judge(fits: list[Fit], kind: str, name: str, *, real: bool) -> None:
    """Raises TrainingError for a base that is another kind than `kind`, or predicts nothing, on every image.

    `real` tells whether it is as large as a Stable Diffusion, and so must predict something.
    """
    if not fits or not all(fit.is_finite(kind) for fit in fits):
        # The first step names the picture.
        return
    best = min(fits, key=lambda fit: fit.least(kind))
    level = max(best.losses[kind])
    numbers = f"At fixed noise on your pictures, its loss as {kind} is {best.share(kind, level):.2f}"
    numbers += " of what predicting nothing has where the noise is strongest"
    # Bases of rectified flow are read on another path, and told from others by what their predictions consist of.
    others = {None if kind == "flow" else fit.other_kind(kind) for fit in fits}
    other = others.pop() if len(others) == 1 else None
    if other is not None:
        raise TrainingError(
            f"{name} does not predict {kind}, as run.yaml says: its numbers are of the kind {other}.",
            [
                f"{numbers}, and {best.share(other, level):.2f} as {other}.",
                "Training it as another kind gives a LoRA of noise.",
            ],
            [
                f"Set model.prediction to {other}: --set model.prediction={other}"
                if other in EXPLAINS
                else "Choose another base model: visiontrain models list"
            ],
            id="model/mismatch",
        )
    if real and best.least(kind) > EXPLAINS[kind]:
        raise TrainingError(
            f"{name} predicts nothing of your pictures: it is damaged, or not read as it should be.",
            [f"{numbers}, and {best.least(kind):.2f} at its best level; a sound base has less than {EXPLAINS[kind]}."],
            ["Choose another base model, or another file of it: visiontrain models list"],
            id="model/predicts-nothing",
        )
