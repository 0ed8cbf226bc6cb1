"""Lion and CAME equal their papers' algorithms in fp64; arguments reach their libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.run.test_right import open_here
from visiontrain_trainer.training.came import Came
from visiontrain_trainer.training.lion import Lion

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
    """One update by the paper's algorithm, with the numbers of its code."""

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


NONE = dict.fromkeys(
    ("eps", "amsgrad", "scale_parameter", "clip_threshold", "decay_rate", "d0", "d_coef", "growth_rate", "beta3")
    + ("safeguard_warmup", "use_bias_correction")
)


@pytest.mark.parametrize(
    ("optimizer", "given", "own"),
    [
        ("adamw", {"eps": 1e-6, "amsgrad": True}, {"eps": 1e-6, "amsgrad": True}),
        ("adafactor", {"clip_threshold": 0.5, "decay_rate": -0.7}, {"clip_threshold": 0.5, "decay_rate": -0.7}),
        ("prodigy", {"d_coef": 2, "d0": 1e-5, "safeguard_warmup": False}, {"d_coef": 2, "safeguard_warmup": False}),
        ("prodigy", {}, {"d_coef": 1, "d": 1e-6, "safeguard_warmup": True, "use_bias_correction": True}),
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
