"""Samples: their own options, pairs with and without the LoRA, and the description inside a PNG."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from PIL import Image

SHOT = {"prompt": "zwx", "negative": "", "steps": 3, "guidance": 4, "seed": 1, "size": [64, 64], "strength": 1} | {
    "clip_skip": None
}


def _pixels(run: Any, name: str) -> str:
    return hashlib.sha256(Image.open(run.folder / "samples" / name).tobytes()).hexdigest()


@pytest.mark.parametrize("sampler", ["euler_a", "dpmpp_2m"])
def test_each_sample_has_its_own_options_and_depends_on_no_other(sampler: str, train_here: Any, plan_for: Any) -> None:
    wide = {**SHOT, "prompt": "zwx, blue", "size": [96, 64], "negative": "red", "seed": 9}
    shots = [SHOT, wide, {**SHOT, "strength": 0}, {**SHOT, "strength": 0.5}]
    samples = {"prompts": [shot["prompt"] for shot in shots], "shots": shots, "sampler": sampler, "spacing": "karras"}
    run = train_here(plan_for(training={"learning_rate": 0.1}, samples=samples))
    assert not run.of("sample_failed")
    assert Image.open(run.folder / "samples" / "step-000006-1.png").size == (96, 64)
    base, learned = _pixels(run, "base-0.png"), _pixels(run, "step-000006-0.png")
    assert _pixels(run, "step-000006-2.png") == base != learned
    assert _pixels(run, "step-000006-3.png") not in (base, learned)
    told = [(e["index"], e["prompt"], e["seed"]) for e in run.of("sample") if e["adapter"]]
    assert told == [(0, "zwx", 1), (1, "zwx, blue", 9), (2, "zwx", 1), (3, "zwx", 1)]
    alone = {**samples, "prompts": ["zwx, blue"], "shots": [wide]}
    other = train_here(plan_for(training={"learning_rate": 0.1}, samples=alone), "alone")
    assert other.sha256 == run.sha256
    assert _pixels(other, "step-000006-0.png") == _pixels(run, "step-000006-1.png")


def test_a_png_says_how_it_was_made(train_here: Any, plan_for: Any) -> None:
    # The prompt and the name of the run are as long as they may be.
    prompt, name = ("zwx, ünï, " + "a toy, " * 285)[:2000].strip(), "n" * 100
    samples = {"prompts": [prompt], "negative": "blurry", "sampler": "euler_a", "spacing": "normal", "every": 0}
    model = {"sha256": "ab" * 32, "clip_skip": 2}
    run = train_here(plan_for(name=name, training={"steps": 1}, samples=samples, model=model))
    assert (run.folder / f"output/{name}.safetensors").is_file()
    settings = "\nNegative prompt: blurry\nSteps: 2, Sampler: Euler a, Schedule type: Normal, CFG scale: 4, Seed: 1, "
    settings += "Size: 64x64, Model hash: ababababab, Model: tiny, Clip skip: 2"
    assert Image.open(run.folder / "samples" / "base-0.png").text["parameters"] == prompt + settings
    shown = Image.open(run.folder / "samples" / "step-000001-0.png").text["parameters"]
    assert shown == f"{prompt} <lora:{name}:1>{settings}"


@pytest.mark.parametrize("text_rate", [0.0, 1e-3])
def test_a_clip_skip_of_a_prompt_reads_as_that_of_the_model(text_rate: float, train_here: Any, plan_for: Any) -> None:
    def drawn(name: str, clip_skip: int, *shots: dict[str, Any]) -> Any:
        samples = {"prompts": [shot["prompt"] for shot in shots], "shots": list(shots), "every": 0}
        training = {"steps": 1, "text_encoder_learning_rates": [text_rate]}
        return train_here(plan_for(training=training, samples=samples, model={"clip_skip": clip_skip}), name)

    own = drawn("own", 1, {**SHOT, "clip_skip": 2}, SHOT)
    whole = drawn("whole", 2, SHOT)
    assert _pixels(own, "base-0.png") == _pixels(whole, "base-0.png") != _pixels(own, "base-1.png")
    assert Image.open(own.folder / "samples" / "base-0.png").text["parameters"].endswith(", Clip skip: 2")
    # The layer that samples read has no effect on the training.
    assert own.sha256 == drawn("plain", 1, SHOT).sha256
