"""Optimisers and number formats of a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.run.test_exact import _stop_after


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"optimizer": "adafactor"}},
        {"training": {"optimizer": "prodigy", "learning_rate": 1}},
        {"training": {"optimizer": "adamw8bit"}},
        {"training": {"optimizer": "lion", "learning_rate": 1e-4}},
        {"training": {"optimizer": "came", "betas": [0.9, 0.999]}},
        {"resources": {"precision": "bf16"}},
        {"resources": {"precision": "fp16", "channels_last": True}},
        {"training": {"text_encoder_learning_rates": [1e-3, 2e-3]}, "resources": {"precision": "bf16"}},
    ],
)
def test_optimisers_and_formats_resume_exactly(changes: Any, plan_for: Any, train_here: Any, tmp_path: Any) -> None:
    family = "sdxl" if "text_encoder_learning_rates" in changes.get("training", {}) else "sd15"
    plan = plan_for(family, output={"checkpoint_every": 0, "precision": "fp32"}, **changes)
    whole = train_here(plan, "whole")
    assert whole.code == 0 and whole.of("learned")[0]["weight_change"]["unet.up"] > 0
    cut = train_here(plan | {"spec_sha256": "2" * 64}, "once")  # Another spec changes the metadata, not the weights.
    assert [e["digest"] for e in cut.of("step")] == [e["digest"] for e in whole.of("step")]
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 3) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256


def test_8_bit_adamw_keeps_the_state_of_every_layer_in_8_bits(plan_for: Any, train_here: Any) -> None:
    """bitsandbytes leaves the state of tensors below 4,096 numbers in fp32; most layers of a small rank are smaller."""
    plan = plan_for(training={"optimizer": "adamw8bit", "rank": 1, "alpha": 1, "steps": 1})
    run = train_here(plan)
    state = load_file(run.folder / run.of("checkpoint")[-1]["path"] / "optimizer.safetensors")
    states = [tensor for name, tensor in state.items() if name.endswith(("state1", "state2"))]
    assert [tensor.dtype for tensor in states] == [torch.uint8] * 2
    assert states[0].numel() == run.of("active")[0]["facts"]["trainable"]
    assert run.of("active")[0]["facts"]["optimizer"] == "AdamW8bit"


def test_trainable_weights_are_fp32_in_every_precision(plan_for: Any, tmp_path: Any) -> None:
    from tests.run.test_right import open_here

    session = open_here(tmp_path / "run", plan_for(resources={"precision": "bf16"}))
    assert next(session.unet.parameters()).dtype == torch.bfloat16
    assert all(flat.dtype == torch.float32 for flat in session.adapter.flat.values())
    session.train_step.run(0)
    assert all(p.grad.dtype == torch.float32 for p in session.adapter.parameters("unet"))


def test_bf16_and_fp16_come_near_fp32(plan_for: Any, train_here: Any) -> None:
    losses = {
        p: [e["loss"] for e in train_here(plan_for(resources={"precision": p}), p).of("step")]
        for p in ("fp32", "bf16", "fp16")
    }
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.03)
    assert losses["fp16"] == pytest.approx(losses["fp32"], rel=0.01)
