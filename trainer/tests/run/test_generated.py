"""Regularisation images that the base draws: drawn once, found by content, and the same through a stop while they are
drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import prepare_run
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.run import generated
from visiontrain_trainer.run.sample import sample_latents


def _drawn(number: int, prompt: str) -> dict[str, Any]:
    return {
        "id": f"{number:016x}",
        "path": f"generated/{number}.png",
        "sha256": f"{number:064x}",
        "size": [64, 64],
        "bucket": [64, 64],
        "repeats": 1,
        "caption": prompt,
        "validation": False,
        "regularisation": True,
        "generated": {"prompt": prompt, "seed": 100 + number},
        "loss_weight": 0.5,
    }


@pytest.fixture
def plan(plan_for: Any, images: Any, tmp_path: Path) -> Any:
    made = [_drawn(i, "a toy" if i % 2 else "a red toy") for i in range(3)]
    return plan_for(
        training={"steps": 3, "warmup_steps": 0},
        data={"images": [*images[1], *made]},
        output={"checkpoint_every": 0},
        resources={"cache_dir": str(tmp_path / "cache")},
    )


def _files(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((tmp_path / "cache" / "generated").rglob("*.png"))}


def test_they_are_drawn_once_and_kept(plan: Any, train_here: Any, tmp_path: Path, monkeypatch: Any) -> None:
    shots: list[Any] = []

    def counted(context: Any, shot: Any, conditions: Any) -> Any:
        shots.append(shot)
        return sample_latents(context, shot, conditions)

    monkeypatch.setattr(generated, "sample_latents", counted)
    first = train_here(plan, "first")
    assert first.code == 0
    assert [(shot.prompt, shot.seed, tuple(shot.size)) for shot in shots] == [
        ("a red toy", 100, (64, 64)),
        ("a toy", 101, (64, 64)),
        ("a red toy", 102, (64, 64)),
    ]
    files = _files(tmp_path)
    pixels = [np.array(Image.open(path)) for path in (tmp_path / "cache" / "generated").rglob("*.png")]
    assert len(files) == 3 and all(p.shape == (64, 64, 3) and p.std() > 1 for p in pixels)
    assert len({p.tobytes() for p in pixels}) == 3
    # Another run finds them, and a run that lost a file, or has a torn one, draws only that one again, to the same
    # bytes.
    assert train_here(plan, "second").sha256 == first.sha256 and len(shots) == 3
    path = next((tmp_path / "cache" / "generated").rglob("*.png"))
    path.write_bytes(path.read_bytes()[:200])
    assert train_here(plan, "third").sha256 == first.sha256 and len(shots) == 4
    assert _files(tmp_path) == files


def test_a_stop_among_them_goes_on_with_the_next(plan: Any, train_here: Any, tmp_path: Path, monkeypatch: Any) -> None:
    whole = train_here(plan, "whole")
    files = _files(tmp_path)
    for path in (tmp_path / "cache" / "generated").rglob("*.png"):
        path.unlink()
    control, drawn = tmp_path / "cut" / "control", []

    def then_stop(context: Any, shot: Any, conditions: Any) -> Any:
        drawn.append(shot.seed)
        if len(drawn) == 2:
            (control / "stop").write_text("")
        return sample_latents(context, shot, conditions)

    monkeypatch.setattr(generated, "sample_latents", then_stop)
    assert main([str(prepare_run(tmp_path / "cut", plan))]) == 75
    assert len(_files(tmp_path)) == 2 and drawn == [100, 101]
    (control / "stop").unlink(missing_ok=True)
    assert train_here(plan, "cut").sha256 == whole.sha256
    assert drawn == [100, 101, 102] and _files(tmp_path) == files
