"""Helpers that do jobs of captioning in this process."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import TrainerError
from visiontrain_trainer.captioning.job import read_job
from visiontrain_trainer.captioning.report import Report
from visiontrain_trainer.captioning.work import do_job


def make_images(folder: Path, count: int = 3) -> list[dict[str, str]]:
    """Images of different shapes and colours, one of them transparent, as a job lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for index in range(count):
        size = [(40, 30), (24, 60), (33, 33)][index % 3]
        pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3 + index % 2), dtype=np.uint8)
        path = folder / f"{index:02}.png"
        Image.fromarray(pixels).save(path)
        found.append({"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    return found


class Did:
    """The lines that a job printed and the results that it stored."""

    def __init__(self, store: Path, lines: list[dict[str, Any]], error: TrainerError | None) -> None:
        self.store, self.lines, self.error = store, lines, error

    def of(self, type: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == type]

    def result(self, key: str, sha256: str) -> dict[str, Any]:
        return json.loads((self.store / key / sha256[:2] / f"{sha256}.json").read_text())


def do(root: Path, images: list[dict[str, str]], *methods: dict[str, Any], device: str = "cpu") -> Did:
    """Do a job in this process. The store lies beside `root`."""
    store, file = root.parent / "store", root.parent / "job.json"
    job = {"version": 1, "root": str(root), "store": str(store), "device": device, "threads": 1}
    file.write_text(json.dumps({**job, "images": images, "methods": list(methods)}))
    end, start = os.pipe()
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.extend(iter(lambda: os.read(end, 1 << 16), b"")))
    reader.start()
    error = None
    try:
        do_job(read_job(file), Report(start))
    except TrainerError as raised:
        error = raised
    finally:
        os.close(start)
        reader.join()
        os.close(end)
    return Did(store, [json.loads(line) for line in b"".join(said).splitlines()], error)
