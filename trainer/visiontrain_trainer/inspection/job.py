"""The job of looking as `src/engine/check/look-worker.ts` writes it: which images and captions, where results go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

VERSION = 1
#: Most bytes of a job: a million images with paths and captions take less.
_MOST_BYTES = 1 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class LookImage:
    """An image to look at: its path below the job's root or an absolute one, and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True)
class CropAsk:
    """An image whose crop is asked for: its size and bucket, and its mask, as a path below the root or an absolute one.

    With `focus` the crop is moved for what the mask shows.
    """

    size: tuple[int, int]
    bucket: tuple[int, int]
    mask: str
    alpha: bool
    focus: bool


@dataclass(frozen=True)
class LookJob:
    """What is to be looked at. The tokenizer in the folder `tokenizer`, if any, counts the tokens of `captions`.

    `images` are measured. For each image of `previews` only a small PNG is made, which a terminal can show.
    """

    root: Path
    store: Path
    threads: int
    images: tuple[LookImage, ...]
    previews: tuple[LookImage, ...]
    crops: tuple[CropAsk, ...]
    captions: tuple[str, ...]
    tokenizer: Path | None


def read_look_job(path: Path) -> LookJob:
    """The job in a file. Raises TrainingError when it is none that this version understands."""
    try:
        raw = json.loads(read_regular(path, _MOST_BYTES))
        if raw["version"] != VERSION:
            raise ValueError(f"its version is {raw['version']!r}, this is for {VERSION}")
        return LookJob(
            root=Path(raw["root"]),
            store=Path(raw["store"]),
            threads=int(raw["threads"]),
            images=tuple(_image(image) for image in raw["images"]),
            previews=tuple(_image(image) for image in raw.get("previews", ())),
            crops=tuple(_ask(ask) for ask in raw.get("crops", ())),
            captions=tuple(str(caption) for caption in raw["captions"]),
            tokenizer=None if raw["tokenizer"] is None else Path(raw["tokenizer"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            "The job of looking cannot be read.", [str(path), str(error)[:200]], id="dataset/look"
        ) from error


def _image(raw: dict[str, Any]) -> LookImage:
    if not _SHA256.fullmatch(raw["sha256"]):
        raise ValueError(f"{raw['sha256']!r} is no SHA-256")
    return LookImage(raw["path"], raw["sha256"])


def _ask(raw: dict[str, Any]) -> CropAsk:
    size, bucket = ((int(raw[key][0]), int(raw[key][1])) for key in ("size", "bucket"))
    if min(*size, *bucket) < 1:
        raise ValueError("a size is not above 0")
    return CropAsk(size, bucket, str(raw["mask"]), bool(raw["alpha"]), bool(raw["focus"]))
