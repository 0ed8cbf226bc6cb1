"""Taggers that judge: a tiny tagger in ONNX form whose scores are a known function of the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_onnx import LABELS, make_tagger, weights
from visiontrain_trainer.judging.measures import open_fit, open_measure
from visiontrain_trainer.judging.tags import SEEN, spelt

pytest.importorskip("onnxruntime", reason="`npm test` installs it beside the environment")

CPU = torch.device("cpu")


@pytest.fixture
def tagger(tmp_path: Path) -> str:
    make_tagger(tmp_path)
    return str(tmp_path)


def _plain(red: int, green: int, blue: int) -> Image.Image:
    return Image.new("RGB", (32, 32), (red, green, blue))


def _probabilities(image: Image.Image) -> dict[str, float]:
    matrix, offsets = weights(len(LABELS))
    mean = np.asarray(image, np.float64)[:, :, ::-1].reshape(-1, 3).mean(0)
    values = 1 / (1 + np.exp(-(mean @ matrix + offsets)))
    return {name: value for (name, category), value in zip(LABELS, values, strict=True) if category != 9}


def test_fit_is_the_share_of_the_prompts_tags_that_are_seen(tagger: str) -> None:
    fit = open_fit(tagger, CPU)
    assert fit is not None
    red, prompt = _plain(255, 0, 0), "zfx, Red Theme, (blue_theme:1.2), hatsune miku \\(cosplay\\), sensitive, a fox"
    known = _probabilities(red)
    seen = [known[name] >= SEEN for name in ("red_theme", "blue_theme", "hatsune_miku_(cosplay)")]
    assert fit.of(red, prompt) == pytest.approx(sum(seen) / 3)
    assert fit.of(red, "red theme") == 1 and fit.of(_plain(0, 0, 255), "red theme") == 0
    assert fit.of(red, "zfx, a fox, general") is None


def test_tags_are_spelt_as_taggers_do() -> None:
    given = ["  Long Hair ", "(long hair:1.3)", "((long hair))", "[long hair]", "a \\(b\\)", ":3", "^_^", "d:"]
    assert [spelt(tag) for tag in given] == ["long_hair"] * 4 + ["a_(b)", ":3", "^_^", "d:"]


def test_likeness_is_the_angle_between_what_is_tagged(tagger: str) -> None:
    measure = open_measure(tagger, CPU)
    images = [_plain(255, 0, 0), _plain(0, 0, 255), _plain(250, 5, 0)]
    rows = np.array([[p if p >= 0.05 else 0 for p in _probabilities(image).values()] for image in images])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = np.array([measure.features(image) for image in images])
    np.testing.assert_allclose(measure.alike(found, found), rows @ rows.T, atol=1e-4)
    assert not measure.tells_copies and open_measure(None, CPU).tells_copies
