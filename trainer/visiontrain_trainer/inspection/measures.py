"""Numbers that say whether an image is blurred, framed, nearly empty, damaged, or nearly the same as another.

Each is a pure function of pixels. What follows from a number is decided in `src/engine/check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

#: Side in pixels of the square of which the perceptual hash takes its frequencies, and of the corner that it keeps.
_HASH_SIDE, _HASH_KEPT = 32, 8
#: Side in pixels of the colour thumbnail by which images are told apart that have the same hash, which is grey.
_COLOURS_SIDE = 4
#: Length in pixels of the filter that blurs once more, as in scikit-image's `blur_effect`.
_BLUR_LENGTH = 11
#: Two grey levels of one colour differ by no more than this: JPEG makes an even surface uneven by a few levels.
_SAME = 8
#: Least share of a line behind a border that is not the border's colour: a border ends in a straight edge.
_EDGE = 0.8


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    """The lowest rows of the type-II discrete cosine transform of _HASH_SIDE numbers: [_HASH_KEPT, _HASH_SIDE]."""
    n = np.arange(_HASH_SIDE)
    return 2 * np.cos(np.pi * np.arange(_HASH_KEPT)[:, None] * (2 * n + 1) / (2 * _HASH_SIDE))


def perceptual_hash(image: Image.Image) -> str:
    """64 bits as 16 hex digits, which stay nearly the same when an image is scaled, recompressed or retouched.

    This is the pHash of the library ImageHash (`imagehash.phash` with its defaults): grey, 32×32 by Lanczos, discrete
    cosine transform of columns and rows, of which the 8×8 lowest frequencies are compared with their median.
    """
    grey = np.asarray(image.convert("L").resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = _cosines() @ grey @ _cosines().T
    bits = (low > np.median(low)).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def colours(image: Image.Image) -> str:
    """The image in 4×4 pixels of RGB, as 96 hex digits."""
    small = image.resize((_COLOURS_SIDE, _COLOURS_SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()


def blur_effect(grey: np.ndarray) -> float:
    """How blurred an image [height, width] is, from 0 (sharp) to 1: by how little it changes when blurred once more.

    Crété, Dolmiere, Ladret and Nicolas, "The blur effect" (2007), as scikit-image's `measure.blur_effect` has it, with
    differences of neighbours as in the paper. An image without any edge gives 1.
    """
    return max(_blur_along(grey), _blur_along(grey.T))


def _blur_along(grey: np.ndarray) -> float:
    """The blur of the edges that are crossed from row to row."""
    half = _BLUR_LENGTH // 2
    if grey.shape[0] <= _BLUR_LENGTH:
        return 0.0
    padded = np.pad(grey, ((half + 1, half), (0, 0)), mode="symmetric").cumsum(axis=0, dtype=np.float64)
    again = padded[_BLUR_LENGTH:] - padded[:-_BLUR_LENGTH]
    again /= _BLUR_LENGTH
    sharp = np.diff(grey, axis=0)
    np.abs(sharp, out=sharp)
    lost = np.diff(again, axis=0)
    np.abs(lost, out=lost)
    np.subtract(sharp, lost, out=lost)
    np.maximum(0, lost, out=lost)
    total = float(sharp.sum())
    return 1.0 if total == 0 else 1 - float(lost.sum()) / total


def one_colour(rgb: np.ndarray) -> float:
    """Share of the pixels [height, width, 3] that have the most frequent colour, or nearly that."""
    counts = np.array(Image.fromarray(rgb).histogram()).reshape(3, 256)
    # For each of the 256 values of a channel, whether it is near the median.
    near = np.abs(np.arange(256) - _medians(counts)[:, None]) <= _SAME
    same = near[0][rgb[..., 0]]
    for channel in (1, 2):
        same &= near[channel][rgb[..., channel]]
    return float(same.mean())


def _medians(counts: np.ndarray) -> np.ndarray:
    """The median of each channel from how often it has each of its 256 values: [channels, 256]."""
    below = counts.cumsum(axis=1)
    total = below[0, -1]
    middle = [[np.searchsorted(row, at, side="right") for at in ((total - 1) // 2, total // 2)] for row in below]
    return np.mean(middle, axis=1)


def borders(rgb: np.ndarray) -> list[float]:
    """Shares of the height or width that a frame of one colour takes: left, top, right, bottom.

    A frame ends in a straight edge, behind which most pixels have another colour: an even background around a subject
    does not. It has the same colour on the opposite side: the even floor of a drawing has not.
    """
    turned = rgb.transpose(1, 0, 2)
    left, right = _border(turned), _border(turned[::-1])
    top, bottom = _border(rgb), _border(rgb[::-1])
    return [_framed(left, right), _framed(top, bottom), _framed(right, left), _framed(bottom, top)]


@dataclass(frozen=True)
class _Side:
    share: float
    colour: np.ndarray


def _framed(side: _Side, opposite: _Side) -> float:
    """The share of a side that belongs to a frame."""
    is_matched = opposite.share > 0 and float(np.abs(side.colour - opposite.colour).max()) <= 2 * _SAME
    return side.share if is_matched else 0.0


def _border(lines: np.ndarray) -> _Side:
    colour = np.median(lines[0], axis=0)
    first = _first_other(lines, colour)
    # JPEG smears the edge over the lines of its block.
    behind = _same(lines[first + 8 : first + 12], colour)
    ends = first > 0 and len(behind) > 0 and 1 - behind.mean() >= _EDGE
    return _Side(first / len(lines) if ends else 0.0, colour)


def _first_other(lines: np.ndarray, colour: np.ndarray) -> int:
    """The first line that is not of one colour; 0 where all are. Most images have none, so the others are not read."""
    for at in range(0, len(lines), 16):
        whole = _same(lines[at : at + 16], colour).mean(axis=1) >= 0.995
        if not whole.all():
            return at + int(np.argmin(whole))
    return 0


def _same(lines: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Which pixels [height, width, 3] have this colour, or nearly that."""
    return np.abs(lines - colour).max(axis=2) <= _SAME


def grey_rest(rgb: np.ndarray) -> float:
    """Share of the height that is one even colour at the bottom, as a decoder leaves it where the data is damaged.

    0 when the upper part is as even as the lower, as in a drawing.
    """
    colour = rgb[-1, -1].astype(np.int16)
    # What a decoder fills in is the middle grey of YCbCr.
    if np.abs(colour - 128).max() > 2:
        return 0.0
    even = np.abs(rgb.astype(np.int16) - colour).max(axis=(1, 2)) <= 1
    return 0.0 if even.all() else int(np.argmin(even[::-1])) / len(rgb)


def jpeg_quality(tables: dict[int, list[int]]) -> int | None:
    """The quality from 1 to 100 at which libjpeg makes a luminance table like the file's; None without one.

    libjpeg scales the table of the standard (ITU-T T.81, annex K.1) by 5000/q percent below 50 and 200 − 2·q above
    (jcparam.c, `jpeg_quality_scaling`); this is the inverse by the mean of the
    entries. Below 25 entries end at 255, and the quality comes out a little too high.
    """
    table = tables.get(0)
    if table is None or len(table) != 64:
        return None
    scale = 100 * sum(table) / sum(_STANDARD)
    quality = 5000 / scale if scale >= 100 else (200 - scale) / 2
    return max(1, min(100, round(quality)))


_STANDARD = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
