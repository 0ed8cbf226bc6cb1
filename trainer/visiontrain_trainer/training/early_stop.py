"""Decides whether a run has passed its best: the validation loss rises by more than chance explains. Pure.

The last `patience` validations are compared with the `patience` validations in a row that had the lowest mean loss
before them, image by image: images and noise are the same each time, so the differences have a far smaller error than
the losses. Logarithms of losses are compared, so that each image counts by the share of its own loss: in a mean of
plain losses, the few images with a high loss would hide the others.

The error has two parts. The first is that of the differences between images. The second is the wavering of all images
together, which comes from the weights and lasts: a validation is as the one before it, a little moved. Such a wavering
looks like a fall and a rise by itself, and a mean over a window hardly lessens it. Its size is inferred from how much
it moves between two validations, on the assumption that `LASTING` of it remains (a first-order autoregressive process).
That is the safe side: where less of it lasts, a run ends some validations later.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

#: With fewer images than this a run never stops by itself: the standard error of so few differences is not reliable.
LEAST_IMAGES = 8
#: The largest correlation of the wavering of one validation with that of the next that is allowed for.
LASTING = 0.9


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
    the best of many, and because it is looked at again after each validation, so that later ones look worse by chance
    alone; `tests/training/test_early_stop.py` measures how often the decision is right.
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
    error = math.sqrt(spread / len(rises) + 2 * _wavering(means))
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


def _wavering(means: Sequence[float]) -> float:
    """Largest variance of `means` around their trend, from second differences, in which a straight trend cancels.

    Of a first-order autoregressive process with variance v and correlation c, the second difference has the variance
    2 (1 - c) (3 - c) v.
    """
    bends = [a - 2 * b + c for a, b, c in zip(means, means[1:], means[2:], strict=False)]
    return math.fsum(bend**2 for bend in bends) / len(bends) / (2 * (1 - LASTING) * (3 - LASTING))
