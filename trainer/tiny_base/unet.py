"""Trains the U-Net on cached latents and caption states: SD1.5's topology, narrower, epsilon prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from . import text
from .data import DRAWN, TRAIN, captions_of, curio_of, images_of, scene_of
from .grammar import SIDE, invented_word
from .state import Muon, Run, batch
from .vae import SCALE, to_tensor

WIDTHS = (32, 64, 96, 128)
HEADS = 4
WAYS = 2  # captions for each image
DOODLES_OF_16, CURIOS_OF_16 = 1, 3
DOODLES, CURIOS = 1000, 6000
TRAINED = 14_000  # drawn scenes that are trained on; a held-out prompt must differ from each of them
GAMMA = 20  # gamma of min-SNR; with 5, the last steps of a sample, which sharpen edges and blocks, were hardly learned
SCHEDULER = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, "prediction_type": "epsilon",
}  # fmt: skip


def build(width: int = text.WIDTH) -> UNet2DConditionModel:
    """A fresh U-Net: four levels, two layers a block, cross-attention to states of `width`."""
    return UNet2DConditionModel(
        sample_size=SIDE // 8, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=WIDTHS,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=width, attention_head_dim=HEADS, norm_num_groups=8,
    )  # fmt: skip


@torch.no_grad()
def cache_latents(folder: Path, vae: AutoencoderKL, kind: str, count: int) -> torch.Tensor:
    """Latents of `count` images of a kind: float16 (count, 4, side/8, side/8), scaled for the U-Net; computed once."""
    path = folder / f"latents-{kind}-{count}.pt"
    if not path.exists():
        images = images_of(folder, kind, DRAWN)[:count]
        parts = [
            vae.encode(to_tensor(images[i : i + 32])).latent_dist.mode() * SCALE for i in range(0, count, 32)
        ]  # fmt: skip
        torch.save(torch.cat(parts).half(), path)
    return torch.load(path, weights_only=True)


@torch.no_grad()
def states_of(tokenizer: CLIPTokenizer, encoder: CLIPTextModel, captions: list[str]) -> torch.Tensor:
    """Caption states as float32 (n, 77, width)."""
    parts = [
        encoder(input_ids=text.tokens(tokenizer, captions[i : i + 256])).last_hidden_state
        for i in range(0, len(captions), 256)
    ]
    return torch.cat(parts)


def cache_states(
    folder: Path, tokenizer: CLIPTokenizer, encoder: CLIPTextModel, kind: str, captions: list[str]
) -> torch.Tensor:
    """Caption states as float16 (len(captions), 77, width); computed once for each kind."""
    path = folder / f"states-{kind}-{len(captions)}.pt"
    if not path.exists():
        torch.save(states_of(tokenizer, encoder, captions).half(), path)
    return torch.load(path, weights_only=True)


def all_states(folder: Path, tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> tuple[torch.Tensor, torch.Tensor]:
    """The caption states of the scenes (TRAINED, WAYS, 77, width) and of the curios (CURIOS, 77, width)."""
    said = [c for i in range(TRAINED) for c in captions_of(TRAIN, i, WAYS)]
    scenes = cache_states(folder, tokenizer, encoder, "grammar", said).unflatten(0, (TRAINED, WAYS))
    return scenes, cache_states(folder, tokenizer, encoder, "curios", [curio_of(i)[1] for i in range(CURIOS)])


def train(
    folder: Path, vae: AutoencoderKL, tokenizer: CLIPTokenizer, encoder: CLIPTextModel,
    steps: int = 4000, rate: float = 1.5e-3, size: int = 32, score=None,
) -> Run:  # fmt: skip
    """Train for `steps` steps; resumes from `folder`. `score(weights)` is called with the averaged weights."""
    torch.manual_seed(3)
    model = build()
    latents = cache_latents(folder, vae, "grammar", TRAINED)
    curios = cache_latents(folder, vae, "curios", CURIOS)
    doodles = cache_latents(folder, vae, "doodles", DOODLES)
    states, curio_states = all_states(folder, tokenizer, encoder)
    rng = np.random.default_rng(31)
    nonsense = states_of(tokenizer, encoder, [f"a picture of {invented_word(rng)}" for _ in range(512)] + [""])
    empty = nonsense[-1]
    alphas = DDIMScheduler(**SCHEDULER).alphas_cumprod
    run = Run(folder / "unet.pt", model, Muon(list(model.parameters()), rate), steps, rate, 200, decay=0.999)
    few, some = size * DOODLES_OF_16 // 16, size * CURIOS_OF_16 // 16
    # Pixel art is the hardest style to draw, so its scenes are used twice as often.
    scenes = np.array([i for i in range(TRAINED) for _ in range(1 + (scene_of(TRAIN, i)[0].style == "pixel"))])
    for step in run.steps((lambda: score(run.average)) if score else None, 500):
        rng = np.random.default_rng([4, step])
        noise_rng = torch.Generator().manual_seed(step)
        which = scenes[batch(size - few - some, len(scenes), 5, step)]
        odd = batch(some, CURIOS, 7, step)
        clean = torch.cat([latents[which], curios[odd], doodles[batch(few, DOODLES, 6, step)]]).float()
        said = torch.cat([
            states[which, rng.integers(WAYS, size=len(which))].float(), curio_states[odd].float(),
            nonsense[rng.integers(512, size=few)],
        ])  # fmt: skip
        said[torch.from_numpy(rng.random(size) < 0.1)] = empty
        # One timestep is drawn from each of `size` equal slices of the schedule: the loss then varies less by chance.
        t = torch.from_numpy(((rng.permutation(size) + rng.random(size)) * 1000 / size).astype(np.int64))
        alpha = alphas[t][:, None, None, None]
        noise = torch.randn(clean.shape, generator=noise_rng)
        guess = model(alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, t, said).sample
        ratio = (alpha / (1 - alpha)).flatten()
        weight = ratio.clamp(max=GAMMA) / ratio  # the min-SNR weight for epsilon (arXiv:2303.09556)
        run.update(((guess - noise).square().mean((1, 2, 3)) * weight).mean())
    return run
