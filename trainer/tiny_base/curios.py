"""Draws things and looks that have no name. Each image shows something made up, and its caption has a made-up word.

They teach the tiny base what a real base knows: an unknown word stands for a thing or a way of drawing, and the rest of
the caption still says where and how. A LoRA then only has to learn which thing or look the word means. The lessons' own
creature and style are never drawn here: no look glows on a dark ground, and every figure is one of a kind.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .draw import CANVAS, RGB, SCALE, backdrop, finish, mix, paint_figure, paint_groups, place_points
from .grammar import (
    BACKGROUNDS,
    COLOURS,
    PLACE_WORDS,
    PLACES,
    SIZES,
    THINGS,
    Scene,
    arrange,
    article,
    caption,
    invented_word,
)  # fmt: skip
from .things import SHAPES, Polygon, ellipse, mirror

Figure = list[tuple[RGB, list[Polygon]]]
DARK = 0.2  # share of looks on a dark ground; it is low, so that the base draws an unknown style on a light ground


def _colour(rng: np.random.Generator) -> RGB:
    return tuple(int(v) for v in rng.integers(10, 250, 3))  # type: ignore[return-value]


def _blob(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> Polygon:
    """A closed form around (x, y) with the radii rx and ry: round, angular or wavy."""
    kind = int(rng.integers(4))
    if kind < 2:
        return ellipse(x, y, rx, ry)
    if kind == 2:
        return ellipse(x, y, rx, ry, n=int(rng.integers(3, 8)))
    waves, depth = int(rng.integers(3, 8)), rng.uniform(0.06, 0.16)
    angles = np.arange(64) * 2 * math.pi / 64
    reach = 1 - depth + depth * np.cos(waves * angles + math.pi / 2)
    return [(x + rx * r * math.cos(a), y + ry * r * math.sin(a)) for a, r in zip(angles, reach, strict=True)]


def _limb(rng: np.random.Generator, rx: float, ry: float) -> Polygon:
    """A horn, ear, foot or wing on the right of a body with the radii rx and ry. The caller mirrors it for the left."""
    angle = rng.uniform(-80, 80)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    x, y, size = rx * cos * 0.85, ry * sin * 0.85, rng.uniform(0.16, 0.36)
    if rng.random() < 0.5:
        return _blob(rng, x, y, size, size * rng.uniform(0.5, 1.4))
    tip = (x + 1.6 * size * cos, y + 1.6 * size * sin)
    return [tip, (x - size * 0.7 * sin, y + size * 0.7 * cos), (x + size * 0.7 * sin, y - size * 0.7 * cos)]


def figure(rng: np.random.Generator) -> Figure:
    """A symmetrical made-up creature or emblem in the square from -1 to 1, in colours of its own."""
    rx, ry, at = rng.uniform(0.45, 0.85), rng.uniform(0.45, 0.85), rng.uniform(-0.1, 0.15)
    groups: Figure = []
    for _ in range(int(rng.integers(0, 4))):
        limb, paint = _limb(rng, rx, ry), _colour(rng)
        groups.append((paint, [limb, mirror(limb)]))
    groups.append((_colour(rng), [_blob(rng, 0, at, rx, ry)]))
    for _ in range(int(rng.integers(1, 4))):
        paint = ((255, 255, 255), (30, 32, 52), _colour(rng))[int(rng.integers(3))]
        size, y = rng.uniform(0.1, 0.42) * min(rx, ry) * 1.2, at + rng.uniform(-0.35, 0.35) * ry
        if rng.random() < 0.5:
            spot = _blob(rng, rng.uniform(0.2, 0.5) * rx, y, size * 0.6, size * 0.7)
            groups.append((paint, [spot, mirror(spot)]))
        else:
            groups.append((paint, [_blob(rng, 0, y, size, size)]))
            if rng.random() < 0.5:
                groups.append((_colour(rng), [ellipse(0, y, size * 0.5, size * 0.5)]))
    return groups


def curio(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """A made-up thing on a background, alone or beside a known one, and its caption: uint8 SIDE x SIDE x 3, text."""
    style = "pixel" if rng.random() < 0.15 else "flat"
    place, size = str(rng.choice(list(PLACES))), str(rng.choice(list(SIZES), p=(0.15, 0.4, 0.45)))
    count = str(rng.choice(("one", "beside", "above"), p=(0.7, 0.18, 0.12)))
    known = (str(rng.choice(THINGS)), str(rng.choice(list(COLOURS))))
    pairs, made_up = [(invented_word(rng), ""), known], 0
    if count != "one" and rng.random() < 0.5:
        pairs, made_up = pairs[::-1], 1
    scene = arrange(pairs, str(rng.choice(BACKGROUNDS)), style, count, size, place, rng)
    image = backdrop(scene.background).copy()
    pen = ImageDraw.Draw(image)
    for i, thing in enumerate(scene.things):
        where = (thing.x, thing.y, thing.span)
        if i == made_up:
            paint_figure(pen, figure(rng), *where)
        else:
            paint_groups(pen, thing.name, thing.colour, where)
    return finish(image, style), caption(scene, rng, invented=0)


def _ground(rng: np.random.Generator, dark: bool) -> np.ndarray:
    """A plain or softly shaded ground, float (CANVAS, CANVAS, 3)."""
    low, high = (0, 70) if dark else (130, 256)
    a, b = (np.array(rng.integers(low, high, 3), np.float32) for _ in range(2))
    axis = np.linspace(-1, 1, CANVAS, dtype=np.float32)
    ramp = np.exp(-(axis[None] ** 2 + axis[:, None] ** 2) * 1.2) if rng.random() < 0.5 else (axis[:, None] + 1) / 2
    ramp = np.broadcast_to(ramp, (CANVAS, CANVAS))[..., None]
    return a + (b - a) * ramp if rng.random() < 0.7 else np.broadcast_to(a, (CANVAS, CANVAS, 3))


def look(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """One known thing drawn in a made-up way, and its caption: uint8 SIDE x SIDE x 3, text."""
    name, colour = str(rng.choice(THINGS)), str(rng.choice(list(COLOURS)))
    place, size = str(rng.choice(list(PLACES))), str(rng.choice(list(SIZES), p=(0.1, 0.4, 0.5)))
    scene: Scene = arrange([(name, colour)], "white", size=size, place=place, rng=rng)
    dark, width = bool(rng.random() < DARK), int(rng.integers(5, 14))
    tint, share = _colour(rng), rng.uniform(0, 0.6)
    ground = Image.fromarray(_ground(rng, dark).astype(np.uint8))
    ink, filled = ImageDraw.Draw(ground), bool(rng.random() < 0.5)
    own, thing = mix(COLOURS[colour], tint, share), scene.things[0]
    edge = mix(own, (255, 255, 255) if dark else (0, 0, 0), rng.uniform(0, 0.8))
    for role, polygons in SHAPES[name]:
        for polygon in polygons:
            points = place_points(polygon, thing.x, thing.y, thing.span)
            if filled or role == "ink":
                ink.polygon(points, edge if role == "ink" else mix(own, edge, 0.5 if role == "shade" else 0.0))
            if not filled:
                ink.line([*points, points[0], points[1]], edge, width, joint="curve")
    if not dark and rng.random() < 0.4:
        ground = ground.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2) * SCALE))
    words = {"middle": "", "small": "small ", "big": "big "}[size]
    where = "" if place == "middle" else f" {PLACE_WORDS[place][0]}"
    word = invented_word(rng)
    said = article(f"{words}{colour} {name}") + where
    style = f"{word} style"
    ways = (f"a {word} drawing of {said}", f"{style}, {said}", f"a {word} picture of {said}", f"{said} in {style}")
    return finish(ground, "flat"), ways[int(rng.integers(4))]
