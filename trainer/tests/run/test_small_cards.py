"""Bases whose weights are packed: the same step as with the unpacked weights, and the same bytes through a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.run.test_exact import _stop_after
from visiontrain_trainer.adapter.fused import FusedGeglu, fuse_geglu
from visiontrain_trainer.adapter.lora import LoraLayer
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.model.frozen import frozen_layers
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run.session import Session, open_session

SHORT: dict[str, Any] = {"steps": 3, "warmup_steps": 1, "schedule": "constant"}
NO_SAMPLES: dict[str, Any] = {"every": 0, "prompts": []}


def _session(plan: dict[str, Any], folder: Path) -> Session:
    (folder / "control").mkdir(parents=True)
    return open_session(folder, parse_plan(plan), Events(folder / "events.jsonl"), Control(folder / "control"))


def _gradients(session: Session) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The losses and gradients of a step after two others, so that no weight of the LoRA is 0 any more."""
    for step in range(2):
        session.train_step.run(step)
    losses = session.train_step._gradients(session.batches.step(2))
    return losses, {part: grad.clone() for part, grad in session.adapter.flat_grad.items()}


def _unpacked_unet(kind: str) -> Any:
    """`BaseModel.unet` with plain layers that hold the weights that packing and unpacking leaves."""
    build = BaseModel.unet

    def unet(self: BaseModel, dtype: torch.dtype, device: torch.device, storage: Any) -> torch.nn.Module:
        packed, plain = build(self, dtype, device, storage), build(self, dtype, device)
        with torch.no_grad():
            for name, module in packed.named_modules():
                if hasattr(module, "_packing"):
                    plain.get_submodule(name).weight.copy_(module.weight)
        return plain

    return unet


@pytest.mark.parametrize("checkpointing", ["none", "full"])
@pytest.mark.parametrize(("family", "kind"), [("sdxl", "nf4"), ("sd15", "fp8")])
def test_a_step_is_that_of_the_unpacked_weights(
    family: str, kind: str, checkpointing: str, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    resources = {"base_precision": kind, "gradient_checkpointing": checkpointing}
    plan = plan_for(family, training={**SHORT, "conv_rank": 2}, resources=resources)
    packed = _session(plan, tmp_path / "packed")
    assert len([*frozen_layers(packed.unet)]) > 30
    losses, grads = _gradients(packed)
    monkeypatch.setattr(BaseModel, "unet", _unpacked_unet(kind))
    plain = _session(plan, tmp_path / "plain")
    assert [*frozen_layers(plain.unet)] == []
    expected_losses, expected = _gradients(plain)
    assert torch.equal(losses, expected_losses)
    assert torch.equal(grads["unet"], expected["unet"]) and grads["unet"].abs().max() > 0


def test_fused_layers_ask_for_the_weight_in_each_pass(plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    session = _session(plan_for("sdxl", training=SHORT, resources={"base_precision": "nf4"}), tmp_path / "run")
    losses, grads = _gradients(session)
    monkeypatch.setattr(LoraLayer, "fuses", lambda self, x: self.enabled and not self.is_conv)
    fuse_geglu(session.unet)
    kept: list[torch.Tensor] = []
    forward = FusedGeglu.forward

    def remember(ctx: Any, *given: Any) -> torch.Tensor:
        out = forward(ctx, *given)
        kept.extend(ctx.to_save)
        return out

    monkeypatch.setattr(FusedGeglu, "forward", staticmethod(remember))
    fused = session.train_step._gradients(session.batches.step(2))
    torch.testing.assert_close(fused, losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(session.adapter.flat_grad["unet"], grads["unet"], rtol=1e-3, atol=1e-6)
    shapes = {tuple(layer.shape) for layer in frozen_layers(session.unet)}
    assert kept and not any(tuple(tensor.shape) in shapes and not tensor.requires_grad for tensor in kept)


@pytest.mark.parametrize(("kind", "text"), [("nf4", "int8")])
def test_the_same_bytes_through_a_stop(kind: str, text: str, train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    rates = {**SHORT, "text_encoder_learning_rates": [1e-4]}
    resources = {"base_precision": kind, "text_precision": text}
    plan = plan_for(training=rates, output={"checkpoint_every": 0}, samples=NO_SAMPLES, resources=resources)
    whole = train_here(plan, "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 1) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256
    plain = train_here(plan_for(training=rates, output={"checkpoint_every": 0}, samples=NO_SAMPLES), "plain")
    losses, expected = ([event["loss"] for event in run.of("step")] for run in (whole, plain))
    # The rounding is seen in the loss, and it is small.
    assert losses != expected
    assert losses == pytest.approx(expected, rel=0.1 if kind == "nf4" else 0.03)


def test_cached_captions_of_packed_encoders_are_their_own(train_here: Any, plan_for: Any) -> None:
    first = [
        train_here(
            plan_for(training={**SHORT, "steps": 2}, samples=NO_SAMPLES, resources={"text_precision": kind}), kind
        ).of("step")[0]["loss"]
        for kind in ("same", "nf4", "same")
    ]
    assert first[0] == first[2] != first[1]
