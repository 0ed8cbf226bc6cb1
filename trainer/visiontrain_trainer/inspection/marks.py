"""Finds marks that stand at the same place of many images: watermarks, logos, dates, the frame of a programme.

What an image shows varies from one to the next, and a mark does not. So edges are compared at the same distance from a
corner or the middle: those of a mark add up over the images, others do not. How much they add up by chance is measured
on the same images, each moved aside a little. The functions are pure but for `look_for_marks`, which reads thumbnails.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visiontrain_trainer.base.files import read_regular

#: Where marks are looked for, as shares of what is left of height and width beside the window.
PLACES = {
    "top left": (0.0, 0.0),
    "top": (0.0, 0.5),
    "top right": (0.0, 1.0),
    "middle": (0.5, 0.5),
    "bottom left": (1.0, 0.0),
    "bottom": (1.0, 0.5),
    "bottom right": (1.0, 1.0),
}
#: Height and width of a window in pixels, on images whose longest side has 256.
_WINDOW = (64, 112)
#: With fewer images than this, edges that agree may be chance.
LEAST_IMAGES = 8
#: Least images, and least share of them, that have a mark for it to be told.
_LEAST_WITH, _LEAST_SHARE = 4, 0.3
#: Pixels within which edges are compared with their surroundings: strokes of letters are thinner.
_AROUND = 6
#: Draws of images moved aside, by which chance is measured, and how far at least, in pixels.
_DRAWS, _ASIDE = 24, 5
#: How many deviations of chance edges must agree by.
_DEVIATIONS = 8.0
#: Deviations of a pixel's mean from which on it counts towards the agreement.
_FROM = 2.5


#: Most bytes of an image's numbers.
_MOST_BYTES = 1 << 16
#: Places whose windows overlap: what stands in both is told for the one where it is clearer.
_BESIDE = {"top": ("top left", "top right"), "bottom": ("bottom left", "bottom right")}
#: Bits of the perceptual hash within which images are nearly the same: all that they show agrees, not only a mark.
_NEAR_BITS = 10


@dataclass(frozen=True)
class Mark:
    """A mark at a place of PLACES, and the indices of the images that have it.

    `clearness` is by how many deviations of chance the images agree there.
    """

    place: str
    images: tuple[int, ...]
    clearness: float


def look_for_marks(store: Path, hashes: Sequence[str]) -> list[dict[str, Any]]:
    """`{place, images}` for each mark of the images of these SHA-256, of which `store` holds thumbnails and numbers.

    Images without them are left out, and so are those that are nearly the same as another.
    """
    names, images, prints = [], [], list[int]()
    for sha256 in hashes:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            look = json.loads(read_regular(store / sha256[:2] / f"{sha256}.json", _MOST_BYTES))
            print_ = int(look["phash"], 16)
            if any((print_ ^ other).bit_count() <= _NEAR_BITS for other in prints):
                continue
            with Image.open(store / sha256[:2] / f"{sha256}.webp") as thumbnail:
                images.append(np.asarray(thumbnail.convert("L")))
            names.append(sha256)
            prints.append(print_)
    return [{"place": mark.place, "images": [names[i] for i in mark.images]} for mark in find_marks(images)]


def find_marks(images: Sequence[np.ndarray], seed: int = 0) -> list[Mark]:
    """Marks of grey images [height, width] of 0 to 255, whose longest side has 256 pixels, in the order of PLACES."""
    each = (_mark_at(place, images, np.random.default_rng(seed)) for place in PLACES)
    found = {mark.place: mark for mark in each if mark is not None}
    for middle, corners in _BESIDE.items():
        for corner in corners:
            if middle in found and corner in found:
                del found[min(middle, corner, key=lambda place: found[place].clearness)]
    return list(found.values())


def _mark_at(place: str, images: Sequence[np.ndarray], rng: np.random.Generator) -> Mark | None:
    height, width = _WINDOW
    fitting = [i for i, image in enumerate(images) if image.shape[0] >= height and image.shape[1] >= width]
    if len(fitting) < LEAST_IMAGES:
        return None
    edges = np.stack([_edges(_window(images[i], place)) for i in fitting])
    here = _agreement(edges)
    chance = np.array([_agreement(_moved_aside(edges, rng)) for _ in range(_DRAWS)])
    clearness = (here - float(chance.mean())) / max(float(chance.std()), 1.0)
    if clearness <= _DEVIATIONS:
        return None
    have = _having(edges)
    if have.sum() < max(_LEAST_WITH, _LEAST_SHARE * len(fitting)):
        return None
    return Mark(place, tuple(i for i, has in zip(fitting, have, strict=True) if has), clearness)


def _window(image: np.ndarray, place: str) -> np.ndarray:
    (height, width), (down, along) = _WINDOW, PLACES[place]
    top = round((image.shape[0] - height) * down)
    left = round((image.shape[1] - width) * along)
    return image[top : top + height, left : left + width].astype(np.float32)


def _edges(window: np.ndarray) -> np.ndarray:
    """How much stronger the edges at a pixel are than around it, from -1 to 1, whatever the contrast there."""
    padded = np.pad(window, 1, mode="edge")
    down = np.abs(padded[2:, 1:-1] - padded[:-2, 1:-1])
    along = np.abs(padded[1:-1, 2:] - padded[1:-1, :-2])
    strength = down + along
    around = _mean_around(strength)
    # 6 levels keep the noise of an even surface from counting as edges.
    return (strength - around) / (strength + around + 6)


def _mean_around(values: np.ndarray) -> np.ndarray:
    """The mean of the square around each pixel."""
    side = 2 * _AROUND + 1
    sums = np.pad(values, _AROUND, mode="reflect").cumsum(0).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2


def _agreement(edges: np.ndarray) -> float:
    """How much the edges of all images [images, height, width] agree."""
    return float(_beyond_chance(edges).sum())


def _beyond_chance(edges: np.ndarray) -> np.ndarray:
    """By how many deviations the mean of each pixel is above what chance explains, [height, width]."""
    deviations = edges.mean(axis=0) / (edges.std(axis=0) / len(edges) ** 0.5 + 1e-3)
    return np.clip(deviations - _FROM, 0, None)


def _moved_aside(edges: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by a distance of its own, round the edges of the window."""
    return np.stack([np.roll(each, _far(rng), axis=(0, 1)) for each in edges])


def _far(rng: np.random.Generator) -> tuple[int, int]:
    height, width = _WINDOW
    return int(rng.integers(_ASIDE, height - _ASIDE)), int(rng.integers(_ASIDE, width - _ASIDE))


def _having(edges: np.ndarray) -> np.ndarray:
    """Which of the images have the mark: they agree with the others better here than moved aside, [images] of bool."""
    pattern = np.where(_beyond_chance(edges) > 0, edges.mean(axis=0), 0)
    pattern = pattern / (np.linalg.norm(pattern) + 1e-9)
    here = (edges * pattern).sum(axis=(1, 2))
    moves = [(dy, dx) for dy in (-17, -9, 0, 9, 17) for dx in (-25, -13, 0, 13, 25) if (dy, dx) != (0, 0)]
    moved = np.stack([(edges * np.roll(pattern, move, axis=(0, 1))).sum(axis=(1, 2)) for move in moves])
    return here > moved.mean(axis=0) + 3 * moved.std(axis=0)
