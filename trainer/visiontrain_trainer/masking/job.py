"""The job of masking as `src/engine/masks/worker.ts` writes it: which images, what is found in them, where masks go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

VERSION = 1
#: Most bytes of a job: a million images with their paths take a fifth of it.
_MOST_BYTES = 1 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS = ("subject", "face", "text")


@dataclass(frozen=True)
class MaskImage:
    """An image: its path below the job's root or an absolute one, and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Finder:
    """What is found, and by which ONNX model."""

    kind: str
    model: Path
    #: Values of black and white, as the model takes them.
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class MaskJob:
    root: Path
    #: Folder of the masks of exactly these finders.
    store: Path
    device: str
    threads: int
    images: tuple[MaskImage, ...]
    finders: tuple[Finder, ...]


def read_mask_job(path: Path) -> MaskJob:
    """The job in a file. Raises TrainingError when it is none that this version understands."""
    try:
        raw = json.loads(read_regular(path, _MOST_BYTES))
        if raw["version"] != VERSION:
            raise ValueError(f"its version is {raw['version']!r}, this is for {VERSION}")
        return MaskJob(
            root=Path(raw["root"]),
            store=Path(raw["store"]),
            device=str(raw["device"]),
            threads=int(raw["threads"]),
            images=tuple(_image(image) for image in raw["images"]),
            finders=tuple(_finder(finder) for finder in raw["finders"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            "The job of masking cannot be read.", [str(path), str(error)[:200]], id="masks/failed"
        ) from error


def _image(raw: dict[str, Any]) -> MaskImage:
    if not _SHA256.fullmatch(raw["sha256"]):
        raise ValueError(f"{raw['sha256']!r} is no SHA-256")
    return MaskImage(raw["path"], raw["sha256"])


def _finder(raw: dict[str, Any]) -> Finder:
    if raw["kind"] not in KINDS:
        raise ValueError(f"{raw['kind']!r} is nothing that can be found")
    low, high = raw["range"]
    return Finder(raw["kind"], Path(raw["model"]), float(low), float(high))
