"""Regularisation images that the base draws before the training, from prompts. They are kept by content in the cache.

An image is a function of the base, its prompt, its seed, its size and how samples are drawn. A run that was stopped
while it drew them continues with the next, and another run with the same prompts finds them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.compute.device import Device, give_back_memory
from visiontrain_trainer.compute.facts import encoder_identity
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events, Progress
from visiontrain_trainer.contract.plan import Plan, PlanImage, Shot
from visiontrain_trainer.data.batch_builder import Caches
from visiontrain_trainer.data.tensor_cache import key_of
from visiontrain_trainer.model.models import BaseModel

from .network import unet_storage
from .sample import Conditioning, SampleContext, decode, parameters, sample_latents, save_png


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The plan, the device and the caches that regularisation images are drawn with."""

    plan: Plan
    base: BaseModel
    caches: Caches
    device: Device
    events: Events
    control: Control


def with_generated(studio: Studio) -> Plan:
    """The plan with the files of the images that the base draws; those that are not kept yet are drawn now.

    Raises Stopped, and TrainingError when an image cannot be drawn.
    """
    plan = studio.plan
    drawn = [image for image in plan.data.images if image.generated is not None]
    if not drawn:
        return plan
    files = {image.id: _file(studio, image) for image in drawn}
    missing = [image for image in drawn if not _is_whole(files[image.id])]
    if missing:
        studio.events.note(
            f"The base draws {len(missing)} regularisation pictures first; they are kept for other runs."
        )
        _draw(studio, [(image, files[image.id]) for image in missing])
        give_back_memory()
    images = [
        replace(image, path=str(files[image.id]), sha256=sha256_file(files[image.id])) if image.id in files else image
        for image in plan.data.images
    ]
    return replace(plan, data=replace(plan.data, images=images))


def _file(studio: Studio, image: PlanImage) -> Path:
    """Where an image is kept: by all that its pixels depend on, the base's weights and the libraries among it."""
    resources = studio.plan.resources
    identity = encoder_identity(studio.device, studio.device.dtype, "diffusers", "pillow")
    packed = (resources.base_precision, resources.text_precision, resources.vae_precision)
    key = key_of("generated", image.sha256, studio.base.fingerprint(), identity, packed)
    return Path(resources.cache_dir) / "generated" / key[:2] / f"{key}.png"


def _is_whole(path: Path) -> bool:
    """Whether the file is there and all of it can be decoded."""
    try:
        with Image.open(path) as image:
            image.load()
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def _shot(plan: Plan, image: PlanImage) -> Shot:
    assert image.generated is not None
    samples = plan.samples
    return Shot(
        prompt=image.generated.prompt,
        negative=samples.negative,
        steps=samples.steps,
        guidance=samples.guidance,
        seed=image.generated.seed,
        size=image.bucket,
        strength=0.0,
        clip_skip=None,
    )


def _texts(caches: Caches, prompts: Iterable[str]) -> dict[str, Conditioning]:
    """The text conditions of each prompt. The text encoders are unloaded afterwards, to make room for the U-Net."""
    entries = {prompt: caches.texts.entry(prompt) for prompt in dict.fromkeys(prompts)}
    longest = max(len(entry["states"]) for entry in entries.values())
    found = {prompt: caches.texts.get(prompt, longest) for prompt in entries}
    caches.texts.unload()
    return found


def _draw(studio: Studio, wanted: list[tuple[PlanImage, Path]]) -> None:
    plan, base, caches, device = studio.plan, studio.base, studio.caches, studio.device
    shots = [_shot(plan, image) for image, _ in wanted]
    texts = _texts(caches, [text for shot in shots for text in (shot.prompt, shot.negative)])
    unet = base.unet(device.dtype, device.torch, unet_storage(plan.resources, device))
    vae = base.vae(device.vae_dtype, device.torch)
    context = SampleContext(
        plan=plan, unet=unet, schedule=base.scheduler_config(), device=device.torch, dtype=device.dtype
    )
    progress = Progress(studio.events, "images", len(wanted))
    for shot, (image, path) in zip(shots, wanted, strict=True):
        studio.control.stop_if_asked()
        latents = sample_latents(context, shot, (texts[shot.prompt], texts[shot.negative]))
        path.parent.mkdir(parents=True, exist_ok=True)
        save_png(_decoded(vae, latents, caches, image), path, parameters(plan, shot, adapter=False))
        progress.advance()


def _decoded(vae: nn.Module, latents: torch.Tensor, caches: Caches, image: PlanImage) -> Image.Image:
    try:
        return decode(vae, latents, caches.latents.scaling)
    except ValueError as error:
        raise TrainingError(
            f"The base draws nothing for {image.caption!r}: {error}.",
            next_steps=["Set resources.vae_precision or resources.precision to fp32."],
            id="training/not-finite",
        ) from error
