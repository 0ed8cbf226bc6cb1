"""Writes images in every way Pillow has (and some by hand) and says what the trainer makes of each, as JSON.

    python write-images.py FOLDER SEED COUNT paths|flips

`paths`: sound files whose turning stands in any place. `flips`: the same with bytes changed.
"""

import io
import json
import random
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from visiontrain_trainer.data.images import read_upright

warnings.simplefilter("ignore")
folder, seed, count, kind = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
draw = random.Random(seed)

XMP_FORMS = ['<rdf:Description tiff:Orientation="{}"/>', "<tiff:Orientation>{}</tiff:Orientation>"]


def exif(orientation):
    """A TIFF block, in either order, with the number in any type, alone or among others."""
    order = draw.choice("<>")
    number_type, form = draw.choice([(3, "H"), (3, "H"), (3, "H"), (4, "I"), (8, "h"), (9, "i")])
    others = draw.sample([(271, 2, b"Maker\0"), (282, 5, struct.pack(order + "II", 72, 1)), (305, 2, b"abc")], draw.randint(0, 3))
    entries = [(274, number_type, struct.pack(order + form, orientation))] + others
    entries.sort()
    at = 8 + 2 + 12 * len(entries) + 4
    table, data = b"", b""
    sizes = {2: 1, 3: 2, 4: 4, 5: 8, 8: 2, 9: 4}
    for tag, type_, value in entries:
        number = len(value) // sizes[type_]
        if len(value) > 4:
            value, data = struct.pack(order + "I", at + len(data)), data + value
        table += struct.pack(order + "HHI", tag, type_, number) + value.ljust(4, b"\0")
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return mark + struct.pack(order + "IH", 8, len(entries)) + table + struct.pack(order + "I", 0) + data


def xmp(orientation):
    return ("<x:xmpmeta>" + draw.choice(XMP_FORMS).format(orientation) + "</x:xmpmeta>").encode()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_metadata(orientation):
    raw = draw.choice([b"Exif\0\0", b""]) + exif(orientation)
    profile = f"\nexif\n{len(raw):8d}\n{raw.hex()}\n".encode()
    return draw.choice(
        [
            chunk(b"eXIf", exif(orientation)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(orientation)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0\0" + zlib.compress(xmp(orientation))),
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)),
            chunk(b"tEXt", b"Raw profile type exif\0" + profile),
            chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + profile),
            chunk(b"tEXt", b"parameters\0a prompt"),
        ]
    )


def encode(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def png(image):
    modes = ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"]
    mode = draw.choice(modes)
    image = image.convert("L").convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
    extra = {"save_all": True, "append_images": [image.rotate(90)]} if mode == "RGB" and draw.random() < 0.3 else {}
    data = encode(image, format="PNG", **extra)
    for _ in range(draw.randint(0, 3)):
        at = data.index(draw.choice([b"IDAT", b"IEND"])) - 4
        data = data[:at] + png_metadata(draw.randint(0, 9)) + data[at:]
    return ".png", data


def jpeg(image):
    image = image.convert(draw.choice(["RGB", "L", "CMYK"]))
    data = encode(image, format="JPEG", progressive=draw.random() < 0.3, quality=draw.randint(20, 95))
    segments = b""
    for _ in range(draw.randint(0, 3)):
        body = draw.choice(
            [b"Exif\0\0" + exif(draw.randint(0, 9)), b"http://ns.adobe.com/xap/1.0/\0" + xmp(draw.randint(0, 9)), b"ICC_PROFILE\0\1\1abc"]
        )
        marker = b"\xff\xe2" if body.startswith(b"ICC") else b"\xff\xe1"
        segments += b"\xff" * draw.randint(0, 3) + marker + struct.pack(">H", len(body) + 2) + body
    at = 2 if draw.random() < 0.7 else data.index(b"\xff\xda")
    return ".jpg", data[:at] + segments + data[at:]


def webp(image):
    options = {}
    if draw.random() < 0.6:
        options["exif"] = draw.choice([b"Exif\0\0", b""]) + exif(draw.randint(0, 9))
    if draw.random() < 0.6:
        options["xmp"] = xmp(draw.randint(0, 9))
    if draw.random() < 0.3:
        options |= {"save_all": True, "append_images": [image.rotate(180)]}
    return ".webp", encode(image.convert(draw.choice(["RGB", "RGBA"])), format="WEBP", lossless=draw.random() < 0.5, **options)


def tiff(image):
    mode = draw.choice(["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "LAB", "YCbCr", "I", "F", "I;16"])
    compression = draw.choice([None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
    image = image.convert("L").convert("I").convert("I;16") if mode == "I;16" else image.convert("RGB").convert(mode) if mode != "LAB" else lab(image)
    info = {274: draw.randint(1, 8)} if draw.random() < 0.6 else {}
    if draw.random() < 0.3:
        info[700] = xmp(draw.randint(0, 9))
    extra = {} if compression is None else {"compression": compression}
    big = compression is None and draw.random() < 0.3
    return ".tif", encode(image, format="TIFF", tiffinfo=info, big_tiff=big, **extra)


def lab(image):
    return Image.merge("LAB", image.convert("RGB").split())


def other(image):
    return draw.choice(
        [
            lambda: (".gif", encode(image.convert("P"), format="GIF")),
            lambda: (".bmp", encode(image.convert(draw.choice(["RGB", "L", "P", "1", "RGBA"])), format="BMP")),
            lambda: (".jpg", encode(image, format="MPO", save_all=True, append_images=[image])),
        ]
    )()


def one():
    size = (draw.randint(17, 60), draw.randint(17, 60))
    values = np.frombuffer(draw.randbytes(size[0] * size[1] * 3), np.uint8).reshape(size[1], size[0], 3)
    return draw.choice([png, png, jpeg, jpeg, webp, tiff, other])(Image.fromarray(values))


def flipped(data):
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 16])):
        # Most of them in the header: there it matters.
        data[draw.randrange(min(len(data), draw.choice([40, 200, 600, len(data)])))] = draw.randrange(256)
    if draw.random() < 0.1:
        del data[draw.randrange(len(data)) :]
    return bytes(data)


found = {}
for i in range(count):
    ending, data = one()
    path = folder / f"{i}{ending}"
    path.write_bytes(flipped(data) if kind == "flips" else data)
    try:
        found[path.name] = read_upright(path, "#ffffff").size
    except Exception as error:
        found[path.name] = f"{type(error).__name__}: {error}"[:120]
print(json.dumps(found))
