"""A tagger as a measure: how many tags of its prompt an image shows, and how alike images are by their tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from visiontrain_trainer.captioning.labels import read_labels
from visiontrain_trainer.captioning.tagger import Tagger

MODEL, LABELS = "model.onnx", "selected_tags.csv"
#: An image shows a tag from this probability on: the threshold that captions are written with.
SEEN = 0.35


def is_tagger(folder: Path) -> bool:
    return (folder / LABELS).is_file()


def _open(folder: Path, device: torch.device, threads: int) -> Tagger:
    files = {"model": str(folder / MODEL), "labels": str(folder / LABELS), "input": ""}
    return Tagger(files, str(device), threads)


def spelt(tag: str) -> str:
    """A tag of a prompt as taggers spell it: without emphasis such as `(tag:1.2)`, with underscores, in lower case."""
    bare = tag.replace("\\(", "\0").replace("\\)", "\1").strip()
    while bare[:1] in {"(", "["} and bare[-1:] in {")", "]"}:
        bare = bare[1:-1].strip()
    name, _, weight = bare.rpartition(":")
    if name and weight.strip().replace(".", "", 1).isdecimal():
        bare = name
    return bare.replace("\0", "(").replace("\1", ")").strip().lower().replace(" ", "_")


class TagRecall:
    """The share of a prompt's tags that an image shows, 0 to 1, of those that the tagger knows."""

    def __init__(self, folder: Path, device: torch.device, threads: int) -> None:
        self.name, self._tagger = folder.name, _open(folder, device, threads)
        kept = [label for label in read_labels(folder / LABELS) if label.category != "rating"]
        self._known = {label.name.lower(): label.name for label in kept}

    def of(self, image: Image.Image, prompt: str) -> float | None:
        """The share for one image; None where the tagger knows no tag of the prompt."""
        wanted = {self._known[tag] for tag in map(spelt, prompt.split(",")) if tag in self._known}
        if not wanted:
            return None
        [found] = self._tagger.tags([image.convert("RGB")])
        seen = {name for name, _, probability in found["tags"] if probability >= SEEN}
        return len(wanted & seen) / len(wanted)


class TagLikeness:
    """The cosine similarity of images by the probabilities of their tags.

    Drawings of one character in another place and pose are alike here. So are two images of different fields under the
    same sky: what tags do not name does not count, so this measure cannot find copies.
    """

    tells_copies = False

    def __init__(self, folder: Path, device: torch.device, threads: int) -> None:
        self.name, self._tagger = folder.name, _open(folder, device, threads)
        kept = [label.name for label in read_labels(folder / LABELS) if label.category != "rating"]
        self._places = {name: place for place, name in enumerate(kept)}

    def features(self, image: Image.Image) -> np.ndarray:
        [found] = self._tagger.tags([image.convert("RGB")])
        values = np.zeros(len(self._places))
        for name, category, probability in found["tags"]:
            if category != "rating":
                values[self._places[name]] = probability
        length = float(np.linalg.norm(values))
        return values / length if length > 0 else values

    def alike(self, each: np.ndarray, others: np.ndarray) -> np.ndarray:
        return each @ others.T
