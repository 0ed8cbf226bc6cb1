"""Makes samples with the U-Net that is being trained: DDIM (arXiv:2010.02502) with classifier-free guidance
(arXiv:2207.12598), over diffusers' scheduler.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.compute.imports import import_diffusers
from visiontrain_trainer.contract.plan import Plan

#: Side in pixels of the tiles in which a sample is decoded where memory does not suffice for the whole.
TILE = 512

#: Conditioning of one prompt: `states` [L, width], and for SDXL `pooled` [p].
Conditioning = Mapping[str, torch.Tensor]


def make_scheduler(plan: Plan, config: Mapping[str, Any]) -> Any:
    """diffusers' DDIM scheduler for the base's schedule `config`, which may lack keys (Stable Diffusion's are used)."""
    import_diffusers()
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=int(config.get("num_train_timesteps", 1000)),
        beta_start=float(config.get("beta_start", 0.00085)),
        beta_end=float(config.get("beta_end", 0.012)),
        beta_schedule=str(config.get("beta_schedule", "scaled_linear")),
        prediction_type=plan.model.prediction,
        rescale_betas_zero_snr=plan.model.zero_terminal_snr,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
    )


@torch.no_grad()
def sample_latents(
    plan: Plan,
    unet: nn.Module,
    scheduler: Any,
    conditions: tuple[Conditioning, Conditioning],
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
    stop: Callable[[], bool] = lambda: False,
) -> torch.Tensor:
    """Latents [1, 4, h, w] of a sample for `conditions`, (prompt, negative). The noise depends on `seed` alone.

    At guidance 1 the negative is not computed. Raises InterruptedError when `stop` returns True between two steps.
    """
    width, height = plan.samples.size
    guided = plan.samples.guidance > 1
    wanted = conditions if guided else conditions[:1]
    states = torch.stack([c["states"] for c in wanted]).to(device, dtype)
    extra = None
    if "pooled" in wanted[0]:
        ids = torch.tensor([[height, width, 0, 0, height, width]] * len(wanted), dtype=dtype, device=device)
        extra = {"text_embeds": torch.stack([c["pooled"] for c in wanted]).to(device, dtype), "time_ids": ids}
    scheduler.set_timesteps(plan.samples.steps)
    x = rng.normal((1, 4, height // 8, width // 8), seed, "sample").to(device) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        if stop():
            raise InterruptedError("stopped")
        inputs = scheduler.scale_model_input(x, t).to(dtype).expand(len(wanted), -1, -1, -1)
        out = unet(inputs, t, encoder_hidden_states=states, added_cond_kwargs=extra, return_dict=False)[0].float()
        if guided:
            out = out[1:] + plan.samples.guidance * (out[:1] - out[1:])
        x = scheduler.step(out, t, x, return_dict=False)[0]
    return x


@torch.no_grad()
def decode(vae: nn.Module, latents: torch.Tensor, scaling: float) -> Image.Image:
    """Decode latents [1, 4, h, w] to an RGB image. Once memory did not suffice for a whole image, tiles are decoded.

    Raises ValueError when the VAE gives numbers that are not finite.
    """
    weight = next(vae.parameters())
    x = (latents / scaling).to(weight.device, weight.dtype)
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


def save_png(image: Image.Image, path: Path) -> None:
    """Write an image as PNG, whole or not at all. Raises OSError when the disk does not take it."""
    content = io.BytesIO()
    image.save(content, "PNG")
    write_atomic(path, content.getvalue())
