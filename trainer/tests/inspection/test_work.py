"""Jobs of inspecting images, done in this process."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.captioning.report import Report
from visiontrain_trainer.inspection.job import read_look_job
from visiontrain_trainer.inspection.work import do_look_job

TOKENIZER = Path(__file__).parents[3] / "presets/tiny/sd15/tokenizer"


def _did(tmp_path: Path, files: dict[str, bytes | Image.Image], **job: Any) -> tuple[Path, list[dict[str, Any]]]:
    root, store = tmp_path / "images", tmp_path / "store"
    root.mkdir(exist_ok=True)
    images = []
    for name, content in files.items():
        if isinstance(content, bytes):
            (root / name).write_bytes(content)
        else:
            content.save(root / name)
        images.append({"path": name, "sha256": hashlib.sha256((root / name).read_bytes()).hexdigest()})
    path = tmp_path / "job.json"
    path.write_text(
        json.dumps(
            {"version": 1, "root": str(root), "store": str(store), "threads": 2, "images": images}
            | {"captions": [], "tokenizer": None}
            | job
        )
    )
    reader, writer = os.pipe()
    said: list[bytes] = []

    def read() -> None:
        with os.fdopen(reader, "rb") as stream:
            said.extend(stream.readlines())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        do_look_job(read_look_job(path), Report(writer))
    finally:
        os.close(writer)
        thread.join()
    return store, [json.loads(line) for line in said]


def test_each_image_leaves_numbers_and_a_thumbnail_and_a_bad_one_is_named(tmp_path: Path) -> None:
    files = {"a.png": Image.new("RGB", (40, 30), "red"), "b.png": b"no image", "c.png": Image.new("L", (30, 30))}
    store, lines = _did(tmp_path, files)
    assert [line["path"] for line in lines if line["type"] == "failed"] == ["b.png"]
    assert [line for line in lines if line["type"] == "progress"][-1] == {
        "type": "progress",
        "method": "look",
        "done": 3,
        "total": 3,
    }
    assert sorted(path.suffix for path in store.rglob("*") if path.is_file()) == [".json", ".json", ".webp", ".webp"]
    look = json.loads(next(store.rglob("*.json")).read_text())
    assert look["version"] == 1


def test_a_preview_is_a_small_upright_png_and_measures_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.new("RGB", (400, 800), "blue")
    (tmp_path / "images").mkdir()
    photo.save(tmp_path / "images" / "a.jpg", exif=exif)
    previews = [{"path": "a.jpg", "sha256": "a" * 64}, {"path": "gone.png", "sha256": "b" * 64}]
    store, lines = _did(tmp_path, {}, previews=previews)
    assert [line["path"] for line in lines if line["type"] == "failed"] == ["gone.png"]
    assert [path.name for path in store.rglob("*") if path.is_file()] == [f"{'a' * 64}.png"]
    with Image.open(store / "aa" / f"{'a' * 64}.png") as preview:
        assert (preview.format, preview.mode, preview.size) == ("PNG", "RGB", (240, 120))


def test_tokens_are_those_of_the_tokenizer_that_training_uses(tmp_path: Path) -> None:
    from visiontrain_trainer.model.tokens import ClipTokenizer

    captions = ["a cat", "", "zwx " * 90]
    _, lines = _did(tmp_path, {}, captions=captions, tokenizer=str(TOKENIZER))
    tokenizer = ClipTokenizer(TOKENIZER)
    assert lines[0] == {"type": "tokens", "counts": [len(tokenizer.ids(caption)) for caption in captions]}


def test_a_job_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="job of looking"):
        _did(tmp_path, {}, version=2)


@pytest.mark.parametrize(("focus", "left", "lost"), [(False, 0.25, 0.6), (True, 0.43, 0.0)])
def test_crops_are_placed_as_a_training_would(focus: bool, left: float, lost: float, tmp_path: Path) -> None:
    """One mask has half the image's size, and the middle crop cuts off its right edge; another file is no image."""
    mask = Image.new("L", (100, 50))
    mask.paste(255, (65, 0, 90, 50))
    bad = {"size": [200, 100], "bucket": [64, 64], "mask": "b.png", "alpha": False, "focus": focus}
    ask = {**bad, "mask": str(tmp_path / "images" / "a.png")}
    _, lines = _did(tmp_path, {"a.png": mask, "b.png": b"no image"}, crops=[ask, bad])
    [found] = [line["crops"] for line in lines if line["type"] == "crops"]
    assert found[1] is None
    assert found[0] == {"left": pytest.approx(left, abs=0.02), "top": 0, "lost": pytest.approx(lost, abs=0.01)}
