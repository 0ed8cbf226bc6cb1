"""The crop keeps the area of a mask: at an edge, too large for the crop, rotated and enlarged, and through a stop."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.run.test_exact import _stop_after
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.batches import BatchSampler, ImageUse
from visiontrain_trainer.data.focus import box_of, profiles_of
from visiontrain_trainer.data.images import CROP_POSITIONS, Box, crop_placement
from visiontrain_trainer.data.masks import Masks
from visiontrain_trainer.data.variations import View, placement_of, variation_of

SIZES = st.tuples(st.integers(40, 3000), st.integers(40, 3000))
BUCKETS = st.tuples(st.integers(1, 16), st.integers(1, 16)).map(lambda sides: (sides[0] * 64, sides[1] * 64))


def _mask(size: tuple[int, int], *boxes: Box) -> Image.Image:
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return Image.fromarray(pixels, "L")


def _shown(size: tuple[int, int], bucket: tuple[int, int], crop: int, keep: Box | None) -> tuple[float, ...]:
    """The area that a crop shows: left, top, right, bottom, in pixels of the image."""
    where = crop_placement(size, bucket, crop, keep)
    x, y = size[0] / where.resized[0], size[1] / where.resized[1]
    return where.left * x, where.top * y, (where.left + bucket[0]) * x, (where.top + bucket[1]) * y


@given(SIZES, BUCKETS, st.integers(-1, CROP_POSITIONS - 1), st.data())
def test_a_box_that_fits_is_kept_whole(size: tuple[int, int], bucket: tuple[int, int], crop: int, data: Any) -> None:
    left, top = (data.draw(st.integers(0, side - 1)) for side in size)
    right, bottom = (data.draw(st.integers(low + 1, side)) for low, side in zip((left, top), size, strict=True))
    where = crop_placement(size, bucket, crop, (left, top, right, bottom))
    plain = crop_placement(size, bucket, crop)
    assert where.resized == plain.resized
    for axis, (low, high) in enumerate(((left, right), (top, bottom))):
        at = (where.left, where.top)[axis]
        assert 0 <= at <= where.resized[axis] - bucket[axis]
        scale = where.resized[axis] / size[axis]
        if math.ceil(high * scale) - math.floor(low * scale) < bucket[axis]:
            assert at <= low * scale + 1e-6 and high * scale <= at + bucket[axis] + 1e-6
        # The crop moves only towards the area that it keeps.
        before, middle = (plain.left, plain.top)[axis] + bucket[axis] / 2, (low + high) / 2 * scale
        assert abs(at + bucket[axis] / 2 - middle) <= max(abs(before - middle), bucket[axis] / 2) + 1


def test_a_crop_that_holds_the_area_already_is_not_moved() -> None:
    size, bucket = (1000, 500), (64, 64)
    for crop in (-1, 3, 4):
        assert crop_placement(size, bucket, crop, (480, 200, 520, 300)) == crop_placement(size, bucket, crop)


@pytest.mark.parametrize(
    ("face", "shown"),
    [
        ((0, 100, 100, 200), (0, 500)),
        ((900, 0, 1000, 80), (500, 1000)),
        # A sixteenth of the crop stays free on each side of the area.
        ((600, 100, 800, 300), (331.25, 831.25)),
    ],
)
def test_a_face_at_an_edge_is_kept(face: Box, shown: tuple[float, float]) -> None:
    keep = box_of(profiles_of(_mask((1000, 500), face)), (1000, 500), (512, 512))
    assert keep == face
    left, _, right, _ = _shown((1000, 500), (512, 512), -1, keep)
    assert (left, right) == pytest.approx(shown, abs=1.5)


def test_the_fullest_part_of_a_mask_that_is_too_long_is_kept() -> None:
    """Where two people do not fit into the crop, the larger one is kept; a mask of half the size gives the same."""
    small, large = (0, 180, 60, 250), (380, 20, 500, 250)
    keep = box_of(profiles_of(_mask((500, 250), small, large)), (1000, 500), (512, 512))
    assert keep is not None
    left, _, right, _ = _shown((1000, 500), (512, 512), -1, keep)
    assert left <= 760 and right >= 999


def test_specks_do_not_move_the_crop() -> None:
    face, speck = (700, 100, 900, 300), (3, 3, 6, 6)
    sure = box_of(profiles_of(_mask((1000, 500), face)), (1000, 500), (512, 512))
    assert box_of(profiles_of(_mask((1000, 500), face, speck)), (1000, 500), (512, 512)) == sure == face


@pytest.mark.parametrize("boxes", [(), ((0, 0, 1000, 500),)])
def test_a_mask_of_nothing_or_everything_moves_nothing(boxes: tuple[Box, ...]) -> None:
    assert box_of(profiles_of(_mask((1000, 500), *boxes)), (1000, 500), (512, 512)) is None


@pytest.fixture
def focused(plan_for: Any, images: Any, tmp_path: Path) -> Any:
    """Gives a plan of one image of 200×64 pixels a bucket of 64×64, with noise that tells the crops apart."""
    root = tmp_path / "wide"
    root.mkdir()

    def make(box: Box, *, focus: bool = True, **changes: Any) -> dict[str, Any]:
        data = changes.pop("data", {})
        pixels = np.random.default_rng(5).integers(0, 256, (64, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "a.png")
        _mask((200, 64), box).save(root / "a-mask.png")
        sha = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in ("a.png", "a-mask.png")}
        mask = {"path": "a-mask.png", "sha256": sha["a-mask.png"], "alpha": False}
        one = {**images[1][1], "path": "a.png", "sha256": sha["a.png"], "size": [200, 64], "bucket": [64, 64]}
        sample = {**one, "mask": mask, "validation": False, "repeats": 2}
        masks = {"outside": 1, "normalise": True, "unmasked_share": 0, "focus": focus}
        training = {"batches_per_epoch": 1, "steps": 2, "warmup_steps": 1, "schedule": "constant"}
        return plan_for(
            data={"root": str(root), "images": [sample], "masks": masks, **data},
            training={**training, **changes.pop("training", {})},
            **changes,
        )

    return make


RIGHT: Box = (180, 10, 200, 60)


def test_the_view_of_a_use_holds_the_mask(focused: Any) -> None:
    """In the middle, at random crops, in variations that rotate and enlarge, and where the loss is measured."""
    augment = {"variations": 8, "share": 0.7, "rotate": 8, "zoom": 0.2}
    colours = dict.fromkeys(("brightness", "contrast", "saturation", "hue", "gamma"), 0)
    box = (150, 20, 180, 44)
    for data in (
        {},
        {"crop": "random"},
        {"augment": augment | colours},
        {"crop": "random", "augment": augment | colours},
    ):
        plan = parse_plan(focused(box, data=data))
        batches = BatchSampler(plan, Masks(plan).boxes(plan.data.images))
        [image] = plan.data.images
        uses = [ImageUse(image, f"{i}", 0) for i in range(60)] + [ImageUse(image, image.id, -1)]
        for use in uses:
            view = batches.view(use)
            assert view.keep == box
            found = variation_of(plan.data, plan.seed, image, view)
            if found is None or found.region is None:
                where = placement_of(plan.data, plan.seed, image, view)
                assert where.left <= box[0] and box[2] <= where.left + 64
                continue
            region = found.region
            c, s = math.cos(math.radians(region.angle)), math.sin(math.radians(region.angle))
            for x, y in ((box[0], box[1]), (box[2], box[1]), (box[0], box[3]), (box[2], box[3])):
                across, down = x - region.centre[0], y - region.centre[1]
                assert abs(c * across + s * down) <= region.size[0] / 2 + 0.5
                assert abs(c * down - s * across) <= region.size[1] / 2 + 0.5


def test_without_focus_nothing_is_moved(focused: Any) -> None:
    plan = parse_plan(focused(RIGHT, focus=False))
    assert Masks(plan).boxes(plan.data.images) == {}
    use = BatchSampler(plan).one_epoch()[0]
    assert BatchSampler(plan).view(use) == View(-1, False)


def test_the_crop_trains_the_same_bytes_through_a_stop(focused: Any, train_here: Any, tmp_path: Path) -> None:
    plan = focused(RIGHT, data={"crop": "random"})
    whole = train_here(plan, "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 1) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256


def test_the_crop_is_that_of_an_image_cut_by_hand(focused: Any, train_here: Any, tmp_path: Path) -> None:
    """An image that was cropped to the kept part beforehand trains to the same steps."""
    plan = focused(RIGHT)
    moved = train_here(plan, "moved")
    root = tmp_path / "wide"
    Image.open(root / "a.png").crop((136, 0, 200, 64)).save(root / "b.png")
    [sample] = plan["data"]["images"]
    sha = hashlib.sha256((root / "b.png").read_bytes()).hexdigest()
    by_hand = {**sample, "path": "b.png", "sha256": sha, "size": [64, 64], "mask": None}
    plan["data"] |= {"images": [by_hand], "masks": None}
    assert [e["digest"] for e in train_here(plan, "cut").of("step")] == [e["digest"] for e in moved.of("step")]


def test_a_changed_mask_is_named(focused: Any) -> None:
    plan = parse_plan(focused(RIGHT))
    [image] = plan.data.images
    assert image.mask is not None
    changed = replace(image, mask=replace(image.mask, sha256="0" * 64))
    with pytest.raises(TrainingError, match=r"the mask of a\.png changed"):
        Masks(plan).boxes([changed])
