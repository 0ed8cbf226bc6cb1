"""Image file → RGB pixels of its bucket: where they lie in the resized image, and how they are cut out of it.

This module does not import torch, so that it starts fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import TrainingError

from .decode import read_mask, read_upright

#: A random crop takes one of this many evenly spaced positions, so that every position can be cached.
CROP_POSITIONS = 8
#: A crop leaves this share of its side free beside what it must keep, where there is room for it.
_MARGIN = 16
#: What a crop must keep of an image: left, top, right, bottom, in pixels of the upright image.
Box = tuple[int, int, int, int]
#: An image that would be enlarged to more pixels than this is cropped before it is enlarged, not after.
MOST_RESIZED_PIXELS = 1 << 26


class UnreadableImage(TrainingError):
    """The file has the planned bytes, but they decode to no image of the planned size. The run leaves the image out."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: the picture {problem}.", next_steps=["Replace or remove the picture."], id="dataset/unreadable"
        )
        self.problem = problem


@dataclass(frozen=True)
class Placement:
    """Where the bucket lies in the resized image: left and top, and the resized (width, height), all in pixels."""

    left: int
    top: int
    resized: tuple[int, int]

    @property
    def is_vast(self) -> bool:
        """Whether the whole resized image is too large to be made only for cropping the bucket out of it."""
        return self.resized[0] * self.resized[1] > MOST_RESIZED_PIXELS


def crop_placement(size: tuple[int, int], bucket: tuple[int, int], crop: int, keep: Box | None = None) -> Placement:
    """Scale `size` to cover `bucket` and crop what overhangs; both are (width, height) in pixels.

    `crop` is -1 for the centre, else a position from 0 to CROP_POSITIONS - 1. From there it is moved as far as it must
    be for the crop to hold `keep`, or the middle of it where all of it does not fit in.
    """
    (width, height), (wide, high) = size, bucket
    # The sizes are computed in whole numbers: a float ratio could round to one pixel less than the bucket.
    if width * high >= height * wide:
        resized = (max(wide, (2 * width * high + height) // (2 * height)), high)
    else:
        resized = (wide, max(high, (2 * height * wide + width) // (2 * width)))
    spare = (resized[0] - wide, resized[1] - high)
    offsets = [s // 2 if crop < 0 else s * crop // (CROP_POSITIONS - 1) for s in spare]
    if keep is not None:
        for axis in (0, 1):
            span = (keep[axis] * resized[axis] // size[axis], -(-keep[axis + 2] * resized[axis] // size[axis]))
            offsets[axis] = min(max(0, _moved(offsets[axis], bucket[axis], span)), spare[axis])
    return Placement(offsets[0], offsets[1], resized)


def _moved(offset: int, side: int, span: tuple[int, int]) -> int:
    """The offset nearest to `offset` at which a crop of this side holds the span; pixels of the resized image."""
    room = side - (span[1] - span[0])
    if room <= 0:
        return (span[0] + span[1] - side) // 2
    margin = min(side // _MARGIN, room // 2)
    return min(max(offset, span[1] + margin - side), span[0] - margin)


def fit(image: Image.Image, bucket: tuple[int, int], where: Placement) -> Image.Image:
    """The bucket cut out of an image that is scaled with Lanczos to cover it."""
    if image.size == where.resized or not where.is_vast:
        resized = image if image.size == where.resized else image.resize(where.resized, Image.Resampling.LANCZOS)
        return resized.crop((where.left, where.top, where.left + bucket[0], where.top + bucket[1]))
    x, y = image.width / where.resized[0], image.height / where.resized[1]
    right, bottom = (where.left + bucket[0]) * x, (where.top + bucket[1]) * y
    box = (where.left * x, where.top * y, min(right, image.width), min(bottom, image.height))
    return image.resize(bucket, Image.Resampling.LANCZOS, box=box)


def load_image(path: Path, size: tuple[int, int], bucket: tuple[int, int], *, color: str, crop: int) -> np.ndarray:
    """Pixels of `path` in its bucket: uint8 [height, width, 3]. Raises as `read_image` does."""
    image = read_image(path, size, color)
    return np.array(fit(image, bucket, crop_placement(size, bucket, crop)), dtype=np.uint8)


def read_image(path: Path, size: tuple[int, int], color: str) -> Image.Image:
    """The image at `path`, upright, of the planned `size` (width, height after rotation).

    An animation gives its first frame. The EXIF rotation is applied, the colour profile converted to sRGB, transparency
    put on `color` (#rrggbb). Raises UnreadableImage when the file cannot be decoded or is not of that size, and
    MemoryError.
    """
    try:
        image = read_upright(path, color)
    except MemoryError:
        raise
    except Exception as error:
        # A decoder may raise any exception, and the error must name the image.
        raise UnreadableImage(path, f"cannot be read ({error})") from error
    if image.size != size:
        shown, planned = ("×".join(map(str, sides)) for sides in (image.size, size))
        raise UnreadableImage(path, f"is {shown}, the plan says {planned}")
    return image


def load_mask(path: Path, size: tuple[int, int], *, alpha: bool) -> Image.Image:
    """The mask of an image of `size`, grey, in its own size.

    The mask is the file's first channel, or with `alpha` its opacity. Raises TrainingError when it cannot be read, or
    its shape is not the image's.
    """
    try:
        with path.open("rb") as file:
            mask = read_mask(file, alpha)
    except MemoryError:
        raise
    except Exception as error:
        raise TrainingError(
            f"{path}: the mask cannot be read ({error}).", next_steps=["Replace or remove it."], id="dataset/mask"
        ) from error
    if abs(mask.width * size[1] - mask.height * size[0]) > 0.01 * mask.width * size[1]:
        sides, planned = f"{mask.width}×{mask.height}", f"{size[0]}×{size[1]}"
        raise TrainingError(
            f"{path}: the mask is {sides}, of another shape than its picture of {planned}.",
            next_steps=["Make the mask from the picture itself, or remove it."],
            id="dataset/mask",
        )
    return mask
