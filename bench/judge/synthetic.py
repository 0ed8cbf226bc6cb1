"""How often would judge raise its alarm of copies, over many made-up runs? `python -m judge.synthetic [WAY…]`

Samples are drawn by programs instead of a model, so that thousands of runs cost minutes: what was asked for, blurred,
moved and recoloured as a model does it; a share of wrong places, sizes, grounds or things, which all seeds of a prompt
share; and, in runs that copy, training pictures in place of a share of the samples.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from tiny_base import lesson
from tiny_base.grammar import BACKGROUNDS, COLOURS, PLACES, THINGS, arrange
from visiontrain_trainer.judging.pixels import alike, features
from visiontrain_trainer.judging.scores import Drawn, References, scores

from .kinds import ROOT, Subject

ROWS, PROMPTS, SEEDS, HELD = 3, 6, 2, 8
RUNS = 40
SIZES = ("big", "middle")
#: Numbers of training images: of runs that copy nothing (False), and of runs that copy (True).
PICTURES = {False: (12,), True: (4, 12)}


@dataclass(frozen=True)
class Way:
    """The way in which a made-up run draws."""

    name: str
    #: Share of prompts that are drawn with something wrong.
    wrong: float
    #: Radius of the blur in pixels, and the noise in levels.
    blur: float
    noise: float
    #: Share of samples that are training pictures.
    copied: float = 0.0


WAYS = (
    Way("as asked", 0.0, 0.5, 4),
    Way("half of them wrong", 0.5, 0.7, 6),
    Way("all wrong", 1.0, 1.0, 8),
    Way("smears", 0.5, 4.0, 12),
    Way("copies 3 of 4", 0.3, 0.7, 6, 0.75),
    Way("copies nearly all", 0.3, 0.7, 6, 0.95),
)


class World:
    """All images of a subject, by what they show. Each is drawn once."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._drawn: dict[tuple[str, ...], Image.Image] = {}

    def any_of(self, draw: np.random.Generator) -> tuple[str, ...]:
        kinds = (BACKGROUNDS,) if self.subject == "creature" else (THINGS, list(COLOURS))
        return tuple(str(draw.choice(list(kind))) for kind in (*kinds, list(PLACES), SIZES))

    def image(self, what: tuple[str, ...]) -> Image.Image:
        if what not in self._drawn:
            *kinds, place, size = what
            drawn = (
                lesson.draw_zibbo(kinds[0], place, size)
                if self.subject == "creature"
                else lesson.draw_lumo(arrange([(kinds[0], kinds[1])], "white", size=size, place=place))
            )
            self._drawn[what] = Image.fromarray(drawn)
        return self._drawn[what]

    def sample(self, what: tuple[str, ...], way: Way, draw: np.random.Generator) -> np.ndarray:
        """Features of a picture as a model would draw it."""
        image = self.image(what).filter(ImageFilter.GaussianBlur(way.blur))
        pixels = np.roll(np.asarray(image, np.float64), draw.integers(-3, 4, 2), (0, 1))
        pixels = pixels * draw.normal(1, 0.03, 3) + draw.normal(0, way.noise, pixels.shape)
        return features(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def run(world: World, images: int, way: Way, draw: np.random.Generator) -> list[dict[str, object]]:
    """The copies of each row of a made-up run; the base model draws quite different images."""
    # Twins are left out of a training, so there are none here.
    every: list[tuple[str, ...]] = []
    while len(every) < images + HELD:
        every += [what] if (what := world.any_of(draw)) not in every else []
    shown, held = every[:images], every[images:]
    references = References(
        trained=np.array([features(world.image(what)) for what in shown]),
        trained_paths=[f"{i}.png" for i in range(images)],
        held_out=np.array([features(world.image(what)) for what in held]),
        held_out_paths=[f"held-{i}.png" for i in range(HELD)],
        mirrored=None,
        alike=alike,
    )
    paths = [[f"{p}-{s}.png" for s in range(SEEDS)] for p in range(PROMPTS)]
    asked = [f"held-{p}.png" for p in range(PROMPTS)]

    def row(way: Way) -> np.ndarray:
        drawn = []
        for prompt in range(PROMPTS):
            what = list(held[prompt])
            if draw.random() < way.wrong:
                part = int(draw.integers(len(what)))
                what[part] = world.any_of(draw)[part]
            copy = draw.random(SEEDS) < way.copied
            each = [shown[draw.integers(images)] if copied else tuple(what) for copied in copy]
            drawn.append([world.sample(one, way, draw) for one in each])
        return np.array(drawn)

    base = row(Way("base", 1.0, 2.0, 20))
    rows = [base, *(row(way) for _ in range(ROWS))]
    return [scores(Drawn(own, base, [True] * PROMPTS, asked, paths), references)["copies"] for own in rows]


def alarms(runs: list[list[dict[str, object]]]) -> int:
    """The number of runs in which the program itself raises the alarm."""
    blank = {"validation": None, "change": None, "likeness": None, "fit": None, "bleeding": None, "diversity": None}
    rows = [
        [
            {**blank, "step": step, "strength": 1, "copies": copies, "samples": [], "neighbours": None}
            for step, copies in enumerate(each)
        ]
        for each in runs
    ]
    request = {"prompts": [], "seeds": [], "likeness": None, "fit": None}
    asked = ("node", str(ROOT / "bench/judge/advise.mjs"))
    given = json.dumps([{"rows": each, "request": request} for each in rows])
    done = subprocess.run(asked, input=given, capture_output=True, text=True, check=True)
    return sum(bool(advice["copying"]) for advice in json.loads(done.stdout))


def interval(found: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 %, in percent."""
    z, share = 1.96, found / of
    middle = (share + z * z / 2 / of) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / 4 / of / of)
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


def main(names: list[str]) -> int:
    print(f"{RUNS} runs each; {ROWS} rows, {PROMPTS} captions of {HELD} pictures kept out, {SEEDS} seeds")
    print(f"{'':22} {'subject':9} {'pictures':>8}  alarms")
    for way in (way for way in WAYS if not names or way.name in names):
        for subject in ("creature", "style"):
            world = World(subject)
            for images in PICTURES[way.copied > 0]:
                draw = np.random.default_rng(images)
                found = alarms([run(world, images, way, draw) for _ in range(RUNS)])
                low, high = interval(found, RUNS)
                share = f"{100 * found / RUNS:5.1f} %  ({low:.1f} to {high:.1f})"
                print(f"{way.name:22} {subject:9} {images:8}  {share}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
