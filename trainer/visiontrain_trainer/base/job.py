"""Reads the job of a program that works beside a run: a JSON file that the TypeScript side wrote."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .errors import TrainingError
from .files import read_regular

Job = TypeVar("Job")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def sha256_of(value: str) -> str:
    """The value, which names a file. Raises ValueError when it is no SHA-256."""
    if not _SHA256.fullmatch(value):
        raise ValueError(f"{value!r} is no SHA-256")
    return value


@dataclass(frozen=True)
class JobImage:
    """An image of a job: its path below the job's root or an absolute one, and the SHA-256 of its bytes."""

    path: str
    sha256: str

    @classmethod
    def of(cls, raw: dict[str, Any]) -> JobImage:
        """The image in a job's JSON. Raises ValueError when its hash is no SHA-256."""
        return cls(raw["path"], sha256_of(raw["sha256"]))


@dataclass(frozen=True)
class JobFile:
    """A kind of job: its version, the id and the name in its errors, and the most bytes of its file."""

    version: int
    id: str
    #: As in "The job of masking cannot be read."
    name: str
    #: A million images with their paths and captions take less.
    most_bytes: int = 1 << 30

    def read(self, path: Path, parse: Callable[[dict[str, Any]], Job], sha256: str | None = None) -> Job:
        """The job in a file, as `parse` makes it of the JSON.

        `sha256` is that of the file as it was written, where it lies in a folder that others may write to. Raises
        TrainingError when the file holds no job that this version understands, or another one.
        """
        try:
            content = read_regular(path, self.most_bytes)
            if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError("another program changed it")
            raw = json.loads(content)
            if raw["version"] != self.version:
                raise ValueError(f"its version is {raw['version']!r}, this is for {self.version}")
            return parse(raw)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            details = [str(path), str(error)[:200]]
            raise TrainingError(f"The job of {self.name} cannot be read.", details, id=self.id) from error
