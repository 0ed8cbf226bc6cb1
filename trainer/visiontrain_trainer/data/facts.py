"""What the metadata of the LoRA file says of the images, when fewer are trained on than the plan has.

The plan brings these facts ready-made (`src/engine/plan/facts.ts`). They are counted again here, in the same form, when
images turn out to be unreadable: the file is then the one that a run without them would have made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from visiontrain_trainer.contract.plan import Data, PlanImage

from .caption_options import plain_caption
from .sizes import drawn_counts


def counted_again(facts: dict[str, str], data: Data, name: str) -> dict[str, str]:
    """`facts` with those about images counted over the images of `data`; facts that are not there stay away.

    `name` is the run's, which stands for the top folder of the data set.
    """
    plain = [replace(image, caption=plain_caption(data, image.caption)) for image in data.images]
    trained = [image for image in plain if not image.validation and not image.regularisation]
    others = [image for image in data.images if image.regularisation]
    once = [image for image in trained if "@" not in image.id]
    counted: dict[str, Callable[[], Any]] = {
        "ss_bucket_info": lambda: _buckets(trained, draw=data.resolution_use == "draw"),
        "ss_dataset_dirs": lambda: _by_folder(once, name, _folder),
        "ss_reg_dataset_dirs": lambda: _by_folder(others, "reg", _folder),
        "ss_tag_frequency": lambda: _by_folder(once, name, _tag_frequency),
    }
    return facts | {key: _as_javascript(make()) for key, make in counted.items() if key in facts}


def _by_folder(images: Sequence[PlanImage], top: str, tell: Callable[[list[PlanImage]], Any]) -> dict[str, Any]:
    folders: dict[str, list[PlanImage]] = {}
    for image in images:
        parts = image.path.split("/")
        folders.setdefault(parts[-2] if len(parts) > 1 else top, []).append(image)
    return {folder: tell(inside) for folder, inside in folders.items()}


def _folder(images: list[PlanImage]) -> dict[str, int]:
    return {"n_repeats": images[0].repeats, "img_count": len(images)}


def _tag_frequency(images: list[PlanImage]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for image in images:
        for tag in filter(None, (part.strip() for part in image.caption.split(","))):
            counts[tag] = counts.get(tag, 0) + 1
    # JavaScript compares texts by their UTF-16 units.
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0].encode("utf-16-be", "surrogatepass"))))


def _buckets(images: Sequence[PlanImage], *, draw: bool) -> dict[str, Any]:
    counts: dict[tuple[int, int], int] = drawn_counts(images) if draw else {}
    errors = 0.0
    for image in images:
        if not draw:
            counts[image.bucket] = counts.get(image.bucket, 0) + image.repeats
        errors += abs(image.size[0] / image.size[1] - image.bucket[0] / image.bucket[1])
    buckets = {
        str(index): {"resolution": list(bucket), "count": count}
        for index, (bucket, count) in enumerate(sorted(counts.items()))
    }
    return {"buckets": buckets, "mean_img_ar_error": errors / len(images) if images else 0}


def _as_javascript(value: Any) -> str:
    """JSON as JSON.stringify writes it: no spaces, letters as they are, and whole numbers without a point."""
    if isinstance(value, dict):
        # An object of JavaScript has its whole-number names first, in their order.
        keys = sorted((k for k in value if _is_index(k)), key=int) + [k for k in value if not _is_index(k)]
        return "{" + ",".join(f"{_as_javascript(k)}:{_as_javascript(value[k])}" for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_javascript, value)) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value).replace("e-0", "e-")
    return json.dumps(value, ensure_ascii=False)


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and str(int(key)) == key and int(key) < 2**32 - 1
