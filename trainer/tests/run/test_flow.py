"""Bases of rectified flow: levels, sampler and VAE are as in diffusers, and a LoRA learns what it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.run.test_base_check import IMAGES, parts_of
from tests.run.test_right import open_here
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod, shifted
from visiontrain_trainer.compute.sampling import denoise, denoised, flow_noise_levels
from visiontrain_trainer.compute.timesteps import flow_timestep
from visiontrain_trainer.contract.plan import Shot, VaeScaling, parse_plan
from visiontrain_trainer.data.scaling import Scaling
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run.flow_check import check_is_flow
from visiontrain_trainer.run.sample import SampleContext, decode, parameters, sample_latents

FLOW = Diffusion(alphas_cumprod({}, False), "flow", torch.device("cpu"))


def test_levels_and_targets() -> None:
    latents, noise = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2)
    t = torch.tensor([0, 499, 999])
    sigma = torch.tensor([0.001, 0.5, 1.0]).view(-1, 1, 1, 1)
    torch.testing.assert_close(FLOW.noisy(latents, noise, t), (1 - sigma) * latents + sigma * noise)
    assert torch.equal(FLOW.target(latents, noise, t), noise - latents)
    # The model is given σ · 1000, as programs that sample from it give it; the last level is pure noise.
    assert FLOW.model_timesteps(t).tolist() == [1, 500, 1000]


@pytest.mark.parametrize("shift", [1.0, 2.5])
def test_timesteps_are_drawn_as_the_shift_says(shift: float) -> None:
    """σ is below s where shifted(u) is, so a share of shifted⁻¹(s) of all draws lies below it."""
    drawn = torch.tensor([flow_timestep(None, (i + 0.5) / 20_000, 1000, shift) for i in range(20_000)])
    assert int(drawn.min()) == 0 and int(drawn.max()) == 999
    for level in (0.1, 0.5, 0.9):
        below = level / (shift - (shift - 1) * level)
        assert float((drawn < 1000 * level).float().mean()) == pytest.approx(below, abs=1e-3)
    assert shifted(0.5, 3.0) == 0.75


@pytest.mark.parametrize("spacing", ["normal", "trailing"])
@pytest.mark.parametrize("shift", [1.0, 2.5])
def test_the_sampler_is_that_of_diffusers(spacing: str, shift: float) -> None:
    from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

    def velocity(x: torch.Tensor, timestep: float) -> torch.Tensor:
        return torch.tanh(x * (1 + timestep / 500)) - 0.3

    start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    levels = {} if spacing == "normal" else {"sigmas": [1 - i / 12 for i in range(12)]}
    scheduler.set_timesteps(12, **levels)
    theirs = start.clone()
    for t in scheduler.timesteps:
        theirs = scheduler.step(velocity(theirs, float(t)), t, theirs, return_dict=False)[0]

    def clean(x: torch.Tensor, sigma: float, timestep: float) -> torch.Tensor:
        return denoised("flow", x, velocity(x, timestep), sigma)

    ours = denoise("euler", flow_noise_levels(1000, spacing, 12, shift), lambda step: start, clean)
    assert float((ours - theirs).abs().max()) <= 1e-5


def test_latents_are_scaled_both_ways(plan_for: Any) -> None:
    own = {"scale": 0.14, "shift": -0.47, "reflect": False}
    base = BaseModel(parse_plan(plan_for(model={"vae_scaling": own})).model)
    scaling, raw = Scaling.of(base), torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(scaling.seen(raw), (raw + 0.47) * 0.14)
    torch.testing.assert_close(scaling.raw(scaling.seen(raw)), raw)
    # Without a shift nothing is added, which would be one more rounding.
    plain = Scaling(0.18215)
    assert torch.equal(plain.seen(raw), raw * 0.18215) and torch.equal(plain.raw(raw), raw / 0.18215)


def test_a_vae_with_reflected_edges_pads_so_everywhere(plan_for: Any) -> None:
    own = {"scale": 0.14, "shift": 0, "reflect": True}
    reflecting, plain = (
        BaseModel(parse_plan(plan_for(model={"vae_scaling": each})).model).vae(torch.float32) for each in (own, None)
    )
    flat = torch.full((1, 3, 32, 32), 0.5)
    kinds = {
        (layer.padding != (0, 0), layer.padding_mode)
        for layer in reflecting.modules()
        if isinstance(layer, torch.nn.Conv2d)
    }
    assert kinds == {(True, "reflect"), (False, "zeros")}
    with torch.no_grad():
        assert not torch.equal(reflecting.encode(flat).latent_dist.mean, plain.encode(flat).latent_dist.mean)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "flow"])
def test_a_base_of_another_kind_is_refused(kind: str) -> None:
    for image in (lambda x: x, *IMAGES.values()):
        found = [parts_of(kind, image, error) for error in (0.0, 0.4)]
        if kind in ("flow", "sample"):
            if kind == "flow":
                check_is_flow(found, "base")
            continue
        with pytest.raises(TrainingError, match="does not predict flow") as error:
            check_is_flow(found, "base")
        assert error.value.next_steps == [f"Set model.prediction to {kind}: --set model.prediction={kind}"]


def test_a_lora_of_a_tiny_flow_base_learns(plan_for: Any, tmp_path: Any) -> None:
    """At the same noise the loss is lower, and samples come nearer to the only picture."""
    training = {"steps": 40, "learning_rate": 0.01, "warmup_steps": 0, "schedule": "constant", "rank": 8, "alpha": 8}
    plan = plan_for(model={"prediction": "flow"}, samples={"sampler": "euler", "spacing": "trailing"})
    one = next(sample for sample in plan["data"]["images"] if not sample["validation"])
    plan["data"]["images"] = [one | {"repeats": 1}]
    plan["training"] |= {**training, "conv_rank": 4, "conv_alpha": 4, "batch_size": 1, "batches_per_epoch": 1}
    session = open_here(tmp_path / "run", plan)
    use = session.batches.step(0)[0][0]
    target = session.latents.scaling.seen(session.latents.get(use.image, session.batches.view(use))[0].float())
    shot = Shot("a", "", 4, 1.0, 5, use.image.bucket, 1.0, None)
    text = session.texts.get(use.image.caption)
    context = SampleContext(
        plan=session.plan,
        unet=session.unet,
        schedule=session.base.scheduler_config(),
        device=session.device.torch,
        dtype=torch.float32,
    )

    def now() -> tuple[float, float]:
        drawn = sample_latents(context, shot, (text, text))[0]
        losses = [loss for draw in range(2) for loss in session.train_step.losses_at(use, [300, 600, 900], draw)]
        return sum(losses), float((drawn - target).square().mean())

    before = now()
    for step in range(40):
        session.train_step.run(step).read()
    after = now()
    assert after[0] < 0.9 * before[0] and after[1] < 0.9 * before[1], (before, after)
    said = parameters(replace(session.plan, name="fox"), shot, adapter=False)
    assert "Sampler: Euler, Schedule type: Trailing, Shift: 2.5" in said
    assert decode(session.base.vae(torch.float32), sample_latents(context, shot, (text, text)), session.latents.scaling)


def test_vae_scaling_of_the_plan_is_its_class(plan_for: Any) -> None:
    plan = parse_plan(plan_for(model={"vae_scaling": {"scale": 0.5, "shift": 0, "reflect": False}}))
    assert plan.model.vae_scaling == VaeScaling(scale=0.5, shift=0, reflect=False)
