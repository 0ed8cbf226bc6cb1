"""Makes samples with the U-Net that is being trained: DDIM (arXiv:2010.02502) over diffusers' scheduler, or a sampler
of `compute/sampling.py`, with classifier-free guidance (arXiv:2207.12598).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.imports import import_diffusers
from visiontrain_trainer.compute.noise import alphas_cumprod
from visiontrain_trainer.compute.sampling import denoise, denoised, flow_noise_levels, guided, noise_levels
from visiontrain_trainer.contract.plan import Plan, Shot
from visiontrain_trainer.data.scaling import Scaling

#: Side in pixels of the tiles in which a sample is decoded where memory does not suffice for the whole.
TILE = 512

#: Conditioning of one prompt: `states` [L, width], and for SDXL `pooled` [p].
Conditioning = Mapping[str, torch.Tensor]


def make_scheduler(plan: Plan, config: Mapping[str, Any]) -> Any:
    """diffusers' DDIM scheduler for the base's schedule `config`, which may lack keys (Stable Diffusion's are used)."""
    import_diffusers()
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=_length(config),
        beta_start=float(config.get("beta_start", 0.00085)),
        beta_end=float(config.get("beta_end", 0.012)),
        beta_schedule=str(config.get("beta_schedule", "scaled_linear")),
        prediction_type=plan.model.prediction,
        rescale_betas_zero_snr=plan.model.zero_terminal_snr,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
    )


def _length(schedule: Mapping[str, Any]) -> int:
    return int(schedule.get("num_train_timesteps", 1000))


#: Share of guidance rescale for schedules with zero terminal SNR, as their paper advises (arXiv:2305.08891, 3.4).
_RESCALE = 0.7


@dataclass(frozen=True, kw_only=True)
class SampleContext:
    """What samples are made with. `stop` tells whether to give up, and is asked before each pass."""

    plan: Plan
    unet: nn.Module
    #: diffusers' configuration of the base's noise schedule.
    schedule: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    stop: Callable[[], bool] = lambda: False


@torch.no_grad()
def sample_latents(context: SampleContext, shot: Shot, conditions: tuple[Conditioning, Conditioning]) -> torch.Tensor:
    """Latents [1, 4, h, w] of a sample for `conditions`, (prompt, negative). All noise depends on the seed alone, so
    that samples with and without the LoRA are pairs.

    At guidance 1 the negative is not computed. Raises InterruptedError when `context.stop` returns True between two
    steps.
    """
    samples = context.plan.samples
    width, height = shot.size
    shape = (1, 4, height // 8, width // 8)
    predict = _predictor(context, shot, conditions)
    flow = context.plan.model.prediction == "flow"
    if samples.sampler == "ddim" and not flow:
        scheduler = make_scheduler(context.plan, context.schedule)
        scheduler.set_timesteps(shot.steps)
        x = rng.normal(shape, shot.seed, "sample").to(context.device) * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            x = scheduler.step(predict(scheduler.scale_model_input(x, t), t), t, x, return_dict=False)[0]
        return x

    def noise(step: int) -> torch.Tensor:
        drawn = rng.normal(shape, shot.seed, "sample", *([step] if step else []))
        return drawn.to(context.device)

    def clean(x: torch.Tensor, sigma: float, timestep: float) -> torch.Tensor:
        t = torch.tensor(timestep, dtype=torch.float32, device=context.device)
        out = predict(x if flow else x / math.sqrt(sigma**2 + 1), t)
        return denoised(context.plan.model.prediction, x, out, sigma)

    if flow:
        levels = flow_noise_levels(
            _length(context.schedule), samples.spacing, shot.steps, context.plan.model.flow_shift
        )
        return denoise("euler", levels, noise, clean)
    product = alphas_cumprod(context.schedule, context.plan.model.zero_terminal_snr)
    return denoise(samples.sampler, noise_levels(product, samples.spacing, shot.steps), noise, clean)


def _predictor(
    context: SampleContext, shot: Shot, conditions: tuple[Conditioning, Conditioning]
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The guided prediction of the U-Net for scaled noisy latents at a timestep, fp32."""
    width, height = shot.size
    device, dtype = context.device, context.dtype
    guides = shot.guidance > 1
    wanted = conditions if guides else conditions[:1]
    states = torch.stack([c["states"] for c in wanted]).to(device, dtype)
    extra = None
    if "pooled" in wanted[0]:
        ids = torch.tensor([[height, width, 0, 0, height, width]] * len(wanted), dtype=dtype, device=device)
        extra = {"text_embeds": torch.stack([c["pooled"] for c in wanted]).to(device, dtype), "time_ids": ids}
    rescale = _RESCALE if context.plan.model.zero_terminal_snr else 0.0

    def predict(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if context.stop():
            raise InterruptedError("stopped")
        inputs = x.to(dtype).expand(len(wanted), -1, -1, -1)
        out = context.unet(inputs, t, encoder_hidden_states=states, added_cond_kwargs=extra, return_dict=False)[0]
        out = out.float()
        return guided(out[:1], out[1:], shot.guidance, rescale) if guides else out

    return predict


@torch.no_grad()
def decode(vae: nn.Module, latents: torch.Tensor, scaling: Scaling) -> Image.Image:
    """Decode latents [1, 4, h, w] to an RGB image. Once memory did not suffice for a whole image, tiles are decoded.

    Raises ValueError when the VAE gives numbers that are not finite.
    """
    weight = next(vae.parameters())
    x = scaling.raw(latents).to(weight.device, weight.dtype)
    try:
        pixels = vae.decode(x, return_dict=False)[0][0].float()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or vae.use_tiling:
            raise
        # The retry is outside of the except block: inside it, the traceback keeps the failed pass's tensors alive.
        pixels = None
    if pixels is None:
        give_back_memory()
        vae.enable_tiling()
        # By default the tiles are as large as the images that the VAE was trained on, which may not fit either.
        vae.tile_sample_min_size, vae.tile_latent_min_size = TILE, TILE // 8
        pixels = vae.decode(x, return_dict=False)[0][0].float()
    if not torch.isfinite(pixels).all():
        raise ValueError("the picture has numbers that are not finite")
    values = (pixels.clamp(-1, 1) * 127.5 + 127.5).round().to("cpu", torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).numpy(), "RGB")


#: The names of samplers and spacings in A1111.
_A1111 = {"ddim": "DDIM", "euler": "Euler", "euler_a": "Euler a", "dpmpp_2m": "DPM++ 2M"}
_SPACINGS = {"normal": "Normal", "trailing": "Trailing", "karras": "Karras"}


def parameters(plan: Plan, shot: Shot, *, adapter: bool) -> str:
    """The settings of a run's sample as A1111 writes them into a PNG, so that programs which read those show them."""
    return settings_text(plan, shot, [(plan.name, shot.strength)] if adapter else [])


def settings_text(plan: Plan, shot: Shot, loras: Sequence[tuple[str, float]]) -> str:
    """The settings of a sample that was drawn with LoRAs of these names and strengths."""
    width, height = shot.size
    samples, model = plan.samples, plan.model
    flow = model.prediction == "flow"
    lora = "".join(f" <lora:{name}:{strength:g}>" for name, strength in loras)
    negative = f"Negative prompt: {shot.negative}\n" if shot.negative else ""
    skip = shot.clip_skip or model.clip_skip
    facts = {
        "Steps": shot.steps,
        "Sampler": "Euler" if flow else _A1111[samples.sampler],
        "Schedule type": _SPACINGS["trailing" if samples.sampler == "ddim" else samples.spacing],
        **({"Shift": f"{model.flow_shift:g}"} if flow else {}),
        "CFG scale": f"{shot.guidance:g}",
        "Seed": shot.seed,
        "Size": f"{width}x{height}",
        **({"Model hash": model.sha256[:10]} if model.sha256 else {}),
        "Model": model.name,
        **({"Clip skip": skip} if model.family == "sd15" and skip > 1 else {}),
    }
    return f"{shot.prompt}{lora}\n{negative}{', '.join(f'{name}: {value}' for name, value in facts.items())}"


def save_png(image: Image.Image, path: Path, settings: str) -> None:
    """Write an image as PNG with its settings, whole or not at all. Raises OSError when the disk does not take it."""
    info = PngInfo()
    info.add_text("parameters", settings)
    content = io.BytesIO()
    image.save(content, "PNG", pnginfo=info)
    write_atomic(path, content.getvalue())
