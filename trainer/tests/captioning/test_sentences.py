"""Captioners through transformers' own classes, and how their sentences are cleaned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

from tests.captioning.helpers import do, make_images
from tests.tiny_captioners import make_blip, make_florence
from visiontrain_trainer.captioning.text import clean_reply, clean_sentence, is_refusal, one_line


def method(folder: Path, length: str = "short") -> dict[str, Any]:
    settings = {"folder": str(folder), "length": length}
    return {"kind": "sentence", "key": "text-tiny", "name": "tiny", "settings": settings}


def on_white(path: Path) -> Image.Image:
    image = Image.open(path).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def test_blip_says_what_transformers_says(tmp_path: Path) -> None:
    images = make_images(tmp_path / "set", 2)
    folder = make_blip(tmp_path / "blip")
    did = do(tmp_path / "set", images, method(folder))
    assert did.error is None, (did.error.reason, did.error.details)
    processor = transformers.BlipProcessor.from_pretrained(folder)
    model = transformers.BlipForConditionalGeneration.from_pretrained(folder).eval()
    for image in images:
        inputs = processor(images=on_white(tmp_path / "set" / image["path"]), return_tensors="pt")
        with torch.inference_mode():
            made = model.generate(**inputs, do_sample=False, num_beams=1, min_length=10, max_length=75)
        [said] = processor.batch_decode(made, skip_special_tokens=True)
        assert did.result("text-tiny", image["sha256"])["text"] == clean_sentence(said) != ""


def test_florence_says_what_transformers_says_and_the_same_again(tmp_path: Path) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = make_florence(tmp_path / "florence")
    did = do(tmp_path / "set", images, method(folder))
    assert did.error is None, (did.error.reason, did.error.details)
    processor = transformers.Florence2Processor.from_pretrained(folder)
    model = transformers.Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    image = on_white(tmp_path / "set" / images[0]["path"])
    inputs = processor(text="<CAPTION>", images=image, return_tensors="pt")
    with torch.inference_mode():
        made = model.generate(**inputs, do_sample=False, num_beams=3, max_new_tokens=40)
    [said] = processor.batch_decode(made, skip_special_tokens=False)
    processor.post_processor.parse_task_config = {"pure_text": {}}
    said = processor.post_process_generation(said, task="<CAPTION>", image_size=image.size)["<CAPTION>"]
    assert did.result("text-tiny", images[0]["sha256"])["text"] == clean_sentence(said) != ""


def test_other_models_and_broken_ones_are_refused_in_words(tmp_path: Path) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = tmp_path / "other"
    folder.mkdir()
    nothing = do(tmp_path / "set", images, method(folder))
    assert nothing.error is not None and "no configuration" in nothing.error.reason
    # A repository that brings code of its own is named, and its code is never run.
    config = {"model_type": "strange", "auto_map": {"AutoModel": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('run')\n")
    strange = do(tmp_path / "set", images, method(folder))
    assert strange.error is not None and "of the type strange" in strange.error.reason
    (folder / "config.json").write_text(json.dumps({"model_type": "blip"}))
    empty = do(tmp_path / "set", images, method(folder))
    assert empty.error is not None and empty.error.reason == "The captioner cannot be read."


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("</s><s>arafed cat on a cat on a hill</s>", "cat on a hill"),
        ("there is an arafed fox", "there is fox"),
        ("a cat a cat a cat on a mat", "a cat on a mat"),
        ("red red red", "red"),
        ("  A\tfox\n\non \u200b a hill. ", "A fox on a hill."),
    ],
)
def test_words_of_captioners_are_cleaned(said: str, text: str) -> None:
    assert clean_sentence(said) == text


def test_replies_are_cleaned_and_refusals_recognised() -> None:
    assert clean_reply('Description: "A fox."') == "A fox."
    assert clean_reply("<think>hm") == ""
    assert clean_reply('"A" and "B"') == '"A" and "B"'
    assert is_refusal("I’m sorry, but I can’t help.") and is_refusal("I cannot describe it")
    assert not is_refusal("I see a sorry fox")
    assert one_line("\x1b]0;title\x07 a\ud800b\x9bc\u2028d") == "]0;title a b c d"
