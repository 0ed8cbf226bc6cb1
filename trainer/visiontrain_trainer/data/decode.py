"""Image file → upright RGB, as viewers show it. This module does not import torch, so that it starts fast."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

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
#: Text chunks of a PNG that may hold its orientation. All other text chunks may be dropped when there is too much.
_TURNING_TEXT = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
_HIGH_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


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


def read_mask(file: BinaryIO, alpha: bool) -> Image.Image:
    """The grey mask that a file holds, upright: its opacity, or its first colour on black."""
    with Image.open(file) as opened:
        opened.seek(0)
        opened.load()
        turn = _turn(opened)
        grey = opened.convert("RGBA").getchannel("A") if alpha else _flatten(opened, "#000000").getchannel("R")
    return grey if turn is None else grey.transpose(turn)
