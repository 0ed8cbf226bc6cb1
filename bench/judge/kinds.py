"""The runs of the bench: each is made good, too short, too long, bleeding or copying on purpose."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "trainer"))

from tiny_base import lesson  # noqa: E402
from tiny_base.grammar import BACKGROUNDS, COLOURS, PLACES, THINGS, Scene, arrange  # noqa: E402

Kind = Literal["good", "under", "over", "bleeding", "copying"]
Subject = Literal["creature", "style"]


@dataclass(frozen=True)
class Made:
    """A run. `pictures` are the first so many of the lesson; `ordinary` tells whether other things are shown too."""

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
    more: dict[str, Any] = field(default_factory=dict)


RUNS = (
    Made("good-creature", "good", "creature", 400, 4e-3, 1e-3),
    Made("copying-creature-4", "copying", "creature", 400, 6e-3, 2e-3, "constant", 4, False),
    Made("bleeding-style", "bleeding", "style", 300, 4e-3, 2e-3, "constant", None, False),
    Made("good-style", "good", "style", 300, 2e-3, 5e-4),
    Made("under-creature", "under", "creature", 100, 5e-4, 0.0),
    Made("over-style", "over", "style", 400, 8e-3, 2e-3, "constant"),
    Made("copying-style-4", "copying", "style", 400, 6e-3, 2e-3, "constant", 4, False),
    Made("bleeding-creature", "bleeding", "creature", 300, 4e-3, 2e-3, "constant", None, False),
    Made("over-creature", "over", "creature", 400, 8e-3, 2e-3, "constant"),
    Made("under-style", "under", "style", 80, 5e-4, 0.0),
    Made("copying-creature-3", "copying", "creature", 400, 6e-3, 2e-3, "constant", 3, False, 7),
    Made("good-creature-7", "good", "creature", 300, 4e-3, 1e-3, seed=7),
    Made("copying-style-3", "copying", "style", 400, 6e-3, 2e-3, "constant", 3, False, 7),
)
#: Checkpoints of a run, evenly over its length.
CHECKPOINTS = 5


def judged(made: Made) -> list[int]:
    """Steps of the checkpoints that are judged: the first, the middle and the last."""
    every = made.steps // CHECKPOINTS
    return [every, 3 * every, made.steps]


PROMPTS = {
    "creature": (
        "a big zibbo on a lilac background",
        "a zibbo on the right at night",
        "a zibbo at the top in a meadow",
        "a red fish on a white background",
        "a blue tree on a mint background",
    ),
    "style": (
        "a lumo drawing of a red fish",
        "a lumo drawing of a blue tree on the left",
        "a lumo drawing of a big green crown",
        "a red fish on a white background",
        "a blue house on a mint background",
    ),
}
TRIGGER = {"creature": lesson.CREATURE, "style": lesson.STYLE}


@dataclass(frozen=True)
class Asked:
    """A prompt that calls the LoRA, with the picture that it asks for."""

    text: str
    image: np.ndarray
    #: Background of the creature's prompt; the scene of the style's.
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
    """The prompts of the truth."""
    return [creature(i, i) if subject == "creature" else style(i) for i in range(count)]


def write_data(made: Made, folder: Path) -> tuple[Path, Path]:
    """The images that a run is trained on and those that are kept out, with captions beside them."""
    trained, held = folder / "images", folder / "held"
    for place in (trained, held):
        place.mkdir(parents=True, exist_ok=True)
    source = ROOT / "presets" / "tiny" / ("lesson" if made.subject == "creature" else "lesson-style")
    own = sorted(path for path in source.glob("*.png") if not path.stem.startswith("ordinary"))[: made.images]
    others = sorted(source.glob("ordinary-*.png")) if made.ordinary else []
    for path in (*own, *others):
        for file in (path, path.with_suffix(".txt")):
            (trained / file.name).write_bytes(file.read_bytes())
    for i in range(8):
        # Other pairs of place and ground than those of the lesson and of the truth.
        one = creature(5 * i + 43) if made.subject == "creature" else style(7 * i + 45)
        Image.fromarray(one.image).save(held / f"held-{i}.png")
        (held / f"held-{i}.txt").write_text(one.text + "\n")
    return trained, held


def spec_of(made: Made, trained: Path, held: Path) -> dict[str, Any]:
    every = made.steps // CHECKPOINTS
    return {
        "version": 1,
        "name": made.name,
        "dataset": {"path": str(trained), "goal": "character" if made.subject == "creature" else "style"},
        "model": {"base": "tiny"},
        "training": {
            "steps": made.steps,
            "learning_rate": made.rate,
            "text_encoder_learning_rate": made.text_rate,
            "schedule": made.schedule,
            "seed": made.seed,
            "conv_rank": 0,
        },
        "validation": {"path": str(held), "images": 0},
        "samples": {"every": 0, "prompts": list(PROMPTS[made.subject])},
        "output": {"checkpoint_every": every, "checkpoint_keep": 20},
        "logging": {"tensorboard": False},
    }
