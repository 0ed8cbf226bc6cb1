"""Reads samples that were drawn before.

Their folder may come from a stranger, so no link is followed, no FIFO is waited for, and no image is decoded that is
larger than any sample.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from visiontrain_trainer.base.files import read_regular

#: Most bytes of a file, and most pixels of a sample: 4096 × 4096.
_MOST_BYTES = 1 << 28
_MOST_PIXELS = 1 << 24


def open_sample(path: Path) -> Image.Image | None:
    """The sample as RGB, or None where the file is not there, no plain file, or no PNG that can be a sample."""
    try:
        with Image.open(io.BytesIO(read_regular(path, _MOST_BYTES)), formats=["PNG"]) as image:
            return image.convert("RGB") if image.width * image.height <= _MOST_PIXELS else None
    # Pillow raises errors of many kinds for damaged files, and for decompression bombs one outside of them all.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return None


def is_sample(path: Path, size: tuple[int, int]) -> bool:
    """Whether a whole sample of `size`, width and height in pixels, lies there."""
    image = open_sample(path)
    return image is not None and image.size == size
