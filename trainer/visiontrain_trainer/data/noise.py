"""The noise and the timestep of a use, each number a pure function of the use.

Sources: offset noise (crosslabs.org/blog/diffusion-with-offset-noise), noise of several resolutions (J. Whitaker, 2023,
wandb.ai/johnowhitaker/multires_noise), input perturbation (arXiv:2301.11706). Where sd-scripts draws or scales once for
a batch, here it is once for each image, so that an image's noise does not depend on its neighbours.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.timesteps import bounds, flow_timestep, timestep_of
from visiontrain_trainer.contract.plan import MultiresNoise, Plan

from .batches import ImageUse


class NoiseDraws:
    """Draws the noise and the timestep of a use. `timesteps` is the number of steps of the noise schedule."""

    def __init__(self, plan: Plan, timesteps: int) -> None:
        self._seed, self._training, self._timesteps = plan.seed, plan.training, timesteps
        #: By how much the noise levels of a model of rectified flow are moved; None for other models.
        self._shift = plan.model.flow_shift if plan.model.prediction == "flow" else None

    def _normal(self, shape: tuple[int, ...], purpose: str, use: ImageUse, *more: int) -> torch.Tensor:
        return rng.normal(shape, self._seed, purpose, use.epoch, use.key, *more)

    def _unit(self, purpose: str, use: ImageUse, *more: int) -> float:
        return rng.unit(self._seed, purpose, use.epoch, use.key, *more)

    def noise(self, use: ImageUse, latents: torch.Tensor) -> torch.Tensor:
        """The noise that is the target, fp32 like `latents`, which are scaled as the model sees them: [4, h, w]."""
        training = self._training
        noise = self._normal(latents.shape, "noise", use)
        if training.multires_noise is not None:
            noise = self._multires(noise, use, training.multires_noise)
        strength: float | torch.Tensor = training.noise_offset
        if training.noise_offset_random and training.noise_offset > 0:
            strength = training.noise_offset * self._unit("noise-offset-strength", use)
        if training.noise_offset_adaptive != 0:
            mean = latents.mean((1, 2), keepdim=True).abs()
            strength = (strength + training.noise_offset_adaptive * mean).clamp(min=0)
        if training.noise_offset > 0 or training.noise_offset_adaptive != 0:
            noise += strength * self._normal((len(latents), 1, 1), "noise-offset", use)
        return noise

    def _multires(self, noise: torch.Tensor, use: ImageUse, plan: MultiresNoise) -> torch.Tensor:
        """The noise with coarser ones added, scaled to the standard deviation 1 over the image."""
        _, height, width = noise.shape
        total = noise.clone()
        for i in range(plan.iterations):
            ratio = (2 + 2 * self._unit("multires-size", use, i)) ** i
            size = (max(1, int(height / ratio)), max(1, int(width / ratio)))
            coarse = self._normal((len(noise), *size), "multires", use, i)
            whole = F.interpolate(coarse[None], size=(height, width), mode="bilinear", align_corners=False)[0]
            total += plan.discount**i * whole
            if 1 in size:
                break
        return total / total.std()

    def perturbed(self, use: ImageUse, noise: torch.Tensor) -> torch.Tensor:
        """The noise that is mixed into the input, [4, h, w]: `noise`, with input perturbation plus γ times another."""
        plan = self._training.input_perturbation
        if plan is None:
            return noise
        strength = plan.strength * (self._unit("perturbation-strength", use) if plan.random else 1)
        return noise + strength * self._normal(tuple(noise.shape), "perturbation", use)

    def timestep(self, use: ImageUse) -> int:
        """The use's timestep."""
        plan, key = self._training.timesteps, (self._seed, "timestep", use.epoch, use.key)
        least, most = bounds(plan, self._timesteps)
        if self._shift is None and (plan is None or (plan.distribution == "uniform" and not plan.spread)):
            return least + rng.below(most - least, *key)
        u = rng.unit(*key)
        if plan is not None and plan.spread:
            place, count = use.place
            u = (place + u) / count
        if self._shift is None:
            assert plan is not None
            return timestep_of(plan, u, self._timesteps)
        return flow_timestep(plan, u, self._timesteps, self._shift)
