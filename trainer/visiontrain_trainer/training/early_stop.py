"""Decides whether a run has passed its best: the validation loss rises by more than chance explains. Pure.

The last `patience` validations are compared with the `patience` validations in a row that had the lowest mean loss
before them, image by image: images and noise are the same each time, so the differences have a far smaller error than
the losses. Logarithms of losses are compared, so that each image counts by the share of its own loss: in a mean of
plain losses, the few images with a high loss would hide the others. The error has a second part, the variation of the
mean of all images from one validation to the next.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: With fewer images than this a run never stops by itself: the standard error of so few differences is not reliable.
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

    A rise of more than `min_change` standard errors ends the run. The default of 4 is high because the lowest window is
    the best of many, so that later ones look worse by chance alone; `tests/training/test_early_stop.py` measures how
    often the decision is right.
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
    # A variation that lasts longer than one validation shows only between whole windows, so both are measured.
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
    """Variance of `means` around their trend, from second differences at the distance `apart`, in which a straight
    trend cancels. The second difference of independent values has six times their variance. 0 where there are too few.
    """
    bends = [a - 2 * b + c for a, b, c in zip(means, means[apart:], means[2 * apart :], strict=False)]
    return math.fsum(bend**2 for bend in bends) / (6 * len(bends)) if bends else 0.0
