"""The losses of earlier validations that later ones are compared with. A checkpoint holds them as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .early_stop import Check, reason_to_stop
from .measure import Validation, paired


@dataclass
class Validations:
    """The losses of the lowest validation, and of each validation that may end the run."""

    #: The step of the validation with the lowest mean, and the losses of its images.
    lowest: tuple[int, list[list[float]]] | None = None
    #: The validations that the plan asked for, where they may end the run. Validations for other reasons are left out,
    #: because their steps differ from run to run, and a run must end at the same step each time.
    planned: list[Check] = field(default_factory=list)

    def compared(self, now: Validation, before: list[list[float]] | None) -> dict[str, Any]:
        """How `now` differs from the losses before training and from the lowest, for the event of a validation."""
        found: dict[str, Any] = {}
        if before is not None:
            change, error = paired(before, now.each)
            found["since_start"] = {"change": change, "stderr": error}
        if self.lowest is not None:
            change, error = paired(self.lowest[1], now.each)
            found["since_lowest"] = {"step": self.lowest[0], "change": change, "stderr": error}
        return found

    def add(self, step: int, now: Validation) -> None:
        """Keep the losses of a validation, if they are the lowest."""
        if self.lowest is None or now.loss < Validation.of(self.lowest[1]).loss:
            self.lowest = step, now.each

    def add_planned(self, step: int, now: Validation) -> None:
        """Keep a validation that may end the run."""
        self.planned.append(Check(step, now.of_each_image()))

    def reason_to_stop(self, step: int, patience: int, min_change: float) -> str | None:
        """Why the run ends after `step`, where the last planned validation was; None to go on."""
        if not self.planned or self.planned[-1].step != step:
            return None
        return reason_to_stop(self.planned, patience, min_change)

    def as_json(self) -> dict[str, Any]:
        planned = [[check.step, check.losses] for check in self.planned]
        return {"lowest": None if self.lowest is None else list(self.lowest), "planned": planned}

    @classmethod
    def of_json(cls, state: dict[str, Any]) -> Validations:
        """The validations that a checkpoint holds. Raises KeyError, TypeError or ValueError for other JSON."""
        lowest = state["lowest"]
        planned = [Check(int(step), [float(loss) for loss in losses]) for step, losses in state["planned"]]
        if lowest is None:
            return cls(None, planned)
        step, each = lowest
        return cls((int(step), [[float(loss) for loss in draws] for draws in each]), planned)
