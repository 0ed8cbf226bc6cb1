"""Images that were never learned, and memorised ones, on made-up losses in which both are known."""

from __future__ import annotations

import random

from visiontrain_trainer.training.image_losses import ImageLoss, sort_out


def _images(draw: random.Random, count: int, gain: float, spread: float, name: str = "i") -> list[ImageLoss]:
    found = []
    for index in range(count):
        before = draw.uniform(0.05, 0.3)
        found.append(ImageLoss(f"{name}{index}", f"{name}{index}.png", before, before * (1 - draw.gauss(gain, spread))))
    return found


def test_a_run_without_odd_images_has_few_alarms() -> None:
    draw = random.Random(1)
    alarms = 0
    for _ in range(200):
        kinds = sort_out(_images(draw, 24, 0.2, 0.05), _images(draw, 6, 0.18, 0.05, "h")).kinds
        alarms += sum(kind != "learned" for kind in kinds.values())
    assert alarms <= 0.05 * 200 * 24


def test_odd_images_are_named() -> None:
    draw = random.Random(2)
    never = heart = 0
    for _ in range(100):
        odd = _images(draw, 2, 0.0, 0.03, "odd")
        kinds = sort_out([*_images(draw, 22, 0.3, 0.05), *odd], []).kinds
        never += sum(kinds[image.id] == "never" for image in odd)
        known = _images(draw, 20, 0.5, 0.05, "known")
        kinds = sort_out(known, _images(draw, 6, 0.1, 0.05, "h")).kinds
        heart += sum(kind == "by_heart" for kind in kinds.values())
    assert never >= 0.95 * 200 and heart >= 0.95 * 2000


def test_without_held_out_images_those_known_by_heart_are_compared_with_the_others() -> None:
    draw = random.Random(3)
    found = sort_out([*_images(draw, 22, 0.1, 0.03), *_images(draw, 2, 0.8, 0.03, "known")], [])
    assert found.compared_with == "others"
    assert [name for name, kind in found.kinds.items() if kind == "by_heart"] == ["known0", "known1"]


def test_a_run_that_learned_nothing_names_none() -> None:
    draw = random.Random(4)
    kinds = sort_out(_images(draw, 16, -0.001, 0.002), []).kinds
    assert set(kinds.values()) == {"learned"}


def test_noise_among_things_that_the_base_knows_and_a_subject_that_it_learns_is_named() -> None:
    # Losses of a run on eight ordinary images, twelve of a creature and one of pure noise.
    before_and_after = (
        (0.0241, 0.0228), (0.0297, 0.0274), (0.0284, 0.0299), (0.0320, 0.0364), (0.0405, 0.0430), (0.0470, 0.0430),
        (0.0492, 0.0435), (0.0553, 0.0580), (0.0980, 0.0696), (0.1079, 0.0720), (0.0972, 0.0722), (0.1089, 0.0762),
        (0.1012, 0.0793), (0.1129, 0.0800), (0.1245, 0.0882), (0.1297, 0.0940), (0.1361, 0.1059), (0.1406, 0.1079),
        (0.1440, 0.1081), (0.1422, 0.1113), (0.2019, 0.1955),
    )  # fmt: skip
    images = [ImageLoss(f"i{i}", f"i{i}.png", before, after) for i, (before, after) in enumerate(before_and_after)]
    kinds = sort_out(images, []).kinds
    assert [name for name, kind in kinds.items() if kind == "never"] == ["i20"]
