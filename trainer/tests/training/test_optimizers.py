"""Lion, CAME and the schedule-free optimisers equal their algorithms in fp64; arguments reach their libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.run.test_right import open_here
from visiontrain_trainer.training.came import Came
from visiontrain_trainer.training.lion import Lion
from visiontrain_trainer.training.optim import set_rate
from visiontrain_trainer.training.prodigy_schedule_free import ProdigyScheduleFree
from visiontrain_trainer.training.schedule_free import ScheduleFreeAdamW, averaged

SHAPES = ((6, 4), (3, 7), (5, 2, 3, 3), (4,))


def _problem() -> tuple[list[torch.nn.Parameter], list[list[np.ndarray]]]:
    draw = np.random.default_rng(2)
    weights = [draw.normal(size=shape) for shape in SHAPES]
    gradients = [[draw.normal(size=shape) * 0.1 for shape in SHAPES] for _ in range(20)]
    return [torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for w in weights], gradients


def _step(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], gradients: list[np.ndarray]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    optimizer.step()


def test_lion() -> None:
    parameters, steps = _problem()
    exact = [p.detach().numpy().copy() for p in parameters]
    means = [np.zeros_like(w) for w in exact]
    optimizer = Lion([{"params": parameters, "lr": 0.01}], betas=(0.9, 0.99), weight_decay=0.1)
    for gradients in steps:
        _step(optimizer, parameters, gradients)
        for i, g in enumerate(gradients):
            exact[i] = exact[i] - 0.01 * (np.sign(0.9 * means[i] + 0.1 * g) + 0.1 * exact[i])
            means[i] = 0.99 * means[i] + 0.01 * g
    for parameter, expected in zip(parameters, exact, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12)


def _came(grad: np.ndarray, state: dict[str, Any]) -> np.ndarray:
    """One update by the paper's algorithm, with the constants of its code."""

    def factored(name: str, square: np.ndarray, beta: float) -> np.ndarray:
        rows, columns = state.setdefault(name, [np.zeros(len(square)), np.zeros(square.shape[1])])
        rows[:] = beta * rows + (1 - beta) * square.mean(1)
        columns[:] = beta * columns + (1 - beta) * square.mean(0)
        return np.outer(rows, columns) / rows.mean()

    shape = grad.shape
    g = grad.reshape(shape[0], -1) if grad.ndim > 1 else grad
    square = g**2 + 1e-30
    if g.ndim == 2:
        u = g / np.sqrt(factored("v", square, 0.999))
    else:
        state["v"] = 0.999 * state.get("v", 0) + 0.001 * square
        u = g / np.sqrt(state["v"])
    u = u / max(1.0, np.sqrt((u**2).mean()))
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * u
    if g.ndim == 2:
        return (state["m"] / np.sqrt(factored("s", (u - state["m"]) ** 2 + 1e-16, 0.9999))).reshape(shape)
    return state["m"]


def test_came() -> None:
    parameters, steps = _problem()
    exact = [p.detach().numpy().copy() for p in parameters]
    states: list[dict[str, Any]] = [{} for _ in exact]
    optimizer = Came([{"params": parameters, "lr": 0.01}], betas=(0.9, 0.999, 0.9999), weight_decay=0.1)
    for gradients in steps:
        _step(optimizer, parameters, gradients)
        for i, g in enumerate(gradients):
            exact[i] = exact[i] * (1 - 0.01 * 0.1) - 0.01 * _came(g, states[i])
    for parameter, expected in zip(parameters, exact, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)


def test_schedule_free() -> None:
    """y, z and x by the paper's algorithm 1, each written as it stands there, with a warm-up from 0."""
    parameters, steps = _problem()
    x = [p.detach().numpy().copy() for p in parameters]
    y, z, v = [w.copy() for w in x], [w.copy() for w in x], [np.zeros_like(w) for w in x]
    optimizer = ScheduleFreeAdamW([{"params": parameters, "lr": 0.0}], betas=(0.9, 0.999), weight_decay=0.1)
    weights = largest = 0.0
    for k, gradients in enumerate(steps):
        rate = 0.01 * min(1, k / 5)
        optimizer.param_groups[0]["lr"] = rate
        _step(optimizer, parameters, gradients)
        largest = max(largest, rate)
        weights += largest**2
        share = largest**2 / weights if weights else 0.0
        for i, g in enumerate(gradients):
            v[i] = 0.999 * v[i] + 0.001 * g**2
            update = g / (np.sqrt(v[i] / (1 - 0.999 ** (k + 1))) + 1e-8) + 0.1 * y[i]
            z[i] = z[i] - rate * update
            x[i] = (1 - share) * x[i] + share * z[i]
            y[i] = 0.1 * z[i] + 0.9 * x[i]
    for parameter, expected in zip(parameters, y, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)
    trained = [parameter.detach().clone() for parameter in parameters]
    optimizer.to_average()
    for parameter, expected in zip(parameters, x, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)
    optimizer.to_trained()
    assert all(map(torch.equal, parameters, trained)) and not optimizer.is_average


def test_schedule_free_prodigy() -> None:
    """x, y, z and d as the package's code computes them without factoring its second moment, each as a sum, in fp64."""
    parameters, steps = _problem()
    start = [p.detach().numpy().copy() for p in parameters]
    x, y, z, v = ([w.copy() for w in start] for _ in range(4))
    v, s = [np.zeros_like(w) for w in start], [np.zeros(w.size)[::11] for w in start]
    args = {"d_coef": 2.0, "schedulefree_c": 30.0, "prodigy_steps": 15}
    made = [{"params": parameters, "lr": 1.0, "base_lr": 1.0, "d0": 1e-3}]
    optimizer = ProdigyScheduleFree(made, betas=(0.9, 0.99), weight_decay=0.1, **args)
    d = d0 = 1e-3
    numerator = weights = 0.0
    rates = []
    for k, gradients in enumerate(steps, 1):
        used = set_rate(optimizer, 0.5 if k < 5 else 1.0).used
        # A constant gradient lets the estimate grow.
        pulled = [g + 0.05 * (y[i] - 3) for i, g in enumerate(gradients)]
        _step(optimizer, parameters, pulled)
        rate = d * (0.5 if k < 5 else 1.0)
        assert used == pytest.approx(rate, rel=1e-9)
        rates.append(rate)
        weights += rate**2
        share = min(1.0, rate**2 / weights * 0.1 * 30)
        dots = sums = 0.0
        for i, g in enumerate(pulled):
            v[i] = 0.99 * v[i] + 0.01 * (d * g) ** 2
            update = d * g / (np.sqrt(v[i]) + d * 1e-8)
            update = update / np.sqrt(max(1.0, np.sqrt((update**2).mean()))) + 0.1 * y[i]
            weight = d**2 / np.sqrt(d0)
            s[i] = 0.99**0.5 * s[i] + weight * g.ravel()[::11]
            dots += weight * (g.ravel()[::11] @ (start[i] - z[i]).ravel()[::11])
            sums += np.abs(s[i]).sum()
            z[i] = z[i] - rate * update
            x[i] = (1 - share) * x[i] + share * z[i]
            y[i] = 0.1 * z[i] + 0.9 * x[i]
        if k < 15:
            numerator = 0.99**0.5 * numerator + (dots if d > d0 or dots > 0 else 0.0)
            d = max(d, 2.0 * min(d * 2**0.25, numerator / sums))
    assert rates[-1] == rates[-2] > 10 * rates[0]
    for parameter, expected in zip(parameters, y, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)
    optimizer.to_average()
    for parameter, expected in zip(parameters, x, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-9)


def test_the_rate_really_used_is_told(train_here: Any, plan_for: Any) -> None:
    """The event of each step holds d · lr, with Prodigy's correction of its first steps; other optimisers have no such
    key.
    """
    for optimizer, first in (("prodigy", 1e-6 * (1 - 0.999) ** 0.5 / (1 - 0.9)), ("prodigy_schedulefree", 1e-6)):
        training = {"optimizer": optimizer, "learning_rate": 1, "steps": 8, "schedule": "constant", "warmup_steps": 0}
        steps = train_here(plan_for(training=training), optimizer).of("step")
        assert {event["lr"] for event in steps} == {1}
        assert steps[0]["lr_used"] == pytest.approx(first, rel=1e-6)
    assert steps[-1]["lr_used"] > steps[0]["lr_used"]
    assert all("lr_used" not in event for event in train_here(plan_for(), "adamw").of("step"))


def test_the_average_is_what_a_run_saves(train_here: Any, plan_for: Any, tmp_path: Any) -> None:
    training = {"optimizer": "adamw_schedulefree", "steps": 3, "warmup_steps": 0, "schedule": "constant"}
    run = train_here(plan_for(training=training), "run")
    saved = load_file(run.folder / "checkpoints" / "step-000003" / "adapter.safetensors")
    session = open_here(tmp_path / "again", plan_for(training=training))
    for step in range(3):
        session.train_step.run(step).read()
    trained = session.adapter.tensors()
    with averaged(session.optimizer, session.adapter), averaged(session.optimizer, session.adapter):
        average = session.adapter.tensors()
    assert {name: w.tolist() for name, w in saved.items()} == {name: w.tolist() for name, w in average.items()}
    assert any(not torch.equal(saved[name], weight) for name, weight in trained.items())
    assert all(torch.equal(weight, trained[name]) for name, weight in session.adapter.tensors().items())


NONE = dict.fromkeys(
    ("eps", "amsgrad", "scale_parameter", "clip_threshold", "decay_rate", "d0", "d_coef", "growth_rate", "beta3")
    + ("safeguard_warmup", "use_bias_correction", "schedulefree_c", "prodigy_steps")
)


@pytest.mark.parametrize(
    ("optimizer", "given", "own"),
    [
        ("adamw", {"eps": 1e-6, "amsgrad": True}, {"eps": 1e-6, "amsgrad": True}),
        ("adafactor", {"clip_threshold": 0.5, "decay_rate": -0.7}, {"clip_threshold": 0.5, "decay_rate": -0.7}),
        ("prodigy", {"d_coef": 2, "d0": 1e-5, "safeguard_warmup": False}, {"d_coef": 2, "safeguard_warmup": False}),
        ("adamw_schedulefree", {"eps": 1e-6}, {"eps": 1e-6, "k": 0}),
        ("prodigy", {}, {"d_coef": 1, "d": 1e-6, "safeguard_warmup": True, "use_bias_correction": True}),
        ("prodigy_schedulefree", {"d_coef": 2, "schedulefree_c": 9}, {"d_coef": 2, "d": 1e-6, "schedulefree_c": 9}),
        ("came", {"beta3": 0.99, "clip_threshold": 2}, {"betas": (0.9, 0.999, 0.99), "clip_threshold": 2}),
    ],
)
def test_arguments_reach_the_optimiser(optimizer: str, given: Any, own: Any, plan_for: Any, tmp_path: Any) -> None:
    training = {"optimizer": optimizer, "learning_rate": 1, "optimizer_args": {**NONE, **given}}
    session = open_here(tmp_path / "run", plan_for(training=training))
    group = session.optimizer.param_groups[0]
    assert {name: group[name] for name in own} == own


def test_magnitudes_do_not_decay(plan_for: Any, tmp_path: Any) -> None:
    session = open_here(tmp_path / "run", plan_for(training={"dora": True, "weight_decay": 0.5}))
    decays = {group["weight_decay"]: group["params"][0].numel() for group in session.optimizer.param_groups}
    lengths = sum(layer.magnitude.numel() for layer in session.adapter.layers["unet"].values())
    assert decays == {0.5: session.adapter.flat["unet"].numel() - lengths, 0.0: lengths}
