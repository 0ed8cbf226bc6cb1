"""Text states equal those of the stock pipelines, also for long captions (in chunks) and with clip_skip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.model.test_models import model
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.text import TextEmbeddings
from visiontrain_trainer.data.text_encoder import TextEncoder, encode_caption
from visiontrain_trainer.model.models import BaseModel

CAPTION = "zwx, a red fox"
CPU = Device(torch.device("cpu"), torch.float32, torch.float32)


def encoders(folder: Any, family: str, **changes: Any) -> list[TextEncoder]:
    base = BaseModel(model(folder, family, **changes))
    return [TextEncoder(base, name, torch.float32, CPU) for name in base.text_encoders]


def test_sd15_equals_the_pipeline(tiny: Any) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny("sd15"), local_files_only=True)
    expected, _ = pipeline.encode_prompt(CAPTION, "cpu", 1, False)
    with torch.no_grad():
        got = encode_caption(encoders(tiny("sd15"), "sd15"), CAPTION, 75)
    assert torch.equal(got["states"], expected)


@pytest.mark.parametrize("clip_skip", [1, 2, 3])
def test_clip_skip_reads_that_layer_from_the_end(tiny: Any, clip_skip: int) -> None:
    from transformers.models.clip.modeling_clip import CLIPTextModel

    (encoder,) = encoders(tiny("sd15"), "sd15", clip_skip=clip_skip)
    ids = encoder.chunks(CAPTION, 75)
    stock = CLIPTextModel.from_pretrained(tiny("sd15") / "text_encoder", local_files_only=True)
    with torch.no_grad():
        hidden = stock(input_ids=ids, output_hidden_states=True).hidden_states
        got, _ = encoder.encode(ids)
        # transformers gives a tuple: the embeddings, then the output of each of the three layers.
        expected = encoder.module.final_layer_norm(hidden[4 - clip_skip])
    assert torch.equal(got, expected)


def test_sdxl_equals_the_pipeline(tiny: Any) -> None:
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(tiny("sdxl"), local_files_only=True)
    states, _, pooled, _ = pipeline.encode_prompt(CAPTION, device="cpu", do_classifier_free_guidance=False)
    with torch.no_grad():
        got = encode_caption(encoders(tiny("sdxl"), "sdxl"), CAPTION, 75)
    assert torch.equal(got["states"], states) and torch.equal(got["pooled"], pooled[0])


def test_long_captions_in_chunks(tiny: Any) -> None:
    (encoder,) = encoders(tiny("sd15"), "sd15")
    begin, end = encoder.tokenizer.begin, encoder.tokenizer.end
    long = "a " * 100  # one token each
    assert encoder.chunks("", 75).tolist() == [[begin] + [end] * 76]
    assert encoder.chunks(long, 75).shape == (1, 77)
    two = encoder.chunks(long, 225)
    assert two.shape == (2, 77) and two[0, -1] == end and two[1, 25] != end and two[1, 26] == end
    assert encoder.chunks("a " * 400, 225).shape == (3, 77)
    with torch.no_grad():
        whole = encode_caption([encoder], long, 150)["states"]
        first = encode_caption([encoder], "a " * 75, 150)["states"]
    torch.testing.assert_close(whole[0], first[0])


def test_a_run_with_captions_of_different_lengths(train_here: Any, plan_for: Any, images: Any) -> None:
    samples = [dict(s) for s in images[1]]
    samples[0]["caption"] = "a " * 100
    run = train_here(plan_for("sdxl", data={"images": samples, "max_tokens": 225}))
    assert run.code == 0


@pytest.mark.parametrize("rate", [0.0, 1e-3])
def test_a_prompt_longer_than_every_caption_has_its_image(train_here: Any, plan_for: Any, rate: float) -> None:
    samples = {"every": 0, "prompts": ["a " * 200, "a"], "negative": "a " * 100}
    plan = plan_for(data={"max_tokens": 225}, samples=samples, training={"text_encoder_learning_rates": [rate]})
    run = train_here(plan)
    assert run.code == 0 and not run.of("sample_failed")
    assert {event["index"] for event in run.of("sample")} == {0, 1}


@pytest.mark.parametrize("trained", [False, True])
def test_a_caption_longer_than_the_plan_counted_is_cut(trained: bool, plan_for: Any, tmp_path: Path) -> None:
    """A caption with shuffled tags may need a chunk more than in the plan's order, but a batch has one length."""
    plan = parse_plan(plan_for(data={"max_tokens": 225}, resources={"cache_dir": str(tmp_path)}))
    bank = TextEmbeddings(plan, BaseModel(plan.model), CPU)
    events = Events(tmp_path / "events.jsonl")
    if trained:
        bank.prepare_trained(["a"], torch.float32)
        states, _ = bank.trained(["a", "a " * 80])
        whole, _ = bank.trained(["a", "a " * 80], whole=True)
    else:
        bank.prepare(["a", "a " * 80], ["a"], events, Control(tmp_path / "control"))
        states = torch.stack([bank.get(caption)["states"] for caption in ("a", "a " * 80)])
        whole = torch.stack([bank.get(caption, 2)["states"] for caption in ("a", "a " * 80)])
    events.close()
    assert states.shape[1] == 77 and whole.shape[1] == 154
    assert torch.equal(whole[:, :77], states)
