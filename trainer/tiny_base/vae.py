"""Trains the autoencoder, a narrower AutoencoderKL of SD1.5, on images of the grammar, curios and doodles."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from .data import DRAWN, HELD_OUT, TRAIN, doodle_of, image_of, images_of
from .grammar import SIDE
from .state import Muon, Run, batch

WIDTHS = (16, 32, 64, 96)
CROP = 64
SHARES = (5, 3, 8)  # scenes, curios and doodles in each sixteen images
HOLD = 10.0  # weight, while refining, of the mean squared change of a known image's latents (unit variance)
OFF = 0.3  # share of images whose latents get noise
SCALE = 0.18215  # SD1.5's own scaling factor: the latents are brought to the spread that it expects


def build() -> AutoencoderKL:
    """A fresh autoencoder: factor 8, four latent channels, two layers a block as in SD1.5."""
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=SIDE, scaling_factor=SCALE,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=WIDTHS, layers_per_block=2, norm_num_groups=8, act_fn="silu",
    )  # fmt: skip


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w) in -1 to 1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def to_images(tensor: torch.Tensor) -> np.ndarray:
    """Float (n, 3, h, w) in -1 to 1 back to uint8 (n, h, w, 3), rounded and clipped."""
    return tensor.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over images of the peak signal-to-noise ratio in dB."""
    error = np.square(a.astype(np.float64) - b.astype(np.float64)).reshape(len(a), -1).mean(1)
    return float((10 * np.log10(255**2 / np.maximum(error, 1e-2))).mean())


@torch.no_grad()
def reconstruct(vae: AutoencoderKL, images: np.ndarray) -> np.ndarray:
    """Encode and decode images, 16 at a time."""
    parts = [images[i : i + 16] for i in range(0, len(images), 16)]
    return np.concatenate([to_images(vae.decode(vae.encode(to_tensor(p)).latent_dist.mode()).sample) for p in parts])


def disturbance(shape: torch.Size, chance: torch.Generator) -> torch.Tensor:
    """Noise for the latents of some images, as strong as a small U-Net's own errors (the latents have unit variance).

    It teaches the decoder to draw clean edges, and the blocks of pixel art, from latents that are slightly wrong.
    """
    noise = torch.randn(shape, generator=chance)
    off, how_much = torch.rand((2, shape[0], 1, 1, 1), generator=chance)
    return (off < OFF) * (0.05 + 0.2 * how_much) * noise


def loss_of(vae: AutoencoderKL, images: torch.Tensor, seed: int) -> torch.Tensor:
    """The weighted error, and a light pull of the latents towards a unit Gaussian."""
    posterior = vae.encode(images).latent_dist
    chance = torch.Generator().manual_seed(seed)
    noise = torch.randn(posterior.mean.shape, generator=chance)
    out = vae.decode(posterior.mean + posterior.std * noise + disturbance(noise.shape, chance)).sample
    pull = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
    return error_of(out, images) + 1e-4 * pull


def error_of(out: torch.Tensor, images: torch.Tensor, decibels: float = 0.05) -> torch.Tensor:
    """The error that `train` and `refine` minimise. `decibels` is the weight of its logarithmic term."""
    return weighted(out, images) + decibels * log_error(out, images)


def log_error(out: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean over images of the logarithm of their squared error. PSNR counts this, and in it easy images matter too."""
    return (out - images).square().mean((1, 2, 3)).add(1e-5).log().mean()


def weighted(out: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """L1 + L2, where pixels that differ from what is around them count up to four times."""
    error = out - images
    local = functional.avg_pool2d(images, 9, 1, 4, count_include_pad=False)
    weight = 1 + 3 * (images - local).abs().amax(1, keepdim=True).clamp(max=1)
    return (weight * (error.abs() + error.square())).mean()


def train(folder: Path, steps: int = 2800, rate: float = 2e-3) -> Run:
    """Train for `steps` steps (crops first, whole images at the very end); resumes from `folder`."""
    torch.manual_seed(1)
    vae = build()
    kinds = [images_of(folder, kind, DRAWN) for kind in ("grammar", "curios", "doodles")]
    held = {
        "grammar_db": np.stack([image_of(HELD_OUT, i) for i in range(16)]),
        "doodle_db": np.stack([doodle_of(HELD_OUT, i) for i in range(16)]),
    }
    run = Run(folder / "vae.pt", vae, Muon(list(vae.parameters()), rate), steps, rate)

    def score() -> dict:
        mean = build()
        mean.load_state_dict(run.average)
        return {name: round(psnr(images, reconstruct(mean.eval(), images)), 2) for name, images in held.items()}

    for step in run.steps(score, 500):
        rng = np.random.default_rng([2, step])
        # Doodles are the hardest to reconstruct, so half of the images are doodles.
        images = np.concatenate([
            made[np.sort(batch(few, DRAWN, 3 + i, step))]
            for i, (made, few) in enumerate(zip(kinds, SHARES, strict=True))
        ])  # fmt: skip
        if step < steps * 0.97:
            x, y = rng.integers(0, (SIDE - CROP) // 8 + 1, 2) * 8
            images = images[:, y : y + CROP, x : x + CROP]
        if rng.random() < 0.5:
            images[SHARES[0] :] = 255 - images[SHARES[0] :]
        run.update(loss_of(vae, to_tensor(images), step))
    return run


@torch.no_grad()
def finish(average: dict, folder: Path, count: int = 1024) -> AutoencoderKL:
    """The trained autoencoder with latents that are uncorrelated and have the variance that SCALE expects.

    The change of basis is folded into the 1x1 convolutions around the latents, so decoded images stay the same. The
    basis is the one nearest to the old axes (ZCA whitening), so that a U-Net trained on earlier latents of the same
    autoencoder can still use them.
    """
    vae = build()
    vae.load_state_dict(average)
    vae.eval()
    images = images_of(folder, "grammar", DRAWN)[:count]
    means = torch.cat([
        vae.encode(to_tensor(images[i : i + 16])).latent_dist.mean for i in range(0, count, 16)
    ])  # fmt: skip
    flat = means.permute(1, 0, 2, 3).reshape(4, -1)
    centre = flat.mean(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    forward = vectors @ torch.diag(values.rsqrt()) @ vectors.T / SCALE
    back = torch.linalg.inv(forward)
    quant, post = vae.quant_conv, vae.post_quant_conv
    weight, bias = quant.weight[:4, :, 0, 0].clone(), quant.bias[:4].clone()
    quant.weight[:4] = (forward @ weight)[..., None, None]
    quant.bias[:4] = forward @ (bias - centre)
    # The posterior's variance is no longer diagonal. It is set to a constant that stays far below the signal.
    quant.weight[4:], quant.bias[4:] = 0, 2 * math.log(0.02 / SCALE)
    old, old_bias = post.weight[:, :, 0, 0].clone(), post.bias.clone()
    post.weight.copy_((old @ back)[..., None, None])
    post.bias.copy_(old_bias + old @ centre)
    return vae


@torch.no_grad()
def widened(vae: AutoencoderKL) -> AutoencoderKL:
    """A finished autoencoder whose latents again have unit variance, as in `train`: it undoes the scale of `finish`."""
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] *= SCALE
    quant.bias[:4] *= SCALE
    quant.bias[4:] += 2 * math.log(SCALE)
    post.weight /= SCALE
    return vae


def refine(folder: Path, vae: AutoencoderKL, steps: int = 1200, rate: float = 1e-3, few: int = 4) -> Run:
    """Train the autoencoder further, on whole images. The latents of images that the U-Net was trained on stay as is.

    Every step draws new doodles: after two passes over DRAWN of them, unseen doodles were 0.7 dB worse than those. This
    can run beside the U-Net's training or after it, because HOLD keeps cached latents and a trained U-Net valid.
    Resumes from `folder`.
    """
    old = copy.deepcopy(vae).requires_grad_(False)
    known = [images_of(folder, kind, DRAWN) for kind in ("grammar", "curios")]
    run = Run(folder / "vae-refine.pt", vae, Muon(list(vae.parameters()), rate), steps, rate)
    for step in run.steps():
        fresh = np.stack([doodle_of(TRAIN, DRAWN + 2 * few * step + i) for i in range(2 * few)])
        seen = known[step % 2]
        images = np.concatenate([seen[np.sort(batch(few, len(seen), 8, step))], fresh])
        if np.random.default_rng([10, step]).random() < 0.5:
            images[few:] = 255 - images[few:]
        target = to_tensor(images)
        latents = vae.encode(target).latent_dist.mode()
        drift = (latents[:few] - old.encode(target[:few]).latent_dist.mode()) * SCALE
        off = disturbance(latents.shape, torch.Generator().manual_seed(step)) / SCALE
        run.update(error_of(vae.decode(latents + off).sample, target, 0.15) + HOLD * drift.square().mean())
    return run
