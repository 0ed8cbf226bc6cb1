"""Image file → RGB pixels of its bucket. This module does not import torch, so that it starts fast."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from visiontrain_trainer.base.errors import TrainingError

#: A random crop takes one of this many evenly spaced positions, so that every position can be cached.
CROP_POSITIONS = 8
#: How to turn an image upright, by its EXIF orientation.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Larger images are converted to RGB in bands of this many pixels: each whole copy on the way would take gigabytes.
BAND_PIXELS = 1 << 23
#: An image that would be enlarged to more pixels than this is cropped before it is enlarged, not after.
MOST_RESIZED_PIXELS = 1 << 26
#: Text chunks of a PNG that may hold its orientation. All other text chunks may be dropped when there is too much.
_TURNING_TEXT = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
_HIGH_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


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


def crop_placement(size: tuple[int, int], bucket: tuple[int, int], crop: int) -> Placement:
    """Scale `size` to cover `bucket` and crop what overhangs; both are (width, height) in pixels.

    `crop` is -1 for the centre, else a position from 0 to CROP_POSITIONS - 1.
    """
    (width, height), (wide, high) = size, bucket
    # The sizes are computed in whole numbers: a float ratio could round to one pixel less than the bucket.
    if width * high >= height * wide:
        resized = (max(wide, (2 * width * high + height) // (2 * height)), high)
    else:
        resized = (wide, max(high, (2 * height * wide + width) // (2 * width)))
    spare = (resized[0] - wide, resized[1] - high)
    offsets = [s // 2 if crop < 0 else s * crop // (CROP_POSITIONS - 1) for s in spare]
    return Placement(offsets[0], offsets[1], resized)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded colour profile. A profile that is broken or does not fit is ignored, as viewers do."""
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


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image from top to bottom in bands of at most BAND_PIXELS pixels, each with the number of its first row."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(height, top + rows)))


def _white(image: Image.Image) -> float:
    """The value of white in a grey image of more than 8 bits. Modes F and I do not tell it, so the values decide."""
    if image.mode not in ("F", "I"):
        return 65535.0
    most = np.float64(0)
    for _, band in _bands(image):
        most = np.maximum(most, np.asarray(band, dtype=np.float64).max(initial=0))
    if image.mode == "F":
        return 65535.0 if most > 1 else 1.0
    return 255.0 if most <= 255 else 65535.0


def _high_bits_to_8(image: Image.Image, white: float) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    return Image.fromarray(np.clip(values / white * 255 + 0.5, 0, 255).astype(np.uint8), "L")


def _flatten(image: Image.Image, color: str) -> Image.Image:
    """The image as RGB on a background of `color`. Each pixel depends on itself alone, so that bands change nothing."""
    white = _white(image) if image.mode in _HIGH_BITS else 0.0
    if image.width * image.height <= BAND_PIXELS:
        return _flatten_band(image, color, white)
    flat = Image.new("RGB", image.size)
    for top, band in _bands(image):
        flat.paste(_flatten_band(band, color, white), (0, top))
    return flat


def _flatten_band(image: Image.Image, color: str, white: float) -> Image.Image:
    if image.mode in _HIGH_BITS:
        image = _high_bits_to_8(image, white)
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


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn the image upright; None when it is upright, or its metadata cannot be read.

    `src/engine/dataset/headers/exif.ts` treats unreadable metadata alike. Pillow's own `exif_transpose` is not used,
    because it rewrites all EXIF and fails at a single odd tag.
    """
    try:
        return _UPRIGHT.get(image.getexif().get(0x0112, 1))
    except MemoryError:
        raise
    except Exception:
        return None


def _unpacks_to_too_much(data: bytes) -> bool:
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(data, PngImagePlugin.MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return bool(unpacker.unconsumed_tail)


def _is_too_much(kind: bytes, data: bytes) -> bool:
    """Whether a PNG's chunk may be dropped: a text or profile too large for Pillow, or a text that turns nothing."""
    name, _, rest = data.partition(b"\0")
    if kind == b"iCCP":
        return _unpacks_to_too_much(rest[1:])
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return False
    if name + b"\0" not in _TURNING_TEXT or len(data) > PngImagePlugin.MAX_TEXT_CHUNK:
        return True
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", b"\0".join(rest[2:].split(b"\0", 2)[2:])
        return packed and _unpacks_to_too_much(rest)
    return kind == b"zTXt" and _unpacks_to_too_much(rest[1:])


def _without_metadata(png: bytes) -> bytes:
    """The PNG without the text and profiles that Pillow refuses to unpack. Its pixels are unchanged."""
    kept, at = [png[:8]], 8
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if not _is_too_much(png[at + 4 : at + 8], png[at + 8 : at + 8 + length]):
            kept.append(png[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _read(file: BinaryIO, color: str, least: int | None) -> Image.Image:
    """The first frame as upright RGB. The decoded image is freed before the turn, so that two copies are the most."""
    with Image.open(file) as opened:
        opened.seek(0)
        if least is not None:
            opened.draft(None, (least, least))
        opened.load()
        turn, flat = _turn(opened), _flatten(opened, color)
    del opened
    return flat if turn is None else flat.transpose(turn)


#: Brands of HEIC and HEIF files, which Pillow reads only with a package of its own.
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"mif1")


def _is_heif(file: BinaryIO) -> bool:
    """Whether the file is HEIC or HEIF inside. The file's position is its start afterwards."""
    start = file.read(64)
    file.seek(0)
    brands = [start[i : i + 4] for i in range(8, min(len(start), int.from_bytes(start[:4], "big")), 4) if i != 12]
    return start[4:8] == b"ftyp" and b"avif" not in brands and any(brand in _HEIF for brand in brands)


@lru_cache(maxsize=1)
def _open_heif() -> None:
    """Let Pillow read HEIC. Raises ValueError when the package for it is not there."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError("it is HEIC, and what reads that is not installed: `visiontrain setup --heif`") from error
    pillow_heif.register_heif_opener(thumbnails=False)


def read_upright(path: Path, color: str, least: int | None = None) -> Image.Image:
    """The image as viewers show it: RGB, upright, on a background of `color` (#rrggbb).

    With `least`, a JPEG may be decoded at a half, a quarter or an eighth of its size, in a fraction of the time; both
    sides then have at least so many pixels. Raises any exception that a decoder may raise.
    """
    # Pillow gets an open file and not a name: it maps the pixels of a named file into memory, and then mixes up those
    # of a turned TIFF.
    with path.open("rb") as file:
        if _is_heif(file):
            _open_heif()
        try:
            return _read(file, color, least)
        except ValueError:
            # Pillow refuses a whole image for metadata that is too large, so a PNG is tried again without metadata.
            file.seek(0)
            data = file.read()
            if not data.startswith(PngImagePlugin._MAGIC):
                raise
        return _read(io.BytesIO(_without_metadata(data)), color, least)


def fit(image: Image.Image, bucket: tuple[int, int], where: Placement) -> Image.Image:
    """The bucket cut out of an image that is scaled with Lanczos to cover it."""
    if image.size == where.resized or not where.is_vast:
        resized = image if image.size == where.resized else image.resize(where.resized, Image.Resampling.LANCZOS)
        return resized.crop((where.left, where.top, where.left + bucket[0], where.top + bucket[1]))
    x, y = image.width / where.resized[0], image.height / where.resized[1]
    right, bottom = (where.left + bucket[0]) * x, (where.top + bucket[1]) * y
    box = (where.left * x, where.top * y, min(right, image.width), min(bottom, image.height))
    return image.resize(bucket, Image.Resampling.LANCZOS, box=box)


def load_picture(path: Path, size: tuple[int, int], bucket: tuple[int, int], color: str, crop: int) -> np.ndarray:
    """Pixels of `path` in its bucket: uint8 [height, width, 3]. Raises as `read_picture` does."""
    image = read_picture(path, size, color)
    return np.array(fit(image, bucket, crop_placement(size, bucket, crop)), dtype=np.uint8)


def read_picture(path: Path, size: tuple[int, int], color: str) -> Image.Image:
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


def _read_mask(file: BinaryIO, alpha: bool) -> Image.Image:
    """The grey mask that a file holds, upright: its opacity, or its first colour on black."""
    with Image.open(file) as opened:
        opened.seek(0)
        opened.load()
        turn = _turn(opened)
        grey = opened.convert("RGBA").getchannel("A") if alpha else _flatten(opened, "#000000").getchannel("R")
    return grey if turn is None else grey.transpose(turn)


def load_mask(path: Path, size: tuple[int, int], *, alpha: bool) -> Image.Image:
    """The mask of an image of `size`, grey, in its own size.

    The mask is the file's first channel, or with `alpha` its opacity. Raises TrainingError when it cannot be read, or
    its shape is not the image's.
    """
    try:
        with path.open("rb") as file:
            mask = _read_mask(file, alpha)
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
