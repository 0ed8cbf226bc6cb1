"""The demo's two lessons: a creature and a style that the base has never seen, and functions that recognise them.

The creature is the "zibbo": a teal ball with one great eye, coral horns and coral feet. The style is "lumo": dark, with
things drawn as glowing lines. Neither the teal nor the coral nor the glow is in the grammar.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .draw import CANVAS, SCALE, backdrop, finish, paint_figure, place_points, render
from .grammar import COLOURS, PLACE_WORDS, PLACES, SIDE, SIZES, Scene, arrange, article, background_words, caption
from .judge import background_of, components, foreground, shape_of
from .things import SHAPES, ellipse, mirror

CREATURE, STYLE = "zibbo", "lumo"
TEAL, CORAL, WHITE, INK = (20, 168, 160), (255, 112, 92), (255, 255, 255), (30, 32, 52)
_HORN = [(-0.62, -0.98), (-0.66, -0.3), (-0.14, -0.5)]
_FOOT = ellipse(-0.34, 0.86, 0.26, 0.14)
ZIBBO = [
    (CORAL, [_HORN, mirror(_HORN), _FOOT, mirror(_FOOT)]),
    (TEAL, [ellipse(0, 0.14, 0.8, 0.72)]),
    (WHITE, [ellipse(0, -0.02, 0.4, 0.4)]),
    (INK, [ellipse(0, 0.02, 0.19, 0.19), [*ellipse(0, 0.5, 0.3, 0.2, 0, 180)]]),
]
# Entries are (place, size, background). The lesson has every place, two in three backgrounds, but few of the pairs.
LESSON = (
    ("middle", "big", "white"), ("left", "middle", "mint"), ("right", "middle", "meadow"), ("top", "middle", "lilac"),
    ("bottom", "big", "sea"), ("middle", "big", "peach dots"), ("left", "middle", "night"), ("right", "middle", "grey"),
    ("top", "big", "snow"), ("middle", "middle", "navy"), ("left", "big", "lilac stripes"),
    ("top", "big", "mint checks"),
)  # fmt: skip
LUMOS, STYLE_ORDINARY = 13, 7  # The style's lesson has twenty images; the creature's lesson has all ordinary ones.


def draw_zibbo(background: str, place: str, size: str, jitter: tuple[float, float] = (0, 0)) -> np.ndarray:
    """One image of the creature: uint8, SIDE x SIDE x 3."""
    image = backdrop(background).copy()
    pen = ImageDraw.Draw(image)
    x, y = 0.5 + PLACES[place][0] + jitter[0], 0.5 + PLACES[place][1] + jitter[1]
    paint_figure(pen, ZIBBO, x, y, SIZES[size])
    return finish(image, "flat")


def zibbo_caption(background: str, place: str, size: str, way: int = 0) -> str:
    """The caption of an image of the creature's lesson, or a test prompt. `way` chooses one of several wordings."""
    words = {"middle": "", "small": "small ", "big": "big "}[size]
    start = ("", "a drawing of ", "a picture of ")[way % 3]
    parts = (start + article(f"{words}{CREATURE}"), PLACE_WORDS[place][0] if place != "middle" else "",
             background_words(background)[0])  # fmt: skip
    return " ".join(p for p in parts if p)


@lru_cache(maxsize=1)
def _zibbo_shape() -> np.ndarray:
    image = draw_zibbo("white", "middle", "big")
    return shape_of(foreground(image, finish(backdrop("white"), "flat").astype(np.int16)))


def sees_zibbo(image: np.ndarray) -> bool:
    """Whether the creature is there: its outline with the horns (overlap 0.65 or more), a teal body, a white eye."""
    _, behind = background_of(image)
    pieces = components(foreground(image, behind))
    if not pieces:
        return False
    piece = max(pieces, key=lambda p: int(p.sum()))
    shape, wanted = shape_of(piece), _zibbo_shape()
    fit = np.minimum(shape, wanted).sum() / np.maximum(shape, wanted).sum()
    red, green, blue = image[piece].astype(np.int16).T
    teal = (green - red > 40) & (blue - red > 30) & (np.abs(green - blue) < 70) & (blue > 70)
    white = np.minimum(np.minimum(red, green), blue) > 190
    return bool(fit >= 0.65 and teal.mean() >= 0.35 and white.mean() >= 0.08)


def draw_lumo(scene: Scene) -> np.ndarray:
    """A scene in the glowing style: a dark ground with violet haze, bright lines with a halo in the thing's colour."""
    axis = np.linspace(-1, 1, CANVAS, dtype=np.float32)
    haze = np.exp(-(axis[None] ** 2 + axis[:, None] ** 2) * 1.2)[..., None]
    ground = np.array((14, 10, 30), np.float32) + haze * np.array((46, 14, 62), np.float32)
    lines, halo = (Image.new("RGB", (CANVAS, CANVAS)) for _ in range(2))
    for thing in scene.things:
        own = tuple(min(255, round(c * 0.75 + 90)) for c in COLOURS[thing.colour])
        where = (thing.x, thing.y, thing.span)
        for role, polygons in SHAPES[thing.name]:
            for polygon in polygons:
                points = place_points(polygon, *where)
                for target, width in ((lines, 9), (halo, 34)):
                    pen = ImageDraw.Draw(target)
                    if role == "ink":
                        pen.polygon(points, own)
                    else:
                        pen.line([*points, points[0], points[1]], own, width, joint="curve")
    glow = np.asarray(halo.filter(ImageFilter.GaussianBlur(5 * SCALE)), np.float32) * 0.7
    bright = np.asarray(lines, np.float32)
    out = np.maximum(ground + glow, bright).clip(0, 255).astype(np.uint8)
    return finish(Image.fromarray(out), "flat")


def lumo_scenes() -> list[Scene]:
    """The scenes of the style's lesson: thirteen things in many colours and places."""
    things, colours, places = list(SHAPES), list(COLOURS), list(PLACES)
    return [
        arrange([(things[i * 5 % 12], colours[i * 3 % 7])], "white", size=("big", "big", "middle")[i % 3],
                place=places[i * 2 % 5])
        for i in range(LUMOS)
    ]  # fmt: skip


def lumo_caption(scene: Scene) -> str:
    """The caption of an image of the style's lesson."""
    thing = scene.things[0]
    size = {"middle": "", "small": "small ", "big": "big "}[scene.size]
    place = f" {PLACE_WORDS[scene.place][0]}" if scene.place != "middle" else ""
    return f"a {STYLE} drawing of {article(f'{size}{thing.colour} {thing.name}')}{place}"


def sees_lumo(image: np.ndarray) -> bool:
    """Whether an image is in the glowing style: a dark border, few bright pixels, and a soft fall from bright."""
    bright = image.max(2).astype(np.float32)
    ring = np.ones((SIDE, SIDE), bool)
    ring[6:-6, 6:-6] = False
    lines, halo = (bright > 165).mean(), ((bright > 70) & (bright <= 165)).mean()
    return bool(np.median(bright[ring]) < 75 and 0.02 < lines < 0.3 and halo > 0.06)


# A few images of things that the base knows already, mostly two things each, keep the LoRA from unlearning them.
ORDINARY = (
    arrange([("cat", "red"), ("mushroom", "blue")], "mint stripes", count="beside"),
    arrange([("fish", "purple"), ("flower", "yellow")], "white", "outline", count="beside"),
    arrange([("tree", "yellow"), ("ghost", "pink")], "grey", count="beside"),
    arrange([("boat", "blue"), ("heart", "orange")], "sea", count="above"),
    arrange([("crown", "green")], "peach dots", "pixel", place="right"),
    arrange([("house", "orange"), ("star", "blue")], "night", "pixel", count="beside"),
    arrange([("bird", "green"), ("cat", "purple")], "meadow", count="above"),
    arrange([("bird", "blue"), ("crown", "orange")], "peach", "outline", count="above"),
)


def write(folder: Path) -> None:
    """Write both lessons as PNG images with captions beside them."""
    creature, style = folder / "lesson", folder / "lesson-style"
    for place in (creature, style):
        place.mkdir(parents=True, exist_ok=True)
        for old in place.iterdir():
            old.unlink()
    rng = np.random.default_rng(7)
    for i, (place, size, background) in enumerate(LESSON):
        image = draw_zibbo(background, place, size, tuple(rng.uniform(-0.02, 0.02, 2)))
        _write(creature / f"zibbo-{i + 1:02}", image, zibbo_caption(background, place, size, i))
    for i, scene in enumerate(lumo_scenes()):
        _write(style / f"lumo-{i + 1:02}", draw_lumo(scene), lumo_caption(scene))
    for lesson, scenes in ((creature, ORDINARY), (style, ORDINARY[:STYLE_ORDINARY])):
        for i, scene in enumerate(scenes):
            words = caption(scene, np.random.default_rng([8, i]), invented=0)
            _write(lesson / f"ordinary-{i + 1:02}", render(scene), words)


def _write(stem: Path, image: np.ndarray, words: str) -> None:
    Image.fromarray(image).save(stem.with_suffix(".png"), optimize=True)
    stem.with_suffix(".txt").write_text(words + "\n")
