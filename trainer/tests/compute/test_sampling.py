"""Samplers compared with diffusers' schedulers, and with a case whose solution is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.noise import alphas_cumprod
from visiontrain_trainer.compute.sampling import NoiseLevels, denoise, denoised, guided, noise_levels

SHAPE = (1, 4, 6, 5)
START = rng.normal(SHAPE, 1, "start")
KINDS = {"epsilon": False, "v_prediction": True}


def model(x: torch.Tensor, t: float) -> torch.Tensor:
    """Stands in for a U-Net: smooth in x and in the timestep, so that a step at a wrong place shows."""
    return torch.tanh(x * (0.5 + 0.4 * math.cos(t / 250))) + 0.1 * x.flip(-1)


def ours(sampler: str, levels: NoiseLevels, prediction: str, noise: Any = None) -> torch.Tensor:
    def predict(x: torch.Tensor, sigma: float, timestep: float) -> torch.Tensor:
        return denoised(prediction, x, model(x / math.sqrt(sigma**2 + 1), timestep), sigma)

    return denoise(sampler, levels, noise or (lambda step: START), predict)


def stock(name: str, prediction: str, **more: Any) -> Any:
    import diffusers

    return getattr(diffusers, name)(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        rescale_betas_zero_snr=KINDS[prediction],
        **more,
    )


def theirs(scheduler: Any, x: torch.Tensor, **more: Any) -> torch.Tensor:
    for t in scheduler.timesteps:
        out = model(scheduler.scale_model_input(x, t), float(t))
        x = scheduler.step(out, t, x, return_dict=False, **more)[0]
    return x


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    assert (one - other).abs().max() <= 1e-5 * max(1.0, float(other.abs().max()))


@pytest.mark.parametrize("steps", [1, 7, 20])
@pytest.mark.parametrize("spacing", ["normal", "trailing", "karras"])
@pytest.mark.parametrize("prediction", list(KINDS))
def test_euler_is_that_of_diffusers(prediction: str, spacing: str, steps: int) -> None:
    if steps == 1 and spacing != "trailing":
        pytest.skip("diffusers takes the last timestep where one step should start at the first")
    named = {"normal": "linspace", "karras": "linspace"}.get(spacing, spacing)
    karras = spacing == "karras"
    scheduler = stock("EulerDiscreteScheduler", prediction, timestep_spacing=named, use_karras_sigmas=karras)
    scheduler.set_timesteps(steps)
    levels = noise_levels(alphas_cumprod({}, KINDS[prediction]), spacing, steps)
    assert levels.sigmas == pytest.approx(scheduler.sigmas.tolist(), rel=2e-4, abs=1e-6)
    # Both walk the same noise levels, because diffusers rounds them to fp32.
    same = NoiseLevels(scheduler.sigmas.tolist(), scheduler.timesteps.tolist())
    close(ours("euler", same, prediction), theirs(scheduler, START * scheduler.sigmas[0]))


@pytest.mark.parametrize("prediction", list(KINDS))
def test_euler_ancestral_is_that_of_diffusers(prediction: str, monkeypatch: Any) -> None:
    scheduler = stock("EulerAncestralDiscreteScheduler", prediction, timestep_spacing="trailing")
    scheduler.set_timesteps(9)
    drawn = iter([rng.normal(SHAPE, 5, "fresh", step) for step in range(1, 10)])
    monkeypatch.setattr(
        "diffusers.schedulers.scheduling_euler_ancestral_discrete.randn_tensor", lambda *_, **__: next(drawn)
    )
    same = NoiseLevels(scheduler.sigmas.tolist(), scheduler.timesteps.tolist())
    noise = {0: START} | {step: rng.normal(SHAPE, 5, "fresh", step) for step in range(1, 10)}
    close(ours("euler_a", same, prediction, noise.__getitem__), theirs(scheduler, START * scheduler.sigmas[0]))


@pytest.mark.parametrize("karras", [True, False])
@pytest.mark.parametrize("prediction", list(KINDS))
def test_the_second_order_sampler_is_that_of_diffusers(prediction: str, karras: bool) -> None:
    scheduler = stock("DPMSolverMultistepScheduler", prediction, use_karras_sigmas=karras, final_sigmas_type="zero")
    scheduler.set_timesteps(12)
    sigmas = scheduler.sigmas.double().tolist()
    same = NoiseLevels(sigmas, scheduler.timesteps.tolist())
    # diffusers keeps x with signal and noise scaled to variance 1; the sampler here keeps the signal unscaled.
    begin = START * sigmas[0] / math.sqrt(sigmas[0] ** 2 + 1)
    close(ours("dpmpp_2m", same, prediction), theirs(scheduler, begin))
    if karras:
        levels = noise_levels(alphas_cumprod({}, KINDS[prediction]), "karras", 12)
        assert levels.sigmas == pytest.approx(sigmas, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("dpmpp_2m", 2)])
def test_the_error_falls_with_the_order_of_the_sampler(sampler: str, order: int) -> None:
    """For Gaussian data of spread s the best guess at clean latents is x·s²/(s²+σ²); x ends as x·s/√(s²+σ²)."""
    spread = 0.7
    product = alphas_cumprod({}, False)

    def error(steps: int) -> float:
        levels = noise_levels(product, "karras", steps)
        # The last step to σ = 0 is of first order for every sampler, so the comparison ends before it.
        levels = NoiseLevels(levels.sigmas[:-1], levels.timesteps[:-1])
        end = denoise(
            sampler, levels, lambda step: START.double(), lambda x, sigma, t: x * spread**2 / (spread**2 + sigma**2)
        )
        first, last = (math.sqrt(spread**2 + sigma**2) for sigma in (levels.sigmas[0], levels.sigmas[-1]))
        return float((end - START.double() * levels.sigmas[0] * last / first).abs().max())

    fall = math.log2(error(80) / error(160))
    assert fall == pytest.approx(order, abs=0.25)


def test_rescaled_guidance_keeps_the_spread() -> None:
    one, other = (rng.normal(SHAPE, seed, "guided") for seed in (1, 2))
    assert torch.equal(guided(one, other, 1.0, 0.0), other + (one - other))
    whole = guided(one, other, 7.5, 1.0)
    assert float(whole.std()) == pytest.approx(float(one.std()), rel=1e-5)
