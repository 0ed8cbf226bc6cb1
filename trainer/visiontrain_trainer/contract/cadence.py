"""How often something is done in a run: every so many steps, epochs or minutes, as `src/spec/sections/cadence.ts`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: As plan.json holds it: a number of steps (0: never), `2 epochs` or `30 minutes`.
Every = int | str
_TEXT = re.compile(r"([1-9][0-9]{0,7}) (epochs|minutes)")


@dataclass(frozen=True)
class Cadence:
    """Every `count` of a unit; a count of 0 means never."""

    count: int
    unit: Literal["steps", "epochs", "minutes"]

    @classmethod
    def of(cls, every: Every) -> Cadence:
        """The cadence of a value of plan.json. Raises ValueError for a text that is no cadence."""
        if isinstance(every, int):
            return cls(every, "steps")
        match = _TEXT.fullmatch(every)
        if match is None:
            raise ValueError(every)
        return cls(int(match[1]), "epochs" if match[2] == "epochs" else "minutes")
