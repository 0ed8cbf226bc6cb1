"""Random pairs of settings, of data and of training, give the same bytes with 0 and 4 workers, through a stop, and in
two processes twice.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.conftest import prepare_run
from tests.run.test_exact import _stop_after
from tests.run.test_processes import train_in
from tests.run.test_settings_exact import EXCLUSIVE, SETTINGS

#: Settings that change images and captions, by name: the section `data` of the plan.
DATA: dict[str, dict[str, Any]] = {
    "flip and random crop": {"flip": True, "crop": "random"},
    "shuffled tags": {"shuffle_tags": True, "caption_dropout": 0.2, "tag_dropout": 0.2},
    "variations": {
        "augment": {
            "variations": 3,
            "share": 0.8,
            **dict.fromkeys(("brightness", "contrast", "saturation", "gamma"), 0.1),
            "hue": 0.02,
            "rotate": 5,
            "zoom": 0.1,
        }
    },
    "several resolutions": {"further": True},
    "drawn resolutions": {"further": True, "resolution_use": "draw"},
}
#: Settings that change the training, beyond those of `test_settings_exact.py`.
MORE: dict[str, dict[str, Any]] = {
    "text encoder for a while": {"text_encoder_learning_rates": [1e-4], "text_encoder_steps": 2},
    "accumulation": {"gradient_accumulation": 2},
    "came": {"optimizer": "came"},
    "lion": {"optimizer": "lion"},
    "cosine with restarts": {"schedule": "cosine_with_restarts", "cycles": 2},
}
TRAINING = {**SETTINGS, **MORE}


def _clash(first: str, second: str) -> bool:
    """Whether two settings cannot be combined: both set the same key, or run.yaml refuses the pair."""
    one, other = TRAINING[first], TRAINING[second]
    optimizers = {"schedule-free", "came", "lion"}
    kept = {"preservation", "text encoder for a while"}
    scheduled = {"schedule-free", "cosine with restarts"}
    return bool(set(one) & set(other)) or any(
        {first, second} <= group for group in (optimizers, kept, scheduled, *map(set, EXCLUSIVE))
    )


def _drawn(count: int, seed: int) -> list[tuple[str, str, str]]:
    """`count` triples that can be combined: a setting of data and two of training."""
    draw, found = random.Random(seed), []
    while len(found) < count:
        first, second = draw.sample(list(TRAINING), 2)
        if not _clash(first, second):
            found.append((list(DATA)[len(found) % len(DATA)], first, second))
    return found


def _plan(
    names: tuple[str, str, str], plan_for: Any, images: Any, cache: Path, resources: dict[str, Any]
) -> dict[str, Any]:
    data, samples = dict(DATA[names[0]]), list(images[1])
    if data.pop("further", False):
        samples += [{**s, "id": f"{s['id']}@32", "bucket": [32, 32]} for s in samples]
    training = {"steps": 3, "warmup_steps": 1, "schedule": "constant", **TRAINING[names[1]], **TRAINING[names[2]]}
    return plan_for(
        data={"images": samples, **data},
        training=training,
        output={"checkpoint_every": 0},
        resources={**resources, "cache_dir": str(cache)},
    )


@pytest.mark.parametrize("names", _drawn(len(DATA), 2611), ids=" + ".join)
def test_the_same_bytes_with_workers_and_through_a_stop(
    names: tuple[str, str, str], train_here: Any, plan_for: Any, images: Any, tmp_path: Path
) -> None:
    whole = train_here(_plan(names, plan_for, images, tmp_path / "cache", {"workers": 0}), "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    again = _plan(names, plan_for, images, tmp_path / "other cache", {"workers": 4})
    assert _stop_after(tmp_path / "cut", again, 2) == 75
    assert train_here(again, "cut").sha256 == whole.sha256


def test_two_processes_give_the_same_bytes_twice(plan_for: Any, images: Any, tmp_path: Path) -> None:
    """Two processes round sums in the same order each time, here with all settings of data together."""
    names = _drawn(3, 2611)[2]
    plan = _plan(names, plan_for, images, tmp_path / "cache", {"workers": 0, "processes": 2})
    plan["data"] |= {"flip": True, "shuffle_tags": True}
    found = []
    for name in ("first", "second"):
        events = train_in(prepare_run(tmp_path / name, plan))
        found.append(next(e["sha256"] for e in events if e["type"] == "output"))
    assert found[0] == found[1]
    assert load_file(next((tmp_path / "first" / "output").glob("*.safetensors")))
