"""Decides whether a run has passed its best: the validation loss rises by more than chance explains. Pure.

The last `patience` validations are compared with as many at the lowest place before them, image by image: images and
noise are the same each time, so the differences have a far smaller error than the losses. A second error is how much
the mean wavers from one validation to the next, for all images together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: With fewer images than this a run never stops by itself: their differences give no error that could be trusted.
LEAST_IMAGES = 8


@dataclass(frozen=True)
class Check:
    """A validation: its step, and the mean loss of each image over its draws of noise."""

    step: int
    losses: list[float]

    @property
    def mean(self) -> float:
        return math.fsum(self.losses) / len(self.losses)


def reason_to_stop(history: Sequence[Check], patience: int, min_change: float) -> str | None:
    """Why the run should end after the last of `history`; None to go on.

    A rise of more than `min_change` standard errors stops. Its default of 4 is high because the lowest place was chosen
    among many, which alone makes later ones look worse; `tests/training/test_early_stop.py` measures how often it is
    right.
    """
    checks = patience
    places = len(history) - 2 * checks + 1
    if places < 2 or len(history[0].losses) < LEAST_IMAGES:
        return None
    means = [check.mean for check in history]
    sums = [math.fsum(means[i : i + checks]) for i in range(places)]
    lowest = sums.index(min(sums))
    best, last = history[lowest : lowest + checks], history[-checks:]
    rises = [math.fsum(late) - math.fsum(early) for late, early in zip(_columns(last), _columns(best), strict=True)]
    rises = [rise / checks for rise in rises]
    rise = math.fsum(rises) / len(rises)
    spread = math.fsum((each - rise) ** 2 for each in rises) / (len(rises) - 1)
    error = math.sqrt(spread / len(rises) + 2 * _wavering(means) / checks)
    if rise <= min_change * error:
        return None
    lowest_step = min(best, key=lambda check: check.mean).step
    return (
        f"Stopped early: over the last {checks} validations the loss is {rise:.5f} ± {error:.5f} higher than about "
        f"step {lowest_step}, on the same {len(rises)} pictures with the same noise."
    )


def _columns(checks: Sequence[Check]) -> list[tuple[float, ...]]:
    """The losses of each image over the checks."""
    return list(zip(*(check.losses for check in checks), strict=True))


def _wavering(means: Sequence[float]) -> float:
    """Variance of a mean beside its trend, from second differences, in which a straight trend cancels."""
    bends = [a - 2 * b + c for a, b, c in zip(means, means[1:], means[2:], strict=False)]
    return math.fsum(bend**2 for bend in bends) / (6 * len(bends))
