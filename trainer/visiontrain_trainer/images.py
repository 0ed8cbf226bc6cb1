"""Picture file → RGB pixels of its bucket. No torch here: this also runs in loader threads, and starts fast."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from .errors import TrainingError

#: A random crop takes one of this many evenly spaced positions, so that every position can be cached.
CROP_POSITIONS = 8
#: EXIF's orientation → how to turn the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_HIGH_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


@dataclass(frozen=True)
class Placement:
    """Where the bucket lies in the resized picture, in pixels: (left, top), and the resized (width, height)."""

    left: int
    top: int
    resized: tuple[int, int]


def place(size: tuple[int, int], bucket: tuple[int, int], crop: int) -> Placement:
    """Scale `size` to cover `bucket` and crop what overhangs. `crop`: -1 centre, else 0 … CROP_POSITIONS - 1."""
    (width, height), (wide, high) = size, bucket
    # Whole numbers throughout: a float ratio could round to one pixel less than the bucket.
    if width * high >= height * wide:
        resized = (max(wide, (2 * width * high + height) // (2 * height)), high)
    else:
        resized = (wide, max(high, (2 * height * wide + width) // (2 * width)))
    spare = (resized[0] - wide, resized[1] - high)
    offsets = [s // 2 if crop < 0 else s * crop // (CROP_POSITIONS - 1) for s in spare]
    return Placement(offsets[0], offsets[1], resized)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded colour profile; one that is broken or does not fit is ignored, as viewers do."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = image.convert("RGB") if image.mode == "P" else image
        if image.mode not in ("RGB", "CMYK", "L"):
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _high_bits_to_8(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    top = 65535.0 if image.mode != "F" or values.max(initial=0) > 1 else 1.0
    if image.mode == "I" and values.max(initial=0) <= 255:
        top = 255.0
    return Image.fromarray(np.clip(values / top * 255 + 0.5, 0, 255).astype(np.uint8), "L")


def _flatten(image: Image.Image, color: str) -> Image.Image:
    """RGB picture with what is transparent painted in `color`."""
    if image.mode in _HIGH_BITS:
        image = _high_bits_to_8(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    if not has_alpha:
        return _to_srgb(image).convert("RGB")
    layered = image.convert("RGBA")
    alpha = layered.getchannel("A")
    solid = layered.convert("RGB")
    if image.info.get("icc_profile"):
        solid.info["icc_profile"] = image.info["icc_profile"]
        solid = _to_srgb(solid)
    background = Image.new("RGB", layered.size, color)
    background.paste(solid, mask=alpha)
    return background


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says. By hand: Pillow's own way writes all of EXIF anew, and fails at one odd tag among many."""
    turn = _UPRIGHT.get(image.getexif().get(0x0112, 1))
    return image if turn is None else image.transpose(turn)


def load_picture(path: Path, size: tuple[int, int], bucket: tuple[int, int], color: str, crop: int) -> np.ndarray:
    """Pixels of `path` in its bucket: uint8 [height, width, 3].

    First frame of an animation, EXIF rotation applied, colour profile to sRGB, transparency on `color` (#rrggbb),
    Lanczos resize to cover the bucket, then cropped. Raises TrainingError when the file cannot be read, or is not
    of the planned `size` (width, height after rotation).
    """
    try:
        with Image.open(path) as opened:
            opened.seek(0)
            opened.load()
            image = _flatten(_upright(opened), color)
    except MemoryError:
        raise
    except Exception as error:
        # Whatever a decoder may raise: the picture has to be named.
        raise TrainingError(
            f"{path}: the picture cannot be read ({error}).",
            next_steps=[
                "Replace or remove the picture, then start the run again: `visiontrain dataset check` lists all."
            ],
        ) from error
    if image.size != size:
        raise TrainingError(
            f"{path}: the picture is {image.size[0]}×{image.size[1]}, the plan says {size[0]}×{size[1]}.",
            next_steps=["The picture changed after the run was planned: start the run again with `visiontrain run`."],
        )
    where = place(size, bucket, crop)
    resized = image if image.size == where.resized else image.resize(where.resized, Image.Resampling.LANCZOS)
    box = (where.left, where.top, where.left + bucket[0], where.top + bucket[1])
    return np.array(resized.crop(box), dtype=np.uint8)
