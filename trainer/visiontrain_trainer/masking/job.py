"""The job of masking as `src/engine/masks/worker.ts` writes it: which images, what is found in them, where masks go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.job import JobFile, JobImage

VERSION = 1
_FILE = JobFile(VERSION, "masks/failed", "masking")
KINDS = ("subject", "face", "text", "prompt")


@dataclass(frozen=True)
class Finder:
    """What is found, and by which model: an ONNX file, or for a prompt the folder of a CLIPSeg."""

    kind: str
    model: Path
    #: The text that is looked for, where the kind is `prompt`.
    prompt: str = ""
    #: Values of black and white, as the model takes them.
    low: float = 0.0
    high: float = 1.0

    @property
    def name(self) -> str:
        """What is found, for people."""
        return self.prompt or self.kind


@dataclass(frozen=True)
class MaskJob:
    root: Path
    #: Folder of the masks of exactly these finders.
    store: Path
    device: str
    threads: int
    images: tuple[JobImage, ...]
    finders: tuple[Finder, ...]


def read_mask_job(path: Path) -> MaskJob:
    """The job in a file. Raises TrainingError when it is none that this version understands."""
    return _FILE.read(path, _parse)


def _parse(raw: dict[str, Any]) -> MaskJob:
    return MaskJob(
        root=Path(raw["root"]),
        store=Path(raw["store"]),
        device=str(raw["device"]),
        threads=int(raw["threads"]),
        images=tuple(map(JobImage.of, raw["images"])),
        finders=tuple(_finder(finder) for finder in raw["finders"]),
    )


def _finder(raw: dict[str, Any]) -> Finder:
    if raw["kind"] not in KINDS:
        raise ValueError(f"{raw['kind']!r} is nothing that can be found")
    low, high = raw["range"]
    return Finder(raw["kind"], Path(raw["model"]), str(raw.get("prompt", "")), float(low), float(high))
