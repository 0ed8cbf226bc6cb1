"""Measures by models: tiny models of transformers' own classes, against the results of those classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image, ImageOps

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.judging.job import Job, Prompt
from visiontrain_trainer.judging.measures import ClipFit, Embedding, kind_of, mirrored, open_measure
from visiontrain_trainer.judging.work import _features_of, judge

CPU = torch.device("cpu")
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}


def _image(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges") / "dinov2-tiny"
    torch.manual_seed(1)
    transformers.Dinov2Model(transformers.Dinov2Config(**SMALL)).save_pretrained(folder)
    size = {"shortest_edge": 28}
    crop = {"height": 28, "width": 28}
    transformers.BitImageProcessor(size=size, crop_size=crop).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges") / "clip-tiny"
    tokenizer = transformers.CLIPTokenizer.from_pretrained(tiny("sd15") / "tokenizer")
    text = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"vocab_size": len(tokenizer), "max_position_embeddings": 20, "eos_token_id": tokenizer.eos_token_id}
    vision = {**SMALL, "intermediate_size": 32}
    torch.manual_seed(2)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    transformers.CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size, crop = {"shortest_edge": 28}, {"height": 28, "width": 28}
    transformers.CLIPImageProcessor(size=size, crop_size=crop).save_pretrained(folder)
    return folder


def test_likeness_is_the_angle_between_class_tokens(dino: Path) -> None:
    measure = Embedding(dino, CPU)
    images = [_image(i) for i in range(3)]
    model = transformers.Dinov2Model.from_pretrained(dino).eval()
    values = transformers.AutoImageProcessor.from_pretrained(dino)(images=images, return_tensors="pt")
    with torch.no_grad():
        tokens = model(**values).last_hidden_state[:, 0]
    expected = torch.nn.functional.cosine_similarity(tokens[:, None], tokens[None], dim=-1).numpy()
    found = np.array([measure.features(image) for image in images])
    np.testing.assert_allclose(measure.alike(found, found), expected, atol=1e-5)
    turned = mirrored(measure.features, images[0])
    np.testing.assert_allclose(turned, measure.features(ImageOps.mirror(images[0])))
    assert open_measure(str(dino), CPU).name == "dinov2-tiny" and open_measure(None, CPU).name == "pixels"


def test_fit_is_what_clip_says_of_image_and_prompt(clip: Path) -> None:
    fit = ClipFit(clip, CPU)
    prompts = ["zwx, a fox", "a car " * 60]
    images = [_image(i) for i in range(2)]
    model = transformers.CLIPModel.from_pretrained(clip).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(clip)
    tokenizer = transformers.AutoTokenizer.from_pretrained(clip)
    for prompt in prompts:
        tokens = tokenizer(prompt, truncation=True, max_length=20, return_tensors="pt")
        with torch.no_grad():
            out = model(**tokens, **processor(images=images, return_tensors="pt"))
        expected = (out.logits_per_image / model.logit_scale.exp())[:, 0]
        found = [fit.of(image, prompt) for image in images]
        np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)
    assert Embedding(clip, CPU).features(images[0]) == pytest.approx(
        torch.nn.functional.normalize(out.image_embeds, dim=-1)[0].detach().numpy(), abs=1e-5
    )


def test_a_folder_that_holds_no_such_model_is_refused(clip: Path, dino: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot judge") as caught:
        ClipFit(dino, CPU)
    assert "'dinov2'" in caught.value.details[0]
    for content in ("{", "[]", json.dumps({"model_type": "bert"})):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(TrainingError, match="cannot judge"):
            kind_of(tmp_path, ("clip",))
    (tmp_path / "config.json").write_text((clip / "config.json").read_text())
    with pytest.raises(TrainingError, match="cannot be read"):
        ClipFit(tmp_path, CPU)


def test_a_run_is_judged_by_models(train_here: Any, plan_for: Any, images: Any, clip: Path, dino: Path) -> None:
    from visiontrain_trainer.contract.plan import read_plan

    samples = [{**sample, "validation": i > 2} for i, sample in enumerate(images[1])]
    run = train_here(plan_for(data={"images": samples}, training={"learning_rate": 0.5, "steps": 2}))
    held = next(sample for sample in samples if sample["validation"])
    prompts = (Prompt("zwx", "", True), Prompt(held["caption"], "", True, held["path"]))
    said: list[dict[str, Any]] = []
    job = Job((2,), (1.0,), prompts, (1,), str(dino), str(clip))
    plan = read_plan(run.folder / "plan.json")
    judge(run.folder, plan, job, lambda type, **payload: said.append({"type": type, **payload}))
    base, row = [line for line in said if line["type"] == "row"]
    eye, fit = Embedding(dino, CPU), ClipFit(clip, CPU)
    drawn = [Image.open(run.folder / path).convert("RGB") for [path] in row["samples"]]
    assert row["fit"]["each"] == pytest.approx([fit.of(i, p.text) for i, p in zip(drawn, prompts, strict=True)])
    assert len(row["likeness"]["each"]) == 1 and row["likeness"] != base["likeness"]
    [target] = _features_of(plan, [sample for sample in plan.data.images if sample.path == held["path"]], eye.features)
    assert row["likeness"]["value"] == pytest.approx(float(eye.features(drawn[1]) @ target))
