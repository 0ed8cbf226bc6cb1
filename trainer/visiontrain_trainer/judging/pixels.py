"""The built-in measure of how alike two images are: it compares colours and their places, not what the images show.

It is for machines without a model that compares images. Images are scaled to 32 × 32 pixels, so that a little noise
changes nothing, and compared by their root mean squared difference, at the best of all shifts by up to one of these
pixels: a copy that a model draws may be shifted a little.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

NAME = "pixels"
SIDE = 32
#: By how many of the 32 × 32 pixels an image may be shifted against another, each way.
MOVED = 1


def features(image: Image.Image) -> np.ndarray:
    """The features of an RGB image: its pixels at 32 × 32, fp64 [SIDE · SIDE · 3] from 0 to 1."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).reshape(-1) / 255


def alike(each: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Likeness [n, m] of features [n, …] and [m, …]: 1 for equal images, 0 for black against white.

    The images of `each` are shifted against those of `others`, and the border that a shift pushes out is left out.
    """
    fixed = _part(others, MOVED, MOVED)
    least = np.full((len(each), len(others)), np.inf)
    for down, right in np.ndindex(2 * MOVED + 1, 2 * MOVED + 1):
        moved = _part(each, down, right)
        squares = (moved**2).mean(1)[:, None] + (fixed**2).mean(1)[None] - 2 * moved @ fixed.T / fixed.shape[1]
        least = np.minimum(least, squares)
    return 1 - np.sqrt(np.maximum(least, 0))


def _part(found: np.ndarray, down: int, right: int) -> np.ndarray:
    """The images cut to `2 · MOVED` pixels less each way, from `down` and `right` on: [n, pixels]."""
    size = SIDE - 2 * MOVED
    return found.reshape(-1, SIDE, SIDE, 3)[:, down : down + size, right : right + size].reshape(len(found), -1)
