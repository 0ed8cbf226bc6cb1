"""The job of captioning as `src/engine/captions/worker.ts` writes it: which images, by which methods, where to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.job import JobFile, JobImage

VERSION = 1
_FILE = JobFile(VERSION, "captions/failed", "captioning")
_KEY = re.compile(r"[a-z0-9-]{1,80}")
KINDS = ("tags", "sentence", "endpoint")


@dataclass(frozen=True)
class Method:
    """How captions are made. `key` names the folder of its results; `settings` are what its kind needs."""

    kind: str
    key: str
    name: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Job:
    root: Path
    store: Path
    device: str
    threads: int
    images: tuple[JobImage, ...]
    methods: tuple[Method, ...]


def read_job(path: Path) -> Job:
    """The job in a file. Raises TrainingError when it is none that this version understands."""
    return _FILE.read(path, _parse)


def _parse(raw: dict[str, Any]) -> Job:
    return Job(
        root=Path(raw["root"]),
        store=Path(raw["store"]),
        device=str(raw["device"]),
        threads=int(raw["threads"]),
        images=tuple(map(JobImage.of, raw["images"])),
        methods=tuple(_method(method) for method in raw["methods"]),
    )


def _method(raw: dict[str, Any]) -> Method:
    kind, key, name, settings = raw["kind"], raw["key"], raw["name"], raw["settings"]
    if kind not in KINDS or not _KEY.fullmatch(key):
        raise ValueError(f"{kind!r} with key {key!r} is no method")
    return Method(kind, key, name, settings)
