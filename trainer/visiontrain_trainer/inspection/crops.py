"""What the crop keeps of an image, and how much of what its mask shows it cuts away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.data.focus import box_of, profiles_of
from visiontrain_trainer.data.images import crop_placement, load_mask

from .job import CropAsk


def crop_of(root: Path, ask: CropAsk) -> dict[str, Any] | None:
    """Left and top of the middle crop and the share of the mask that it lacks; None for a mask that cannot be read.

    All are from 0 to 1: of the image's width and height, and of the pixels that the mask shows.
    """
    try:
        profiles = profiles_of(load_mask(root / ask.mask, ask.size, alpha=ask.alpha))
    except (TrainingError, MemoryError):
        return None
    total = int(profiles.columns.sum())
    keep = box_of(profiles, ask.size, ask.bucket) if ask.focus else None
    where = crop_placement(ask.size, ask.bucket, -1, keep)
    shown = 1.0
    for counts, start, side, resized in (
        (profiles.columns, where.left, ask.bucket[0], where.resized[0]),
        (profiles.rows, where.top, ask.bucket[1], where.resized[1]),
    ):
        # Only one side overhangs, so that the share along it is the share of the mask.
        low, high = (round(at * len(counts) / resized) for at in (start, start + side))
        shown = min(shown, int(counts[low:high].sum()) / total) if total else 1.0
    left, top = where.left / where.resized[0], where.top / where.resized[1]
    return {"left": round(left, 5), "top": round(top, 5), "lost": round(1 - shown, 4)}
