"""Masks by prompt: compared with transformers' own result; prompts that find nothing; folders that do not fit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from tests.masking.test_masks import Told
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.masking import find
from visiontrain_trainer.masking.job import read_mask_job
from visiontrain_trainer.masking.work import do_mask_job

transformers = pytest.importorskip("transformers", reason="the environment brings it")


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_captioners import make_clipseg

    return make_clipseg(tmp_path_factory.mktemp("clipseg"))


def _picture(folder: Path) -> Image.Image:
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(2).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((180, 120), Image.Resampling.NEAREST)
    image.save(folder / "a.png")
    return image


def _masked(folder: Path, model: Path, *prompts: str) -> tuple[np.ndarray, Told]:
    told = Told()
    sha256 = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    store = folder.parent / "-".join(["masks", *prompts])
    finders = [{"kind": "prompt", "prompt": prompt, "model": str(model), "range": [0, 1]} for prompt in prompts]
    raw = {"version": 1, "root": str(folder), "store": str(store), "device": "cpu", "threads": 1}
    job = folder.parent / "job.json"
    job.write_text(json.dumps({**raw, "images": [{"path": "a.png", "sha256": sha256}], "finders": finders}))
    do_mask_job(read_mask_job(job), told)  # type: ignore[arg-type]
    return np.asarray(Image.open(store / sha256[:2] / f"{sha256}.png")), told


def _answer(model: Path, image: Image.Image, prompt: str) -> np.ndarray:
    """Probabilities by transformers with its whole preprocessing, in the image's size."""
    processor = transformers.CLIPSegProcessor.from_pretrained(model)
    network = transformers.CLIPSegForImageSegmentation.from_pretrained(model).eval()
    with torch.no_grad():
        logits = network(**processor(text=[prompt], images=[image], return_tensors="pt")).logits
    small = torch.sigmoid(logits).reshape(32, 32).numpy()
    return np.asarray(Image.fromarray(small).resize(image.size, Image.Resampling.BILINEAR))


def test_the_mask_is_what_the_model_finds(clipseg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = _picture(tmp_path / "data")
    answers = {prompt: _answer(clipseg, image, prompt) for prompt in ("the hat", "a red fox")}
    bound = float(np.median(np.concatenate(list(answers.values()))))
    monkeypatch.setattr(find, "_PROMPT", bound)
    masks: list[np.ndarray] = []
    for prompt, answer in answers.items():
        mask, told = _masked(tmp_path / "data", clipseg, prompt)
        # Where the result is certain, apart from the rounding to grey levels and the widening, both masks agree.
        near = Image.fromarray(np.where(answer >= bound - 0.004, 255, 0).astype(np.uint8), "L")
        wide = np.asarray(near.filter(ImageFilter.MaxFilter(3))) > 0
        assert mask.shape == answer.shape
        assert (mask[answer >= bound + 0.004] == 255).all()
        assert (mask[~wide] == 0).all()
        assert 0.1 < (mask > 0).mean() < 0.98 and told.of("nothing") == []
        masks.append(mask)
    assert not np.array_equal(*masks)
    both, _ = _masked(tmp_path / "data", clipseg, "the hat", "a red fox")
    assert np.array_equal(both, np.minimum(*masks))


def test_a_prompt_that_finds_nothing_is_named(clipseg: Path, tmp_path: Path, monkeypatch: Any) -> None:
    _picture(tmp_path / "data")
    monkeypatch.setattr(find, "_PROMPT", 1.01)
    mask, told = _masked(tmp_path / "data", clipseg, "a submarine")
    assert (mask == 255).all()
    assert told.of("nothing") == [{"type": "nothing", "path": "a.png", "kinds": ["a submarine"]}]


def test_a_folder_that_holds_no_such_model_is_refused_in_words(tmp_path: Path) -> None:
    _picture(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="cannot be read"):
        _masked(tmp_path / "data", tmp_path / "empty", "the hat")
