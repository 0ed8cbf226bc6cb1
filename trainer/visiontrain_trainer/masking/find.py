"""What ONNX models find in an image, as a map of the image's size: 1 is to be learned, 0 is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.captioning.tagger import open_session

from .job import Finder
from .prompted import Prompted

#: A map of an image, or None where nothing was found.
Found = np.ndarray | None

#: Side in pixels for models that take any size, and what their sides are multiples of.
_FREE_SIDE, _MULTIPLE = 640, 32
#: Below this share of the image a subject counts as not found.
_LEAST_SUBJECT = 0.005
#: Writing over more than this share of the image counts as a mistake.
_MOST_TEXT = 0.9
#: Least probability of a pixel of writing, and of one that a prompt names.
_TEXT, _PROMPT = 0.3, 0.3
#: How far writing and what a prompt names are widened, as a share of the shorter side: their maps are coarse.
_WIDER = 0.01
#: Below this share of the image, what a prompt names counts as not found.
_LEAST_PROMPT = 0.0005
#: Least probability of a face, the threshold of the detector's authors, and the overlap above which two boxes are one.
_FACE, _SAME_FACE = 0.278, 0.7
#: How much a face's box is widened to each side: hair and chin belong to it.
_FACE_WIDER = 0.3


class Network:
    """A loaded model that takes one RGB image channel by channel."""

    def __init__(self, finder: Finder, device: str, threads: int) -> None:
        self._session = open_session(finder.model, device, threads, "model that finds parts of images")
        [given, *others] = self._session.get_inputs()
        shape = list(given.shape)
        if others or len(shape) != 4 or shape[1] != 3 or given.type != "tensor(float)":
            raise _unfit(finder, f"its input is {given.type} of shape {shape}, and not RGB images in float32")
        self._name = given.name
        height, width = shape[2:]
        self._side = height if isinstance(height, int) and height == width else None
        if self._side is None and (isinstance(height, int) or isinstance(width, int)):
            raise _unfit(finder, f"its input, {shape}, is no square")
        self._finder = finder

    def run(self, image: Image.Image) -> tuple[list[np.ndarray], float, tuple[int, int]]:
        """All results of the image; by what it was scaled; and its size as the model saw it, from the upper left."""
        width, height = image.size
        side = self._side or _FREE_SIDE
        scale = min(side / width, side / height)
        seen = max(1, round(width * scale)), max(1, round(height * scale))
        sides = (side, side) if self._side else tuple(-(-one // _MULTIPLE) * _MULTIPLE for one in seen)
        canvas = Image.new("RGB", (sides[0], sides[1]))
        canvas.paste(image.resize(seen, Image.Resampling.BILINEAR), (0, 0))
        pixels = np.asarray(canvas, dtype=np.float32).transpose(2, 0, 1)[None] / 255
        pixels = pixels * (self._finder.high - self._finder.low) + self._finder.low
        results = self._session.run(None, {self._name: np.ascontiguousarray(pixels)})
        return [np.asarray(one, dtype=np.float64) for one in results], scale, seen

    def map(self, image: Image.Image) -> np.ndarray:
        """The model's map of the image, in the image's size, from 0 to 1."""
        results, _, (width, height) = self.run(image)
        maps = [one for one in results if one.ndim == 4 and one.shape[:2] == (1, 1)]
        if not maps:
            raise _unfit(self._finder, f"it gives {[list(one.shape) for one in results]}, and no map of the image")
        values = maps[0][0, 0, :height, :width]
        if not np.isfinite(values).all() or values.min(initial=0) < -0.01 or values.max(initial=0) > 1.01:
            raise _unfit(self._finder, "its map has numbers that are no probabilities")
        small = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8), "L")
        return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), dtype=np.float32) / 255

    def boxes(self, image: Image.Image) -> list[tuple[float, float, float, float]]:
        """Boxes of what the model found (left, top, right, bottom) in pixels of the image, the surest first."""
        results, scale, _ = self.run(image)
        first = results[0]
        if first.ndim != 3 or first.shape[0] != 1 or first.shape[1] < 5:
            raise _unfit(self._finder, f"it gives {list(first.shape)}, and no boxes")
        rows = first[0]
        scores = rows[4:].max(axis=0)
        if not np.isfinite(rows).all():
            raise _unfit(self._finder, "its boxes have numbers that are not finite")
        order = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] >= _FACE]
        centre_x, centre_y, width, height = rows[:4] / scale
        boxes = [
            (
                float(centre_x[i] - width[i] / 2),
                float(centre_y[i] - height[i] / 2),
                float(centre_x[i] + width[i] / 2),
                float(centre_y[i] + height[i] / 2),
            )
            for i in order
        ]
        kept: list[tuple[float, float, float, float]] = []
        for box in boxes:
            if all(overlap(box, other) <= _SAME_FACE for other in kept):
                kept.append(box)
        return kept


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """The share that two boxes have in common of what they cover together."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def _unfit(finder: Finder, why: str) -> TrainingError:
    return TrainingError(f"The model cannot find a {finder.kind}.", [str(finder.model), why], id="masks/failed")


def _subject(network: Network, image: Image.Image) -> Found:
    found = network.map(image)
    return None if float(found.mean()) < _LEAST_SUBJECT else found


def _text(network: Network, image: Image.Image) -> Found:
    """All but the writing. None where there is none, or where nearly all counts as writing."""
    wide = _widened(network.map(image) >= _TEXT, image)
    return (~wide).astype(np.float32) if 0 < float(wide.mean()) <= _MOST_TEXT else None


def _face(network: Network, image: Image.Image) -> Found:
    boxes = network.boxes(image)
    if not boxes:
        return None
    found = np.zeros((image.height, image.width), dtype=np.float32)
    for left, top, right, bottom in boxes:
        wider, taller = _FACE_WIDER * (right - left), _FACE_WIDER * (bottom - top)
        rows = slice(max(0, round(top - taller)), max(1, round(bottom + taller)))
        found[rows, max(0, round(left - wider)) : max(1, round(right + wider))] = 1
    return found


def _prompt(network: Prompted, image: Image.Image) -> Found:
    found = network.map(image) >= _PROMPT
    if float(found.mean()) < _LEAST_PROMPT:
        return None
    return _widened(found, image).astype(np.float32)


def _widened(found: np.ndarray, image: Image.Image) -> np.ndarray:
    """What was found, a little wider on each side."""
    radius = max(1, round(_WIDER * min(image.size)))
    shown = Image.fromarray(np.where(found, 255, 0).astype(np.uint8), "L")
    return np.asarray(shown.filter(ImageFilter.MaxFilter(2 * radius + 1))) > 0


#: How each kind is found in an image.
FINDERS: dict[str, Callable[[Any, Image.Image], Found]] = {
    "subject": _subject,
    "face": _face,
    "text": _text,
    "prompt": _prompt,
}


def open_finder(finder: Finder, device: str, threads: int) -> Network | Prompted:
    """The loaded model of a finder. Raises TrainingError for one that does not fit."""
    return (Prompted if finder.kind == "prompt" else Network)(finder, device, threads)


def together(maps: list[np.ndarray]) -> np.ndarray:
    """What every map wants learned. Several finders narrow the mask down: the subject without the writing on it."""
    result: Any = maps[0]
    for one in maps[1:]:
        result = np.minimum(result, one)
    return result
