"""Tags by a tagger in ONNX form, such as WD v3: pixels in as the model wants them, a probability for each label out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.libraries import cannot_import

from .labels import Label, read_labels

#: Tags below this probability are not kept. It is far below every threshold in use.
FLOOR = 0.05
#: Images that go through a card at once. On a processor it is one, because more are not faster there.
CARD_BATCH = 8


@dataclass(frozen=True)
class Input:
    """How a model takes images. `batch` is its fixed number of images, or 0 for any."""

    name: str
    dtype: type[np.floating[Any]]
    batch: int
    side: int
    channels_first: bool
    #: "bgr" or "rgb", and the range of the values.
    order: str
    low: float
    high: float

    def prepare(self, image: Image.Image) -> np.ndarray:
        """An RGB image as one entry of a batch: centred on a white square, resized, in the model's order."""
        side = max(image.size)
        square = Image.new("RGB", (side, side), (255, 255, 255))
        square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
        if side != self.side:
            square = square.resize((self.side, self.side), Image.Resampling.BICUBIC)
        pixels = np.asarray(square, dtype=np.float32)
        if self.order == "bgr":
            pixels = pixels[:, :, ::-1]
        if (self.low, self.high) != (0.0, 255.0):
            pixels = pixels / 255 * (self.high - self.low) + self.low
        if self.channels_first:
            pixels = pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels, dtype=self.dtype)


_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")


def read_input(shape: Sequence[Any], name: str, type: str, words: str) -> Input:
    """How a model with this input takes images. `words` is the registry's text on the order and range of colours.

    Raises TrainingError when the input is no square image of a fixed size, or the order of colours is not known.
    """
    dtype = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(type)
    if dtype is None or len(shape) != 4:
        raise TrainingError(_NO_TAGGER, [f"its input is {type} of shape {list(shape)}"], id="captions/method")
    channels_first = shape[1] == 3 and shape[3] != 3
    sides = shape[2:] if channels_first else shape[1:3]
    if not channels_first and shape[3] != 3:
        raise TrainingError(
            _NO_TAGGER, [f"its input has the shape {list(shape)}: no side has 3 channels"], id="captions/method"
        )
    if not all(isinstance(side, int) and 16 <= side <= 4096 for side in sides) or sides[0] != sides[1]:
        raise TrainingError(
            _NO_TAGGER, [f"its input, {list(shape)}, does not say the size of a square"], id="captions/method"
        )
    upper = words.upper()
    if channels_first and "RGB" not in upper and "BGR" not in upper:
        raise TrainingError(
            f"The tagger takes images channel by channel ({list(shape)}), and nothing says in which order and range.",
            next_steps=["In its entry of the registry, say so: input: NCHW float32 RGB 0..1"],
            id="captions/method",
        )
    found = _RANGE.search(words)
    low, high = (float(found[1]), float(found[2])) if found else (0.0, 255.0)
    batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else 0
    return Input(name, dtype, batch, sides[0], channels_first, "rgb" if "RGB" in upper else "bgr", low, high)


_NO_TAGGER = "The model is no tagger: it takes no images of a fixed square size."


class Tagger:
    """A loaded tagger. All passes have `batch` images, so that the number of images in a pass cannot change a score."""

    def __init__(self, settings: dict[str, Any], device: str, threads: int) -> None:
        self._labels = read_labels(Path(settings["labels"]))
        self._session = open_session(Path(settings["model"]), device, threads)
        [given, *others] = self._session.get_inputs()
        if others:
            raise TrainingError(_NO_TAGGER, [f"it has {len(others) + 1} inputs"], id="captions/method")
        self.input = read_input(given.shape, given.name, given.type, str(settings.get("input", "")))
        on_card = self._session.get_providers()[0] != "CPUExecutionProvider"
        self.batch = self.input.batch or (CARD_BATCH if on_card else 1)
        self._check_labels(settings)

    def _check_labels(self, settings: dict[str, Any]) -> None:
        gives = self._session.get_outputs()[0].shape[-1]
        if isinstance(gives, int) and gives != len(self._labels):
            raise _misfit(gives, len(self._labels), settings)

    def tags(self, images: Sequence[Image.Image]) -> Iterator[dict[str, Any]]:
        """For each of at most `batch` images its result: tags above FLOOR by probability, and all ratings."""
        entries = [self.input.prepare(image) for image in images]
        entries += [np.zeros_like(entries[0])] * (self.batch - len(entries))
        [scores, *_] = self._session.run(None, {self.input.name: np.stack(entries)})
        if scores.ndim != 2 or scores.shape[1] != len(self._labels):
            raise TrainingError(
                "The labels do not fit the tagger.",
                [f"it gives numbers of shape {list(scores.shape)}, and there are {len(self._labels)} labels"],
                id="captions/method",
            )
        for row in np.asarray(scores[: len(images)], dtype=np.float64):
            if not np.isfinite(row).all() or row.min(initial=0) < -1e-3 or row.max(initial=0) > 1 + 1e-3:
                raise TrainingError(
                    "The tagger gives numbers that are no probabilities.",
                    [f"from {row.min():.4g} to {row.max():.4g}; a tagger with its sigmoid inside gives 0 to 1"],
                    id="captions/method",
                )
            yield {"tags": sorted_tags(row, self._labels)}


def sorted_tags(row: np.ndarray, labels: Sequence[Label]) -> list[list[Any]]:
    """`[name, category, probability]` of each tag that is kept, the most probable first, equal ones by label order."""
    kept = [i for i, label in enumerate(labels) if label.category == "rating" or row[i] >= FLOOR]
    kept.sort(key=lambda i: (-row[i], i))
    return [[labels[i].name, labels[i].category, round(float(row[i]), 5)] for i in kept]


def _misfit(gives: int, labels: int, settings: dict[str, Any]) -> TrainingError:
    return TrainingError(
        f"The labels do not fit the tagger: it gives {gives} numbers, and there are {labels} labels.",
        [str(settings["labels"])],
        ["Take both files from the same revision of the model: `visiontrain models verify` looks at them."],
        id="captions/method",
    )


def open_session(path: Path, device: str, threads: int, what: str = "tagger") -> Any:
    """The ONNX model in a file, on a card where it can be. `what` names it in sentences.

    Raises TrainingError for what is no model, and MachineError where memory does not suffice.
    """
    try:
        import onnxruntime
    except Exception as error:
        raise cannot_import(error, "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if device.startswith("cuda") and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        # The CUDA libraries are those of PyTorch, which must be loaded first.
        with contextlib.suppress(Exception):
            onnxruntime.preload_dlls()
        index = device.partition(":")[2] or "0"
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": index}))
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except MemoryError:
        raise
    except Exception as error:
        # The runtime raises exceptions of its own for every kind of damage.
        first = str(error).strip().split("\n")[0][:300]
        if "bad_alloc" in first:
            raise MachineError(f"There is not enough memory for the {what}.", [first], id="training/memory") from error
        raise TrainingError(f"The {what} cannot be read.", [str(path), first], id="captions/method") from error
