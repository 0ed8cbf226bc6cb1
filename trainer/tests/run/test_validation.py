"""Validations at a cadence of their own, and early stop: at the same step however often the run is interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run
from tests.run.test_exact import _stop_after


@pytest.fixture
def held_out(images: Any) -> dict[str, Any]:
    return {"images": [{**sample, "validation": i > 2} for i, sample in enumerate(images[1])]}


def _validation(**changes: Any) -> dict[str, Any]:
    return {"every": None, "images": 0, "patience": None, "min_change": 4, **changes}


def test_a_cadence_of_its_own_changes_no_byte(train_here: Any, plan_for: Any, held_out: Any) -> None:
    quiet = train_here(plan_for(data=held_out, output={"checkpoint_every": 0}), "quiet")
    own = plan_for(data=held_out, output={"checkpoint_every": 0}, validation=_validation(every=2))
    busy = train_here(own, "busy")
    assert busy.sha256 == quiet.sha256
    assert [e["step"] for e in busy.of("validation")] == [0, 2, 4, 6]
    assert [e["step"] for e in busy.of("checkpoint")] == [6]
    first = busy.of("validation")[0]
    assert "since_start" not in first
    for event in busy.of("validation"):
        assert len(event["levels"]) == 4
        assert sum(level["loss"] for level in event["levels"]) / 4 == pytest.approx(event["loss"])
        if event["step"] > 0:
            assert event["since_start"]["change"] == pytest.approx(event["loss"] - first["loss"])
            # Images and noise are the same each time, so the differences vary far less than the losses.
            assert 0 < event["since_start"]["stderr"] < event["stderr"]
            assert event["since_lowest"]["step"] < event["step"]


def test_a_rising_loss_ends_the_run_at_the_same_step_after_a_stop(
    train_here: Any, plan_for: Any, held_out: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("visiontrain_trainer.training.early_stop.LEAST_IMAGES", 2)
    # At this rate the loss jumps more than it rises. What counts here is the images' own error alone.
    monkeypatch.setattr("visiontrain_trainer.training.early_stop._wavering", lambda means: 0.0)
    plan = plan_for(
        data=held_out,
        validation=_validation(every=1, patience=3, min_change=1),
        training={"steps": 40, "learning_rate": 1.0, "schedule": "constant"},
        output={"checkpoint_every": 4},
    )
    whole = train_here(plan, "whole")
    ended = whole.events[-1]
    assert whole.code == 0 and ended["status"] == "finished" and 6 < ended["step"] < 40
    assert ended["reason"].startswith("Stopped early: over the last 3 validations")
    folder = prepare_run(tmp_path / "cut", plan)
    assert _stop_after(folder, plan, 5) == 75
    again = train_here(plan, "cut")
    assert again.sha256 == whole.sha256 and again.events[-1]["step"] == ended["step"]
    # The last checkpoint holds the validations: a run that dies after it ends there again, and trains no further.
    once_more = train_here(plan, "whole")
    assert once_more.sha256 == whole.sha256 and once_more.events[-1]["step"] == ended["step"]


def test_the_loss_of_each_image_is_written_and_changes_no_byte(
    train_here: Any, plan_for: Any, images: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("visiontrain_trainer.run.image_losses.LEAST_IMAGES", 2)
    quiet = train_here(plan_for(), "quiet")
    measured = train_here(plan_for(validation=_validation(images=3)), "measured")
    assert measured.sha256 == quiet.sha256 and not quiet.of("image_losses")
    told = json.loads((measured.folder / "image-losses.json").read_text())
    event = measured.of("image_losses")[0]
    assert event["images"] == len(told["images"]) == 3 and event["of"] == len(images[1])
    paths = {sample["path"] for sample in images[1]}
    for image in told["images"]:
        assert image["path"] in paths and image["before"] != image["after"] > 0
    # A second measurement is equal, because images and noise depend on the seed alone.
    again = train_here(plan_for(validation=_validation(images=3)), "again")
    assert (again.folder / "image-losses.json").read_bytes() == (measured.folder / "image-losses.json").read_bytes()
