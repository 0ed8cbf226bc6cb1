"""LoRA layers: the fused products for cards, and fp32 weights beside their copies in the base's number format."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.fused import FusedGeglu, FusedLinear, fuse_geglu
from visiontrain_trainer.adapter.lora import LoraLayer
from visiontrain_trainer.compute.imports import import_diffusers
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.run.session import Session, open_session

SCALE = 0.5


def _tensors(shape: tuple[int, ...], width: int = 8) -> tuple[torch.Tensor, ...]:
    """(x, weight, bias, down, up) in fp64; 7 features in, rank 3."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((*shape, 7), (width, 7), (width,), (3, 7), (width, 3))
    x, weight, bias, down, up = (torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes)
    return x.requires_grad_(), weight, bias, down.requires_grad_(), up.requires_grad_()


def _plain(function: Any, x: torch.Tensor, weight: torch.Tensor, bias: Any, down: Any, up: Any) -> torch.Tensor:
    y = F.linear(x, weight, bias) + SCALE * F.linear(F.linear(x, down), up)
    if function is FusedLinear:
        return y
    a, b = y.chunk(2, dim=-1)
    return a * F.gelu(b)


@pytest.mark.parametrize("function", [FusedLinear, FusedGeglu])
@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 3, 4)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_fused_is_the_plain_formula(function: Any, shape: tuple[int, ...], with_bias: bool) -> None:
    x, weight, bias, down, up = _tensors(shape)
    given = bias if with_bias else None
    base = SimpleNamespace(weight=weight, bias=given)
    torch.testing.assert_close(function.apply(x, base, down, up, SCALE), _plain(function, x, weight, given, down, up))
    assert torch.autograd.gradcheck(lambda *t: function.apply(t[0], base, *t[1:], SCALE), (x, down, up))


@pytest.mark.parametrize("function", [FusedLinear, FusedGeglu])
def test_fused_with_an_input_that_needs_no_gradient_and_is_not_contiguous(function: Any) -> None:
    x, weight, bias, down, up = _tensors((5, 2))
    given = x.detach().transpose(0, 1)
    expected = torch.autograd.grad(_plain(function, given, weight, bias, down, up).square().sum(), (down, up))
    fused = function.apply(given, SimpleNamespace(weight=weight, bias=bias), down, up, SCALE)
    torch.testing.assert_close(torch.autograd.grad(fused.square().sum(), (down, up)), expected)


#: For each family: the U-Net's configuration, the number of layers in sd-scripts' LoRA, and that in its LoCon.
SD_SCRIPTS = {
    "sd15": ({"cross_attention_dim": 768, "attention_head_dim": 8}, 192, 278),
    "sdxl": (
        {
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": [1, 2, 10],
            "attention_head_dim": [5, 10, 20],
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        722,
        788,
    ),
}


@pytest.mark.parametrize("family", SD_SCRIPTS)
def test_as_many_layers_as_sd_scripts_has_of_the_real_model(family: str, plan_for: Any) -> None:
    """sd-scripts prints its number of layers: "create LoRA for U-Net: 722 modules."."""
    import_diffusers()
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    config, plain, with_convolutions = SD_SCRIPTS[family]
    for conv_rank, count in ((0, plain), (1, with_convolutions)):
        training = parse_plan(plan_for(training={"rank": 1, "conv_rank": conv_rank})).training
        with torch.device("meta"):
            unet = UNet2DConditionModel(**config)
        assert len(Adapter({"unet": unet}, training, seed=0).layers["unet"]) == count


@pytest.fixture
def session(plan_for: Any, tmp_path: Any, request: pytest.FixtureRequest) -> Any:
    plan = plan_for(resources={"precision": request.param}, training={"conv_rank": 2})
    (tmp_path / "control").mkdir()
    events = Events(tmp_path / "events.jsonl")
    yield open_session(tmp_path, parse_plan(plan), events, Control(tmp_path / "control"))
    events.close()


def _computed_with(session: Session) -> list[tuple[torch.Tensor, torch.Tensor]]:
    layers = session.adapter.layers["unet"].values()
    return [pair for layer in layers for pair in zip(layer.used, (layer.down, layer.up), strict=True)]


@pytest.mark.parametrize("session", ["bf16", "fp32"], indirect=True)
def test_layers_compute_with_the_newest_weights(session: Session) -> None:
    for step in range(3):
        session.train_step.run(step)
        for used, kept in _computed_with(session):
            assert kept.dtype == torch.float32 and torch.equal(used, kept.to(used.dtype))
    moved = session.adapter.tensors()
    session.adapter.load(session.initial)
    assert any(not torch.equal(session.initial[name], moved[name]) for name in moved)
    assert all(torch.equal(used, kept.to(used.dtype)) for used, kept in _computed_with(session))


@pytest.mark.parametrize("session", ["bf16"], indirect=True)
def test_gradients_are_gathered_in_fp32_and_added(session: Session) -> None:
    adapter = session.adapter
    adapter.zero_grad()
    for times in (1, 2):
        for used, _ in _computed_with(session):
            (used.float().sum() * 3).backward()
        adapter.gather("unet")
        assert adapter.flat_grad["unet"].dtype == torch.float32
        assert torch.equal(adapter.flat_grad["unet"], torch.full_like(adapter.flat["unet"], 3.0 * times))
    assert all(used.grad is None for used, _ in _computed_with(session))


@pytest.mark.parametrize("session", ["bf16"], indirect=True)
def test_what_a_broken_off_pass_left_does_not_count(session: Session) -> None:
    passes = session.batches.step(0)
    session.train_step._gradients(passes)
    clean = session.adapter.flat_grad["unet"].clone()
    assert clean.any()
    for used, _ in _computed_with(session):
        used.grad = torch.ones_like(used)
    session.train_step._gradients(passes)
    assert torch.equal(session.adapter.flat_grad["unet"], clean)


@pytest.mark.parametrize("session", ["fp32"], indirect=True)
def test_a_step_with_fused_layers_is_the_same_step(session: Session, monkeypatch: Any) -> None:
    """Every linear layer and GEGLU is fused, as on a card, but computed on the CPU."""
    passes = session.batches.step(0)
    for step in range(3):
        session.train_step.run(step)
    plain_losses = session.train_step._gradients(passes)
    plain = session.adapter.flat_grad["unet"].clone()
    taken: list[str] = []

    def fused(self: LoraLayer, function: Any, x: torch.Tensor) -> torch.Tensor:
        taken.append(function.__name__)
        return function.apply(x, self.base, *self.used, self.scale)

    monkeypatch.setattr(LoraLayer, "fuses", lambda self, x: self.enabled and not self.is_conv)
    monkeypatch.setattr(LoraLayer, "fused", fused)
    fuse_geglu(session.unet)
    torch.testing.assert_close(session.train_step._gradients(passes), plain_losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(session.adapter.flat_grad["unet"], plain, rtol=1e-3, atol=1e-6)
    blocks = sum(type(module).__name__ == "GEGLU" for module in session.unet.modules())
    layers = sum(not layer.is_conv for layer in session.adapter.layers["unet"].values())
    assert len(taken) == layers * len(passes) and taken.count("FusedGeglu") == blocks * len(passes) > 0
