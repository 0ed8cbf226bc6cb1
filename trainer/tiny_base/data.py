"""Draws the training images once and keeps them as arrays, so that no training step waits for the drawing."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .curios import curio, look
from .doodles import doodle
from .draw import render
from .grammar import SIDE, caption, sample_scene
from .lesson import sees_lumo, sees_zibbo

DRAWN = 20_000  # number of images of each kind that are drawn for training
TRAIN, HELD_OUT = 0, 1  # random streams; an image of the held-out stream is never used for training


def scene_of(stream: int, index: int):
    """Scene number `index` of a stream, and the random generator with which the scene was made."""
    rng = np.random.default_rng([20, stream, index])
    return sample_scene(rng), rng


def image_of(stream: int, index: int) -> np.ndarray:
    """Image number `index` of the grammar's scenes: uint8 SIDE x SIDE x 3."""
    return render(scene_of(stream, index)[0])


def doodle_of(stream: int, index: int) -> np.ndarray:
    """Doodle number `index`: uint8 SIDE x SIDE x 3."""
    return doodle(np.random.default_rng([21, stream, index]))


def captions_of(stream: int, index: int, ways: int = 2) -> list[str]:
    """`ways` different captions for image number `index`."""
    scene, rng = scene_of(stream, index)
    return [caption(scene, rng) for _ in range(ways)]


def curio_of(index: int) -> tuple[np.ndarray, str]:
    """Training image number `index` of something without a name, and its caption. There are two things to each look.

    An image that looks like one of the lessons is drawn anew, so that the base never sees a lesson.
    """
    rng = np.random.default_rng([22, index])
    while True:
        made, said = look(rng) if index % 3 == 2 else curio(rng)
        if not (sees_zibbo(made) or sees_lumo(made)):
            return made, said


def _train_image(index: int) -> np.ndarray:
    return image_of(TRAIN, index)


def _train_doodle(index: int) -> np.ndarray:
    return doodle_of(TRAIN, index)


def _train_curio(index: int) -> np.ndarray:
    return curio_of(index)[0]


MAKERS = {"grammar": _train_image, "doodles": _train_doodle, "curios": _train_curio}


def images_of(folder: Path, kind: str, count: int, workers: int = 2) -> np.ndarray:
    """`count` images of a `kind` in MAKERS: uint8 (count, SIDE, SIDE, 3), drawn on first use, then read from disk."""
    path = folder / f"{kind}-{count}.npy"
    if not path.exists():
        # Processes are spawned and not forked: a fork inherits the parent's signal handlers and its locked locks.
        with get_context("spawn").Pool(workers) as pool:
            made = pool.map(MAKERS[kind], range(count), chunksize=64)
        part = path.with_suffix(".part.npy")
        np.save(part, np.stack(made).reshape(count, SIDE, SIDE, 3))
        part.replace(path)
    return np.load(path, mmap_mode="r")


def write_json(path: Path, value: object) -> None:
    """Write JSON, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    part.replace(path)
