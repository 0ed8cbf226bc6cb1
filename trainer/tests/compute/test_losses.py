"""Losses, their weights and timesteps equal the formulas of their papers, computed in fp64."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from visiontrain_trainer.compute.losses import element_losses, huber_c, loss_weights, losses
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod
from visiontrain_trainer.compute.timesteps import share_of, timestep_of
from visiontrain_trainer.contract.plan import Timesteps, parse_plan

CPU = torch.device("cpu")
T = torch.tensor([0, 1, 250, 500, 999])
EVEN = Timesteps(min=0, max=1000, distribution="uniform", bias=0.0, weight=0.0, spread=False)


@pytest.fixture
def training(plan_for: Any) -> Any:
    return lambda **changes: parse_plan(plan_for(training=changes)).training


@pytest.mark.parametrize("kind", ["l1", "huber", "smooth_l1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_losses_and_their_gradients(kind: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(3, 4, 2, 2, generator=generator)
    prediction = (target + 0.3 * torch.randn(3, 4, 2, 2, generator=generator)).to(dtype)
    prediction[0, 0] = target[0, 0].to(dtype)
    prediction = prediction.float().requires_grad_()
    c = torch.tensor([0.05, 0.1, 1.0])
    each = losses(prediction.to(dtype), target, kind, c)
    each.sum().backward()
    exact = prediction.detach().double().requires_grad_()
    error, width = exact - target.double(), c.double().view(3, 1, 1, 1)
    root = (error**2 + width**2).sqrt() - width
    formula = {"l1": error.abs(), "huber": 2 * width * root, "smooth_l1": 2 * root}[kind]
    formula.mean((1, 2, 3)).sum().backward()
    torch.testing.assert_close(each.double(), formula.mean((1, 2, 3)), rtol=1e-5, atol=1e-9)
    exactly = {"rtol": 1e-5, "atol": 1e-8} if dtype == torch.float32 else {"rtol": 1e-2, "atol": 1e-6}
    torch.testing.assert_close(prediction.grad.double(), exact.grad, **exactly)


def test_the_limits_of_the_bent_losses() -> None:
    target, prediction = torch.zeros(1, 4, 1, 1), torch.tensor([0.5, -1, 2, 0]).view(1, 4, 1, 1)
    square = element_losses(prediction, target)
    torch.testing.assert_close(element_losses(prediction, target, "huber", torch.tensor([1e4])), square)
    straight = element_losses(prediction, target, "smooth_l1", torch.tensor([1e-6]))
    torch.testing.assert_close(straight, 2 * prediction.abs(), rtol=1e-4, atol=1e-6)


def test_the_threshold_of_huber_follows_the_timesteps(training: Any) -> None:
    product = alphas_cumprod({}, False)
    diffusion = Diffusion(product, "epsilon", CPU)
    a = product[T]
    formulas = {
        "constant": torch.full((5,), 0.2, dtype=torch.float64),
        "exponential": torch.exp(T.double() * math.log(0.1) / 1000) * 2,
        "snr": 0.9 / (1 + ((1 - a) / a).sqrt()) ** 2 + 0.1,
    }
    for schedule, formula in formulas.items():
        found = huber_c(training(loss="huber", huber_schedule=schedule, huber_scale=2), diffusion, T)
        assert found is not None
        torch.testing.assert_close(found.double(), formula, rtol=1e-5, atol=0)
    assert huber_c(training(), diffusion, T) is None


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_weights_by_timestep(prediction: str, zero: bool, training: Any) -> None:
    product = alphas_cumprod({}, zero)
    diffusion = Diffusion(product, prediction, CPU)
    s = (product / (1 - product))[T].numpy()
    epsilon = prediction == "epsilon"
    with np.errstate(divide="ignore"):
        formulas = {
            "min_snr": np.where(s > 0, np.minimum(s, 5) / np.maximum(s, 1e-300), 1)
            if epsilon
            else np.minimum(s, 5) / (s + 1),
            "soft_min_snr": 5 / (s + 5) if epsilon else 5 * s / ((s + 5) * (s + 1)),
            "debiased": 1 / np.sqrt(np.minimum(s, 1000)) if epsilon else 1 / (np.minimum(s, 1000) + 1),
            "p2": (1 + s) ** -0.5,
        }
    # run.yaml refuses an ε base with zero terminal SNR, because its last timestep carries no information.
    seen = slice(0, 4) if epsilon and zero else slice(0, 5)
    for kind, formula in formulas.items():
        found = loss_weights(training(loss_weighting=kind, min_snr_gamma=5, p2_gamma=0.5), diffusion, T)
        assert found is not None and bool(torch.isfinite(found[seen]).all())
        np.testing.assert_allclose(found[seen].numpy(), formula[seen], rtol=2e-4, atol=1e-7)
    assert loss_weights(training(loss_weighting="none", min_snr_gamma=5), diffusion, T) is None
    assert loss_weights(training(), diffusion, T) is None
    if epsilon:
        found = loss_weights(training(v_like_loss=0.25, loss_weighting="p2"), diffusion, T[:4])
        np.testing.assert_allclose(found.numpy(), (1 + 0.25 * (s[:4] + 1) / s[:4]) / (1 + s[:4]), rtol=2e-4)
    else:
        found = loss_weights(training(scale_v_loss=True), diffusion, T)
        np.testing.assert_allclose(found.numpy(), s / (s + 1), rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("distribution", "bias", "weight", "density"),
    [
        ("logit_normal", 0.5, 0.2, lambda x: np.exp(-(((np.log(x / (1 - x)) - 0.5) / 1.2) ** 2) / 2) / (x * (1 - x))),
        ("cosine", 0, 0, lambda x: 2 / (math.pi - 2 * math.pi * x + 2 * math.pi * x**2)),
        ("sigmoid", 0.1, 7, lambda x: 1 / (1 + np.exp(-7 * (x - 0.6)))),
        ("sigmoid", 0, -0.9, lambda x: 1 / (1 + np.exp(0.9 * (x - 0.5)))),
        ("uniform", 0, 0, lambda x: np.ones_like(x)),
    ],
)
def test_timesteps_have_their_density(distribution: Any, bias: float, weight: float, density: Any) -> None:
    """The inverse of the cumulative distribution is compared with the integral of the density, in twenty parts."""
    plan = replace(EVEN, distribution=distribution, bias=float(bias), weight=float(weight))
    fine = (np.arange(200_000) + 0.5) / 200_000
    cumulated = np.cumsum(density(fine)) / density(fine).sum()
    for u in (np.arange(20) + 0.5) / 20:
        assert share_of(plan, u) == pytest.approx(fine[np.searchsorted(cumulated, u)], abs=1e-4)


def test_heavy_tails_have_the_paper_s_formula_and_stay_inside() -> None:
    for weight in (0.0, 1.29, 1.75):
        plan = replace(EVEN, distribution="heavy_tail", weight=weight)
        for u in np.linspace(0, 1, 101):
            x = 1 - u - weight * (math.cos(math.pi * u / 2) ** 2 - 1 + u)
            assert share_of(plan, float(u)) == pytest.approx(x, abs=1e-12)
            assert -1e-12 <= x <= 1 + 1e-12


def test_bounds_are_hit_and_kept() -> None:
    for distribution in ("uniform", "logit_normal", "sigmoid", "cosine", "heavy_tail"):
        plan = replace(EVEN, min=200, max=203, distribution=distribution, weight=0.5)
        found = {timestep_of(plan, u, 1000) for u in (0.0, *np.linspace(0, 1, 500, endpoint=False), 1 - 2**-53)}
        assert found == {200, 201, 202}
    assert timestep_of(replace(EVEN, min=900), 0.999, 100) == 99
