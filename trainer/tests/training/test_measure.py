"""The verdict on learning claims no more than the numbers show."""

from __future__ import annotations

import random
from typing import Any

import pytest

from visiontrain_trainer.training.measure import Validation, verdict

MOVED = {"unet.up": 0.01}


def drawn(images: int, draws: int, change: float, noise: float, seed: int = 1) -> tuple[Validation, Validation]:
    """Losses before and after training, which differ by `change` and by random `noise` for each draw."""
    draw = random.Random(seed)
    before = [[1 + draw.gauss(0, 0.2) for _ in range(draws)] for _ in range(images)]
    after = [[value - change + draw.gauss(0, noise) for value in row] for row in before]
    return Validation.of(before), Validation.of(after)


def test_one_held_out_image_has_an_error(train_here: Any, plan_for: Any, images: Any) -> None:
    samples = [{**s, "validation": i == 0} for i, s in enumerate(images[1])]
    run = train_here(plan_for(data={"images": samples}))
    assert all(e["stderr"] > 0 and e["images"] == 1 for e in run.of("validation"))
    learned = run.of("learned")[0]
    assert learned["before"]["stderr"] > 0
    assert "on 1 picture kept out" in learned["reason"] and "A single picture says little" in learned["reason"]
    # The noise is the same each time, so the losses at step 0 and at the end differ by the training alone.
    again = train_here(plan_for(data={"images": samples}), "again")
    assert [e["loss"] for e in again.of("validation")] == [e["loss"] for e in run.of("validation")]


def test_noise_is_not_taken_for_learning() -> None:
    said = [verdict(MOVED, *drawn(1, 8, 0.0, 0.05, seed), True)["verdict"] for seed in range(200)]
    assert said.count("learned") <= 200 * 0.06
    assert verdict(MOVED, *drawn(1, 8, 0.1, 0.02), True)["verdict"] == "learned"


@pytest.mark.parametrize(("images", "words"), [(1, "single picture"), (2, "2 of them say little"), (4, None)])
def test_little_evidence_is_named(images: int, words: str | None) -> None:
    reason = verdict(MOVED, *drawn(images, 8, 0.1, 0.01), True)["reason"]
    assert (words in reason) if words else ("say" not in reason)


def test_images_that_disagree_widen_the_error() -> None:
    before = Validation.of([[1.0, 1.01, 0.99, 1.0]] * 2)
    after = Validation.of([[0.5, 0.51, 0.49, 0.5], [1.0, 1.01, 0.99, 1.001]])
    assert verdict(MOVED, before, after, True)["verdict"] == "unknown"
    assert after.stderr > 0.2
