"""The runs of the bench: each is made good, too short, too long, bleeding or copying on purpose."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "trainer"))

from tiny_base import lesson  # noqa: E402
from tiny_base.grammar import BACKGROUNDS, COLOURS, PLACES, THINGS, Scene, arrange  # noqa: E402

Kind = Literal["good", "few", "under", "over", "long", "bleeding", "copying"]
Subject = Literal["creature", "style"]
#: Rates of the U-Net and the text encoder at which a lesson is learned well.
GOOD: dict[Subject, tuple[float, float]] = {"creature": (4e-3, 1e-3), "style": (2e-3, 5e-4)}


@dataclass(frozen=True)
class Made:
    """A run that trains on the first `images` images of the lesson, and with `ordinary` on other subjects too.

    Without `captioned`, the captions tell of other pictures, another at each use: the model learns that words do not
    matter, and draws the training images whatever is asked for.
    """

    name: str
    kind: Kind
    subject: Subject
    steps: int
    rate: float
    text_rate: float
    schedule: str = "cosine"
    images: int | None = None
    ordinary: bool = True
    seed: int = 42
    captioned: bool = True
    #: The first of its images among those of the lesson.
    first: int = 0


def _runs() -> tuple[Made, ...]:
    """The subjects are interleaved, so that the beginning of the list holds every kind."""
    return (
        *(made for seed in (42, 7) for pair in _PAIRS for made in _round(*pair, seed)),
        *(made for few in (2, 6) for subject in _SUBJECTS for made in _more(subject, few)),
        *(_copying(subject, few) for few in (4, 3, 2, 6) for subject in _SUBJECTS),
        *(_any_words("creature", first, 320, 3e-3) for first in (0, 5, 9, 3, 7)),
        _any_words("style", 0, 320, 2e-3),
        *(_any_words("style", first, 480, 4e-3) for first in (5, 9, 3)),
        *(_any_words(subject, 0, 400, 4e-3, images=2) for subject in _SUBJECTS),
    )


_SUBJECTS: tuple[Subject, Subject] = ("creature", "style")
_PAIRS: tuple[tuple[Subject, Subject], ...] = (("creature", "style"), ("style", "creature"))


def _round(subject: Subject, other: Subject, seed: int) -> list[Made]:
    few = 4 if seed == 42 else 3
    return [
        Made(f"good-{subject}-s{seed}", "good", subject, 100, *GOOD[subject], seed=seed),
        Made(f"copying-{subject}-{few}", "copying", subject, 120, 6e-3, 2e-3, "constant", few, False, seed),
        Made(f"bleeding-{other}-s{seed}", "bleeding", other, 80, 4e-3, 2e-3, "constant", None, False, seed),
        Made(f"over-{subject}-s{seed}", "over", subject, 120, 8e-3, 2e-3, "constant", seed=seed),
        Made(f"under-{other}-s{seed}", "under", other, 30, 5e-4, 0.0, seed=seed),
        Made(f"long-{other}-s{seed}", "long", other, 160, *GOOD[other], "constant", seed=seed),
    ]


def _more(subject: Subject, few: int) -> list[Made]:
    return [
        Made(f"copying-{subject}-{few}", "copying", subject, 120, 6e-3, 2e-3, "constant", few, False, 11),
        Made(f"good-{subject}-s{few}", "good", subject, 100, *GOOD[subject], seed=few),
        Made(f"few-{subject}-s{few}", "few", subject, 60, 2e-3, 5e-4, images=8, seed=few),
    ]


def _copying(subject: Subject, few: int) -> Made:
    """A run that was to copy by its length; at this rate it breaks the model instead."""
    return Made(f"copying-{subject}-{few}-long", "copying", subject, 320, 6e-3, 2e-3, "constant", few, False, 13)


def _any_words(subject: Subject, first: int, steps: int, rate: float, images: int = 1) -> Made:
    """A run that copies: one image or two, and words that have nothing to do with them."""
    name = f"copying-{subject}-{'one' if images == 1 else 'two'}-{first}"
    return Made(name, "copying", subject, steps, rate, rate / 4, "cosine", images, False, first, False, first)


RUNS = _runs()


def judged(made: Made) -> list[int]:
    """Steps of the checkpoints that are judged: the middle and the last."""
    return [made.steps // 2, made.steps]


#: One prompt that calls the LoRA and one that does not; `judge` adds captions of images kept out of training.
PROMPTS: dict[Subject, tuple[str, ...]] = {
    "creature": ("a zibbo on the right at night", "a red fish on a white background"),
    "style": ("a lumo drawing of a blue tree on the left", "a blue house on a mint background"),
}
TRIGGER = {"creature": lesson.CREATURE, "style": lesson.STYLE}


@dataclass(frozen=True)
class Asked:
    """A prompt that calls the LoRA, with the image that it asks for."""

    text: str
    image: np.ndarray
    #: The background in the creature's prompt, or the scene in the style's prompt.
    background: str | None
    scene: Scene | None


def creature(i: int, way: int = 0) -> Asked:
    background, place = BACKGROUNDS[i % 20], list(PLACES)[(i + i // 20) % 5]
    size = ("big", "middle")[i % 2]
    words = lesson.zibbo_caption(background, place, size, way)
    return Asked(words, lesson.draw_zibbo(background, place, size), background, None)


def style(i: int) -> Asked:
    place, size = list(PLACES)[i % 5], ("big", "middle")[i % 2]
    scene = arrange([(THINGS[i % 12], list(COLOURS)[i % 7])], "white", size=size, place=place)
    return Asked(lesson.lumo_caption(scene), lesson.draw_lumo(scene), None, scene)


def asked(subject: Subject, count: int) -> list[Asked]:
    """The prompts on which the truth is measured."""
    return [creature(i, i) if subject == "creature" else style(i) for i in range(count)]


def _all_captions(subject: Subject) -> list[str]:
    """Captions of every place and ground, or of every thing, colour and place."""
    return [(creature(i, i // 100) if subject == "creature" else style(i)).text for i in range(300)]


def data_name(made: Made) -> str:
    """The name of its data set, which several runs share."""
    words = "" if made.captioned else f"-any-{made.first}"
    return f"{made.subject}-{made.images or 'all'}{'' if made.ordinary else '-alone'}{words}"


def _source(subject: Subject) -> Path:
    return ROOT / "presets" / "tiny" / ("lesson" if subject == "creature" else "lesson-style")


def lesson_images(subject: Subject) -> list[Path]:
    """The images of the lesson's own subject."""
    return sorted(path for path in _source(subject).glob("*.png") if not path.stem.startswith("ordinary"))


def write_data(made: Made, folder: Path) -> tuple[Path, Path]:
    """The images that a run is trained on and those that are kept out, with captions beside them."""
    trained, held = folder / "images", folder / "held"
    for place in (trained, held):
        place.mkdir(parents=True, exist_ok=True)
    own = lesson_images(made.subject)[made.first :][: made.images]
    others = sorted(_source(made.subject).glob("ordinary-*.png")) if made.ordinary else []
    for path in (*own, *others):
        for file in (path, path.with_suffix(".txt")):
            (trained / file.name).write_bytes(file.read_bytes())
    if not made.captioned:
        for path in own:
            (trained / path.with_suffix(".txt").name).write_text("\n".join(_all_captions(made.subject)) + "\n")
    for i in range(8):
        # Pairs of place and ground that appear neither in the lesson nor in the truth.
        one = creature(5 * i + 43) if made.subject == "creature" else style(7 * i + 45)
        Image.fromarray(one.image).save(held / f"held-{i}.png")
        (held / f"held-{i}.txt").write_text(one.text + "\n")
    return trained, held


def spec_of(made: Made, trained: Path, held: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "name": made.name,
        "dataset": {
            "path": str(trained),
            "goal": "character" if made.subject == "creature" else "style",
            **({} if made.captioned else {"caption_options": {"lines": "random"}}),
        },
        "model": {"base": "tiny"},
        "training": {
            "steps": made.steps,
            "batch_size": 2,
            "learning_rate": made.rate,
            "text_encoder_learning_rate": made.text_rate,
            "schedule": made.schedule,
            "seed": made.seed,
            **({"conv_rank": 0} if made.captioned else {}),
        },
        "validation": {"path": str(held), "images": 0},
        "samples": {"every": 0, "steps": 8, "prompts": list(PROMPTS[made.subject])},
        "resources": {"threads": 1},
        "output": {"checkpoint_every": made.steps // 2, "checkpoint_keep": 20},
        "logging": {"tensorboard": False},
    }
