"""The noise of a use: its formulas, and that it depends on nothing but the use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Plan, parse_plan
from visiontrain_trainer.data.batches import BatchSampler, ImageUse
from visiontrain_trainer.data.noise import NoiseDraws

LATENTS = torch.full((4, 12, 8), -0.5)


def _draws(plan_for: Any, **training: Any) -> tuple[NoiseDraws, list[ImageUse], Plan]:
    plan = parse_plan(plan_for(training=training))
    return NoiseDraws(plan, 1000), [use for batch in BatchSampler(plan).step(0) for use in batch], plan


def test_noise_of_several_resolutions(plan_for: Any) -> None:
    draws, (use, *_), plan = _draws(plan_for, multires_noise={"iterations": 6, "discount": 0.4})
    key = (use.epoch, use.key)
    total = rng.normal((4, 12, 8), plan.seed, "noise", *key).double()
    sizes = []
    for i in range(6):
        r = 2 + 2 * rng.unit(plan.seed, "multires-size", *key, i)
        sizes.append((max(1, int(12 / r**i)), max(1, int(8 / r**i))))
        coarse = rng.normal((4, *sizes[-1]), plan.seed, "multires", *key, i).double()
        total += 0.4**i * F.interpolate(coarse[None], (12, 8), mode="bilinear")[0]
        if 1 in sizes[-1]:
            break
    assert sizes[0] == (12, 8) and 1 < len(sizes) < 6
    found = draws.noise(use, LATENTS)
    torch.testing.assert_close(found.double(), total / total.std(), rtol=1e-5, atol=1e-6)
    assert float(found.std()) == pytest.approx(1, abs=1e-6)
    # A side of one cell ends the series, and the standard deviation is that of one image: its neighbours do not
    # matter.
    assert torch.isfinite(draws.noise(use, torch.zeros(4, 1, 64))).all()


def test_coarse_noise_raises_the_low_frequencies(plan_for: Any) -> None:
    draws, (use, *_), _ = _draws(plan_for, multires_noise={"iterations": 6, "discount": 0.5})
    power = np.abs(np.fft.fft2(draws.noise(use, torch.zeros(4, 64, 64)).numpy())) ** 2
    distance = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    near, middle, far = (
        power[:, (distance > a) & (distance <= b)].mean() for a, b in ((0, 0.05), (0.05, 0.2), (0.2, 1))
    )
    assert near > 2 * middle > 2 * far


def test_offsets(plan_for: Any) -> None:
    plain, (use, *_), plan = _draws(plan_for)
    noise = plain.noise(use, LATENTS)
    offset = rng.normal((4, 1, 1), plan.seed, "noise-offset", use.epoch, use.key)
    share = rng.unit(plan.seed, "noise-offset-strength", use.epoch, use.key)
    for settings, strength in (
        ({"noise_offset": 0.1}, 0.1),
        ({"noise_offset": 0.1, "noise_offset_random": True}, 0.1 * share),
        ({"noise_offset": 0.1, "noise_offset_adaptive": 0.2}, 0.2),
        ({"noise_offset_adaptive": 0.2}, 0.1),
        ({"noise_offset_adaptive": -0.2}, 0.0),
    ):
        found = _draws(plan_for, **settings)[0].noise(use, LATENTS)
        torch.testing.assert_close(found, noise + strength * offset)


def test_perturbation_leaves_the_target_alone(plan_for: Any) -> None:
    plain, (use, *_), plan = _draws(plan_for)
    draws = _draws(plan_for, input_perturbation={"strength": 0.5, "random": False})[0]
    noise = draws.noise(use, torch.zeros(4, 96, 96))
    assert torch.equal(noise, plain.noise(use, torch.zeros(4, 96, 96)))
    assert plain.perturbed(use, noise) is noise
    assert float(draws.perturbed(use, noise).var()) == pytest.approx(1 + 0.5**2, rel=0.02)
    drawn = _draws(plan_for, input_perturbation={"strength": 0.5, "random": True})[0].perturbed(use, noise)
    share = rng.unit(plan.seed, "perturbation-strength", use.epoch, use.key)
    torch.testing.assert_close(drawn - noise, share * (draws.perturbed(use, noise) - noise), rtol=1e-3, atol=1e-6)


def test_timesteps_of_a_step_are_spread_evenly(plan_for: Any) -> None:
    even = {"min": 100, "max": 900, "distribution": "uniform", "bias": 0, "weight": 0}
    draws, uses, _ = _draws(plan_for, timesteps={**even, "spread": True}, gradient_accumulation=4)
    assert len(uses) > 4
    found = sorted(draws.timestep(use) for use in uses)
    assert [(t - 100) * len(uses) // 800 for t in found] == list(range(len(uses)))
    plain = _draws(plan_for, timesteps={**even, "spread": False})[0]
    assert all(100 <= plain.timestep(use) < 900 for use in uses)
    # The whole range with an even density gives the same draws as no setting.
    whole = _draws(plan_for, timesteps={**even, "min": 0, "max": 1000, "spread": False})[0]
    assert [whole.timestep(use) for use in uses] == [_draws(plan_for)[0].timestep(use) for use in uses]
