"""The labels of a tagger: `selected_tags.csv` as the WD taggers have it, one row for each number the model gives."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

#: Danbooru's numbers of its categories.
CATEGORIES = {0: "general", 1: "context", 3: "copyright", 4: "character", 5: "meta", 9: "rating"}
#: Most bytes of a label file; that of WD v3 has 308 kB.
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Label:
    """A tag with Danbooru's spelling (underscores) and the name of its category."""

    name: str
    category: str


def read_labels(path: Path) -> list[Label]:
    """The labels in the order of the model's numbers. Raises TrainingError when the file is no list of labels."""
    try:
        text = read_regular(path.resolve(), _MOST_BYTES).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        if rows.fieldnames is None or not {"name", "category"} <= set(rows.fieldnames):
            raise ValueError("its first line does not name the columns name and category")
        return [_label(row, rows.line_num) for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise TrainingError(
            "The labels of the tagger cannot be read.", [str(path), str(error)[:200]], id="captions/method"
        ) from error


def _label(row: dict[str | None, str | None], line: int) -> Label:
    name, category = row.get("name"), row.get("category")
    known = CATEGORIES.get(int(category)) if category is not None and category.isdecimal() else None
    if not name or not name.isprintable():
        raise ValueError(f"line {line} names no tag")
    if known is None:
        raise ValueError(f"line {line} has the category {category!r}; known are {sorted(CATEGORIES)}")
    return Label(name, known)
