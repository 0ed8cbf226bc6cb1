"""Early stop on made-up series whose minimum is known: how often it is right, and how often it stops without reason."""

from __future__ import annotations

import math
import random

import pytest

from visiontrain_trainer.training.early_stop import LEAST_IMAGES, Check, reason_to_stop

RUNS, CHECKS = 40, 36
#: Patience, number of images, and the share of a deviation that remains at the next validation: weights change little
#: between two validations.
SETTINGS = [(3, LEAST_IMAGES, 0.9), (4, 16, 0.0), (5, 24, 0.5)]


def _series(draw: random.Random, trend: list[float], images: int, kept: float, all_of: float = 0.004) -> list[Check]:
    """Validations whose images each follow the trend by a factor of their own, with deviations of each and of all.

    The losses differ as those of real images do: the highest of 24 is about ten times the lowest. `all_of` is the
    deviation of all images together.
    """
    base = [0.15 * math.exp(draw.gauss(0, 0.6)) for _ in range(images)]
    measure = [draw.gauss(1, 0.3) for _ in range(images)]
    own, together = [draw.gauss(0, 0.01) for _ in range(images)], draw.gauss(0, all_of)
    new = math.sqrt(1 - kept**2)
    history = []
    for index, value in enumerate(trend):
        together = kept * together + new * draw.gauss(0, all_of)
        own = [kept * each + new * draw.gauss(0, 0.01) for each in own]
        losses = [b * (1 + m * value + o + together) for b, m, o in zip(base, measure, own, strict=True)]
        history.append(Check(10 * (index + 1), losses))
    return history


def _stopped_at(history: list[Check], checks: int) -> int | None:
    for end in range(1, len(history) + 1):
        if reason_to_stop(history[:end], checks, 4) is not None:
            return end - 1
    return None


@pytest.mark.parametrize(("checks", "images", "kept"), SETTINGS)
@pytest.mark.parametrize("kind", ["flat", "falling", "steady"])
def test_it_stops_without_reason_in_at_most_a_twentieth(kind: str, checks: int, images: int, kept: float) -> None:
    draw = random.Random(f"{kind} {checks}")
    trends = {
        "flat": [0.0] * CHECKS,
        "falling": [0.15 * math.exp(-i / 8) for i in range(CHECKS)],
        "steady": [-0.003 * i for i in range(CHECKS)],
    }
    # All images together waver more than each by itself, which is the hardest to tell from a rise.
    stops = [_stopped_at(_series(draw, trends[kind], images, kept, 0.02), checks) for _ in range(RUNS)]
    assert sum(stop is not None for stop in stops) <= 0.05 * RUNS


@pytest.mark.parametrize(("checks", "images", "kept"), SETTINGS)
@pytest.mark.parametrize("rise", [0.012, 0.06])
def test_it_stops_after_the_minimum_in_nineteen_of_twenty(rise: float, checks: int, images: int, kept: float) -> None:
    draw = random.Random(f"{rise} {checks}")
    right = 0
    for _ in range(RUNS):
        lowest = draw.randrange(6, 16)
        trend = [0.1 * math.exp(-3 * i / lowest) + max(0, i - lowest) * rise for i in range(CHECKS)]
        at = _stopped_at(_series(draw, trend, images, kept), checks)
        right += at is not None and at > lowest
    assert right >= 0.95 * RUNS


def test_few_images_never_stop_and_the_reason_names_the_step() -> None:
    losses = [0.24, 0.22, 0.2, *(0.2 + 0.03 * i for i in range(1, 13))]
    many = [Check(i, [loss + 0.001 * n for n in range(LEAST_IMAGES)]) for i, loss in enumerate(losses)]
    few = [Check(c.step, c.losses[: LEAST_IMAGES - 1]) for c in many]
    assert reason_to_stop(few, 3, 4) is None
    reason = reason_to_stop(many, 3, 4)
    assert reason is not None and "higher than about step 2" in reason
    assert reason_to_stop([Check(c.step, [0.0, *c.losses[1:]]) for c in many], 3, 1) is not None
    assert reason_to_stop(many, 3, 1000) is None
