"""The trainer reads the plan that TypeScript writes: test/engine/plan/resolve.test.ts compares the same file."""

from __future__ import annotations

from pathlib import Path

from visiontrain_trainer.contract.plan import read_plan

FILE = Path(__file__).parents[3] / "test" / "fixtures" / "plan.json"


def test_the_plan_that_typescript_writes_is_read_whole() -> None:
    plan = read_plan(FILE)
    first, second, _ = plan.data.images
    assert (first.path, first.repeats, first.caption) == ("10_fox/a.png", 10, "zfx, sitting, red")
    assert second.size == (1200, 800)
    assert plan.training.min_snr_gamma is None
    assert plan.training.init_lora == "/home/me/old.safetensors"
    assert plan.resources.device == "cpu"
    assert plan.output.facts["ss_resolution"] == "(512, 512)"
