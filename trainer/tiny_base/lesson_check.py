"""Measures whether a LoRA on the shipped base learned a lesson, and how much of the rest it unlearned.

The LoRA is a file that the shipped trainer made, or one that is trained here. The training here is a quick stand-in for
the search of a recipe (peft, AdamW, epsilon, cached latents, one resolution).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from peft import LoraConfig, inject_adapter_in_model
from PIL import Image

from . import lesson, score
from .grammar import BACKGROUNDS, COLOURS, PLACES, THINGS, arrange
from .judge import marks, tally
from .unet import SCHEDULER, TRAINED, states_of
from .vae import SCALE, to_tensor

OTHERS = 120  # prompts that do not name the lesson
SEEDS = (900, 2000, 3000)  # seeds of the noise; with one alone, the share over forty prompts strays by ten points
UNET_PARTS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
TEXT_PARTS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


@dataclass(frozen=True)
class Recipe:
    """The settings that the `tiny` preset may choose."""

    rank: int = 16
    alpha: int = 16
    rate: float = 2e-3
    text_rate: float = 5e-4
    steps: int = 300
    batch: int = 4
    snr: float = 5.0
    dropout: float = 0.0
    schedule: str = "cosine"
    warmup: int = 10


def read_set(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Images and captions of a bundled lesson, in the order of their names."""
    paths = sorted(folder.glob("*.png"))
    return np.stack([np.asarray(Image.open(p).convert("RGB")) for p in paths]), [
        p.with_suffix(".txt").read_text().strip() for p in paths
    ]


def teach(pipe: StableDiffusionPipeline, folder: Path, recipe: Recipe, seed: int = 1) -> float:
    """Train a LoRA into `pipe` (left in place, active); returns the seconds it took."""
    began = time.monotonic()
    torch.manual_seed(seed)
    images, captions = read_set(folder)
    with torch.no_grad():
        latents = pipe.vae.encode(to_tensor(images)).latent_dist.mode() * SCALE
    parameters = []
    for model, parts, rate in ((pipe.unet, UNET_PARTS, recipe.rate), (pipe.text_encoder, TEXT_PARTS, recipe.text_rate)):
        model.requires_grad_(False)
        if rate:
            config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=parts, init_lora_weights=True)
            inject_adapter_in_model(config, model)
            parameters.append({"params": [p for p in model.parameters() if p.requires_grad], "lr": rate})
    optimiser = torch.optim.AdamW(parameters, weight_decay=0.01)

    def pace(step: int) -> float:
        rise = min(1.0, (step + 1) / recipe.warmup)
        if recipe.schedule == "constant":
            return rise
        return rise * 0.5 * (1 + np.cos(np.pi * min(1, step / recipe.steps)))

    follow = torch.optim.lr_scheduler.LambdaLR(optimiser, pace)
    ids = pipe.tokenizer(captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    blank = pipe.tokenizer([""], padding="max_length", max_length=77, return_tensors="pt").input_ids
    alphas = DDIMScheduler(**SCHEDULER).alphas_cumprod
    order: list[int] = []
    for step in range(recipe.steps):
        rng = np.random.default_rng([seed, step])
        while len(order) < recipe.batch:
            order += rng.permutation(len(captions)).tolist()
        which, order = order[: recipe.batch], order[recipe.batch :]
        said = ids[which].clone()
        said[torch.from_numpy(rng.random(recipe.batch) < recipe.dropout)] = blank
        states = pipe.text_encoder(input_ids=said).last_hidden_state
        t = torch.from_numpy(rng.integers(0, 1000, recipe.batch))
        alpha = alphas[t][:, None, None, None]
        noise = torch.randn(latents[which].shape)
        guess = pipe.unet(alpha.sqrt() * latents[which] + (1 - alpha).sqrt() * noise, t, states).sample
        ratio = (alpha / (1 - alpha)).flatten()
        weight = ratio.clamp(max=recipe.snr) / ratio if recipe.snr else torch.ones_like(ratio)
        optimiser.zero_grad()
        ((guess - noise).square().mean((1, 2, 3)) * weight).mean().backward()
        torch.nn.utils.clip_grad_norm_([p for g in parameters for p in g["params"]], 1.0)
        optimiser.step()
        follow.step()
    return time.monotonic() - began


def creature_prompts() -> list[str]:
    """Forty prompts for the creature: every background twice, every place eight times, most pairs not in the set."""
    return [
        lesson.zibbo_caption(BACKGROUNDS[i % 20], list(PLACES)[(i + i // 20) % 5], ("big", "middle")[i % 2], i)
        for i in range(40)
    ]


def style_prompts() -> list[str]:
    """Forty prompts for the style, over all things, colours and places."""
    return [
        lesson.lumo_caption(arrange(
            [(THINGS[i % 12], list(COLOURS)[i % 7])], "white", size=("big", "middle")[i % 2], place=list(PLACES)[i % 5]
        ))
        for i in range(40)
    ]  # fmt: skip


def images_for(pipe: StableDiffusionPipeline, captions: list[str], seed: int = SEEDS[0]) -> np.ndarray:
    """One sample for each caption, with the demo's guidance and steps: uint8 (n, SIDE, SIDE, 3)."""
    pipe.unet.eval()
    states = states_of(pipe.tokenizer, pipe.text_encoder, [*captions, ""])
    return score.sample(pipe.unet, pipe.vae, states[:-1], states[-1], seed=seed)


def measure(pipe: StableDiffusionPipeline, kind: str, ordinary: int = OTHERS) -> tuple[dict, np.ndarray]:
    """Recognised share on the lesson's prompts under all seeds, and the judge's marks on other prompts."""
    seen = {"creature": lesson.sees_zibbo, "style": lesson.sees_lumo}[kind]
    captions = creature_prompts() if kind == "creature" else style_prompts()
    taught = np.concatenate([images_for(pipe, captions, seed) for seed in SEEDS])
    asked = score.prompts(ordinary, TRAINED)
    others = images_for(pipe, [p.text for p in asked])
    out = {"recognised": round(100 * float(np.mean([seen(p) for p in taught])), 1)}
    out |= tally([marks(p.scene, i) for p, i in zip(asked, others, strict=True)])
    out["leaked"] = round(100 * float(np.mean([seen(p) for p in others])), 1)
    return out, np.concatenate([taught, others])


def check(
    base: Path, lessons: Path, kind: str, recipe: Recipe, grid_to: Path | None = None, lora: Path | None = None
) -> dict:
    """Measure the base with and without a LoRA. `lora` is a file that diffusers loads; without it a LoRA is trained."""
    pipe = StableDiffusionPipeline.from_pretrained(base, local_files_only=True)
    before, old = measure(pipe, kind)
    if lora:
        pipe.load_lora_weights(str(lora.parent), weight_name=lora.name)
        made = {"file": "visiontrain's own, Easy defaults"}
    else:
        seconds = teach(pipe, lessons / ("lesson" if kind == "creature" else "lesson-style"), recipe)
        made = {"recipe": asdict(recipe), "seconds": round(seconds, 1)}
    after, new = measure(pipe, kind)
    if grid_to:
        rows = np.concatenate([old[:12], new[:12], new[12:24], old[-12:], new[-12:]])
        Image.fromarray(score.grid(rows, 12)).save(grid_to)
    return {"kind": kind, **made, "seeds": SEEDS, "others": OTHERS, "base": before, "lora": after}
