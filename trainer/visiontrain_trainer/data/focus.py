"""What the crop of an image must keep: the part that its mask shows.

This module does not import torch, as `images.py` does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .images import Box, crop_placement

#: From this grey on a pixel of a mask counts as shown.
_SHOWN = 128
#: Share of a mask's pixels that is ignored at each side, so that specks in a made mask do not widen its extent.
_SPECKS = 500


@dataclass(frozen=True)
class Profiles:
    """How many pixels a mask shows in each of its columns and rows: int64 [width] and [height]."""

    columns: np.ndarray
    rows: np.ndarray


def profiles_of(mask: Image.Image) -> Profiles:
    """The profiles of a grey mask."""
    shown = np.asarray(mask) >= _SHOWN
    return Profiles(shown.sum(axis=0, dtype=np.int64), shown.sum(axis=1, dtype=np.int64))


def box_of(profiles: Profiles, size: tuple[int, int], bucket: tuple[int, int]) -> Box | None:
    """What the crop of an image of `size` to `bucket` must keep; None where the mask shows nothing, or everything.

    Where the mask is longer than the crop, this is the part of that length in which the mask shows most.
    """
    if profiles.columns.min() == len(profiles.rows):
        return None
    resized = crop_placement(size, bucket, -1).resized
    spans = []
    for axis, counts in enumerate((profiles.columns, profiles.rows)):
        if not counts.any():
            return None
        # The side of the crop in pixels of the mask, which may be smaller than its image.
        side = max(1, bucket[axis] * len(counts) // resized[axis])
        low, high = _shortened(counts, _extent(counts), side)
        spans.append((low * size[axis] // len(counts), -(-high * size[axis] // len(counts))))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom


def _extent(counts: np.ndarray) -> tuple[int, int]:
    """The first index that the mask shows and the one after the last, without specks."""
    sums, total = counts.cumsum(), int(counts.sum())
    first = int(np.argmax(sums * _SPECKS > total))
    last = len(counts) - int(np.argmax(counts[::-1].cumsum() * _SPECKS > total))
    return first, last


def _shortened(counts: np.ndarray, extent: tuple[int, int], side: int) -> tuple[int, int]:
    """The extent, or the part of it with length `side` that shows most, the most central one of several."""
    low, high = extent
    if high - low <= side:
        return extent
    sums = np.concatenate([[0], counts.cumsum()])
    starts = np.arange(low, high - side + 1)
    shown = sums[starts + side] - sums[starts]
    best = starts[shown == shown.max()]
    start = int(best[np.argmin(np.abs(2 * best + side - (low + high)))])
    return start, start + side
