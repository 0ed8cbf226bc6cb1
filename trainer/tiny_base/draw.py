"""Paints a scene: `render(scene)` is a pure function to 96x96 RGB, drawn four times larger and averaged."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from .grammar import COLOURS, SIDE, Scene
from .things import SHAPES, Group

SCALE = 4
BLOCK = 4  # side of one block of the pixel style, in pixels of the finished image
CANVAS = SIDE * SCALE
PAINTS = {"wood": (120, 75, 45), "leaf": (70, 140, 60), "cream": (255, 236, 120), "ink": (38, 36, 48)}
PAPER = {
    "white": (255, 255, 255),
    "grey": (196, 198, 202),
    "mint": (190, 235, 212),
    "lilac": (214, 200, 240),
    "peach": (255, 216, 192),
    "navy": (34, 38, 78),
}
RGB = tuple[int, int, int]


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`share` of colour `b` in colour `a`."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def paint(role: str, colour: str) -> RGB:
    """The RGB of a role ("body", "shade", …) in a thing of this colour."""
    if role in PAINTS:
        return PAINTS[role]
    own = COLOURS[colour]
    return {"body": own, "shade": mix(own, (20, 10, 40), 0.3), "light": mix(own, (255, 255, 255), 0.45)}[role]


@lru_cache(maxsize=64)
def backdrop(background: str) -> Image.Image:
    """The empty background on the large canvas."""
    unit = CANVAS // 24  # one block of the pixel style
    colour, _, pattern = background.partition(" ")
    if colour in PAPER:
        image = Image.new("RGB", (CANVAS, CANVAS), PAPER[colour])
        pen, tone = ImageDraw.Draw(image), mix(PAPER[colour], (255, 255, 255), 0.62)
        for i in range(24 // 4):
            for j in range(24 // 4):
                x, y = i * 4 * unit, j * 4 * unit
                if pattern == "dots":
                    pen.ellipse((x + unit, y + unit, x + 3 * unit - 1, y + 3 * unit - 1), tone)
                elif pattern == "checks" and (i + j) % 2:
                    pen.rectangle((x, y, x + 4 * unit - 1, y + 4 * unit - 1), tone)
            if pattern == "stripes":
                pen.rectangle((i * 4 * unit, 0, i * 4 * unit + 2 * unit - 1, CANVAS), tone)
        return image
    sky, ground, level = {
        "meadow": ((205, 232, 250), (150, 206, 112), 17),
        "sea": ((222, 238, 250), (104, 176, 222), 16),
        "night": ((44, 40, 92), (30, 26, 58), 19),
        "snow": ((176, 202, 228), (244, 248, 255), 17),
        "desert": ((255, 228, 170), (226, 178, 112), 17),
    }[background]
    image = Image.new("RGB", (CANVAS, CANVAS), sky)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, level * unit, CANVAS, CANVAS), ground)
    spots = {
        "meadow": ((255, 250, 200), [(2, 19), (9, 21), (16, 20), (21, 22), (5, 22)]),
        "sea": ((160, 210, 240), [(2, 18), (8, 20), (14, 18), (19, 21), (4, 22)]),
        "night": ((250, 240, 180), [(2, 2), (20, 4), (11, 1), (5, 9), (17, 10), (22, 15), (1, 16)]),
        "snow": ((250, 252, 255), [(2, 2), (20, 4), (11, 1), (4, 9), (17, 10), (22, 14), (1, 14)]),
        "desert": ((206, 152, 88), [(2, 19), (9, 21), (16, 19), (20, 22), (5, 22)]),
    }[background]
    for x, y in spots[1]:
        wide = 2 if background in ("sea", "desert") else 1
        pen.rectangle((x * unit, y * unit, (x + wide) * unit - 1, (y + 1) * unit - 1), spots[0])
    return image


def place_points(polygon: list[tuple[float, float]], x: float, y: float, span: float) -> list[tuple[float, float]]:
    """A shape's polygon in canvas pixels, for a thing with the centre (x, y) and the span `span`."""
    half = span * CANVAS / 2
    return [(x * CANVAS + px * half, y * CANVAS + py * half) for px, py in polygon]


def paint_group(
    pen: ImageDraw.ImageDraw, group: Group, colour: str, where: tuple[float, float, float], line: int
) -> None:
    """Paint one group; `line` > 0 draws it as a white form with a coloured border of that many canvas pixels."""
    role, polygons = group
    placed = [place_points(p, *where) for p in polygons]
    if line and role != "ink":
        for points in placed:
            closed = [*points, points[0], points[1]]
            pen.polygon(points, COLOURS[colour])
            pen.line(closed, COLOURS[colour], line * 2, joint="curve")
        for points in placed:
            pen.polygon(points, (255, 255, 255))
        return
    for points in placed:
        pen.polygon(points, COLOURS[colour] if line else paint(role, colour))


def paint_groups(
    pen: ImageDraw.ImageDraw, name: str, colour: str, where: tuple[float, float, float], line: int = 0
) -> None:
    """Paint the thing of this name in a palette colour at `where` (x, y, span); `line` as in `paint_group`."""
    for group in SHAPES[name]:
        paint_group(pen, group, colour, where, line)


def paint_figure(pen: ImageDraw.ImageDraw, figure: list, x: float, y: float, span: float) -> None:
    """Paint (RGB, polygons) groups, in order, around (x, y)."""
    for colour, polygons in figure:
        for polygon in polygons:
            pen.polygon(place_points(polygon, x, y, span), colour)


def render(scene: Scene) -> np.ndarray:
    """The image of a scene: uint8, SIDE x SIDE x 3."""
    image = backdrop(scene.background).copy()
    pen = ImageDraw.Draw(image)
    for thing in scene.things:
        line = 9 if scene.style == "outline" else 0
        span = thing.span * (0.92 if line else 1.0)
        paint_groups(pen, thing.name, thing.colour, (thing.x, thing.y, span), line)
    return finish(image, scene.style)


def finish(image: Image.Image, style: str) -> np.ndarray:
    """Scale a canvas down to the image's size: in blocks for the pixel style, else smoothly."""
    if style == "pixel":
        step = BLOCK * SCALE
        blocks = np.asarray(image)[step // 2 :: step, step // 2 :: step]
        return blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)
    return np.asarray(image.reduce(SCALE))
