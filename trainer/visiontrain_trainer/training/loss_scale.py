"""The factor on the loss in fp16."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SCALE = 2.0**16
_GROW_AFTER = 2000


@dataclass
class LossScale:
    """The factor on the loss in fp16, so that small gradients do not become 0 (arXiv:1710.03740); 1 in other formats.

    When the gradients overflow, the step leaves the weights as they are and the factor is halved. After _GROW_AFTER
    steps without an overflow it is doubled.
    """

    value: float = 1.0
    steps: int = 0

    def overflowed(self) -> None:
        self.value, self.steps = self.value / 2, 0

    def succeeded(self) -> None:
        self.steps += 1
        if self.steps == _GROW_AFTER:
            self.value, self.steps = self.value * 2, 0
