"""Bases whose weights are packed or streamed: the same step as with plain ones, and the same bytes through a stop."""

from __future__ import annotations

import gc
import weakref
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
from visiontrain_trainer.run.aside import frozen_tensors, lent
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


@pytest.mark.parametrize(
    ("family", "kind", "checkpointing"), [("sdxl", "same", "none"), ("sd15", "same", "full"), ("sdxl", "nf4", "full")]
)
def test_streamed_weights_give_the_same_bits(
    family: str, kind: str, checkpointing: str, plan_for: Any, tmp_path: Path
) -> None:
    """The CPU uses the two buffers as a card does: every weight of a pass was copied into one of them."""
    found = []
    for streamed in (False, True):
        resources = {"base_precision": kind, "gradient_checkpointing": checkpointing, "stream_base": streamed}
        training = {**SHORT, "conv_rank": 2, "dora": kind == "nf4"}
        session = _session(plan_for(family, training=training, resources=resources), tmp_path / str(streamed))
        found.append(_gradients(session))
    layers = [*frozen_layers(session.unet)]
    stream = layers[0]._stream
    assert stream is not None and all(layer._stream is stream for layer in layers)
    assert not any(parameter.dim() > 1 for layer in layers for parameter in (*layer.parameters(), *layer.buffers()))
    before, late = stream.copies, stream.late
    session.train_step._gradients(session.batches.step(2))
    # In the forward pass each layer comes to a buffer, and in the backward pass each layer behind the first trained
    # one; nearly all of them come before they are needed.
    assert stream.copies - before > 1.7 * len(layers)
    assert stream.late - late < 0.05 * len(layers)
    (losses, grads), (streamed_losses, streamed_grads) = found
    assert torch.equal(losses, streamed_losses)
    assert torch.equal(grads["unet"], streamed_grads["unet"]) and grads["unet"].abs().max() > 0


def test_text_encoders_and_the_vae_are_gone_before_the_unet_comes(
    plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    others: list[weakref.ref] = []
    alive: list[int] = []
    for name in ("text_encoder", "vae", "unet"):
        build = getattr(BaseModel, name)

        def watched(self: BaseModel, *given: Any, build: Any = build, name: str = name) -> torch.nn.Module:
            if name == "unet":
                gc.collect()
                alive.append(sum(other() is not None for other in others))
            module = build(self, *given)
            if name != "unet":
                others.append(weakref.ref(module))
            return module

        monkeypatch.setattr(BaseModel, name, watched)
    # This many captions would keep the encoders loaded, if memory were not saved.
    monkeypatch.setattr("visiontrain_trainer.data.text.CACHE_LIMIT", 1)
    resources = {"base_precision": "int8", "cache_dir": str(tmp_path / "cache")}
    _session(plan_for("sdxl", training=SHORT, resources=resources), tmp_path / "run")
    assert len(others) == 3 and alive == [0]


def test_the_unet_comes_back_as_it_was(plan_for: Any, tmp_path: Path) -> None:
    session = _session(plan_for(training=SHORT, resources={"base_precision": "int8"}), tmp_path / "run")
    unet, flat = session.unet, session.adapter.flat["unet"]
    before = {name: tensor.clone() for name, tensor in unet.named_buffers()}
    sent: list[int] = []

    def away(tensor: torch.Tensor) -> torch.Tensor:
        sent.append(tensor.data_ptr())
        return tensor.clone()

    with lent(frozen_tensors(unet), away):
        start, end = flat.data_ptr(), flat.data_ptr() + flat.numel() * 4
        assert len(sent) > 100 and not any(start <= place < end for place in sent)
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.named_buffers())
    # The adapter's weights are still views into the one tensor that the optimiser changes.
    assert all(start <= weight.data_ptr() < end for weight in session.adapter.parameters("unet"))
    session.train_step.run(0)


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


def test_captions_of_packed_encoders_are_cached_apart(train_here: Any, plan_for: Any) -> None:
    first = [
        train_here(
            plan_for(training={**SHORT, "steps": 2}, samples=NO_SAMPLES, resources={"text_precision": kind}), kind
        ).of("step")[0]["loss"]
        for kind in ("same", "nf4", "same")
    ]
    assert first[0] == first[2] != first[1]
