"""The learning rate as a pure function of the step.

Sources: diffusers' `get_scheduler` for constant, linear, cosine, its restarts and polynomial; REX (arXiv:2107.04197);
one cycle (arXiv:1708.07120) with the numbers of torch's OneCycleLR.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from visiontrain_trainer.contract.plan import ScheduleArgs, Training

_USUAL = ScheduleArgs(floor=0.0, decay=1.0, power=1.0, d=0.9, stable=0.7, points=[])
#: One cycle begins at the rate ÷ 25 and ends at that ÷ 10,000. Without a warm-up of its own it rises for 30 %.
_FIRST, _LAST, _RISE = 1 / 25, 1 / 250_000, 0.3


def learning_rate_factor(plan: Training, step: int) -> float:
    """Factor on the learning rate at optimiser step `step` (from 0): linear warm-up, then the schedule.

    Polynomial of the power 1 ends at the rate 1e-7 where no floor is given.
    """
    args = plan.schedule_args or _USUAL
    if plan.schedule == "one_cycle":
        return _one_cycle(step, plan.warmup_steps, plan.steps)
    if plan.schedule == "piecewise":
        rise = min(1.0, step / plan.warmup_steps) if plan.warmup_steps else 1.0
        return rise * _piecewise(step / max(1, plan.steps - 1), args.points)
    if step < plan.warmup_steps:
        return step / max(1, plan.warmup_steps)
    if plan.schedule == "inverse_sqrt":
        factor = math.sqrt(max(1, plan.warmup_steps) / max(1, step))
    else:
        progress = (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps)
        factor = _fallen(plan, args, min(1.0, progress))
    floor = args.floor
    if plan.schedule == "polynomial" and plan.schedule_args is None:
        floor = min(1.0, 1e-7 / plan.learning_rate)
    return (1 - floor) * factor + floor if floor else factor


def _fallen(plan: Training, args: ScheduleArgs, progress: float) -> float:
    """The factor at `progress` (0 at the end of the warm-up, 1 at the end of the run), before the floor."""
    left = 1.0 - progress
    match plan.schedule:
        case "linear":
            return left
        case "cosine":
            return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))
        case "cosine_with_restarts":
            return 0.0 if progress >= 1 else _restarts(plan.cycles * progress, args.decay)
        case "polynomial":
            return left**args.power
        case "rex":
            return left / ((1 - args.d) + args.d * left)
        case "warmup_stable_decay":
            return 1.0 if progress <= args.stable else left / (1 - args.stable)
        case _:
            return 1.0


def _restarts(cycles: float, decay: float) -> float:
    """Cosine that starts again at each whole number; `decay` is the peak of a cycle as a share of the one before."""
    factor = max(0.0, 0.5 * (1 + math.cos(math.pi * (cycles % 1.0))))
    return factor if decay == 1 else factor * decay ** int(cycles)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _one_cycle(step: int, warmup: int, steps: int) -> float:
    """A rise by cosine over the warm-up, then a fall by cosine to the last step."""
    top = (warmup or _RISE * steps) - 1
    last = steps - 1
    if step <= top:
        return _cosine(_FIRST, 1.0, step / top) if top > 0 else 1.0
    return _cosine(1.0, _LAST, min(1.0, (step - top) / max(1e-9, last - top)))


def _piecewise(share: float, points: Sequence[tuple[float, float]]) -> float:
    """The straight line between the corners around `share`; before the first and after the last, the corner's value."""
    before = points[0]
    for after in points:
        if share <= after[0]:
            if after[0] == before[0]:
                return after[1]
            return before[1] + (after[1] - before[1]) * (share - before[0]) / (after[0] - before[0])
        before = after
    return before[1]
