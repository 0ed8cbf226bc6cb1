"""Makes samples for prompts that no training image had, and lets the judge count those that show what was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

from .data import HELD_OUT, TRAIN, captions_of, image_of, scene_of
from .draw import render
from .grammar import SIDE, Scene
from .judge import marks, tally
from .unet import SCHEDULER
from .vae import SCALE, psnr, reconstruct, to_images

GUIDANCE, STEPS = 4.0, 20  # the demo's settings for samples


@dataclass(frozen=True)
class Prompt:
    """A held-out scene and one way to say it."""

    scene: Scene
    text: str


def prompts(count: int, trained: int) -> list[Prompt]:
    """`count` held-out scenes. Each differs from every one of the first `trained` training scenes in some caption."""

    def said(scene: Scene) -> tuple:
        things = tuple((t.name, t.colour) for t in scene.things)
        return things, scene.background, scene.style, scene.count, scene.size, scene.place

    known = {said(scene_of(TRAIN, i)[0]) for i in range(trained)}
    found, index = [], 0
    while len(found) < count:
        scene, _ = scene_of(HELD_OUT, index)
        if said(scene) not in known:
            found.append(Prompt(scene, captions_of(HELD_OUT, index, 1)[0]))
        index += 1
    return found


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel, vae: AutoencoderKL, states: torch.Tensor, empty: torch.Tensor, seed: int = 0,
    guidance: float = GUIDANCE, steps: int = STEPS, together: int = 25,
) -> np.ndarray:  # fmt: skip
    """Samples, uint8 (n, SIDE, SIDE, 3), for caption states (n, 77, width). Sample i has the noise of seed + i."""
    scheduler, made = DDIMScheduler(**SCHEDULER), []
    for start in range(0, len(states), together):
        part = states[start : start + together]
        both = torch.cat([empty.expand_as(part), part])
        x = torch.stack([
            torch.randn((4, SIDE // 8, SIDE // 8), generator=torch.Generator().manual_seed(seed + start + i))
            for i in range(len(part))
        ])  # fmt: skip
        scheduler.set_timesteps(steps)
        for t in scheduler.timesteps:
            without, with_ = unet(torch.cat([x, x]), t, both).sample.chunk(2)
            x = scheduler.step(without + guidance * (with_ - without), t, x).prev_sample
        made.append(to_images(vae.decode(x / SCALE).sample))
    return np.concatenate(made)


def true_scores(count: int) -> dict[str, float]:
    """The judge's scores on `count` drawings themselves: the best that any model could reach."""
    return tally([marks(scene_of(HELD_OUT, i)[0], image_of(HELD_OUT, i)) for i in range(count)])


def vae_scores(vae: AutoencoderKL, count: int) -> dict[str, float]:
    """The judge's scores on held-out drawings that were encoded and decoded, and their PSNR in dB."""
    scenes = [scene_of(HELD_OUT, i)[0] for i in range(count)]
    images = np.stack([render(s) for s in scenes])
    back = reconstruct(vae, images)
    return {**tally([marks(s, p) for s, p in zip(scenes, back, strict=True)]), "psnr": round(psnr(images, back), 2)}


def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images side by side in rows; the last row is filled up with white."""
    lack = -len(images) % columns
    images = np.concatenate([images, np.full((lack, *images.shape[1:]), 255, np.uint8)])
    rows = images.reshape(-1, columns, *images.shape[1:])
    return np.concatenate([np.concatenate(list(r), 1) for r in rows])
