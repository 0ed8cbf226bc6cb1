"""Judging: scores whose true value is known, and the whole job on a run of the tiny model."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visiontrain_trainer.judging.job import Job, Prompt, parse_job
from visiontrain_trainer.judging.pixels import SIDE, alike, features
from visiontrain_trainer.judging.scores import Drawn, References, nearness_by_chance, scores
from visiontrain_trainer.judging.work import judge

WIDTH = SIDE * SIDE * 3


def _images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(count, WIDTH))


def _turned(found: np.ndarray) -> np.ndarray:
    return found.reshape(-1, SIDE, SIDE, 3)[:, :, ::-1].reshape(len(found), WIDTH)


def _near(each: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A measure whose features are single numbers, so that it is quick, and easy to check by hand."""
    return 1 - np.sqrt(((each[:, None] - others[None]) ** 2).mean(2))


def _references(trained: np.ndarray, held_out: np.ndarray, *, flips: bool = False, alike: Any = alike) -> References:
    return References(
        trained=trained,
        trained_paths=[f"{i}.png" for i in range(len(trained))],
        held_out=held_out,
        held_out_paths=[f"held/{i}.png" for i in range(len(held_out))],
        mirrored=(_turned(trained), _turned(held_out)) if flips else None,
        alike=alike,
    )


def _drawn(
    own: np.ndarray, base: np.ndarray, triggers: list[bool | None], images: list[str | None] | None = None
) -> Drawn:
    paths = [[f"judge/{p}-{s}.png" for s in range(own.shape[1])] for p in range(len(own))]
    return Drawn(own, base, triggers, images or [None] * len(own), paths)


def test_alike_is_one_for_the_same_and_zero_for_black_and_white() -> None:
    black, white = (features(Image.new("RGB", (40, 24), color)) for color in ("black", "white"))
    assert alike(np.stack([black]), np.stack([black, white])) == pytest.approx(np.array([[1, 0]]))


def test_a_copy_is_seen_also_mirrored_and_its_pair_is_named() -> None:
    trained = _images(12, 1)
    own = _images(4, 2).reshape(2, 2, WIDTH)
    references = _references(trained, _images(0, 3), flips=True)
    assert scores(_drawn(own, own, [None, None]), references)["copies"]["copied"] == 0
    mirror = _turned(trained[7:8])[0]
    own[1, 0] = np.clip(mirror + np.random.default_rng(4).normal(0, 0.02, WIDTH), 0, 1)
    found = scores(_drawn(own, own, [None, None]), references)["copies"]
    assert found["copied"] == 1
    assert found["nearest"]["image"] == "7.png" and found["nearest"]["sample"] == "judge/1-0.png"


def test_only_captions_of_images_kept_out_tell_a_copy_from_what_was_asked() -> None:
    trained, held = _images(12, 1), _images(2, 3)
    own = np.stack([held, trained[5:7]]).reshape(2, 2, WIDTH)
    base = _images(4, 8).reshape(2, 2, WIDTH)

    def counted(images: list[str | None]) -> dict[str, Any]:
        return scores(_drawn(own, base, [True, True], images), _references(trained, held))["copies"]

    # The second prompt may ask for what a training image shows.
    found = counted(["held/0.png", None])
    assert (found["copied"], found["samples"], found["prompts"], found["prompts_copied"]) == (0, 2, 1, 0)
    # Fourteen images define "near": one more of their kind is nearer to one of them than they are by chance in 1 of 15
    # cases.
    assert found["by_chance"] == pytest.approx(1 / 15)
    own[0, 1] = trained[3]
    found = counted(["held/0.png", None])
    assert (found["copied"], found["prompts_copied"], found["nearest"]["image"]) == (1, 0, "3.png")
    own[0, 0] = trained[4]
    assert counted(["held/0.png", None])["prompts_copied"] == 1
    # A sample that the base model draws as well, with the same noise, is no copy made by the LoRA.
    base[0, 0] = trained[4]
    assert counted(["held/0.png", None])["copied"] == 1
    # A sample that is near no training image is no copy, even if it is still less near its own image.
    own[0] = 0
    assert counted(["held/0.png", None])["copied"] == 0
    # A caption that is trained on asks for the image that it copies.
    asked = counted(["3.png", None])
    assert (asked["copied"], asked["samples"], asked["prompts"]) == (2, 2, 1)
    assert (counted(["3.png", "4.png"])["copied"], counted(["3.png", "4.png"])["prompts"]) == (0, 0)
    plain = counted([None, None])
    assert (plain["copied"], plain["samples"], plain["prompts"], plain["prompts_copied"]) == (2, 4, 2, 1)


@pytest.mark.parametrize(("count", "exceeding", "of"), [(3, 1, 4), (8, 1, 9), (19, 2, 20), (40, 4, 41)])
def test_images_that_copy_nothing_count_as_copies_as_seldom_as_documented(count: int, exceeding: int, of: int) -> None:
    draw = np.random.default_rng(count)
    above, rounds = 0, 400
    for _ in range(rounds):
        images = draw.uniform(size=(count + 2, 40))
        limit = nearness_by_chance(_references(images[:1], images[1 : count + 1], alike=_near))
        assert limit is not None and limit[1] == pytest.approx(exceeding / of)
        above += float(_near(images[-1:], images[:1])[0, 0]) > limit[0]
    assert above / rounds == pytest.approx(exceeding / of, abs=3 * math.sqrt(exceeding / of / rounds))


def test_bleeding_is_measured_without_the_trigger_and_likeness_with_it() -> None:
    base = _images(4, 5).reshape(2, 2, WIDTH)
    held = _images(3, 6)
    own = base.copy()
    own[0] = held[:2]
    found = scores(_drawn(own, base, [True, False]), _references(_images(9, 7), held))
    assert found["likeness"]["value"] == pytest.approx(1)
    assert found["bleeding"]["value"] == pytest.approx(0, abs=1e-6)
    own[1] = 1 - base[1]
    assert scores(_drawn(own, base, [True, False]), _references(_images(9, 7), held))["bleeding"]["value"] > 0.3
    assert scores(_drawn(own, base, [None, None]), _references(_images(9, 7), held))["bleeding"] is None
    one = scores(_drawn(own[:, :1], base[:, :1], [True, False]), _references(_images(2, 8), held[:0]))
    assert one["diversity"] is None and one["copies"] is None


def test_a_sample_of_a_caption_is_compared_with_its_own_image() -> None:
    held, base = _images(3, 6), _images(4, 5).reshape(2, 2, WIDTH)
    own = base.copy()
    own[0] = held[1]
    references, triggers = _references(_images(9, 7), held), [True, True]
    right = scores(_drawn(own, base, triggers, ["held/1.png", None]), references)["likeness"]
    assert right["value"] == pytest.approx(1) and len(right["each"]) == 2
    # The nearest image of all would be the same one; the image of another caption is not.
    wrong = scores(_drawn(own, base, triggers, ["held/2.png", None]), references)["likeness"]
    assert wrong["value"] == pytest.approx(float(alike(held[1:2], held[2:])[0, 0]))


def test_a_run_is_judged_without_touching_it(
    train_here: Any, plan_for: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"images": [{**sample, "validation": i > 2} for i, sample in enumerate(images[1])]}
    plan = plan_for(data=data, training={"learning_rate": 0.5}, output={"checkpoint_every": 3})
    run = train_here(plan)
    before = {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file()}
    job = Job((3, 6), (0.5, 1.0), (Prompt("zwx", "", True), Prompt("a plain", "", False)), (1, 2))
    said = _judged(run.folder, job)
    rows = [line for line in said if line["type"] == "row"]
    assert [(row["step"], row["strength"]) for row in rows] == [(0, 0), (3, 0.5), (3, 1), (6, 0.5), (6, 1)]
    base, *others = rows
    assert base["bleeding"]["value"] == 0 and base["change"] is None
    losses = {event["step"]: event["loss"] for event in run.of("validation")}
    assert base["validation"]["loss"] == pytest.approx(losses[0])
    for row in others:
        assert row["bleeding"]["value"] > 0
        if row["strength"] == 1:
            assert row["validation"]["loss"] == pytest.approx(losses[row["step"]])
            assert row["change"]["value"] == pytest.approx(losses[row["step"]] - losses[0])
        # Rows are compared by these, so they stand in the same order in each: the images, and their draws of noise.
        each = row["change"]["each"]
        assert np.mean(each) == pytest.approx(row["change"]["value"], rel=1e-6)
        assert np.shape(each) == np.shape(others[0]["change"]["each"]) and np.std(each) > 0
    after = {p: p.read_bytes() for p in run.folder.rglob("*") if p.is_file() and p.parent.name != "judge"}
    shown = {neighbour["shown"] for row in rows for each in row["neighbours"] for neighbour in each}
    drawn = {path for row in rows for each in row["samples"] for path in each}
    assert after == before and len(drawn) == 5 * 4
    assert {f"judge/{path.name}" for path in (run.folder / "judge").iterdir()} == drawn | shown
    # Existing samples are not drawn again, and the table is the same.
    monkeypatch.setattr("visiontrain_trainer.judging.work.sample_latents", None)
    assert _judged(run.folder, job) == said


def test_a_prompt_of_the_run_keeps_its_own_options(train_here: Any, plan_for: Any) -> None:
    usual = {"negative": "", "steps": 2, "guidance": 1.0, "size": [64, 64], "strength": 1.0, "clip_skip": None}
    shots = [{**usual, "prompt": "zwx", "seed": 1, "size": [96, 64]}, {**usual, "prompt": "zwx", "seed": 2}]
    samples = {"every": 0, "prompts": [shot["prompt"] for shot in shots], "shots": shots, "size": [64, 64]}
    run = train_here(plan_for(samples=samples, output={"checkpoint_every": 6}))
    own = tuple(Prompt("zwx", "", True, None, shot) for shot in range(2))
    job = Job((6,), (1.0,), (*own, Prompt("zwx", "", True)), (5,))
    rows = [line for line in _judged(run.folder, job) if line["type"] == "row"]
    sizes = [[Image.open(run.folder / path).size for path in each] for row in rows for each in row["samples"]]
    assert sizes == 2 * [[(96, 64)], [(64, 64)], [(64, 64)]]


def _judged(folder: Path, job: Job) -> list[dict[str, Any]]:
    from visiontrain_trainer.contract.plan import read_plan

    said: list[dict[str, Any]] = []
    judge(folder, read_plan(folder / "plan.json"), job, lambda type, **payload: said.append({"type": type, **payload}))
    return json.loads(json.dumps(said))


def test_a_job_that_cannot_be_read_is_an_error_line(tmp_path: Path) -> None:
    text = '{"version":1,"steps":[3],"strengths":[1],"prompts":[],"seeds":[1],"likeness":null,"fit":null}'
    assert parse_job(text).steps == (3,)
    program = [sys.executable, "-m", "visiontrain_trainer.judging", str(tmp_path), '{"version": 7}']
    done = subprocess.run(program, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    line = json.loads(done.stdout)
    assert done.returncode == line["code"] == 5 and "version is 7" in line["details"][0]
