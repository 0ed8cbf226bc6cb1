"""A built-in measure of how alike two pictures are: it sees colours and where they lie, and nothing of what they show.

It stands in where no model that understands pictures is at hand. Pictures are made to 32 × 32 pixels, so that a little
noise changes nothing, and compared by the root of their mean squared difference, at the best of all places that lie up
to one of these pixels apart: a model draws what it copies, but not on the very same spot.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

NAME = "pixels"
SIDE = 32
#: By how many cells a picture may be moved beside another, each way.
MOVED = 1


def features(image: Image.Image) -> np.ndarray:
    """What the measure sees of an RGB picture, fp64 [SIDE · SIDE · 3] from 0 to 1."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).reshape(-1) / 255


def alike(each: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How alike pictures are, [n, m] for features [n, …] and [m, …]: 1 for equal ones, 0 for black and white.

    The borders of each are left out where it is moved, so the first ones are moved and the others stay.
    """
    fixed = _part(others, MOVED, MOVED)
    least = np.full((len(each), len(others)), np.inf)
    for down, right in np.ndindex(2 * MOVED + 1, 2 * MOVED + 1):
        moved = _part(each, down, right)
        squares = (moved**2).mean(1)[:, None] + (fixed**2).mean(1)[None] - 2 * moved @ fixed.T / fixed.shape[1]
        least = np.minimum(least, squares)
    return 1 - np.sqrt(np.maximum(least, 0))


def _part(found: np.ndarray, down: int, right: int) -> np.ndarray:
    """The pictures without a border of `2 · MOVED` cells in all, from a place on, [n, cells]."""
    size = SIDE - 2 * MOVED
    return found.reshape(-1, SIDE, SIDE, 3)[:, down : down + size, right : right + size].reshape(len(found), -1)
