"""The two trial steps before the first step change no byte, and find what does not fit before anything is trained.

A CPU takes the same path as a card, with its own allocator as the meter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import read_events
from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run import probe


class _Allocator(probe.CardMeter):
    """A meter that reads the CPU's allocator, which gives the same number each time."""

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
            yield
        now = self._most = 0
        for event in sorted(told.profiler.kineto_results.events(), key=lambda e: e.start_ns()):
            now += event.nbytes() if event.name() == "[memory]" else 0
            self._most = max(self._most, now)

    @property
    def peak(self) -> int:
        return self._most


@pytest.fixture
def probing(monkeypatch: Any) -> None:
    monkeypatch.setattr(probe, "meter_for", _Allocator)
    # The tests' U-Nets are compared with counts too.
    monkeypatch.setattr(probe, "REAL", 0)


def _with(plan: dict[str, Any], cache: Path, **resources: Any) -> dict[str, Any]:
    return {**plan, "resources": {**plan["resources"], "cache_dir": str(cache), **resources}}


RICH = {"dropout": 0.1, "noise_offset": 0.05, "gradient_accumulation": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "adamw, both parts": {**RICH, "text_encoder_learning_rates": [1e-4]},
    "adafactor, DoRA": {**RICH, "optimizer": "adafactor", "dora": True},
    "schedule-free": {**RICH, "optimizer": "adamw_schedulefree", "schedule": "constant"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_run_is_the_same_with_and_without(
    name: str, train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    plan = plan_for(
        training=SETTINGS[name], data={"crop": "random", "flip": True, "caption_dropout": 0.2, "shuffle_tags": True}
    )
    monkeypatch.setenv(probe.SWITCH, "cpu")
    without = train_here(_with(plan, tmp_path / "cache", probe="off"), "without")
    assert not without.of("probe") and not (tmp_path / "cache" / "probes").exists()
    tried = train_here(_with(plan, tmp_path / "cache"), "tried")
    told = tried.of("probe")[0]
    assert told["seconds_per_step"] > 0 and not told["known"] and told["images"] == 2
    # The trial comes before the first step, and no other event comes from it.
    types = [event["type"] for event in tried.events]
    assert types.index("probe") < types.index("start")
    assert tried.sha256 == without.sha256
    steps = [[(e["loss"], e["grad_norm"], e["lr"], e["digest"]) for e in run.of("step")] for run in (without, tried)]
    assert steps[0] == steps[1]


def test_no_draw_of_pytorch_is_consumed(
    train_here: Any, plan_for: Any, tmp_path: Path, probing: None, monkeypatch: Any
) -> None:
    whole, seen = probe.probe, []

    def watched(session: Any) -> None:
        before = torch.get_rng_state()
        whole(session)
        assert torch.equal(before, torch.get_rng_state())
        assert not session.optimizer.state and session.train_step.scale.value == 1
        seen.append(all(bool(torch.all(grad == 0)) for grad in session.adapter.flat_grad.values()))

    monkeypatch.setattr("visiontrain_trainer.run.loop.probe", watched)
    assert train_here(_with(plan_for(), tmp_path / "cache"), "run").code == 0 and seen == [True]


def test_the_result_of_an_earlier_run_on_this_machine_is_used(
    train_here: Any, plan_for: Any, tmp_path: Path, probing: None
) -> None:
    cache = tmp_path / "cache"
    first = train_here(_with(plan_for(), cache), "first").of("probe")[0]
    again = train_here(_with(plan_for(training={"steps": 4}), cache), "again").of("probe")[0]
    assert (again["known"], again["memory"]) == (True, first["memory"])
    # Another rank means another plan, and a result that cannot be read is measured anew.
    assert not train_here(_with(plan_for(training={"rank": 8}), cache), "rank").of("probe")[0]["known"]
    for file in (cache / "probes").iterdir():
        file.write_text("{")
    anew = train_here(_with(plan_for(), cache), "anew").of("probe")[0]
    assert (anew["known"], anew["memory"]) == (False, first["memory"])


def test_more_memory_than_was_counted_is_reported_or_refused(
    train_here: Any, plan_for: Any, tmp_path: Path, probing: None
) -> None:
    cache = tmp_path / "cache"
    memory = train_here(_with(plan_for(), cache), "free").of("probe")[0]["memory"]
    counted = int(memory / 1.2)
    told = train_here(_with(plan_for(), cache, counted_memory=counted), "told")
    assert told.code == 0 and told.of("probe")[0]["counted"] == counted
    with pytest.raises(MachineError, match="were counted") as refused:
        train_here(_with(plan_for(), cache, counted_memory=counted, probe="refuse"), "refused")
    error = refused.value
    assert (error.code, error.id) == (3, "training/memory") and "resources.probe=adjust" in " ".join(error.next_steps)
    told = [event["type"] for event in read_events(tmp_path / "refused")]
    assert "probe" in told and "step" not in told
    near = train_here(_with(plan_for(), cache, counted_memory=int(memory / 1.05), probe="refuse"), "near")
    assert near.code == 0


@pytest.mark.parametrize("kind", ["adjust", "refuse"])
def test_a_plan_that_does_not_fit_is_found_before_the_first_step(
    kind: str, train_here: Any, plan_for: Any, tmp_path: Path, probing: None, monkeypatch: Any
) -> None:
    """The U-Net refuses more than one image, as a card without memory does."""
    build = BaseModel.unet

    def narrow(self: BaseModel, *where: Any) -> torch.nn.Module:
        def refuse(module: Any, inputs: Any) -> None:
            if len(inputs[0]) > 1 and torch.is_grad_enabled():
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

        unet = build(self, *where)
        unet.register_forward_pre_hook(refuse)
        return unet

    monkeypatch.setattr(BaseModel, "unet", narrow)
    cache = tmp_path / "cache"
    plan = _with(plan_for(training={"batch_size": 4}), cache, probe=kind)
    if kind == "refuse":
        with pytest.raises(MachineError, match="does not fit") as refused:
            train_here(plan, "run")
        error = refused.value
        assert (error.code, error.id) == (3, "training/memory") and "Tried to allocate" in error.details[0]
        assert "training.batch_size=1" in " ".join(error.next_steps)
        return
    run = train_here(plan, "run")
    assert run.code == 0 and run.of("probe")[0]["images"] == 1
    types = [event["type"] for event in run.events]
    notes = [i for i, event in enumerate(run.events) if "pictures at once" in event.get("text", "")]
    assert len(notes) == 2 and max(notes) < types.index("start")
    # The plan may fit another time, so it is tried again then.
    assert not list(cache.glob("probes/*"))
