"""What is to be drawn, as `src/engine/sample/worker.ts` writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.job import JobFile
from visiontrain_trainer.contract.plan import Plan, Shot, parse_plan

VERSION = 1
#: A thousand samples with long prompts and the plan of a million images take less than its bytes.
_FILE = JobFile(VERSION, "sample/failed", "drawing", 500_000_000)
#: Names of the files that are made. None leads to another folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.png")


@dataclass(frozen=True)
class Source:
    """A LoRA file, and what it is called in the metadata of a sample."""

    path: Path
    name: str


@dataclass(frozen=True)
class Look:
    """One column of samples: the checkpoint of a run by its step (None for files), and the strength of each LoRA."""

    step: int | None
    strengths: tuple[float, ...]


@dataclass(frozen=True)
class Cell:
    """A sample that is to be made: the numbers of its look and its shot (from 0), and its file's name."""

    look: int
    shot: int
    file: str


@dataclass(frozen=True)
class Sheet:
    """A sheet of all samples: the files by row and column, and what is written beside them."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    files: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class Job:
    """All samples of one call. `run` is the folder of the run whose checkpoints are drawn with; None for `loras`."""

    plan: Plan
    run: Path | None
    loras: tuple[Source, ...]
    looks: tuple[Look, ...]
    shots: tuple[Shot, ...]
    to: Path
    cells: tuple[Cell, ...]
    sheet: Sheet | None


def read_job(path: Path, sha256: str) -> Job:
    """The job in a file with this SHA-256. Raises TrainingError when it holds none that this version understands."""
    return _FILE.read(path, _parse, sha256)


def _parse(raw: dict[str, Any]) -> Job:
    return Job(
        plan=parse_plan(raw["plan"], trains=False),
        run=None if raw["run"] is None else Path(raw["run"]),
        loras=tuple(Source(Path(lora["path"]), str(lora["name"])) for lora in raw["loras"]),
        looks=tuple(Look(look["step"], tuple(map(float, look["strengths"]))) for look in raw["looks"]),
        shots=tuple(_shot(shot) for shot in raw["shots"]),
        to=Path(raw["to"]),
        cells=tuple(Cell(int(cell["look"]), int(cell["shot"]), _name(cell["file"])) for cell in raw["cells"]),
        sheet=None if raw["sheet"] is None else _sheet(raw["sheet"]),
    )


def _shot(raw: dict[str, Any]) -> Shot:
    width, height = raw["size"]
    return Shot(
        prompt=str(raw["prompt"]),
        negative=str(raw["negative"]),
        steps=int(raw["steps"]),
        guidance=float(raw["guidance"]),
        seed=int(raw["seed"]),
        size=(int(width), int(height)),
        strength=1.0,
        clip_skip=None if raw["clip_skip"] is None else int(raw["clip_skip"]),
    )


def _sheet(raw: dict[str, Any]) -> Sheet:
    rows = tuple(tuple(None if name is None else _name(name) for name in row) for row in raw["files"])
    return Sheet(_name(raw["file"]), tuple(map(str, raw["columns"])), tuple(map(str, raw["rows"])), rows)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a sample")
    return text
