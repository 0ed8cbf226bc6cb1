"""Masks: compared with an independent computation; images in which nothing is found; models that do not fit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.tiny_onnx import MAPPER, Shape, detector_bytes, mapper_bytes, onnx_bytes
from visiontrain_trainer.base.errors import TrainerError
from visiontrain_trainer.masking.find import overlap

pytest.importorskip("onnxruntime", reason="`npm test` installs it beside the environment")


class Told:
    """Collects the lines that a job reports."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def line(self, type: str, **payload: Any) -> None:
        self.lines.append({"type": type, **payload})

    def progress(self, method: str, done: int, total: int, rate: float | None = None) -> None:
        self.line("progress", done=done, total=total)

    def failed(self, path: str, reason: str) -> None:
        self.line("failed", path=path, reason=reason)

    def of(self, type: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == type]


def do(folder: Path, models: dict[str, bytes], told: Told | None = None) -> tuple[dict[str, Image.Image], Told]:
    """Masks of all files in `folder` by models of each kind, by the name of the file."""
    from visiontrain_trainer.masking.job import read_mask_job
    from visiontrain_trainer.masking.work import do_mask_job

    told = told or Told()
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    finders = []
    for kind, data in models.items():
        model = folder.parent / f"{kind}.onnx"
        model.write_bytes(data)
        finders.append({"kind": kind, "model": str(model), "range": [0, 1]})
    store = folder.parent / "masks"
    images = [{"path": name, "sha256": sha256} for name, sha256 in files.items()]
    raw = {"version": 1, "root": str(folder), "store": str(store), "device": "cpu", "threads": 1}
    job = folder.parent / "job.json"
    job.write_text(json.dumps({**raw, "images": images, "finders": finders}))
    do_mask_job(read_mask_job(job), told)  # type: ignore[arg-type]
    places = {name: store / sha256[:2] / f"{sha256}.png" for name, sha256 in files.items()}
    return {name: Image.open(place) for name, place in places.items() if place.exists()}, told


def draw(folder: Path, name: str, size: tuple[int, int], box: tuple[int, int, int, int] | None) -> None:
    """A grey image with a red box."""
    folder.mkdir(exist_ok=True)
    image = Image.new("RGB", size, (90, 90, 90))
    if box is not None:
        image.paste((250, 20, 20), box)
    image.save(folder / name)


def reference(path: Path, side: int = 64) -> np.ndarray:
    """The tiny model's result for an image: scaled into the upper left of a square, and back."""
    image = Image.open(path).convert("RGB")
    scale = side / max(image.size)
    seen = round(image.width * scale), round(image.height * scale)
    rgb = np.asarray(image.resize(seen, Image.Resampling.BILINEAR), np.float64) / 255
    share = 1 / (1 + np.exp(-(rgb @ np.array(MAPPER[:3]) + MAPPER[3])))
    small = Image.fromarray((share * 255).astype(np.uint8), "L")
    return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), np.int16)


def test_a_subject_is_where_an_independent_computation_finds_it(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    draw(folder, "wide.png", (300, 120), (30, 20, 150, 100))
    draw(folder, "high.png", (100, 260), (10, 100, 90, 200))
    masks, told = do(folder, {"subject": mapper_bytes()})
    for name, mask in masks.items():
        assert mask.mode == "L" and mask.size == Image.open(folder / name).size
        assert np.abs(np.asarray(mask, np.int16) - reference(folder / name)).max() <= 2, name
    assert told.of("nothing") == [] and told.of("failed") == []


def test_writing_is_excluded_with_a_margin_and_a_face_included_with_one(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    draw(folder, "a.png", (200, 200), (40, 40, 80, 80))
    text, _ = do(folder, {"text": mapper_bytes()})
    found = Image.fromarray(np.where(reference(folder / "a.png") / 255 >= 0.3, 255, 0).astype(np.uint8), "L")
    wide = np.asarray(found.filter(ImageFilter.MaxFilter(5)))
    assert np.array_equal(np.asarray(text["a.png"]), 255 - wide)
    (tmp_path / "face").mkdir()
    faces = tmp_path / "face" / "set"
    draw(faces, "a.png", (200, 100), None)
    # In the detector's pixels the image is 640 wide: one face is found twice, and another is too uncertain.
    boxes = [(320.0, 160.0, 64.0, 64.0, 0.9), (322.0, 160.0, 64.0, 64.0, 0.8), (64.0, 64.0, 32.0, 32.0, 0.2)]
    masks, _ = do(faces, {"face": detector_bytes(boxes)})
    expected = np.zeros((100, 200), np.uint8)
    expected[34:66, 84:116] = 255
    assert np.array_equal(np.asarray(masks["a.png"]), expected)


def test_several_finders_narrow_the_mask_down_and_an_image_without_a_find_is_learned_whole(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    draw(folder, "a.png", (640, 640), (0, 0, 640, 320))
    draw(folder, "none.png", (640, 640), None)
    boxes = [(320.0, 320.0, 100.0, 100.0, 0.9)]
    masks, told = do(folder, {"subject": mapper_bytes(), "face": detector_bytes(boxes)})
    both = np.asarray(masks["a.png"])
    assert both[280, 320] > 250 and both[400, 320] == 0 and both[100, 100] == 0
    assert told.of("nothing") == [{"type": "nothing", "path": "none.png", "kinds": ["subject"]}]
    alone = tmp_path / "alone"
    alone.mkdir()
    draw(alone / "set", "none.png", (64, 48), None)
    masks, told = do(alone / "set", {"text": mapper_bytes()})
    assert np.asarray(masks["none.png"]).min() == 255
    assert told.of("nothing")[0]["kinds"] == ["text"]


def test_existing_masks_are_not_made_again_and_a_damaged_image_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    draw(folder, "a.png", (64, 64), (0, 0, 32, 64))
    (folder / "b.png").write_bytes(b"no image")
    masks, told = do(folder, {"subject": mapper_bytes()})
    assert list(masks) == ["a.png"] and [line["path"] for line in told.of("failed")] == ["b.png"]
    (folder / "b.png").unlink()
    # The model file is invalid by now. It must not be opened, since all masks exist.
    again, told = do(folder, {"subject": b"broken"})
    assert np.array_equal(np.asarray(again["a.png"]), np.asarray(masks["a.png"]))
    assert told.of("progress")[-1] == {"type": "progress", "done": 1, "total": 1}


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (b"broken", "cannot be read"),
        (onnx_bytes(Shape(channels_first=True)), "no map of the image"),
        (onnx_bytes(Shape()), "not RGB images"),
        (mapper_bytes(factor=3.0), "no probabilities"),
        (detector_bytes([(1.0, 1.0, 1.0, 1.0, 0.5)]), "no map of the image"),
    ],
    ids=["no model", "a tagger", "channels last", "no probabilities", "a detector"],
)
def test_a_model_that_does_not_fit_is_refused_in_words(tmp_path: Path, model: bytes, why: str) -> None:
    draw(tmp_path / "set", "a.png", (64, 64), (0, 0, 64, 64))
    with pytest.raises(TrainerError) as caught:
        do(tmp_path / "set", {"subject": model})
    assert why in " ".join([caught.value.reason, *caught.value.details])


def test_overlap_of_boxes() -> None:
    assert overlap((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (1, 1, 2, 2)) == 0
