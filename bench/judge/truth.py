"""The truth about a checkpoint: how much of a prompt it draws, as told by programs that know what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from diffusers import StableDiffusionPipeline
from PIL import Image
from tiny_base import lesson, lesson_check, score
from tiny_base.grammar import Scene
from tiny_base.judge import background_of, marks, read
from tiny_base.unet import states_of

from .kinds import ROOT, Asked, Made, asked, judged, lesson_images

#: Prompts that call the LoRA, and other prompts, whose images it must leave as they were.
CALLED, OTHERS = 40, 20
SEED = 900
#: Number of denoising steps of a sample, as for the samples that are judged.
STEPS = 8


def measure(made: Made, run: Path, data: Path) -> dict[str, Any]:
    """Points from 0 to 100 of each judged checkpoint, by part."""
    base = ROOT / "presets" / "tiny" / "sd15"
    called, others = asked(made.subject, CALLED), score.prompts(OTHERS, lesson_check.TRAINED)
    trained = [
        np.asarray(Image.open(path).convert("RGB"), np.float32) for path in sorted((data / "images").glob("*.png"))
    ]
    near = _near(_lesson(made))
    rows: dict[str, Any] = {}
    pipe = StableDiffusionPipeline.from_pretrained(base, local_files_only=True)
    for step in judged(made):
        pipe.unload_lora_weights()
        name = made.name if step == made.steps else f"{made.name}-step{step:08d}"
        pipe.load_lora_weights(str(run / "output"), weight_name=f"{name}.safetensors")
        drawn = _images(pipe, [*(one.text for one in called), *(one.text for one in others)])
        own, rest = drawn[:CALLED], drawn[CALLED:]
        rows[str(step)] = {
            "called": _share(_right(made, one, image) for one, image in zip(called, own, strict=True)),
            "kept": _share(
                np.mean(list(marks(one.scene, image).values())) * (not _leaks(made, image))
                for one, image in zip(others, rest, strict=True)
            ),
            "nearer": _share(_is_nearer(one, image, trained) for one, image in zip(called, own, strict=True)),
            "copied": _share(
                _is_nearer(one, image, trained) and _apart_least(image, trained) < near
                for one, image in zip(called, own, strict=True)
            ),
        }
    return rows


def _images(pipe: StableDiffusionPipeline, captions: list[str]) -> np.ndarray:
    pipe.unet.eval()
    states = states_of(pipe.tokenizer, pipe.text_encoder, [*captions, ""])
    return score.sample(pipe.unet, pipe.vae, states[:-1], states[-1], seed=SEED, steps=STEPS)


def _share(each: Any) -> float:
    return round(100 * float(np.mean(list(each))), 2)


def _right(made: Made, one: Asked, image: np.ndarray) -> float:
    """0 without the subject; with it 0.5, and another 0.5 when the rest of the prompt is drawn too."""
    if made.subject == "creature":
        return lesson.sees_zibbo(image) * (0.5 + 0.5 * (background_of(image)[0] == one.background))
    return lesson.sees_lumo(image) * (0.5 + 0.5 * _has_thing(one.scene, image))


def _has_thing(scene: Scene | None, image: np.ndarray) -> bool:
    """Whether the lines have the colour of the thing that was asked for: the scoring program knows no outlines in this
    style.
    """
    pieces = read(image).pieces
    return scene is not None and any(piece.colour == scene.things[0].colour for piece in pieces)


def _leaks(made: Made, image: np.ndarray) -> bool:
    return (lesson.sees_zibbo if made.subject == "creature" else lesson.sees_lumo)(image)


def _apart_least(image: np.ndarray, others: list[np.ndarray]) -> float:
    """The root of the mean squared difference to the nearest of other images, in levels from 0 to 255."""
    return min(float(np.sqrt(np.square(image.astype(np.float32) - other).mean())) for other in others)


def _is_nearer(one: Asked, image: np.ndarray, trained: list[np.ndarray]) -> bool:
    """Whether a sample is nearer to a training image than to the image that was asked for."""
    return _apart_least(image, trained) < _apart_least(image, [one.image])


def _lesson(made: Made) -> list[np.ndarray]:
    """All images of the lesson: one or two that are trained on do not tell how far apart its images usually are."""
    return [np.asarray(Image.open(path).convert("RGB"), np.float32) for path in lesson_images(made.subject)]


def _near(lesson: list[np.ndarray]) -> float:
    """Half of the usual distance of an image of the lesson to the nearest other one: an image nearer than this is the
    same image, not a similar one.
    """
    each = [_apart_least(one, [other for other in lesson if other is not one]) for one in lesson]
    return 0.5 * float(np.median(each))
