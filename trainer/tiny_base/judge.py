"""Reads an image without any learned part: its background, and the things with their places, colours and style.

The background is the known one that fits the border best. Pixels that differ from it are foreground; holes are filled.
Each piece is compared with the outline of every thing (overlap of areas after scaling both to 32x32), its colour is
the palette colour nearest to most of its coloured pixels, and its place is that of its bounding box's middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from .draw import BLOCK, backdrop, finish, render
from .grammar import BACKGROUNDS, COLOURS, PAIR_SIZE, PLACES, SIDE, SIZES, STYLES, THINGS, Scene, Thing

DIFFERS = 48  # sum over RGB of the difference that makes a pixel foreground
SMALLEST = 40  # pixels; a smaller piece is a speck
GRID = 32
BORDER = 7


@dataclass(frozen=True)
class Seen:
    """One piece of foreground. x and y are shares of the side; `fit` is its overlap (0 to 1) with the named thing."""

    name: str
    colour: str
    style: str
    x: float
    y: float
    fit: float


@dataclass(frozen=True)
class Reading:
    """What the judge sees in one image. The pieces are sorted from left to right."""

    background: str
    pieces: tuple[Seen, ...]


@lru_cache(maxsize=1)
def _backdrops() -> tuple[list[str], np.ndarray]:
    names, images = [], []
    for name in BACKGROUNDS:
        for style in ("flat", "pixel"):
            names.append(name)
            images.append(finish(backdrop(name), style))
    return names, np.stack(images).astype(np.int16)


def components(mask: np.ndarray) -> list[np.ndarray]:
    """The connected pieces of a mask (neighbours share a side), found by joining the runs of each row."""
    parent: list[int] = []
    labels = np.full(mask.shape, -1, np.int32)

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for y, row in enumerate(mask):
        steps = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
        for x0, x1 in zip(steps[::2], steps[1::2], strict=True):
            label = len(parent)
            parent.append(label)
            labels[y, x0:x1] = label
            for above in {int(a) for a in labels[y - 1, x0:x1] if a >= 0} if y else ():
                parent[root(above)] = root(label)
    roots = np.array([root(i) for i in range(len(parent))] + [-1])
    whole = roots[labels]
    return [whole == r for r in np.unique(whole) if r >= 0]


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """`mask` with its holes filled: the pixels that no path from the border reaches."""
    outside = np.zeros_like(mask)
    for piece in components(~mask):
        if piece[0].any() or piece[-1].any() or piece[:, 0].any() or piece[:, -1].any():
            outside |= piece
    return ~outside


def pieces_of(mask: np.ndarray) -> list[np.ndarray]:
    """The pieces of a mask that are larger than a speck, largest first."""
    return sorted((p for p in components(mask) if p.sum() >= SMALLEST), key=lambda p: -int(p.sum()))


def background_of(image: np.ndarray) -> tuple[str, np.ndarray]:
    """The background whose border is most like the image's, and its pixels."""
    names, images = _backdrops()
    ring = np.ones((SIDE, SIDE), bool)
    ring[BORDER:-BORDER, BORDER:-BORDER] = False
    gap = np.minimum(np.abs(images[:, ring] - image[ring].astype(np.int16)).sum(-1), 150).mean(-1)
    best = int(gap.argmin())
    return names[best], images[best]


def foreground(image: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """True where the image differs from its background, with holes filled."""
    return fill_holes(np.abs(image.astype(np.int16) - behind).sum(-1) > DIFFERS)


def shape_of(mask: np.ndarray) -> np.ndarray:
    """A mask's bounding box scaled to GRID x GRID, its proportions kept, centred."""
    ys, xs = np.where(mask.any(1))[0], np.where(mask.any(0))[0]
    part = mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    side = max(part.shape)
    square = np.zeros((side, side), np.uint8)
    y, x = (side - part.shape[0]) // 2, (side - part.shape[1]) // 2
    square[y : y + part.shape[0], x : x + part.shape[1]] = part * 255
    return np.asarray(Image.fromarray(square).resize((GRID, GRID), Image.Resampling.BOX)).astype(np.float32) / 255


@lru_cache(maxsize=1)
def _templates() -> tuple[list[str], np.ndarray]:
    names, shapes = [], []
    for name in THINGS:
        for style in STYLES:
            for span in (*SIZES.values(), PAIR_SIZE):
                image = render(Scene((Thing(name, "blue", 0.5, 0.5, span),), "grey", style))
                names.append(name)
                shapes.append(shape_of(foreground(image, finish(backdrop("grey"), "flat").astype(np.int16))))
    return names, np.stack(shapes)


def thing_of(mask: np.ndarray) -> tuple[str, float]:
    """The thing whose outline overlaps most with the mask, and how much (intersection over union)."""
    names, shapes = _templates()
    shape = shape_of(mask)
    overlap = np.minimum(shapes, shape).sum((1, 2)) / np.maximum(shapes, shape).sum((1, 2))
    best = int(overlap.argmax())
    return names[best], float(overlap[best])


def colour_of(image: np.ndarray, mask: np.ndarray) -> str:
    """The palette colour most of the mask's strongly coloured pixels are nearest to."""
    pixels = image[mask].astype(np.float32)
    vivid = pixels[pixels.max(1) - pixels.min(1) > 70]
    pixels = vivid if len(vivid) > 8 else pixels
    gap = np.square(pixels[:, None] - np.array(list(COLOURS.values()), np.float32)).sum(-1)
    votes = np.bincount(gap.argmin(1), weights=1 / (1 + gap.min(1) / 900), minlength=len(COLOURS))
    return list(COLOURS)[int(votes.argmax())]


def style_of(image: np.ndarray, mask: np.ndarray) -> str:
    """Outline when much of the inside is white; pixel when few blocks along the edge are cut by it; else flat."""
    inside = image[mask]
    if (inside.min(1) > 205).mean() > 0.2:
        return "outline"
    n = SIDE // BLOCK
    share = mask.reshape(n, BLOCK, n, BLOCK).mean((1, 3))
    around = np.pad(share, 1)
    shifted = [around[y : y + n, x : x + n] for y in range(3) for x in range(3)]
    edge = (share > 0.12) & (np.minimum.reduce(shifted) < 0.99)
    cut = (share > 0.2) & (share < 0.8)
    return "pixel" if cut.sum() < 0.17 * edge.sum() else "flat"


def read(image: np.ndarray) -> Reading:
    """Read one image: uint8 SIDE x SIDE x 3."""
    background, behind = background_of(image)
    seen = []
    for piece in pieces_of(foreground(image, behind))[:4]:
        ys, xs = np.where(piece.any(1))[0], np.where(piece.any(0))[0]
        name, fit = thing_of(piece)
        seen.append(Seen(
            name, colour_of(image, piece), style_of(image, piece),
            float(xs[0] + xs[-1] + 1) / 2 / SIDE, float(ys[0] + ys[-1] + 1) / 2 / SIDE, fit,
        ))  # fmt: skip
    return Reading(background, tuple(seen))


def place_of(x: float, y: float) -> str:
    """The name of the place nearest to a point."""
    return min(PLACES, key=lambda p: (x - 0.5 - PLACES[p][0]) ** 2 + (y - 0.5 - PLACES[p][1]) ** 2)


def marks(scene: Scene, image: np.ndarray) -> dict[str, bool]:
    """For each mark, whether the image shows what `scene` asks. Only scenes of two things have the mark "two"."""
    reading = read(image)
    wanted = scene.things
    out = {"background": reading.background == scene.background}
    pieces = reading.pieces[: len(wanted)]
    axis = (lambda p: p.y) if scene.count == "above" else (lambda p: p.x)
    pieces = tuple(sorted(pieces, key=axis))
    if len(wanted) == 2:
        good = [(p.name, p.colour) == (w.name, w.colour) for p, w in zip(pieces, wanted, strict=False)]
        out["two"] = len(good) == 2 and all(good)
    else:
        one = pieces[0] if pieces else None
        out["thing"] = one is not None and one.name == wanted[0].name
        out["place"] = one is not None and place_of(one.x, one.y) == scene.place
    out["colour"] = len(pieces) == len(wanted) and all(
        p.colour in {w.colour for w in wanted} for p in pieces
    )  # fmt: skip
    out["style"] = bool(pieces) and all(p.style == scene.style for p in pieces)
    return out


def tally(results: list[dict[str, bool]]) -> dict[str, float]:
    """For each mark, the percentage of images that got it right, among the images that have the mark."""
    names = ("background", "colour", "thing", "two", "place", "style")
    return {n: round(100 * float(np.mean([r[n] for r in results if n in r])), 1) for n in names}
