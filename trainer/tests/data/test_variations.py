"""Variations of images: their formulas, the part of the image that they show, and the same bytes through a stop."""

from __future__ import annotations

import colorsys
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from tests.run.test_exact import _stop_after
from visiontrain_trainer.contract.plan import Augment, Plan, parse_plan
from visiontrain_trainer.data import variations
from visiontrain_trainer.data.batches import BatchSampler
from visiontrain_trainer.data.images import CROP_POSITIONS, crop_placement, fit
from visiontrain_trainer.data.masks import Masks, cell_means
from visiontrain_trainer.data.variations import Colours, Region, View, cut, pixels_of, recoloured, variation_of

OFF: dict[str, Any] = dict.fromkeys(("brightness", "contrast", "saturation", "hue", "gamma", "rotate", "zoom"), 0)
ALL = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05, "gamma": 0.1, "rotate": 8, "zoom": 0.2}
SAME = Colours(1, 1, 1, 0, 1)


def _augment(**changes: Any) -> dict[str, Any]:
    return {"variations": 3, "share": 1, **OFF, **changes}


def _noisy(size: tuple[int, int] = (70, 64)) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def _enhanced(kind: Any, factor: float) -> np.ndarray:
    return np.array(kind(Image.fromarray(_noisy())).enhance(factor)).astype(int)


@pytest.mark.parametrize("factor", [0.8, 1.25])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)],
)
def test_colours_are_those_of_pillow(name: str, kind: Any, factor: float) -> None:
    found = recoloured(_noisy(), replace(SAME, **{name: factor})).astype(int)
    assert np.abs(found - _enhanced(kind, factor)).max() <= 1


def test_hue_and_gamma_are_as_their_formulas() -> None:
    found = recoloured(_noisy((9, 9)), replace(SAME, hue=0.1, gamma=1.2)).reshape(-1, 3)
    for pixel, given in zip(found, _noisy((9, 9)).reshape(-1, 3) / 255, strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*given)
        wanted = np.array(colorsys.hsv_to_rgb((hue + 0.1) % 1, saturation, value)) ** 1.2
        assert np.abs(pixel - wanted * 255).max() <= 0.5 + 1e-9
    for whole in (SAME, replace(SAME, hue=1.0), replace(SAME, hue=-1.0)):
        assert np.array_equal(recoloured(_noisy(), whole), _noisy())


def _variation(plan: dict[str, Any], number: int, *, crop: int = -1, flip: bool = False) -> Any:
    parsed = parse_plan(plan)
    sample, view = parsed.data.images[0], View(crop, flip, number)
    return parsed, sample, view, variation_of(parsed.data, parsed.seed, sample, view)


def test_a_variation_of_nothing_is_the_image_itself(plan_for: Any) -> None:
    """Bit by bit: a variation whose settings are all 0 must change nothing."""
    image = Image.fromarray(_noisy((64, 100)))
    for flip in (False, True):
        _, sample, view, same = _variation(plan_for(data={"augment": _augment()}), 1, flip=flip)
        plain = np.array(fit(image, sample.bucket, crop_placement(sample.size, sample.bucket, -1)))
        assert np.array_equal(pixels_of(image, sample, view, same), plain[:, ::-1] if flip else plain)


SHAPES = [((70, 64), (64, 64)), ((64, 100), (64, 96)), ((300, 40), (128, 64)), ((40, 300), (64, 64))]


@pytest.mark.parametrize(("size", "bucket"), SHAPES)
def test_a_turned_region_lies_in_its_image(size: tuple[int, int], bucket: tuple[int, int], plan_for: Any) -> None:
    """At any angle, zoom and crop all corners of the region lie inside the image, and its shape is the bucket's."""
    plan = parse_plan(plan_for(data={"augment": _augment(rotate=45, zoom=0.3)}))
    sample = replace(plan.data.images[0], size=size, bucket=bucket)
    white = Image.new("L", size, 255)
    for number, crop in itertools.product(range(24), (-1, 0, 3, CROP_POSITIONS - 1)):
        found = variation_of(plan.data, plan.seed, sample, View(crop, False, number))
        assert found is not None and found.region is not None
        region = found.region
        assert region.size[0] / region.size[1] == pytest.approx(bucket[0] / bucket[1])
        c, s = np.cos(np.radians(region.angle)), np.sin(np.radians(region.angle))
        for x, y in itertools.product((-0.5, 0.5), repeat=2):
            u, v = x * region.size[0], y * region.size[1]
            corner = (region.centre[0] + c * u - s * v, region.centre[1] + s * u + c * v)
            assert -1e-6 <= corner[0] <= size[0] + 1e-6 and -1e-6 <= corner[1] <= size[1] + 1e-6
        assert (np.array(cut(white, bucket, region, size)) == 255).all()
        where = region.placement(size, bucket)
        assert 0 <= where.left <= where.resized[0] - bucket[0] and 0 <= where.top <= where.resized[1] - bucket[1]


@pytest.mark.parametrize("angle", [0.0, 20.0, -20.0])
def test_a_region_shows_what_lies_there(angle: float) -> None:
    """Every pixel of the image holds its own position, so each pixel of the region tells where it comes from."""
    size, bucket = (512, 384), (96, 64)
    region = Region(angle, (260.0, 180.0), (192.0, 128.0))
    grid = np.stack(np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5), -1).astype(np.float32)
    shown = np.stack([np.array(cut(Image.fromarray(grid[..., i], "F"), bucket, region, size)) for i in (0, 1)], -1)
    u, v = np.meshgrid((np.arange(96) + 0.5 - 48) * 2, (np.arange(64) + 0.5 - 32) * 2)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wanted = np.stack([260 + c * u - s * v, 180 + s * u + c * v], -1)
    # Pillow's cubic rotation strays by a tenth of a pixel of the bucket, which is two pixels of the image.
    assert np.abs(shown - wanted).max() < (0.25 if angle else 0.02)


def test_colours_are_drawn_within_their_bounds(plan_for: Any) -> None:
    plan = plan_for(data={"augment": _augment(brightness=0.1, hue=0.02)})
    found = [_variation(plan, i)[3].colours for i in range(200)]
    assert all(abs(c.brightness - 1) <= 0.1 and abs(c.hue) <= 0.02 and c.contrast == 1 for c in found)
    assert max(c.brightness for c in found) > 1.09 and min(c.brightness for c in found) < 0.91


def test_there_are_as_many_views_as_variations(plan_for: Any) -> None:
    """Random crops and mirroring are drawn for a variation, not for a use: otherwise each use would be encoded anew."""
    plan = parse_plan(plan_for(data={"augment": _augment(zoom=0.1), "crop": "random", "flip": True}))
    batches = BatchSampler(plan)
    views: dict[str, set[View]] = {}
    for use in [use for step in range(60) for batch in batches.step(step) for use in batch]:
        views.setdefault(use.image.id, set()).add(batches.view(use))
    assert {len(found) for found in views.values()} == {3}
    half = replace(plan, data=replace(plan.data, augment=Augment(**(_augment() | {"share": 0.5}))))
    uses = [use for step in range(200) for batch in BatchSampler(half).step(step) for use in batch]
    varied = sum(BatchSampler(half).view(use).variation >= 0 for use in uses)
    assert 0.4 < varied / len(uses) < 0.6


def test_masks_follow_without_colours(plan_for: Any, images: Any, tmp_path: Path) -> None:
    """For an image that is its own mask both show the same part, and only the image changes its colours."""
    grey = np.tile(np.linspace(40, 250, 64).astype(np.uint8), (100, 1))
    Image.fromarray(grey).save(tmp_path / "m.png")
    plan, sample, view, found = _variation(plan_for(data={"augment": _augment(**ALL)}), 2, flip=True)
    image = pixels_of(Image.open(tmp_path / "m.png"), sample, view, found)
    mask = {"path": str(tmp_path / "m.png"), "sha256": _sha256(tmp_path / "m.png"), "alpha": False}
    samples = [{**images[1][0], "mask": mask}]
    masked = parse_plan(
        plan_for(
            data={
                "images": samples,
                "augment": _augment(**ALL),
                "masks": {"outside": 0, "normalise": False, "unmasked_share": 0, "focus": False},
            },
            resources={"cache_dir": str(tmp_path / "cache")},
        )
    )
    masks = Masks(masked)
    assert masks.prepare([(masked.data.images[0], view)]) == []
    use = BatchSampler(masked).one_epoch()[0]
    assert torch.equal(masks.weights(use, view)[0] * 255, torch.from_numpy(cell_means(image)).float())


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_bytes_through_a_stop_and_with_workers(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    def plan(workers: int = 0, **augment: Any) -> dict[str, Any]:
        cache = str(tmp_path / f"cache-{workers}")
        return plan_for(
            "sdxl",
            training={"steps": 4, "warmup_steps": 0},
            data={"augment": _augment(**augment), "flip": True},
            resources={"workers": workers, "cache_dir": cache},
            output={"checkpoint_every": 0},
        )

    whole = train_here(plan(**ALL), "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan(4, **ALL), 2) == 75
    assert train_here(plan(4, **ALL), "cut").sha256 == whole.sha256


def test_sdxl_is_told_where_a_variation_lies(plan_for: Any) -> None:
    plan: Plan = parse_plan(plan_for(data={"augment": _augment(zoom=0.5)}))
    sample = plan.data.images[0]
    wheres = {variations.placement_of(plan.data, plan.seed, sample, View(-1, False, i)) for i in range(8)}
    assert len(wheres) > 4 and max(w.resized[0] for w in wheres) > 1.3 * sample.bucket[0]
