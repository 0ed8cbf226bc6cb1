"""A whole short run writes the expected files and events."""

from __future__ import annotations

from typing import Any

from safetensors import safe_open


def test_a_run_ends_with_a_lora_samples_and_proof(train_here: Any, plan_for: Any) -> None:
    plan = plan_for(samples={"prompts": ["zwx, red"]})
    run = train_here(plan)
    assert run.code == 0
    assert [e["seq"] for e in run.events] == list(range(1, len(run.events) + 1))
    assert [e["step"] for e in run.of("step")] == [1, 2, 3, 4, 5, 6]
    assert run.events[-1]["type"] == "result" and run.events[-1]["status"] == "finished"
    assert [(e["step"], e["adapter"]) for e in run.of("sample")] == [(0, False), (6, True)]
    assert all((run.folder / e["path"]).exists() for e in run.of("sample"))
    assert [e["step"] for e in run.of("checkpoint")] == [2, 4, 6]
    assert run.of("learned")[0]["weight_change"]["unet.down"] > 0
    with safe_open(run.folder / run.of("output")[0]["path"], framework="pt") as file:
        assert file.metadata()["modelspec.trigger_phrase"] == "zwx"
        assert "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight" in file.keys()  # noqa: SIM118
