"""Every kind of image file gives the right pixels in the right place."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.data import decode, images
from visiontrain_trainer.data.images import CROP_POSITIONS, crop_placement, load_image


def gradient(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), x * 0 + 100], -1).astype(np.uint8)


def load(
    path: Path, size: tuple[int, int], bucket: tuple[int, int] | None = None, color: str = "#ffffff"
) -> np.ndarray:
    return load_image(path, size, bucket or size, color=color, crop=-1)


def test_exif_rotation(tmp_path: Path) -> None:
    pixels = gradient(40, 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # Viewers turn the image clockwise by a quarter.
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(load(tmp_path / "a.png", (20, 40)), np.rot90(pixels, -1))


@pytest.mark.parametrize(
    ("tag", "kind", "count", "value"),
    [(282, 2, 4, b"abc\0"), (256, 9, 1, struct.pack("<i", -1)), (258, 2, 3, b"8 8\0")],
)
def test_exif_rotation_beside_invalid_tags(tmp_path: Path, tag: int, kind: int, count: int, value: bytes) -> None:
    """Invalid tags, such as a resolution in words or a negative width, do not prevent the rotation, as in viewers."""
    entries = sorted([(274, 3, 1, struct.pack("<HH", 6, 0)), (tag, kind, count, value)])
    directory = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0)
    Image.new("RGB", (32, 16), "red").save(tmp_path / "a.jpg", exif=exif)
    assert load(tmp_path / "a.jpg", (16, 32)).shape == (32, 16, 3)


@pytest.mark.parametrize("color", ["#ffffff", "#102030"])
def test_transparency_lies_on_the_chosen_colour(tmp_path: Path, color: str) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (255, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "rgba.png")
    background = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    got = load(tmp_path / "rgba.png", (8, 8), color=color)
    assert got[0, 0].tolist() == [255, 0, 0] and got[0, 7].tolist() == background
    palette = Image.fromarray(pixels).convert("RGB").quantize(4)
    palette.info["transparency"] = palette.getpixel((7, 0))
    palette.save(tmp_path / "p.png", transparency=palette.info["transparency"])
    got = load(tmp_path / "p.png", (8, 8), color=color)
    assert got[0, 7].tolist() == background
    Image.fromarray(pixels[..., [0, 3]], "LA").save(tmp_path / "la.png")
    assert load(tmp_path / "la.png", (8, 8), color=color)[0, 7].tolist() == background


def test_deep_grey_palette_and_cmyk(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    got = load(tmp_path / "deep.png", (8, 8))
    np.testing.assert_allclose(got[..., 0], ramp / 257, atol=1)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    r, g, b = load(tmp_path / "cmyk.jpg", (8, 8))[4, 4].tolist()
    assert r > 200 and g < 60 and b < 60
    Image.fromarray(gradient(8, 8)).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.gif")
    assert load(tmp_path / "p.gif", (8, 8)).shape == (8, 8, 3)
    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    assert load(tmp_path / "bits.png", (8, 8)).min() == 255


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (16, 16), c) for c in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if ending == "webp" else {}
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], duration=100, **options)
    assert load(tmp_path / f"a.{ending}", (16, 16))[8, 8].tolist() == [250, 0, 0]


def test_colour_profile_to_srgb(tmp_path: Path) -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    broken = b"not a profile"
    image = Image.fromarray(gradient(16, 16))
    image.save(tmp_path / "broken.png", icc_profile=broken)
    np.testing.assert_array_equal(load(tmp_path / "broken.png", (16, 16)), gradient(16, 16))
    image.save(tmp_path / "lab.png", icc_profile=linear.tobytes())
    assert load(tmp_path / "lab.png", (16, 16)).shape == (16, 16, 3)  # A profile of another colour space is ignored.
    image.save(tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    np.testing.assert_allclose(load(tmp_path / "srgb.png", (16, 16)), gradient(16, 16), atol=1)


def swapped_profile() -> bytes:
    """The sRGB profile with its red and blue primaries swapped, so that red pixels of such an image are blue."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    places = {bytes(data[i : i + 4]): i for i in range(132, 132 + 12 * count, 12)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_a_profile_changes_the_colours(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (8, 8), (250, 0, 0)).convert(mode)
    image.save(tmp_path / "a.png", icc_profile=swapped_profile())
    r, g, b = load(tmp_path / "a.png", (8, 8))[4, 4].tolist()
    assert r < 20 and g < 20 and b > 230


def test_resize_covers_the_bucket_and_crops_what_overhangs(tmp_path: Path) -> None:
    Image.fromarray(gradient(300, 100)).save(tmp_path / "wide.png")
    got = load_image(tmp_path / "wide.png", (300, 100), (64, 64), color="#ffffff", crop=-1)
    assert got.shape == (64, 64, 3)
    assert 80 < got[32, 0, 0] < 95 and 160 < got[32, 63, 0] < 175  # the middle third
    left = load_image(tmp_path / "wide.png", (300, 100), (64, 64), color="#ffffff", crop=0)
    right = load_image(tmp_path / "wide.png", (300, 100), (64, 64), color="#ffffff", crop=CROP_POSITIONS - 1)
    assert left[32, 0, 0] < 3 and right[32, 63, 0] > 252


sides = st.integers(1, 5000)
buckets = st.tuples(st.integers(1, 32), st.integers(1, 32)).map(lambda s: (s[0] * 64, s[1] * 64))


@given(st.tuples(sides, sides), buckets, st.integers(-1, CROP_POSITIONS - 1))
def test_place_always_fits(size: tuple[int, int], bucket: tuple[int, int], crop: int) -> None:
    where = crop_placement(size, bucket, crop)
    assert where.left >= 0 and where.left + bucket[0] <= where.resized[0]
    assert where.top >= 0 and where.top + bucket[1] <= where.resized[1]
    assert where.resized[0] == bucket[0] or where.resized[1] == bucket[1]
    # The size differs from the exact scale by rounding alone.
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    assert abs(where.resized[0] - size[0] * scale) <= 1 and abs(where.resized[1] - size[1] * scale) <= 1


def test_unreadable_or_changed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="cannot be read"):
        load(tmp_path / "a.png", (8, 8))
    buffer = io.BytesIO()
    Image.fromarray(gradient(64, 64)).save(buffer, "JPEG")
    (tmp_path / "torn.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(TrainingError, match="cannot be read"):
        load(tmp_path / "torn.jpg", (64, 64))
    Image.fromarray(gradient(9, 8)).save(tmp_path / "b.png")
    with pytest.raises(TrainingError, match="is 9×8, the plan says 8×8"):
        load(tmp_path / "b.png", (8, 8))


def odd_images() -> dict[str, Image.Image]:
    """One image of each mode for which conversion in bands could differ from conversion of the whole."""
    base = Image.fromarray(gradient(97, 61))
    alpha = base.convert("RGBA")
    alpha.putalpha(Image.fromarray(gradient(97, 61)[..., 0]))
    swapped = base.copy()
    swapped.info["icc_profile"] = swapped_profile()
    palette = base.quantize(64)
    palette.info["transparency"] = 3
    deep = np.arange(97 * 61, dtype=np.int32).reshape(61, 97)
    return {
        "rgb": base,
        "rgba": alpha,
        "la": alpha.convert("LA"),
        "cmyk": base.convert("CMYK"),
        "bits": base.convert("1"),
        "palette": palette,
        "profile": swapped,
        "deep": Image.fromarray(deep.astype(np.uint16)),
        "int": Image.fromarray(deep),
        "float": Image.fromarray(deep.astype(np.float32) / 4000),
        "small float": Image.fromarray(deep.astype(np.float32) / 9000),
    }


@pytest.mark.parametrize("name", odd_images())
def test_bands_change_no_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = odd_images()[name]
    whole = np.asarray(decode._flatten(image, "#204060"))
    monkeypatch.setattr(decode, "BAND_PIXELS", 500)
    np.testing.assert_array_equal(np.asarray(decode._flatten(image, "#204060")), whole)


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (64, 64), (63, 65), (1000, 20)])
def test_ordinary_images_are_resized_whole_and_then_cropped(tmp_path: Path, size: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8))
    image.save(tmp_path / "a.png")
    where = crop_placement(size, (64, 96), -1)
    whole = image.resize(where.resized, Image.Resampling.LANCZOS)
    expected = whole.crop((where.left, where.top, where.left + 64, where.top + 96))
    np.testing.assert_array_equal(load(tmp_path / "a.png", size, (64, 96)), np.asarray(expected))


@pytest.mark.parametrize("crop", [-1, 0, CROP_POSITIONS - 1])
def test_cut_before_enlarging_shows_the_same(tmp_path: Path, crop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (1200, 24)
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (24, 1200, 3), np.uint8)).save(tmp_path / "a.png")
    whole = load_image(tmp_path / "a.png", size, (128, 128), color="#ffffff", crop=crop)
    monkeypatch.setattr(images, "MOST_RESIZED_PIXELS", 1)
    cut = load_image(tmp_path / "a.png", size, (128, 128), color="#ffffff", crop=crop)
    assert np.abs(cut.astype(int) - whole.astype(int)).max() <= 2


LIMITED = """
import resource, sys
from pathlib import Path
from visiontrain_trainer.data.images import load_image
now = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[1]) * 2**20,) * 2)
size = tuple(map(int, sys.argv[3:5]))
print(load_image(Path(sys.argv[2]), size, (1024, 1024), color="#ffffff", crop=-1).shape)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("image", "room"),
    [
        (Image.new("L", (40_000, 16)), 300),  # 2.5 billion pixels once enlarged
        (Image.fromarray(np.zeros((5000, 6000), np.uint16)), 600),  # 30 million pixels
        (Image.new("RGBA", (6000, 5000)), 500),
    ],
)
def test_memory_is_bounded(tmp_path: Path, image: Image.Image, room: int) -> None:
    """Loading takes at most `room` MiB of memory."""
    image.save(tmp_path / "a.png")
    command = [sys.executable, "-c", LIMITED, str(room), str(tmp_path / "a.png"), *map(str, image.size)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(images.__file__).parents[2], check=False)
    assert done.stdout == "(1024, 1024, 3)\n", done.stderr[-300:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


BOMB = zlib.compress(bytes(8 << 20))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "metadata",
    [
        chunk(b"zTXt", b"Comment\0\0" + BOMB),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB),
        chunk(b"iCCP", b"profile\0\0" + BOMB),
        chunk(b"tEXt", b"workflow\0" + b"x" * (1 << 20)) * 70,
    ],
    ids=["zTXt", "iTXt", "iCCP", "tEXt"],
)
def test_metadata_that_is_too_large_costs_only_itself(tmp_path: Path, metadata: bytes, late: bool) -> None:
    buffer = io.BytesIO()
    Image.fromarray(gradient(20, 30)).save(buffer, "PNG")
    png = buffer.getvalue()
    turned = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
    at = png.index(b"IEND" if late else b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(png[:at] + metadata + turned + png[at:])
    np.testing.assert_array_equal(load(tmp_path / "a.png", (30, 20)), np.rot90(gradient(20, 30), -1))


@pytest.mark.parametrize("text", ["\nexif\n  10\nno hexadecimal\n", "x", "\nexif\n  8\n4d4d002a\n"])
def test_an_invalid_raw_profile_rotates_nothing(tmp_path: Path, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", text, zip=True)
    Image.fromarray(gradient(20, 30)).save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(load(tmp_path / "a.png", (20, 30)), gradient(20, 30))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "RGB"])
@pytest.mark.parametrize("orientation", [6, 7])
def test_a_turned_tiff_without_compression(tmp_path: Path, mode: str, orientation: int) -> None:
    """Opened by name, Pillow would map the pixels with the width that the image has only after the turn: stripes."""
    image = Image.fromarray(gradient(40, 20)).convert(mode)
    image.save(tmp_path / "plain.tif")
    image.save(tmp_path / "turned.tif", tiffinfo={274: orientation})
    turn = {6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE}[orientation]
    expected = Image.fromarray(load(tmp_path / "plain.tif", (40, 20))).transpose(turn)
    np.testing.assert_array_equal(load(tmp_path / "turned.tif", (20, 40)), expected)
