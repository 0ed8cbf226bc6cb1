"""Losses of single images and their weights by timestep. Pure functions of tensors.

Sources: pseudo-Huber with schedules (arXiv:2403.16728), min-SNR (arXiv:2303.09556), debiased estimation
(arXiv:2310.08442), P2 (arXiv:2204.00227). The forms are those of sd-scripts, so that its recipes carry over.
"""

from __future__ import annotations

import math

import torch

from visiontrain_trainer.contract.plan import Training

from .noise import Diffusion

#: Debiased estimation gives no timestep less weight than that of this signal-to-noise ratio.
_MOST_SNR = 1000.0


def element_losses(
    prediction: torch.Tensor, target: torch.Tensor, kind: str = "l2", c: torch.Tensor | None = None
) -> torch.Tensor:
    """Loss of each element, fp32 [B, 4, h, w]: `kind` is l2, l1, huber or smooth_l1.

    `c` [B] is the error at which huber and smooth_l1 go over from quadratic to linear; other kinds need none.
    """
    error = prediction.float() - target
    if kind == "l1":
        return error.abs()
    square = error**2
    if c is None:
        return square
    c = c.view(-1, 1, 1, 1)
    # This is √(e² + c²) − c, written so that it loses no digits where e is far below c.
    bent = square / ((square + c * c).sqrt() + c)
    return 2 * c * bent if kind == "huber" else 2 * bent


def losses(
    prediction: torch.Tensor,
    target: torch.Tensor,
    kind: str = "l2",
    c: torch.Tensor | None = None,
    *,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Loss of each image, fp32 [B]: the mean over its elements, each times the weight of its latent in `mask`."""
    each = element_losses(prediction, target, kind, c)
    return (each if mask is None else each * mask).flatten(1).mean(1)


def huber_c(training: Training, diffusion: Diffusion, t: torch.Tensor) -> torch.Tensor | None:
    """The error at which huber and smooth_l1 become linear, by timestep: fp32 [B]. None for other losses."""
    if training.loss not in ("huber", "smooth_l1"):
        return None
    c, scale = training.huber_c, training.huber_scale
    if training.huber_schedule == "constant":
        return torch.full(t.shape, c * scale, device=t.device)
    if training.huber_schedule == "exponential":
        return torch.exp(t.float() * (math.log(c) / diffusion.steps)) * scale
    sigma = (1 / diffusion.snr(t)).sqrt()
    return (1 - c) / (1 + sigma) ** 2 + c


def loss_weights(training: Training, diffusion: Diffusion, t: torch.Tensor) -> torch.Tensor | None:
    """Weight of each image's loss by its timestep, fp32 [B]; None where all have the weight 1."""
    kind, gamma = training.loss_weighting, training.min_snr_gamma
    epsilon, snr = diffusion.predicts_noise, diffusion.snr(t)
    weights: torch.Tensor | None = None
    if kind == "min_snr" and gamma is not None:
        weights = diffusion.min_snr_weights(t, gamma)
    elif kind == "soft_min_snr" and gamma is not None:
        weights = gamma / (snr + gamma) if epsilon else gamma * snr / ((snr + gamma) * (snr + 1))
    elif kind == "debiased":
        capped = snr.clamp(max=_MOST_SNR)
        weights = capped.rsqrt() if epsilon else 1 / (capped + 1)
    elif kind == "p2":
        weights = (1 + snr) ** -training.p2_gamma
    if training.scale_v_loss:
        weights = snr / (snr + 1) * (1 if weights is None else weights)
    if training.v_like_loss > 0:
        weights = (1 + training.v_like_loss * (snr + 1) / snr) * (1 if weights is None else weights)
    return weights
