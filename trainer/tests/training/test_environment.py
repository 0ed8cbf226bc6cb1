"""The environment that the bytes depend on is recorded, and compared before equal bytes are promised."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from tests.conftest import prepare_run
from tests.run.test_exact import _stop_after
from visiontrain_trainer.training.environment import differences


def _rewrite_state(folder: Path, change: Any) -> None:
    """Change the newest checkpoint's state and seal it again, as if another machine had written it."""
    path = sorted(folder.glob("checkpoints/step-*"))[-1] / "state.json"
    state = json.loads(path.read_text().rstrip("\n").rsplit("\n", 1)[0])
    change(state)
    text = json.dumps(state, sort_keys=True, indent=1)
    path.write_text(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")


def test_a_resume_in_the_same_environment_promises_the_bytes(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(output={"checkpoint_every": 0})
    prepare_run(tmp_path / "run", plan)
    assert _stop_after(tmp_path / "run", plan, 3) == 75
    run = train_here(plan)
    assert [(e["original"], e["step"], e["differences"]) for e in run.of("compared")] == [("checkpoint", 3, [])]
    assert not [e for e in run.of("note") if e["level"] == "warn"]


def test_a_resume_elsewhere_says_what_differs_and_promises_nothing(
    train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    plan = plan_for(output={"checkpoint_every": 0})
    prepare_run(tmp_path / "run", plan)
    assert _stop_after(tmp_path / "run", plan, 3) == 75

    def elsewhere(state: dict[str, Any]) -> None:
        state["environments"][0]["facts"] |= {"torch": "2.0.0", "threads": 64, "cpu_capability": "VSX", "device": "x"}

    _rewrite_state(tmp_path / "run", elsewhere)
    assert _stop_after(tmp_path / "run", plan, 5) == 75
    run = train_here(plan)
    compared = run.of("compared")
    for event in compared:
        assert [d["fact"] for d in event["differences"]] == ["cpu_capability", "threads", "torch"]
        assert {d["fact"]: d["was"] for d in event["differences"]}["threads"] == 64
    # The second resume is in the same environment as the steps before it, but not as the first ones.
    assert [e["step"] for e in compared] == [3, 5]
    warned = [e["text"] for e in run.of("note") if e["level"] == "warn"]
    assert len(warned) == 2 and all("threads was 64, is 1" in w and "not promised" in w for w in warned)
    order = [e["type"] for e in run.events]
    assert order.index("compared") < order.index("step", order.index("result"))


@pytest.mark.parametrize("then", [{}, {"torch": "2.0.0", "bitsandbytes": "0.1"}])
def test_a_verifying_run_compares_with_the_original(
    then: dict[str, Any], train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    facts = train_here(plan_for(), "first").of("active")[0]["facts"] | then
    folder = prepare_run(tmp_path / "second", plan_for())
    (folder / "env.json").write_text(json.dumps({"verifies": {"run": "first", "facts": facts}}))
    run = train_here(plan_for(), "second")
    (event,) = run.of("compared")
    assert event["original"] == "first" and [d["fact"] for d in event["differences"]] == sorted(then)
    warned = [e["text"] for e in run.of("note") if e["level"] == "warn"]
    assert len(warned) == bool(then) and all("first was computed otherwise" in w for w in warned)
    order = [e["type"] for e in run.events]
    assert order.index("compared") < order.index("step")


def test_another_lora_to_go_on_from_or_another_base_is_told(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    lora = tmp_path / "first.safetensors"
    before = train_here(plan_for(training={"steps": 1}), "before")
    lora.write_bytes((before.folder / before.of("output")[0]["path"]).read_bytes())
    plan = plan_for(training={"init_lora": str(lora)}, output={"checkpoint_every": 0})
    prepare_run(tmp_path / "run", plan)
    assert _stop_after(tmp_path / "run", plan, 3) == 75
    tensors = load_file(lora)
    save_file({name: tensor * 1.5 for name, tensor in tensors.items()}, lora)
    plan["model"]["path"] = str(shutil.copytree(plan["model"]["path"], tmp_path / "base"))
    weights = tmp_path / "base" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 1.01 for name, tensor in load_file(weights).items()}, weights)
    run = train_here(plan)
    (event,) = run.of("compared")
    assert [d["fact"] for d in event["differences"]] == ["base_weights", "init_lora"]
    (warned,) = [e["text"] for e in run.of("note") if e["level"] == "warn"]
    assert "base weights was" in warned and "init lora was" in warned and "not promised" in warned


def test_facts_that_cannot_change_a_byte_are_not_compared() -> None:
    assert differences({"device": "cuda:0", "layers": 1, "tf32": True}, {"device": "cuda:1", "tf32": True}) == []
    assert differences({"gpu": 1}, {}) == [{"fact": "gpu", "was": 1, "now": None}]
