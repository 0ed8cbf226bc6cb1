"""Recognises a base of rectified flow, which has SDXL's tensors and no mark, by what it predicts for the run's images.

Such a base learned ε − x_0 on straight paths between image and noise, whatever the timestep. A base that predicts ε or
v is told apart by two numbers from passes on such paths: how much of the noise is in its prediction where the noise is
strongest (1 for flow and ε, 0.2 for v), and how much of the image where the noise is weakest (−1 for flow, 0 for ε,
−0.35 for v). Neither depends on how well it knows the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.data.batches import ImageUse
from visiontrain_trainer.training.measure import levels
from visiontrain_trainer.training.step import Measurement, TrainStep

#: Least share in a prediction of flow: of the noise where that is strongest, of the image where the noise is weakest.
NOISE, IMAGE = 0.75, 0.7
#: A base with no larger share of the image than this, on every image, is not one of flow: about halfway between 0.35
#: for v and 1 for flow.
OTHER = 0.6


@dataclass(frozen=True)
class Parts:
    """What a prediction consists of: `noise` · ε + `picture` · x_0, and a rest that neither explains."""

    noise: float
    image: float

    @classmethod
    def of(cls, prediction: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor) -> Parts:
        """The parts by least squares over all numbers of a prediction [4, h, w]."""
        p, x, n = (tensor.double().flatten() for tensor in (prediction, latents, noise))
        nn, xx, nx, pn, px = (float(a @ b) for a, b in ((n, n), (x, x), (n, x), (p, n), (p, x)))
        determinant = max(nn * xx - nx * nx, 1e-12)
        return cls((pn * xx - px * nx) / determinant, (px * nn - pn * nx) / determinant)


def is_flow(weakest: Parts, strongest: Parts) -> bool:
    """Whether predictions at the weakest and strongest noise are those of rectified flow."""
    return strongest.noise > NOISE and -weakest.image > IMAGE


def check_flow(step: TrainStep, uses: Sequence[ImageUse], timesteps: int, name: str) -> None:
    """Raises TrainingError for a base that predicts the velocity of rectified flow on every one of `uses`."""
    at = levels((0, timesteps))
    found = [ends_of(step.flow_predictions(use, [at[0], at[-1]])) for use in uses]
    if not found or not all(is_flow(*each) for each in found):
        return
    weakest, strongest = found[0]
    raise TrainingError(
        f"{name} is a base of rectified flow: it predicts the way from picture to noise.",
        [
            f"On your pictures its predictions hold {strongest.noise:.2f} of the noise where that is strongest, and "
            f"{weakest.image:.2f} of the picture where the noise is weakest; flow has 1 and -1.",
            "Trained as epsilon or v_prediction, it gives a LoRA of noise.",
        ],
        [
            "Train it as what it is: --set model.prediction=flow --set training.min_snr_gamma=null "
            "--set training.loss_weighting=none --set samples.sampler=euler --set samples.spacing=trailing"
        ],
        id="model/mismatch",
    )


def check_is_flow(found: Sequence[tuple[Parts, Parts]], name: str) -> None:
    """Raises TrainingError for a base that run.yaml calls one of rectified flow, and that is clearly none on any image.

    Where the noise is weakest, a base of flow predicts the negative of the image, and one of ε or v little of it.
    """
    if not found or any(-weakest.image > OTHER for weakest, _ in found):
        return
    weakest, strongest = found[0]
    other = "epsilon" if all(each.noise > NOISE for _, each in found) else "v_prediction"
    raise TrainingError(
        f"{name} does not predict flow, as run.yaml says: its numbers are of the kind {other}.",
        [
            f"On your pictures its predictions hold {weakest.image:.2f} of the picture where the noise is weakest; "
            f"flow has -1. They hold {strongest.noise:.2f} of the noise where that is strongest.",
            "Training it as another kind gives a LoRA of noise.",
        ],
        [f"Set model.prediction to {other}: --set model.prediction={other}"],
        id="model/mismatch",
    )


def ends_of(found: Sequence[Measurement]) -> tuple[Parts, Parts]:
    """What the first and the last of an image's predictions consist of: at the weakest and at the strongest noise."""
    parts = [
        Parts.of(each.prediction[i], each.batch.latents[i], each.batch.noise[i])
        for each in found
        for i in range(len(each.prediction))
    ]
    return parts[0], parts[-1]
