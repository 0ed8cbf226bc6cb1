"""A built-in measure of how alike two pictures are: it sees colours and where they lie, and nothing of what they show.

It stands in where no model that understands pictures is at hand. Pictures are made to 16 × 16 pixels, so that a shift
of a line or a little noise changes nothing, and compared by the root of their mean squared difference.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

NAME = "pixels"
SIDE = 16


def features(image: Image.Image) -> np.ndarray:
    """What the measure sees of an RGB picture, fp64 [SIDE · SIDE · 3] from 0 to 1."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64).reshape(-1) / 255


def alike(each: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How alike pictures are, [n, m] for features [n, …] and [m, …]: 1 for equal ones, 0 for black and white."""
    squares = (each**2).mean(1)[:, None] + (others**2).mean(1)[None] - 2 * each @ others.T / each.shape[1]
    return 1 - np.sqrt(np.maximum(squares, 0))
