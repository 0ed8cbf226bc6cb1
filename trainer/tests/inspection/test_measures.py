"""Measures of pixels, checked against the known change of the image, and against other computations."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from visiontrain_trainer.inspection import measures
from visiontrain_trainer.inspection.work import look_at


def _scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Shapes of many sizes on a gradient, as even and as sharp as a drawing."""
    draw = np.random.default_rng(seed)
    wide, high = size
    pixels = np.empty((high, wide, 3), dtype=np.uint8)
    pixels[:] = np.linspace(40, 200, wide).astype(np.uint8)[None, :, None]
    for _ in range(60):
        x, y = int(draw.integers(0, wide)), int(draw.integers(0, high))
        w, h = (int(side) for side in draw.integers(8, 80, 2))
        pixels[y : y + h, x : x + w] = draw.integers(0, 256, 3)
    return Image.fromarray(pixels)


def _bits(a: Image.Image, b: Image.Image) -> int:
    return bin(int(measures.perceptual_hash(a), 16) ^ int(measures.perceptual_hash(b), 16)).count("1")


def _jpeg(image: Image.Image, **options: int) -> Image.Image:
    written = io.BytesIO()
    image.save(written, "JPEG", **options)
    return Image.open(written)


def test_the_hash_is_the_transform_written_out() -> None:
    image = _scene(1)
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    n = np.arange(32)
    low = np.array(
        [
            [
                (grey * np.outer(np.cos(np.pi * u * (2 * n + 1) / 64), np.cos(np.pi * v * (2 * n + 1) / 64))).sum() * 4
                for v in range(8)
            ]
            for u in range(8)
        ]
    )
    bits = "".join("1" if value > np.median(low) else "0" for value in low.flatten())
    assert measures.perceptual_hash(image) == f"{int(bits, 2):016x}"


def test_copies_have_nearly_the_hash_of_their_image_and_others_have_not() -> None:
    for seed in range(8):
        image = _scene(seed)
        assert _bits(image, _jpeg(image, quality=40)) <= 4
        assert _bits(image, image.resize((160, 120))) <= 4
        assert _bits(image, _scene(seed + 100)) > 14


def test_blur_grows_with_the_blur_that_is_put_in() -> None:
    image = _scene(3)
    found = [
        measures.blur_effect(np.asarray(image.filter(ImageFilter.GaussianBlur(sigma)).convert("L"), dtype=np.float32))
        for sigma in (0, 1, 2, 3, 5)
    ]
    assert found == sorted(found)
    assert found[0] < 0.4
    assert found[3] > 0.6
    assert measures.blur_effect(np.full((64, 64), 7, dtype=np.float32)) == 1.0


@pytest.mark.parametrize(("color", "quality"), [("black", 75), ("white", 90), ("#7a2020", 85)])
def test_a_frame_is_measured_and_a_background_is_not(color: str, quality: int) -> None:
    framed = _jpeg(ImageOps.expand(_scene(4), border=(0, 40), fill=color), quality=quality).convert("RGB")
    left, top, right, bottom = measures.borders(np.asarray(framed))
    assert (left, right) == (0, 0)
    assert top == pytest.approx(0.125, abs=0.03)
    assert bottom == pytest.approx(0.125, abs=0.03)
    assert measures.borders(np.asarray(_scene(4))) == [0, 0, 0, 0]
    subject = Image.new("RGB", (300, 300), color)
    subject.paste(_scene(5, (100, 100)), (100, 100))
    assert measures.borders(np.asarray(subject)) == [0, 0, 0, 0]


def test_the_quality_of_a_jpeg_is_that_it_was_saved_with() -> None:
    for quality in (30, 40, 50, 75, 90):
        assert measures.jpeg_quality(_jpeg(_scene(6), quality=quality).quantization) == pytest.approx(quality, abs=1)
    assert measures.jpeg_quality({}) is None


def test_grey_that_a_decoder_filled_in_is_told_from_a_grey_floor(tmp_path: Path) -> None:
    pixels = np.asarray(_scene(7)).copy()
    assert measures.grey_rest(pixels) == 0
    pixels[180:] = 128
    assert measures.grey_rest(pixels) == pytest.approx(0.25)
    pixels[180:] = (90, 128, 128)
    assert measures.grey_rest(pixels) == 0


def test_a_look_has_all_numbers_and_a_small_thumbnail(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    _scene(8, (2600, 1300)).save(path, quality=80)
    look, thumbnail = look_at(path)
    assert look["jpeg_quality"] == pytest.approx(80, abs=1)
    assert look["one_colour"] < 0.5
    with Image.open(io.BytesIO(thumbnail)) as small:
        assert (small.format, small.size) == ("WEBP", (256, 128))
    Image.new("RGB", (400, 400), "white").save(tmp_path / "b.png")
    assert look_at(tmp_path / "b.png")[0] | {"colours": ""} == {
        "phash": look_at(tmp_path / "b.png")[0]["phash"],
        "colours": "",
        "blur": 1.0,
        "one_colour": 1.0,
        "borders": [0, 0, 0, 0],
        "grey_rest": 0,
        "jpeg_quality": None,
    }
