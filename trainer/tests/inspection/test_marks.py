"""Marks at the same place of many images are found, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.inspection.test_work import _did
from visiontrain_trainer.inspection.marks import find_marks

SIDE = 256


def _scene(rng: np.random.Generator) -> Image.Image:
    """A drawing of random shapes, 256 pixels wide and high."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in rng.integers(80, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top, width, height = (int(v) for v in rng.integers(0, SIDE, 4))
        draw.ellipse(
            (left, top, left + width // 2, top + height // 2),
            fill=tuple(int(v) for v in rng.integers(0, 256, 3)),
            outline="black",
        )
    return image


def _scenes(count: int, marked: float = 0.0, at: tuple[int, int] = (150, 236)) -> list[Image.Image]:
    """Drawings, the first of which have a line of text."""
    images = [_scene(np.random.default_rng(seed)) for seed in range(count)]
    for image in images[: round(count * marked)]:
        ImageDraw.Draw(image).text(at, "artist.example", fill="white")
    return images


def _found(images: list[Image.Image]) -> list[tuple[str, int]]:
    return [(m.place, len(m.images)) for m in find_marks([np.asarray(image.convert("L")) for image in images])]


@pytest.mark.parametrize(
    ("at", "place"), [((150, 236), "bottom right"), ((8, 8), "top left"), ((90, 122), "middle"), ((90, 240), "bottom")]
)
def test_a_line_of_text_at_the_same_place_is_found_there_alone(at: tuple[int, int], place: str) -> None:
    ((where, count),) = _found(_scenes(12, 1.0, at))
    assert where == place and count >= 9


def test_which_images_have_it_is_told() -> None:
    (mark,) = find_marks([np.asarray(image.convert("L")) for image in _scenes(24, 0.75)])
    marked = set(range(18))
    assert len(marked & set(mark.images)) >= 15 and len(set(mark.images) - marked) <= 1


@pytest.mark.parametrize("count", [8, 24])
def test_images_without_a_mark_have_none(count: int) -> None:
    assert _found(_scenes(count)) == []


def test_text_at_another_place_in_each_image_is_none() -> None:
    images = _scenes(12)
    rng = np.random.default_rng(3)
    for image in images:
        ImageDraw.Draw(image).text(tuple(rng.integers(0, 170, 2)), "artist.example", fill="white")
    assert _found(images) == []


def test_few_or_small_images_tell_nothing() -> None:
    assert _found(_scenes(7, 1.0)) == []
    assert _found([image.resize((60, 60)) for image in _scenes(12, 1.0)]) == []


def test_the_program_tells_marks_by_the_hash_and_passes_over_near_duplicates(tmp_path: Path) -> None:
    scenes = {f"{i}.png": image for i, image in enumerate(_scenes(10, 1.0))}
    store, _ = _did(tmp_path, scenes)
    hashes = sorted(path.stem for path in store.rglob("*.webp"))
    _, lines = _did(tmp_path, {}, marks=[*hashes, "0" * 64])
    (line,) = [line for line in lines if line["type"] == "marks"]
    (mark,) = line["marks"]
    assert mark["place"] == "bottom right" and len(mark["images"]) >= 8 and set(mark["images"]) <= set(hashes)
    # Nine copies of one image agree in everything, which says nothing about a mark.
    again = {f"{i}.png": _scenes(1, 1.0)[0].resize((SIDE - i, SIDE - i)) for i in range(9)}
    (tmp_path / "copies").mkdir()
    copies, _ = _did(tmp_path / "copies", again)
    _, lines = _did(tmp_path / "copies", {}, marks=sorted(path.stem for path in copies.rglob("*.webp")))
    assert [line["marks"] for line in lines if line["type"] == "marks"] == [[]]
