"""Masks lie where their image lies, weigh as their formula says, and are refused when they are uniform or damaged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.run.test_exact import _stop_after
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.compute.losses import losses
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.batches import BatchSampler, ImageUse
from visiontrain_trainer.data.images import crop_placement, fit, load_image, load_mask
from visiontrain_trainer.data.masks import Masks, cell_means
from visiontrain_trainer.data.variations import View

SETTINGS = {"outside": 0.0, "normalise": True, "unmasked_share": 0, "focus": False}


def _mask(path: Path, pixels: np.ndarray, mode: str = "L") -> dict[str, Any]:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8), mode).save(path)
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "alpha": mode == "RGBA"}


@pytest.fixture
def masked(plan_for: Any, images: Any, tmp_path: Path) -> Any:
    """Gives each image of a plan the mask that `pixels` makes for its size, or none where it returns None."""

    def make(pixels: Any, *, masks: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        samples = []
        for i, sample in enumerate(images[1]):
            drawn = pixels(i, sample["size"])
            mask = None if drawn is None else _mask(tmp_path / "masks" / f"{i}.png", drawn)
            samples.append({**sample, "mask": mask})
        data = {"images": samples, "masks": {**SETTINGS, **(masks or {})}, **changes.pop("data", {})}
        return plan_for(data=data, **changes)

    return make


def _left_half(_: int, size: list[int]) -> np.ndarray:
    pixels = np.zeros((size[1], size[0]))
    pixels[:, : size[0] // 2] = 255
    return pixels


def test_cells_are_means_of_their_area() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    mean = torch.nn.functional.interpolate(torch.from_numpy(pixels)[None, None].double(), (8, 12), mode="area")
    assert np.abs(cell_means(pixels) - mean[0, 0].numpy()).max() <= 0.5


@pytest.mark.parametrize("crop", [-1, 0, 7])
@pytest.mark.parametrize("turned", [False, True])
def test_a_mask_is_placed_as_its_image(crop: int, turned: bool, tmp_path: Path) -> None:
    """An image that is its own mask gives the same pixels both ways, also turned by its EXIF data."""
    grey = (np.add.outer(np.arange(100), np.arange(64)) % 256).astype(np.uint8)
    image = Image.fromarray(np.stack([grey] * 3, -1))
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    size = (100, 64) if turned else (64, 100)
    bucket = (96, 64) if turned else (64, 96)
    shown = load_image(tmp_path / "a.png", size, bucket, color="#ffffff", crop=crop)
    mask = load_mask(tmp_path / "a.png", size, alpha=False)
    assert np.array_equal(np.array(fit(mask, bucket, crop_placement(size, bucket, crop))), shown[:, :, 0])


def test_opacity_is_a_mask(tmp_path: Path) -> None:
    pixels = np.full((64, 64, 4), 200)
    pixels[:, :32, 3] = 0
    mask = _mask(tmp_path / "m" / "a.png", pixels, "RGBA")
    found = np.array(load_mask(Path(mask["path"]), (64, 64), alpha=True))
    assert (found[:, :32] == 0).all() and (found[:, 32:] == 200).all()


def test_weights(masked: Any) -> None:
    plan = parse_plan(masked(lambda i, size: None if i == 1 else _left_half(i, size), masks={"outside": 0.25}))
    masks, batches = Masks(plan), BatchSampler(plan)
    uses = batches.one_epoch()
    assert masks.prepare((use.image, batches.view(use)) for use in uses) == []
    for use in uses:
        found = masks.weights(use, View(-1, False))
        assert found.shape == (1, use.image.bucket[1] // 8, use.image.bucket[0] // 8)
        assert float(found.mean()) == pytest.approx(1, abs=1e-6)
        if use.image.mask is None:
            assert torch.equal(found, torch.ones_like(found))
        else:
            assert float(found[0, 0, 0] / found[0, 0, -1]) == pytest.approx(4)
    use = next(use for use in uses if use.image.mask is not None)
    mirrored = View(-1, True)
    masks.prepare([(use.image, mirrored)])
    torch.testing.assert_close(
        masks.weights(use, mirrored), masks.weights(use, View(-1, False)).flip(-1), atol=0.05, rtol=0
    )
    plain = parse_plan(masked(_left_half, masks={"normalise": False, "outside": 0.25}))
    assert masks.weights(use, View(-1, False)).max() > Masks(plain).weights(use, View(-1, False)).max() == 1


def test_a_share_of_uses_goes_without_a_mask(masked: Any) -> None:
    plan = parse_plan(masked(_left_half, masks={"unmasked_share": 0.3}))
    masks, sample = Masks(plan), plan.data.images[0]
    masks.prepare([(sample, View(-1, False))])
    found = [bool((masks.weights(ImageUse(sample, f"{i}", 0), View(-1, False)) == 1).all()) for i in range(400)]
    assert np.mean(found) == pytest.approx(0.3, abs=0.07)


def test_the_loss_by_hand() -> None:
    """A normalised mask of two of four latents gives the mean loss of these two, whatever the others hold."""
    prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2).repeat(1, 4, 1, 1).requires_grad_()
    mask = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    loss = losses(prediction, torch.zeros(1, 4, 2, 2), mask=mask * (4 / 2))
    assert float(loss.detach()) == (1 + 16) / 2
    loss.sum().backward()
    assert bool((prediction.grad[0, :, [0, 1], [1, 0]] == 0).all())
    assert torch.equal(
        losses(prediction, torch.zeros(1, 4, 2, 2), mask=torch.ones(1, 1, 2, 2)),
        losses(prediction, torch.zeros(1, 4, 2, 2)),
    )


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (lambda i, size: np.zeros((size[1], size[0])), "black all over"),
        (lambda i, size: np.full((size[1], size[0] * 2), 255), "of another shape"),
    ],
)
def test_masks_of_no_use_are_refused(pixels: Any, words: str, masked: Any, train_here: Any) -> None:
    with pytest.raises(TrainingError, match=words):
        train_here(masked(pixels))


def test_a_crop_that_shows_nothing_of_a_mask_counts_whole(masked: Any) -> None:
    plan = parse_plan(masked(_left_half))
    sample = plan.data.images[0]
    assert sample.mask is not None
    # The image is twice as wide as its bucket, so that the middle crop shows nothing of the left edge.
    size = (sample.bucket[0] * 2, sample.bucket[1])
    path = Path(plan.data.root) / sample.mask.path
    edge = np.zeros((size[1], size[0]), np.uint8)
    edge[:, :2] = 255
    Image.fromarray(edge, "L").save(path)
    wide = replace(sample, size=size, mask=replace(sample.mask, sha256=sha256_file(path)))
    notes = Masks(plan).prepare([(wide, View(-1, False))])
    assert "lies outside of the crop" in notes[0]


def test_white_masks_change_no_byte(masked: Any, plan_for: Any, train_here: Any) -> None:
    white = train_here(masked(lambda i, size: np.full((size[1], size[0]), 255), training={"steps": 2}), "white")
    plain = train_here(plan_for(training={"steps": 2}), "plain")
    assert [e["digest"] for e in white.of("step")] == [e["digest"] for e in plain.of("step")]
    assert any("white all over" in e["text"] for e in white.of("note"))


def test_masks_and_regularisation_give_the_same_bytes_through_a_stop(
    masked: Any, train_here: Any, tmp_path: Path
) -> None:
    """Two images are for regularisation, at half the weight; the masks of the others cover their left half."""

    def mask(i: int, size: list[int]) -> np.ndarray | None:
        return None if i % 2 else _left_half(i, size)

    training = {"steps": 4, "warmup_steps": 1, "schedule": "constant"}
    plan = masked(mask, masks={"outside": 0.1, "unmasked_share": 0.3}, training=training)
    plain = _last_digest(train_here(plan, "plain"))
    others = [sample for sample in plan["data"]["images"] if sample["mask"] is None and not sample["validation"]]
    assert len(others) >= 2
    for sample in others[:2]:
        sample |= {"regularisation": True, "loss_weight": 0.5, "caption": "a toy"}
    whole = train_here(plan, "whole")
    assert whole.code == 0 and _last_digest(whole) != plain
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 2) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256


def _last_digest(run: Any) -> str:
    return run.of("step")[-1]["digest"]
