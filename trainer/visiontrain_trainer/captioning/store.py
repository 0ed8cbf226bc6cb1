"""Results of captioning, one small file for each image and method, named by the image's content.

`src/engine/captions/store.ts` reads them. A file is written whole or not at all, so that work that is ended at any
moment goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.files import read_regular, write_atomic
from visiontrain_trainer.base.job import JobImage

from .job import Method

VERSION = 1
#: Most bytes of a result, as in `src/engine/captions/store.ts`.
_MOST_BYTES = 4 << 20


def result_path(store: Path, key: str, sha256: str) -> Path:
    return store / key / sha256[:2] / f"{sha256}.json"


def missing(store: Path, method: Method, images: Sequence[JobImage]) -> list[JobImage]:
    """The images that the method has no result for, each content once."""
    found: dict[str, JobImage] = {}
    for image in images:
        if image.sha256 not in found and not _is_result(result_path(store, method.key, image.sha256)):
            found[image.sha256] = image
    return list(found.values())


def _is_result(path: Path) -> bool:
    """Whether a whole result lies at `path`. After a crash of the machine a file may be there without its content."""
    try:
        return json.loads(read_regular(path, _MOST_BYTES))["version"] == VERSION
    except (OSError, ValueError, LookupError, TypeError):
        return False


def write_result(store: Path, method: Method, image: JobImage, result: dict[str, Any]) -> None:
    """Keep a result. Raises OSError when the disk does not take it."""
    content = {"version": VERSION, "image": image.sha256, "by": method.name, **result}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # Losing the newest results to a power cut costs a second each, and flushing each would take longer than making it.
    write_atomic(result_path(store, method.key, image.sha256), f"{text}\n".encode(), durable=False)
