"""The job of looking as `src/engine/check/look-worker.ts` writes it: which images and captions, where results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.job import JobFile, JobImage, sha256_of

VERSION = 1
_FILE = JobFile(VERSION, "dataset/look", "looking")


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

    `images` are measured. Those whose SHA-256 is among `marks` are compared for marks at the same place. For each image
    of `previews` only a small PNG is made, which a terminal can show.
    """

    root: Path
    store: Path
    threads: int
    images: tuple[JobImage, ...]
    previews: tuple[JobImage, ...]
    crops: tuple[CropAsk, ...]
    marks: tuple[str, ...]
    captions: tuple[str, ...]
    tokenizer: Path | None


def read_look_job(path: Path) -> LookJob:
    """The job in a file. Raises TrainingError when it is none that this version understands."""
    return _FILE.read(path, _parse)


def _parse(raw: dict[str, Any]) -> LookJob:
    return LookJob(
        root=Path(raw["root"]),
        store=Path(raw["store"]),
        threads=int(raw["threads"]),
        images=tuple(map(JobImage.of, raw["images"])),
        previews=tuple(map(JobImage.of, raw.get("previews", ()))),
        crops=tuple(_ask(ask) for ask in raw.get("crops", ())),
        marks=tuple(map(sha256_of, raw.get("marks", ()))),
        captions=tuple(str(caption) for caption in raw["captions"]),
        tokenizer=None if raw["tokenizer"] is None else Path(raw["tokenizer"]),
    )


def _ask(raw: dict[str, Any]) -> CropAsk:
    size, bucket = ((int(raw[key][0]), int(raw[key][1])) for key in ("size", "bucket"))
    if min(*size, *bucket) < 1:
        raise ValueError("a size is not above 0")
    return CropAsk(size, bucket, str(raw["mask"]), bool(raw["alpha"]), bool(raw["focus"]))
