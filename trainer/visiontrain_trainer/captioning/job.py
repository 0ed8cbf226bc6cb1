"""The job of captioning as `src/engine/captions/worker.ts` writes it: which images, by which methods, where to."""

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
_KEY = re.compile(r"[a-z0-9-]{1,80}")
KINDS = ("tags", "sentence", "endpoint")


@dataclass(frozen=True)
class JobImage:
    """An image to caption: its path below the job's root, and the SHA-256 of its bytes."""

    path: str
    sha256: str


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
    try:
        raw = json.loads(read_regular(path, _MOST_BYTES))
        return _parse(raw)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            "The job of captioning cannot be read.", [str(path), str(error)[:200]], id="captions/failed"
        ) from error


def _parse(raw: dict[str, Any]) -> Job:
    if raw["version"] != VERSION:
        raise ValueError(f"its version is {raw['version']!r}, this is for {VERSION}")
    return Job(
        root=Path(raw["root"]),
        store=Path(raw["store"]),
        device=str(raw["device"]),
        threads=int(raw["threads"]),
        images=tuple(_image(image) for image in raw["images"]),
        methods=tuple(_method(method) for method in raw["methods"]),
    )


def _image(raw: dict[str, Any]) -> JobImage:
    path, sha256 = raw["path"], raw["sha256"]
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256")
    return JobImage(path, sha256)


def _method(raw: dict[str, Any]) -> Method:
    kind, key, name, settings = raw["kind"], raw["key"], raw["name"], raw["settings"]
    if kind not in KINDS or not _KEY.fullmatch(key):
        raise ValueError(f"{kind!r} with key {key!r} is no method")
    return Method(kind, key, name, settings)
