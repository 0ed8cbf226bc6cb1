"""Taggers: the layout of their inputs and their results, compared with an independent computation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.captioning.helpers import do, make_images
from tests.tiny_onnx import LABELS, Shape, label_csv, make_tagger, onnx_bytes, weights

pytest.importorskip("onnxruntime", reason="`npm test` installs it beside the environment")


def method(folder: Path, **settings: Any) -> dict[str, Any]:
    files = {"model": str(folder / "model.onnx"), "labels": str(folder / "selected_tags.csv")}
    return {"kind": "tags", "key": "tags-tiny", "name": "tiny", "settings": {**files, **settings}}


def reference_scores(path: Path, side: int = 32) -> np.ndarray:
    """The expected input of the tiny tagger: on white, padded to a square, scaled bicubically, mean of blue, green and
    red.
    """
    image = Image.open(path).convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    most = max(flat.size)
    square = Image.new("RGB", (most, most), "white")
    square.paste(flat, ((most - flat.width) // 2, (most - flat.height) // 2))
    mean = np.asarray(square.resize((side, side), Image.Resampling.BICUBIC), np.float64).mean((0, 1))
    matrix, offsets = weights(len(LABELS))
    return 1 / (1 + np.exp(-(mean[::-1] @ matrix + offsets)))


@pytest.mark.parametrize("shape", [Shape(), Shape(batch=1), Shape(batch=4)], ids=["any batch", "one", "four"])
def test_scores_equal_an_independent_computation(tmp_path: Path, shape: Shape) -> None:
    images = make_images(tmp_path / "set")
    did = do(tmp_path / "set", images, method(make_tagger(tmp_path / "model", shape)))
    assert did.error is None and did.of("failed") == []
    for image in images:
        expected = reference_scores(tmp_path / "set" / image["path"])
        found = {name: (category, score) for name, category, score in did.result("tags-tiny", image["sha256"])["tags"]}
        for (name, category), score in zip(LABELS, expected, strict=True):
            if category == 9 or score >= 0.0501:
                word = {9: "rating", 0: "general", 4: "character"}[category]
                assert found[name] == (word, pytest.approx(score, abs=2e-4)), image["path"]
            elif score < 0.0499:
                assert name not in found
        order = [score for _, _, score in did.result("tags-tiny", image["sha256"])["tags"]]
        assert order == sorted(order, reverse=True)


def test_channels_first_needs_settings_of_the_registry_and_follows_them(tmp_path: Path) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = make_tagger(tmp_path / "model", Shape(channels_first=True))
    refused = do(tmp_path / "set", images, method(folder))
    assert refused.error is not None and "nothing says in which order" in refused.error.reason
    did = do(tmp_path / "set", images, method(folder, input="NCHW float32 BGR 0..255"))
    assert did.error is None
    found = {name: score for name, _, score in did.result("tags-tiny", images[0]["sha256"])["tags"]}
    expected = reference_scores(tmp_path / "set" / "00.png")
    assert found["general"] == pytest.approx(expected[0], abs=2e-4)


def test_order_and_range_come_from_the_settings_of_the_registry(tmp_path: Path) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = make_tagger(tmp_path / "model")
    did = do(tmp_path / "set", images, method(folder, input="NHWC float32 RGB -1..1, 32x32"))
    image = Image.open(tmp_path / "set" / "00.png").convert("RGB")
    square = Image.new("RGB", (40, 40), "white")
    square.paste(image, (0, 5))
    mean = np.asarray(square.resize((32, 32), Image.Resampling.BICUBIC), np.float64).mean((0, 1)) / 127.5 - 1
    matrix, offsets = weights(len(LABELS))
    expected = 1 / (1 + np.exp(-(mean @ matrix + offsets)))
    found = {name: score for name, _, score in did.result("tags-tiny", images[0]["sha256"])["tags"]}
    assert found["1girl"] == pytest.approx(expected[2], abs=2e-4)


@pytest.mark.parametrize(
    ("shape", "csv", "said"),
    [
        (Shape(side=None), None, "does not say the size"),
        (Shape(labels=9), None, "it gives 9 numbers, and there are 8 labels"),
        (Shape(sigmoid=False), None, "no probabilities"),
        (Shape(), "tag,kind\na,0\n", "does not name the columns name and category"),
        (Shape(), "tag_id,name,category,count\n0,a,seven,1\n", "line 2 has the category 'seven'"),
        (Shape(), "tag_id,name,category,count\n0,,0,1\n", "line 2 names no tag"),
        (Shape(), 'tag_id,name,category,count\n0,"a\x1b[2J",0,1\n', "line 2 names no tag"),
        (Shape(), label_csv(LABELS[:-1]), "there are 7 labels"),
    ],
)
def test_a_folder_without_a_tagger_is_refused(tmp_path: Path, shape: Shape, csv: str | None, said: str) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = make_tagger(tmp_path / "model", shape)
    if csv is not None:
        (folder / "selected_tags.csv").write_text(csv)
    did = do(tmp_path / "set", images, method(folder))
    assert did.error is not None
    assert said in " ".join([did.error.reason, *did.error.details])


@pytest.mark.parametrize("content", [b"", b"<html></html>", onnx_bytes(Shape())[:200]], ids=["empty", "html", "cut"])
def test_a_damaged_model_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    images = make_images(tmp_path / "set", 1)
    folder = make_tagger(tmp_path / "model")
    (folder / "model.onnx").write_bytes(content)
    did = do(tmp_path / "set", images, method(folder))
    assert did.error is not None and did.error.reason == "The tagger cannot be read."


def test_finished_images_are_not_done_again_and_a_broken_image_stops_nothing(tmp_path: Path) -> None:
    root = tmp_path / "set"
    images = make_images(root, 4)
    (root / images[1]["path"]).write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    folder = make_tagger(tmp_path / "model")
    first = do(root, images[:2], method(folder))
    assert [line["path"] for line in first.of("failed")] == [images[1]["path"]]
    kept = first.store / "tags-tiny" / images[0]["sha256"][:2] / f"{images[0]['sha256']}.json"
    before = kept.stat().st_mtime_ns
    # A half-written file of a killed process lies beside the results and is not taken for one.
    (kept.parent / f".{kept.name}.99.tmp").write_text("{")
    second = do(root, [*images, {**images[0], "path": "copy of the first.png"}], method(folder))
    assert second.of("progress")[0] == {"type": "progress", "method": "tiny", "done": 1, "total": 4}
    assert second.of("progress")[-1]["done"] == 4
    assert kept.stat().st_mtime_ns == before
    third = do(root, [image for image in images if image != images[1]], method(folder))
    assert third.of("loading") == [], "with nothing to do no model is loaded"
