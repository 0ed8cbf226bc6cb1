"""Tells after which steps planned work is due: every so many steps, at the ends of epochs, or by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from visiontrain_trainer.contract.cadence import Cadence, Every
from visiontrain_trainer.data.batches import BatchSampler


class Due:
    """The cadences of a run, by name. Minutes count from the last time that the work was due, or from the start.

    Work by the clock is due at other steps in each run, so it must change nothing of the training.
    """

    def __init__(
        self,
        batches: BatchSampler,
        steps: int,
        every: Mapping[str, Every],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._batches, self._steps, self._clock = batches, steps, clock
        self.cadences = {name: Cadence.of(each) for name, each in every.items()}
        self._since = dict.fromkeys(every, clock())

    def after(self, name: str, step: int) -> bool:
        """Whether the work `name` is due after `step` steps. After the last step `finish` does all work."""
        cadence = self.cadences[name]
        if cadence.count == 0 or step >= self._steps:
            return False
        if cadence.unit == "steps":
            return step % cadence.count == 0
        if cadence.unit == "epochs":
            now, before = self._batches.epoch_of(step), self._batches.epoch_of(step - 1)
            return now // cadence.count > before // cadence.count
        now = self._clock()
        if now - self._since[name] < 60 * cadence.count:
            return False
        self._since[name] = now
        return True
