"""Images that were never learned, and those known by heart, on made losses whose truth is known."""

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


def test_the_odd_ones_are_named() -> None:
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
