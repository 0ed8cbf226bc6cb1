"""Several sources in one run: their settings reach their own images, and the bytes are the same however often it
stops.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run
from tests.run.test_exact import _kill_and_go_on, _stop_after

VARIATIONS = {
    "variations": 2,
    "share": 0.7,
    **dict.fromkeys(("contrast", "saturation", "hue", "gamma"), 0),
    "brightness": 0.1,
    "rotate": 5,
    "zoom": 0.1,
}
#: Settings of a source that draw at each use.
BUSY = {
    "crop": "random",
    "flip": True,
    "shuffle_tags": True,
    "keep_tags": 1,
    "caption_dropout": 0.3,
    "tag_dropout": 0.3,
    "augment": VARIATIONS,
}
PLAIN = {
    "crop": "center",
    "flip": False,
    "augment": None,
    "shuffle_tags": False,
    "keep_tags": 1,
    "caption_dropout": 0,
    "tag_dropout": 0,
}


@pytest.fixture
def two_sources(images: Any) -> list[dict[str, Any]]:
    """Images as the plan lists them for two weighted sources and a regularisation folder."""
    folder, samples = images
    caption = "zwx, red hat, blue coat, smile, tree"
    last = len(samples) - 1
    return [
        {
            **sample,
            "caption": caption if index != last else "toy",
            "repeats": 3 if index % 2 else 1,
            "loss_weight": 0.5 if index % 2 else 1,
            "regularisation": index == last,
            "path": str(Path(folder) / sample["path"]) if index == last else sample["path"],
            "own": BUSY if index % 2 else None,
        }
        for index, sample in enumerate(samples)
    ]


def test_equal_bytes_through_a_stop_and_through_kills(
    two_sources: Any, train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    plan = plan_for(data={"images": two_sources}, training={"steps": 16}, output={"checkpoint_every": 3})
    whole = train_here(plan, "whole")
    assert whole.code == 0
    assert _stop_after(prepare_run(tmp_path / "stopped", plan), plan, 5) == 75
    assert train_here(plan, "stopped").sha256 == whole.sha256
    draw = random.Random(28)
    killed = prepare_run(tmp_path / "killed", plan)
    assert _kill_and_go_on(killed, [draw.randrange(4, 9) for _ in range(2)])["sha256"] == whole.sha256
    alike = [{**sample, "own": None} for sample in two_sources]
    assert train_here(plan_for(data={"images": alike}, training={"steps": 16}), "alike").sha256 != whole.sha256


def _digests(run: Any) -> list[tuple[float, str]]:
    return [(event["loss"], event["digest"]) for event in run.of("step")]


def test_settings_of_every_source_are_those_of_the_data_set(two_sources: Any, train_here: Any, plan_for: Any) -> None:
    """A setting written to each source gives the same bytes as the setting written once."""
    once = [{**sample, "own": None} for sample in two_sources]
    each = [{**sample, "own": BUSY} for sample in two_sources]
    for_all = train_here(plan_for(data={"images": once, **BUSY}), "once")
    assert _digests(train_here(plan_for(data={"images": each, **PLAIN}), "each")) == _digests(for_all)


def test_a_source_varies_its_own_images_alone(two_sources: Any, plan_for: Any) -> None:
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.data.batches import BatchSampler
    from visiontrain_trainer.data.captions import caption_of

    plan = parse_plan(plan_for(data={"images": two_sources}, training={"steps": 60}))
    batches = BatchSampler(plan)
    seen: dict[str, set[tuple[str, Any]]] = {}
    for use in batches.all_uses():
        seen.setdefault(use.image.id, set()).add((caption_of(plan, use), batches.view(use)))
    for sample in plan.data.images:
        views = {view for _, view in seen[sample.id]}
        if sample.own is None:
            assert len(seen[sample.id]) == 1
        else:
            assert len(views) > 2
            assert sample.regularisation or "" in {caption for caption, _ in seen[sample.id]}
