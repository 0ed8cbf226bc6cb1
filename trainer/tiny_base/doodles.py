"""Draws random forms, gradients and textures. They teach the VAE to encode images that the grammar cannot draw."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from .draw import CANVAS, SCALE, finish


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(v) for v in rng.integers(0, 256, 3))  # type: ignore[return-value]


def _field(rng: np.random.Generator, cells: int) -> Image.Image:
    """A smooth random colour field: a few cells of random colour, enlarged."""
    small = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)


def _gradient(rng: np.random.Generator) -> Image.Image:
    angle = rng.uniform(0, 2 * math.pi)
    axis = np.linspace(-0.5, 0.5, CANVAS, dtype=np.float32)
    ramp = np.clip(0.5 + axis[None, :] * math.cos(angle) + axis[:, None] * math.sin(angle), 0, 1)[..., None]
    a, b = np.array(_colour(rng), np.float32), np.array(_colour(rng), np.float32)
    return Image.fromarray((a * (1 - ramp) + b * ramp).astype(np.uint8))


def _texture(rng: np.random.Generator) -> Image.Image:
    """Stripes, dots or checks of random period, angle and colours."""
    period = rng.uniform(6, 24) * SCALE
    angle = rng.uniform(0, math.pi)
    grid = np.arange(CANVAS, dtype=np.float32)
    u = grid[None, :] * math.cos(angle) + grid[:, None] * math.sin(angle)
    v = -grid[None, :] * math.sin(angle) + grid[:, None] * math.cos(angle)
    wave_u, wave_v = np.sin(2 * math.pi * u / period), np.sin(2 * math.pi * v / period)
    kind = int(rng.integers(3))
    on = (wave_u > 0, wave_u * wave_v > 0, wave_u + wave_v > 0.8)[kind][..., None]
    return Image.fromarray(np.where(on, np.uint8(_colour(rng)), np.uint8(_colour(rng))))


def _ground(rng: np.random.Generator) -> Image.Image:
    kind = rng.random()
    if kind < 0.4:
        return Image.new("RGB", (CANVAS, CANVAS), _colour(rng))
    if kind < 0.65:
        return _gradient(rng)
    return _texture(rng) if kind < 0.75 else _field(rng, int(rng.integers(2, 7)))


def _form(rng: np.random.Generator) -> list[tuple[float, float]]:
    """A closed outline in canvas pixels: a blob, an ellipse, a polygon or a spiky star, at any angle."""
    x, y = rng.uniform(0.1, 0.9, 2) * CANVAS
    radius, squash, turn = rng.uniform(0.06, 0.36) * CANVAS, rng.uniform(0.35, 1), rng.uniform(0, 2 * math.pi)
    kind = int(rng.integers(4))
    n = 48 if kind < 2 else int(rng.integers(3, 8)) * (1 if kind == 2 else 2)
    angle = np.arange(n) * 2 * math.pi / n
    reach = np.ones(n)
    if kind == 0:
        for k in (2, 3, 5):
            reach += rng.uniform(-0.25, 0.25) * np.cos(k * angle + rng.uniform(0, 6))
    elif kind == 3:
        reach[1::2] = rng.uniform(0.3, 0.7)
    px, py = reach * np.cos(angle) * radius, reach * np.sin(angle) * radius * squash
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in zip(px, py, strict=True)]


def doodle(rng: np.random.Generator) -> np.ndarray:
    """One doodle: uint8, SIDE x SIDE x 3."""
    image = _ground(rng)
    for _ in range(int(rng.integers(1, 7))):
        form, kind = _form(rng), rng.random()
        pen = ImageDraw.Draw(image)
        if kind < 0.62:
            pen.polygon(form, _colour(rng))
        elif kind < 0.8:
            mask = Image.new("1", (CANVAS, CANVAS))
            ImageDraw.Draw(mask).polygon(form, 1)
            image.paste(_gradient(rng) if rng.random() < 0.6 else _texture(rng), (0, 0), mask)
        else:
            width = int(rng.integers(2, 7) * SCALE)
            pen.line([*form, form[0], form[1]], _colour(rng), width, joint="curve")
    return finish(image, "pixel" if rng.random() < 0.08 else "flat")
