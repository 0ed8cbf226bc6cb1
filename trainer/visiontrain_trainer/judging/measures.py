"""Measures of likeness between images, and of fit to a prompt: built in, or by a model in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

from . import pixels
from .tags import TagLikeness, TagRecall, is_tagger

#: Most bytes of a model's config.json.
_MOST_CONFIG = 1 << 20


class Measure(Protocol):
    """Turns images into features, and compares features: 1 for equal images."""

    name: str
    #: Whether it tells a copy of an image from another image of the same subject, as a search for copies needs.
    tells_copies: bool

    def features(self, image: Image.Image) -> np.ndarray: ...

    def alike(self, each: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Likeness [n, m] of features [n, …] and [m, …]."""
        ...


class Pixels:
    """The built-in measure."""

    name = pixels.NAME
    tells_copies = True

    def features(self, image: Image.Image) -> np.ndarray:
        return pixels.features(image)

    def alike(self, each: np.ndarray, others: np.ndarray) -> np.ndarray:
        return pixels.alike(each, others)


def _cosine(each: np.ndarray, others: np.ndarray) -> np.ndarray:
    return each @ others.T


def _length_one(values: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(values.double(), dim=-1)[0].cpu().numpy()


class Embedding:
    """A model's embedding of images (DINOv2's class token, CLIP's image features), compared by cosine similarity."""

    tells_copies = True

    def __init__(self, folder: Path, device: torch.device) -> None:
        kind = kind_of(folder, ("dinov2", "clip"))
        self.name, self._device = folder.name, device
        transformers = _transformers()
        self._processor = _loaded(transformers.AutoImageProcessor, folder)
        self._is_clip = kind == "clip"
        model = transformers.CLIPModel if self._is_clip else transformers.Dinov2Model
        self._model = _loaded(model, folder, use_safetensors=True, dtype=torch.float32).eval().to(device)

    @torch.no_grad()
    def features(self, image: Image.Image) -> np.ndarray:
        values = self._processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"].to(self._device)
        if self._is_clip:
            return _length_one(_image_features(self._model, values))
        return _length_one(self._model(pixel_values=values).pooler_output)

    alike = staticmethod(_cosine)


class Fit(Protocol):
    """Scores how well an image fits its prompt."""

    def of(self, image: Image.Image, prompt: str) -> float | None:
        """The score of an image; None where the prompt has nothing that can be scored."""
        ...


class ClipFit:
    """The cosine similarity of image and prompt in CLIP's embedding."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        kind_of(folder, ("clip",))
        self.name, self._device = folder.name, device
        transformers = _transformers()
        self._images = _loaded(transformers.AutoImageProcessor, folder)
        self._tokens = _loaded(transformers.AutoTokenizer, folder)
        self._model = _loaded(transformers.CLIPModel, folder, use_safetensors=True, dtype=torch.float32)
        self._model = self._model.eval().to(device)
        self._known: dict[str, np.ndarray] = {}

    @torch.no_grad()
    def of(self, image: Image.Image, prompt: str) -> float:
        values = self._images(images=image.convert("RGB"), return_tensors="pt")["pixel_values"].to(self._device)
        return float(_length_one(_image_features(self._model, values)) @ self._text(prompt))

    def _text(self, prompt: str) -> np.ndarray:
        if prompt not in self._known:
            most = self._model.config.text_config.max_position_embeddings
            given = self._tokens(prompt, truncation=True, max_length=most, return_tensors="pt").to(self._device)
            out = self._model.text_model(input_ids=given["input_ids"], attention_mask=given["attention_mask"])
            self._known[prompt] = _length_one(self._model.text_projection(out.pooler_output))
        return self._known[prompt]


def _image_features(model: Any, values: torch.Tensor) -> torch.Tensor:
    return model.visual_projection(model.vision_model(pixel_values=values).pooler_output)


def open_measure(folder: str | None, device: torch.device, threads: int = 1) -> Measure:
    """The model in a folder, or for None the built-in measure. Raises TrainingError for a folder that has none."""
    if folder is None:
        return Pixels()
    return TagLikeness(Path(folder), device, threads) if is_tagger(Path(folder)) else Embedding(Path(folder), device)


def open_fit(folder: str | None, device: torch.device, threads: int = 1) -> Fit | None:
    """CLIP or a tagger in a folder. Raises TrainingError for a folder that has neither."""
    if folder is None:
        return None
    return TagRecall(Path(folder), device, threads) if is_tagger(Path(folder)) else ClipFit(Path(folder), device)


def kind_of(folder: Path, wanted: Sequence[str]) -> str:
    """The kind of the model in a folder, one of `wanted`. Raises TrainingError."""
    try:
        kind = json.loads(read_regular(folder / "config.json", _MOST_CONFIG)).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise _unfit(folder, f"config.json cannot be read: {reason}", wanted) from error
    if kind not in wanted:
        raise _unfit(folder, f"its model_type is {kind!r}", wanted)
    return str(kind)


def _unfit(folder: Path, reason: str, wanted: Sequence[str]) -> TrainingError:
    return TrainingError(
        f"{folder}: this model cannot judge.",
        [
            reason,
            f"Kinds that can: {', '.join(wanted)}, in the form of transformers, with model.safetensors;"
            " or a tagger: model.onnx and selected_tags.csv.",
        ],
        ["Give such a folder, or leave the flag out: the built-in measure then stands in."],
        id="judge/failed",
    )


def _loaded(kind: Any, folder: Path, **more: Any) -> Any:
    # No code of a model's repository runs: these are classes of transformers.
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **more)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0][:200]
        raise TrainingError(f"{folder}: this model cannot be read.", [first], id="judge/failed") from error


def _transformers() -> Any:
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers


def mirrored(features: Callable[[Image.Image], np.ndarray], image: Image.Image) -> np.ndarray:
    """The features of an image mirrored from left to right."""
    return features(ImageOps.mirror(image))
