"""Variations of an image: other colours, a small turn, a closer crop. A fixed number of them is encoded and cached.

Variation k of an image is a pure function of (seed, image, k), so that it is encoded once and every epoch can use it.
This module does not import torch, as `images.py` does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Augment, Data, PlanImage

from .images import CROP_POSITIONS, Box, Placement, crop_placement, fit
from .own_settings import settings_of

#: Draws a number from −most to most, for a purpose.
Draw = Callable[[str, float], float]
#: Weights of red, green and blue in grey (ITU-R BT.601).
_GREY = np.array([0.299, 0.587, 0.114])
#: How often a region is moved to what it must keep and back into its image: after that it lacks less than a pixel.
_ROUNDS = 4


@dataclass(frozen=True)
class View:
    """How a use shows its image. `crop` is one of CROP_POSITIONS along the axis that overhangs, or -1 for the centre.

    `flip` tells whether the image is mirrored from left to right, `variation` which of its variations it is; -1 is
    the image as it is. `keep` is what the crop is moved for, where something is to be kept in it.
    """

    crop: int
    flip: bool
    variation: int = -1
    keep: Box | None = None


@dataclass(frozen=True)
class Colours:
    """Factors on brightness, contrast and saturation, the exponent `gamma`, and `hue` as a share of a whole turn."""

    brightness: float
    contrast: float
    saturation: float
    hue: float
    gamma: float


@dataclass(frozen=True)
class Region:
    """The shown part of an image: a rectangle of the bucket's shape, turned by `angle` degrees around its centre.

    `centre` and `size` are in pixels of the upright image.
    """

    angle: float
    centre: tuple[float, float]
    size: tuple[float, float]

    def placement(self, image: tuple[int, int], bucket: tuple[int, int]) -> Placement:
        """Where the bucket lies in the resized image, as SDXL is told, the turn left aside."""
        scale = bucket[0] / self.size[0]
        resized = (max(bucket[0], round(image[0] * scale)), max(bucket[1], round(image[1] * scale)))
        corner = [(at - side / 2) * scale for at, side in zip(self.centre, self.size, strict=True)]
        left, top = (min(max(0, round(c)), r - b) for c, r, b in zip(corner, resized, bucket, strict=True))
        return Placement(left, top, resized)


@dataclass(frozen=True)
class Variation:
    """One variation of an image. `region` is None where its geometry is that of the image as it is."""

    region: Region | None
    colours: Colours | None

    def key(self) -> tuple[object, ...]:
        """What a cached encoding of it depends on beside the image."""
        region, colours = self.region, self.colours
        return (
            None if region is None else (region.angle, region.centre, region.size),
            None if colours is None else (*(vars(colours).values()),),
        )


def drawn_view(data: Data, seed: int, *, epoch: int, use: str, image: str) -> View:
    """The view of a use. A variation has one crop and one mirroring, so that the number of views is fixed."""
    augment = data.augment
    if augment is None or rng.unit(seed, "varied", epoch, use) >= augment.share:
        crop = rng.below(CROP_POSITIONS, seed, "crop", epoch, use) if data.crop == "random" else -1
        return View(crop, data.flip and rng.unit(seed, "flip", epoch, use) < 0.5)
    number = rng.below(augment.variations, seed, "variation", epoch, use)
    crop = rng.below(CROP_POSITIONS, seed, "variation-crop", image, number) if data.crop == "random" else -1
    return View(crop, data.flip and rng.unit(seed, "variation-flip", image, number) < 0.5, number)


def variation_of(data: Data, seed: int, image: PlanImage, view: View) -> Variation | None:
    """The variation that a view shows; None for the image as it is."""
    augment = settings_of(data, image).augment
    if view.variation < 0 or augment is None:
        return None

    def around(purpose: str, most: float) -> float:
        drawn = rng.unit(seed, f"variation-{purpose}", image.id, view.variation)
        return (2 * drawn - 1) * most

    return Variation(_region(augment, around, image, view), _colours(augment, around))


def pixels_of(image: Image.Image, planned: PlanImage, view: View, variation: Variation | None) -> np.ndarray:
    """What a view shows of an image (of its mask, the same part), uint8 [height, width, …], at the bucket's size."""
    if variation is None or variation.region is None:
        shown = fit(image, planned.bucket, crop_placement(planned.size, planned.bucket, view.crop, view.keep))
    else:
        shown = cut(image, planned.bucket, variation.region, planned.size)
    pixels = np.array(shown, dtype=np.uint8)
    if variation is not None and variation.colours is not None and pixels.ndim == 3:
        pixels = recoloured(pixels, variation.colours)
    return np.ascontiguousarray(pixels[:, ::-1]) if view.flip else pixels


def placement_of(data: Data, seed: int, image: PlanImage, view: View) -> Placement:
    """Where the bucket lies in the resized image of a view."""
    variation = variation_of(data, seed, image, view)
    if variation is None or variation.region is None:
        return crop_placement(image.size, image.bucket, view.crop, view.keep)
    return variation.region.placement(image.size, image.bucket)


def _region(augment: Augment, around: Draw, image: PlanImage, view: View) -> Region | None:
    if augment.rotate == 0 and augment.zoom == 0:
        return None
    angle = around("rotate", augment.rotate)
    near = 1 - (around("zoom", 0.5) + 0.5) * augment.zoom
    (width, height), (wide, high) = image.size, image.bucket
    c, s, ratio = math.cos(math.radians(angle)), abs(math.sin(math.radians(angle))), wide / high
    # `whole` is the height of the largest turned rectangle of the bucket's shape whose corners all lie in the image.
    whole = min(width / (ratio * c + s), height / (ratio * s + c))
    side = whole * near
    size = (side * ratio, side)

    def spare(tall: float) -> tuple[float, float]:
        return (width - tall * (ratio * c + s)) / 2, (height - tall * (ratio * s + c)) / 2

    if view.crop < 0:
        # The centre stays where it is as far as the whole rectangle goes; what nearness leaves free is drawn.
        free = [now - then for now, then in zip(spare(side), spare(whole), strict=True)]
        places = [around(axis, 1) for axis in ("across", "down")]
    else:
        free, places = list(spare(side)), [2 * view.crop / (CROP_POSITIONS - 1) - 1] * 2
    x, y = (place * max(0.0, room) for place, room in zip(places, free, strict=True))
    if view.keep is not None:
        limits = [max(0.0, room) for room in spare(side)]
        # Where the image's edge holds the region back along one side, it goes further along the other.
        for _ in range(_ROUNDS):
            to = _moved_region(Region(angle, (width / 2 + x, height / 2 + y), size), view.keep)
            away = (to[0] - width / 2, to[1] - height / 2)
            x, y = (min(max(far, -limit), limit) for far, limit in zip(away, limits, strict=True))
    return Region(angle, (width / 2 + x, height / 2 + y), size)


def _moved_region(region: Region, keep: Box) -> tuple[float, float]:
    """The centre nearest to the region's at which the region holds the box, or its middle where that is too large."""
    c, s = math.cos(math.radians(region.angle)), math.sin(math.radians(region.angle))
    (cx, cy), middle = region.centre, ((keep[0] + keep[2]) / 2, (keep[1] + keep[3]) / 2)
    across, down = middle[0] - cx, middle[1] - cy
    # Along the sides of the region: how far the box lies from its centre, and half of what the box takes of it.
    away = (c * across + s * down, c * down - s * across)
    half = ((keep[2] - keep[0]) / 2, (keep[3] - keep[1]) / 2)
    taken = (c * half[0] + abs(s) * half[1], abs(s) * half[0] + c * half[1])
    rooms = [max(0.0, side / 2 - own) for side, own in zip(region.size, taken, strict=True)]
    u, v = (far - min(max(far, -room), room) for far, room in zip(away, rooms, strict=True))
    return cx + c * u - s * v, cy + s * u + c * v


def _colours(augment: Augment, around: Draw) -> Colours | None:
    names = ("brightness", "contrast", "saturation", "hue", "gamma")
    if all(getattr(augment, name) == 0 for name in names):
        return None
    drawn = {name: around(name, getattr(augment, name)) for name in names}
    return Colours(**{name: value if name == "hue" else 1 + value for name, value in drawn.items()})


def cut(image: Image.Image, bucket: tuple[int, int], region: Region, drawn_on: tuple[int, int]) -> Image.Image:
    """The region of an image, at the size of the bucket. `drawn_on` is the size of the image that the region is for."""
    x, y = image.width / drawn_on[0], image.height / drawn_on[1]
    (cx, cy), (wide, high) = region.centre, region.size
    if region.angle == 0:
        box = ((cx - wide / 2) * x, (cy - high / 2) * y, (cx + wide / 2) * x, (cy + high / 2) * y)
        within = (max(0.0, box[0]), max(0.0, box[1]), min(box[2], image.width), min(box[3], image.height))
        return image.resize(bucket, Image.Resampling.LANCZOS, box=within)
    scale = min(1.0, bucket[0] / (wide * x))
    if scale < 1:
        # `transform` does not average the pixels that it skips, so the image is first scaled to the bucket's size.
        smaller = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(smaller, Image.Resampling.LANCZOS)
        x, y = image.width / drawn_on[0], image.height / drawn_on[1]
    c, s = math.cos(math.radians(region.angle)), math.sin(math.radians(region.angle))
    # Pixel (u, v) of the bucket shows centre + R(angle) · ((u, v) − middle) · (size ÷ bucket), in pixels of the image.
    a, b = wide / bucket[0] * c * x, -high / bucket[1] * s * x
    d, e = wide / bucket[0] * s * y, high / bucket[1] * c * y
    middle = (bucket[0] / 2, bucket[1] / 2)
    matrix = (a, b, cx * x - a * middle[0] - b * middle[1], d, e, cy * y - d * middle[0] - e * middle[1])
    return image.transform(bucket, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def recoloured(pixels: np.ndarray, colours: Colours) -> np.ndarray:
    """The pixels, uint8 [h, w, 3], with brightness, contrast, saturation, hue and gamma changed, in this order.

    After each change values are clamped to 0 and 255, as torchvision and Pillow do.
    """
    p = np.clip(pixels.astype(np.float64) / 255 * colours.brightness, 0, 1)
    mean = (p @ _GREY).mean()
    p = np.clip(mean + colours.contrast * (p - mean), 0, 1)
    grey = (p @ _GREY)[..., None]
    p = np.clip(grey + colours.saturation * (p - grey), 0, 1)
    if colours.hue:
        p = _hue_turned(p, colours.hue)
    if colours.gamma != 1:
        p = p**colours.gamma
    return (p * 255 + 0.5).astype(np.uint8)


def _hue_turned(p: np.ndarray, turn: float) -> np.ndarray:
    """The hue of HSV goes on by `turn` of a whole turn; saturation and value stay."""
    value, least = p.max(-1), p.min(-1)
    spread = value - least
    with np.errstate(divide="ignore", invalid="ignore"):
        r, g, b = ((value - p[..., i]) / spread for i in range(3))
    sector = np.where(p[..., 0] == value, b - g, np.where(p[..., 1] == value, 2 + r - b, 4 + g - r))
    hue = np.where(spread == 0, 0, sector / 6 + turn)

    def channel(offset: float) -> np.ndarray:
        k = (offset + hue * 6) % 6
        return value - spread * np.clip(np.minimum(k, 4 - k), 0, 1)

    return np.stack([channel(5), channel(3), channel(1)], axis=-1)
