"""Decides whether a run has passed its best: the validation loss rises by more than chance explains. Pure.

The last `patience` validations are compared with as many at the lowest place before them, image by image: images and
noise are the same each time, so the differences have a far smaller error than the losses. They are differences of
logarithms, that is shares of an image's own loss: losses of images lie far apart, and those of a few with a high loss
would else hide what all of them say. A second error is how much the mean wavers for all images together.
"""

from __future__ import annotations

import math
import sys
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
    def logarithms(self) -> list[float]:
        return [math.log(max(loss, sys.float_info.min)) for loss in self.losses]


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
    losses = [check.logarithms for check in history]
    means = [_mean(each) for each in losses]
    of_windows = [_mean(means[i : i + checks]) for i in range(len(means) - checks + 1)]
    lowest = of_windows.index(min(of_windows[:places]))
    windows = zip(_columns(losses[-checks:]), _columns(losses[lowest : lowest + checks]), strict=True)
    rises = [_mean(late) - _mean(early) for late, early in windows]
    rise = _mean(rises)
    spread = math.fsum((each - rise) ** 2 for each in rises) / (len(rises) - 1)
    # What wavers for longer than one validation is seen only between whole windows.
    wavering = max(_wavering(means, 1) / checks, _wavering(of_windows, checks))
    error = math.sqrt(spread / len(rises) + 2 * wavering)
    if rise <= min_change * error:
        return None
    lowest_step = history[means.index(min(means[lowest : lowest + checks]), lowest)].step
    return (
        f"Stopped early: over the last {checks} validations the loss is {math.expm1(rise):.2%} ± {error:.2%} higher "
        f"than about step {lowest_step}, on the same {len(rises)} pictures with the same noise."
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _columns(losses: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    """The losses of each image over validations."""
    return list(zip(*losses, strict=True))


def _wavering(means: Sequence[float], apart: int) -> float:
    """Variance of means beside their trend, from second differences of those so far `apart`.

    A straight trend cancels in them. 0 where there are too few.
    """
    bends = [a - 2 * b + c for a, b, c in zip(means, means[apart:], means[2 * apart :], strict=False)]
    return math.fsum(bend**2 for bend in bends) / (6 * len(bends)) if bends else 0.0
