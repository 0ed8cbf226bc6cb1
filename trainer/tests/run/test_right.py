"""The numbers are right: one step equals a slow, plain computation, and a short run has the pinned losses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.func import functional_call

from tests import pins
from tests.conftest import prepare_run
from visiontrain_trainer.base import rng
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.text_encoder import TextEncoder, encode_caption
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run.session import Session, open_session

ZTSNR = {"prediction": "v_prediction", "zero_terminal_snr": True}
CASES: dict[str, dict[str, Any]] = {
    "epsilon": {},
    "epsilon, min-SNR": {"training": {"min_snr_gamma": 5}},
    "epsilon, offset noise": {"training": {"noise_offset": 0.1}},
    "epsilon, huber": {"training": {"loss": "huber", "huber_c": 0.3, "huber_schedule": "constant"}},
    "epsilon, l1, perturbed": {"training": {"loss": "l1", "input_perturbation": {"strength": 0.2, "random": False}}},
    "epsilon, accumulated": {"training": {"gradient_accumulation": 3}},
    "epsilon, convolutions": {"training": {"conv_rank": 2, "conv_alpha": 3}},
    "v": {"model": {"prediction": "v_prediction"}},
    "v, min-SNR": {"model": {"prediction": "v_prediction"}, "training": {"min_snr_gamma": 5}},
    "v, zero terminal SNR, min-SNR": {"model": ZTSNR, "training": {"min_snr_gamma": 5}},
    "flow": {"model": {"prediction": "flow"}},
    "flow, not moved, over a VAE of its own": {
        "model": {
            "prediction": "flow",
            "flow_shift": 1.0,
            "vae_scaling": {"scale": 0.14, "shift": -0.47, "reflect": True},
        },
    },
    "sdxl": {"family": "sdxl", "data": {"crop": "random", "flip": True}},
    "sdxl, full checkpointing": {"family": "sdxl", "resources": {"gradient_checkpointing": "full"}},
    "epsilon, selective checkpointing": {"resources": {"gradient_checkpointing": "selective"}},
}


def open_here(folder: Path, plan: dict[str, Any]) -> Session:
    prepare_run(folder, plan)
    return open_session(folder, parse_plan(plan), Events(folder / "none", enabled=False), Control(folder / "control"))


def reference(plan: Any, session: Session, weights: dict[str, torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of step 0, computed image by image, with the LoRA merged into the base's weights."""
    training = plan.training
    unet = BaseModel(plan.model).unet(torch.float32)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}

    def merged() -> dict[str, torch.Tensor]:
        out = {}
        for name, module in unet.named_modules():
            if f"unet.{name}.down" in leaves:
                down, up = leaves[f"unet.{name}.down"], leaves[f"unet.{name}.up"]
                conv = module.weight.dim() == 4 and module.weight.shape[-1] == 3
                scale = training.conv_alpha / training.conv_rank if conv else training.alpha / training.rank
                change = scale * (up.flatten(1) @ down.flatten(1))
                out[f"{name}.weight"] = module.weight + change.view(module.weight.shape)
        return out

    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    signal = torch.cumprod(1 - betas, 0).sqrt()
    if plan.model.zero_terminal_snr:
        first, last = signal[0].clone(), signal[-1].clone()
        signal = (signal - last) * first / (first - last)
    encoders = [TextEncoder(session.base, n, torch.float32, session.device) for n in session.base.text_encoders]
    v, flow, seed = plan.model.prediction == "v_prediction", plan.model.prediction == "flow", plan.seed
    total, uses = 0.0, [use for batch in session.batches.step(0) for use in batch]
    for use in uses:
        key = (use.epoch, use.key)
        mean, logvar = session.latents.get(use.image, session.batches.view(use))
        draw = rng.normal(mean.shape, seed, "latent", *key)
        drawn = mean.float() + (logvar.float() / 2).exp() * draw
        own = plan.model.vae_scaling
        x0 = drawn * session.latents.scaling.factor if own is None else (drawn - own.shift) * own.scale
        noise = rng.normal(mean.shape, seed, "noise", *key)
        noise = noise + training.noise_offset * rng.normal((4, 1, 1), seed, "noise-offset", *key)
        t = rng.below(1000, seed, "timestep", *key)
        a, s = float(signal[t]), float((1 - signal[t] ** 2).sqrt())
        told = t
        if flow:
            u, shift = rng.unit(seed, "timestep", *key), plan.model.flow_shift
            told = int(1000 * shift * u / (1 + (shift - 1) * u)) + 1
            a, s = 1 - told / 1000, told / 1000
        snr = a**2 / s**2
        with torch.no_grad():
            text = encode_caption(encoders, use.image.caption, 75)
        states = text["states"].flatten(0, 1)[None]
        extra = None
        if plan.model.family == "sdxl":
            (w, h), (bw, bh) = use.image.size, use.image.bucket
            ratio = max(bw / w, bh / h)
            position = rng.below(8, seed, "crop", *key)
            left, top = ((round(w * ratio) - bw) * position // 7, (round(h * ratio) - bh) * position // 7)
            if plan.data.crop == "center":
                left, top = (round(w * ratio) - bw) // 2, (round(h * ratio) - bh) // 2
            if plan.data.flip and rng.unit(seed, "flip", *key) < 0.5:
                left = round(w * ratio) - bw - left
            extra = {"text_embeds": text["pooled"][None], "time_ids": torch.tensor([[h, w, top, left, bh, bw]]).float()}
        added = 0
        if training.input_perturbation is not None:
            added = training.input_perturbation.strength * rng.normal(mean.shape, seed, "perturbation", *key)
        inputs = (a * x0 + s * (noise + added))[None]
        keywords = {"encoder_hidden_states": states, "added_cond_kwargs": extra, "return_dict": False}
        out = functional_call(unet, merged(), (inputs, torch.tensor(told)), keywords)[0][0]
        off = out - (noise - x0 if flow else a * noise - s * x0 if v else noise)
        if training.loss == "huber":
            c = training.huber_c
            loss = (2 * c * ((off.double() ** 2 + c * c).sqrt() - c)).mean().float()
        elif training.loss == "l1":
            loss = off.abs().mean()
        else:
            loss = (off**2).mean()
        if training.min_snr_gamma is not None:
            loss = loss * min(snr, training.min_snr_gamma) / (snr + 1 if v else snr)
        (loss / len(uses)).backward()
        total += float(loss.detach()) / len(uses)
    return total, {name: leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_of_a_step(case: str, plan_for: Any, tiny: Any, tmp_path: Path) -> None:
    changes = {key: dict(value) if isinstance(value, dict) else value for key, value in CASES[case].items()}
    changes["training"] = {"max_grad_norm": 0, "learning_rate": 0.01, **changes.get("training", {})}
    if changes.get("model", {}).get("prediction") == "v_prediction":
        folder = tmp_path / "v"
        shutil.copytree(tiny("sd15"), folder)
        config = folder / "scheduler" / "scheduler_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "prediction_type": "v_prediction"}))
        changes["model"]["path"] = str(folder)
    session = open_here(tmp_path / "run", plan_for(changes.pop("family", "sd15"), **changes))
    weights = {
        name: 0.3 * rng.normal(tensor.shape, 1, "test", name) / tensor[0].numel() ** 0.5
        for name, tensor in session.adapter.tensors().items()
    }
    session.adapter.load(weights)
    done = session.train_step.run(0)
    loss, gradients = reference(session.plan, session, weights)
    losses = done.read().losses
    assert sum(losses) / len(losses) == pytest.approx(loss, rel=2e-5)
    for layers in session.adapter.layers.values():
        for layer in layers.values():
            for kind in ("down", "up"):
                expected = gradients[f"{layer.name}.{kind}"]
                # The middle block attends to a single position, whose weight is 1 whatever query and key are.
                assert expected.abs().max() > 0 or layer.name.endswith(("attn1.to_q", "attn1.to_k"))
                torch.testing.assert_close(getattr(layer, kind).grad, expected, rtol=1e-3, atol=2e-6)


def test_the_gradients_stay_in_the_flat_buffer(plan_for: Any, tmp_path: Path) -> None:
    session = open_here(tmp_path / "run", plan_for())
    session.train_step.run(0)
    for part, layers in session.adapter.layers.items():
        start = session.adapter.flat_grad[part].data_ptr()
        size = session.adapter.flat_grad[part].numel() * 4
        for layer in layers.values():
            assert layer.down.grad is not None and start <= layer.down.grad.data_ptr() < start + size
            assert layer.down.data_ptr() - session.adapter.flat[part].data_ptr() == layer.down.grad.data_ptr() - start


@pytest.mark.parametrize("name", pins.NAMES)
def test_literal_losses(name: str, tmp_path: Path) -> None:
    pinned, found = json.loads(pins.PINS.read_text())[name], pins.numbers_of(name, tmp_path)
    assert found["unet"] == pinned["unet"], "the model is another: `npm run pins` writes pinned_losses.json anew"
    assert found["losses"] == pytest.approx(pinned["losses"], rel=1e-4)
    assert found["measured"] == pytest.approx(pinned["measured"], rel=1e-4)


def test_schedule_equals_diffusers() -> None:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    common = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    plain = DDIMScheduler(**common)
    torch.testing.assert_close(alphas_cumprod({}, False).float(), plain.alphas_cumprod, rtol=1e-5, atol=1e-7)
    zero = DDIMScheduler(**common, rescale_betas_zero_snr=True)
    torch.testing.assert_close(alphas_cumprod({}, True).float(), zero.alphas_cumprod, rtol=1e-3, atol=1e-6)
    assert alphas_cumprod({}, True)[-1] == 0


def test_zero_snr_has_finite_weights() -> None:
    product = alphas_cumprod({}, True)
    last = torch.tensor([999, 500])
    for prediction, expected in (("epsilon", 1.0), ("v_prediction", 0.0)):
        weights = Diffusion(product, prediction, torch.device("cpu")).min_snr_weights(last, 5.0)
        assert torch.isfinite(weights).all() and float(weights[0]) == expected
