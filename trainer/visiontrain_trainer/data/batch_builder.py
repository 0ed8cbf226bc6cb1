"""Collates uses into batches: all tensors of one forward pass of the U-Net, each number a pure function of the use."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.compute.noise import Diffusion
from visiontrain_trainer.contract.plan import Plan, encodes_in_steps

from .batches import BatchSampler, ImageUse
from .caption_options import plain_caption
from .captions import caption_of, preserved
from .latents import Latents
from .masks import Masks
from .noise import NoiseDraws
from .text import TextEmbeddings
from .variations import placement_of


@dataclass
class Batch:
    """The tensors of one forward pass, on the device.

    Scaled latents and noise are fp32 [B, 4, h, w], timesteps `t` [B], text states [B, L, width]. SDXL also has pooled
    text states [B, p] and time_ids [B, 6]. `states` is None where a text encoder is trained.
    """

    uses: list[ImageUse]
    #: The timesteps `t` on the host, where reading them does not wait for the device.
    timesteps: list[int]
    latents: torch.Tensor
    noise: torch.Tensor
    t: torch.Tensor
    captions: list[str]
    states: torch.Tensor | None
    pooled: torch.Tensor | None
    time_ids: torch.Tensor | None
    #: The noise that the inputs get, where it is not the target's.
    input_noise: torch.Tensor | None = None
    #: Factor on the loss of each image [B], where it is not 1 for all of the run.
    loss_weights: torch.Tensor | None = None
    #: Weight of each latent [B, 1, h, w], where images have masks.
    mask: torch.Tensor | None = None
    #: Text states and pooled states of the captions with the class in place of the trigger.
    kept_states: torch.Tensor | None = None
    kept_pooled: torch.Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Caches:
    """What is computed once for a run: the latents of its images, their masks, the text states of its captions."""

    latents: Latents
    texts: TextEmbeddings
    masks: Masks


@dataclass(frozen=True)
class _Draws:
    """What one forward pass is computed from, image by image: raw latents and noise are [4, h, w] each."""

    uses: list[ImageUse]
    latents: list[torch.Tensor]
    noise: list[torch.Tensor]
    timesteps: list[int]
    captions: list[str]


class BatchBuilder:
    """Makes the batches of a run from cached latents and text states. `timesteps` is the schedule's number of steps."""

    def __init__(self, plan: Plan, batches: BatchSampler, caches: Caches, *, device: Device, timesteps: int) -> None:
        self._plan, self._batches, self._latents, self._texts = plan, batches, caches.latents, caches.texts
        self._device, self._draws = device, NoiseDraws(plan, timesteps)
        self._masks = caches.masks
        self._weighted = any(image.loss_weight != 1 for image in plan.data.images)
        self._trains_text = encodes_in_steps(plan.training)

    def caption(self, use: ImageUse) -> str:
        return caption_of(self._plan, use)

    def batch(self, uses: list[ImageUse]) -> Batch:
        """A training batch. Each use draws its latents from the VAE's posterior, its noise and its timestep."""
        seed, draws = self._plan.seed, self._draws
        latents, noises, perturbed = [], [], []
        for use in uses:
            mean, logvar = self._latents.get(use.image, self._batches.view(use))
            draw = rng.normal(mean.shape, seed, "latent", use.epoch, use.key)
            latents.append(mean.float() + torch.exp(0.5 * logvar.float().clamp(-30, 20)) * draw)
            noises.append(draws.noise(use, self._latents.scaling.seen(latents[-1])))
            perturbed.append(draws.perturbed(use, noises[-1]))
        steps = [draws.timestep(use) for use in uses]
        batch = self._assemble(_Draws(uses, latents, noises, steps, [self.caption(use) for use in uses]))
        if self._plan.training.input_perturbation is not None:
            batch.input_noise = self._device.put(torch.stack(perturbed))
        self._add_subject(batch)
        return batch

    def _add_subject(self, batch: Batch) -> None:
        """Add the weights of the images, the masks, and the text states of the class for prior preservation."""
        put, uses, kept = self._device.put, batch.uses, self._plan.training.preservation
        if self._weighted:
            batch.loss_weights = put(torch.tensor([use.image.loss_weight for use in uses]))
        if self._masks.used:
            batch.mask = put(torch.stack([self._masks.weights(use, self._batches.view(use)) for use in uses]))
        if kept is not None:
            entries = [self._texts.get(preserved(kept, caption)) for caption in batch.captions]
            batch.kept_states = put(torch.stack([entry["states"] for entry in entries]))
            if "pooled" in entries[0]:
                batch.kept_pooled = put(torch.stack([entry["pooled"] for entry in entries]))

    def fixed(self, use: ImageUse, steps: list[int], noise_index: int) -> Batch:
        """A batch for measuring the loss: one image at the timesteps `steps`, with fixed noise.

        It has the image's own caption and the mean of its latents. `noise_index` (from 0) chooses one of
        several noises.
        """
        mean, _ = self._latents.get(use.image, self._batches.view(use))
        noise = [rng.normal(mean.shape, self._plan.seed, "measure", use.image.id, t, noise_index) for t in steps]
        count = len(steps)
        caption = plain_caption(self._plan.data, use.image.caption)
        return self._assemble(_Draws([use] * count, [mean.float()] * count, noise, steps, [caption] * count))

    def _assemble(self, draws: _Draws) -> Batch:
        """The batch of `draws` on the device, with text states and SDXL's size conditioning."""
        put, uses, captions = self._device.put, draws.uses, draws.captions
        states = pooled = time_ids = None
        if not self._trains_text:
            entries = [self._texts.get(caption) for caption in captions]
            states = put(torch.stack([entry["states"] for entry in entries]))
            if "pooled" in entries[0]:
                pooled = put(torch.stack([entry["pooled"] for entry in entries]))
        if self._plan.model.family == "sdxl":
            time_ids = put(torch.tensor([self._time_ids(use) for use in uses], dtype=torch.float32))
        x = self._latents.scaling.seen(put(torch.stack(draws.latents)))
        noise, t = put(torch.stack(draws.noise)), put(torch.tensor(draws.timesteps))
        return Batch(uses, draws.timesteps, x, noise, t, captions, states, pooled, time_ids)

    def _time_ids(self, use: ImageUse) -> list[float]:
        """SDXL's size conditioning: original height and width, crop top and left, target height and width, in pixels.

        For a mirrored use, the left of the crop is that in the mirrored image.
        """
        image, view = use.image, self._batches.view(use)
        where = placement_of(self._plan.data, self._plan.seed, image, view)
        left = where.resized[0] - image.bucket[0] - where.left if view.flip else where.left
        return [image.size[1], image.size[0], where.top, left, image.bucket[1], image.bucket[0]]


def model_inputs(
    diffusion: Diffusion, batch: Batch, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor] | None]:
    """(noisy latents in the model's format, target in fp32, SDXL's conditioning or None)."""
    noise = batch.noise if batch.input_noise is None else batch.input_noise
    noisy = diffusion.noisy(batch.latents, noise, batch.t).to(dtype)
    target = diffusion.target(batch.latents, batch.noise, batch.t)
    if batch.time_ids is None:
        return noisy, target, None
    return noisy, target, {"text_embeds": batch.pooled, "time_ids": batch.time_ids}
