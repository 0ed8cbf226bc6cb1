"""Learning rate schedules: equal to those of diffusers and torch where they exist, otherwise to the closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from visiontrain_trainer.contract.plan import Training, parse_plan
from visiontrain_trainer.training.schedules import learning_rate_factor

USUAL = {"floor": 0, "decay": 1, "power": 1, "d": 0.9, "stable": 0.7, "points": []}


def _plan(plan_for: Any, schedule: str, args: dict[str, Any] | None = None, **more: Any) -> Training:
    given = None if args is None else {**USUAL, **args}
    changes = {"schedule": schedule, "steps": 50, "warmup_steps": 0, "schedule_args": given, **more}
    return parse_plan(plan_for(training=changes)).training


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "cosine_with_restarts", "polynomial"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_schedules_equal_those_of_diffusers(schedule: str, warmup: int, plan_for: Any) -> None:
    from diffusers.optimization import get_scheduler

    changes = {"schedule": schedule, "warmup_steps": warmup, "steps": 50, "cycles": 3, "learning_rate": 1e-3}
    plan: Training = parse_plan(plan_for(training=changes)).training
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    theirs = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=50, num_cycles=3)
    if schedule == "cosine":
        theirs = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=50)
    for step in range(50):
        assert 1e-3 * learning_rate_factor(plan, step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-12)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("warmup", [0, 10])
def test_one_cycle_equals_that_of_torch(warmup: int, plan_for: Any) -> None:
    plan = _plan(plan_for, "one_cycle", warmup_steps=warmup)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    share = warmup / 50 if warmup else 0.3
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, 50, pct_start=share, cycle_momentum=False)
    for step in range(50):
        assert learning_rate_factor(plan, step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-12)
        optimizer.step()
        if step < 49:
            theirs.step()


@pytest.mark.parametrize(
    ("schedule", "args", "expected"),
    [
        ("rex", {}, {0: 1, 25: 0.5 / (0.1 + 0.9 * 0.5), 50: 0}),
        ("rex", {"d": 0.5, "floor": 0.2}, {0: 1, 25: 0.2 + 0.8 * 0.5 / 0.75, 50: 0.2}),
        ("warmup_stable_decay", {}, {0: 1, 35: 1, 40: 10 / 15, 50: 0}),
        ("warmup_stable_decay", {"stable": 1}, {0: 1, 50: 1}),
        ("polynomial", {"power": 2, "floor": 0.1}, {0: 1, 25: 0.1 + 0.9 * 0.25, 50: 0.1}),
        ("linear", {"floor": 0.5}, {0: 1, 25: 0.75, 50: 0.5}),
        ("cosine", {"floor": 0.1}, {0: 1, 25: 0.55, 50: 0.1}),
        ("cosine_with_restarts", {"decay": 0.5}, {0: 1, 25: 0.5, 30: 0.5 * 0.5 * (1 + math.cos(math.pi * 0.2))}),
        ("piecewise", {"points": [[0, 1], [0.5, 1], [1, 0.2]]}, {0: 1, 20: 1, 49: 0.2}),
    ],
)
def test_closed_forms(schedule: str, args: dict[str, Any], expected: dict[int, float], plan_for: Any) -> None:
    plan = _plan(plan_for, schedule, args, cycles=2)
    for step, factor in expected.items():
        assert learning_rate_factor(plan, step) == pytest.approx(factor, rel=1e-12, abs=1e-12)


def test_inverse_square_root_falls_from_the_end_of_the_warm_up(plan_for: Any) -> None:
    plan = _plan(plan_for, "inverse_sqrt", warmup_steps=4)
    found = [learning_rate_factor(plan, step) for step in (0, 2, 4, 16)]
    assert found == pytest.approx([0, 0.5, 1, 0.5])
