"""The table of counted peaks by part, bench/results/memory-counts.json: writes it, or fails where a peak has grown.

    python bench/trainer/memory_table.py --check [--only sd15]    # counts anew: exit code 1 for a peak above it by 3 %
    python bench/trainer/memory_table.py --write [--only sd15]    # counts and writes; --only keeps the other rows
    python bench/trainer/memory_table.py --measure [--full-size]  # counts against the CPU's allocator, on real tensors

src/engine/plan/memory.ts estimates from this table, and test/engine/plan/memory.test.ts holds it to the rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from counting import PARTS, Setting, count, measure

TABLE = Path(__file__).parents[1] / "results" / "memory-counts.json"
#: By how much a peak may grow, and how far a measurement may be from its count.
GROWTH, NEAR = 1.03, 0.10
_FULL = {"gradient_checkpointing": "full"}


def _rows() -> list[tuple[str, Setting]]:
    """The settings of the table, by name."""
    found: list[tuple[str, Setting]] = []

    def add(family: str, name: str, *, batch: int = 1, text_encoders: bool = False, **more: Any) -> None:
        resources = {"precision": "bf16", **more.get("resources", {})}
        setting = Setting(
            family, batch, text_encoders=text_encoders, training=more.get("training", {}), resources=resources
        )
        found.append((f"{family} {name}", setting))

    for family in ("sd15", "sdxl"):
        for kind in ("none", "selective", "full"):
            add(family, kind, resources={"gradient_checkpointing": kind})
        add(family, "full, batch 4", batch=4, resources=_FULL)
        for packing in ("int8", "nf4"):
            add(family, f"full, {packing}", resources={**_FULL, "base_precision": packing})
        if family == "sdxl":
            add(family, "none, batch 2", batch=2)
        add(family, "full, streamed", resources={**_FULL, "stream_base": True})
        add(family, "full, streamed nf4", resources={**_FULL, "base_precision": "nf4", "stream_base": True})
        if family == "sdxl":
            # The other settings change SDXL as they change SD1.5, and each takes a minute to count.
            continue
        add(family, "none, int8", resources={"base_precision": "int8"})
        for adapter in ("loha", "lokr"):
            add(family, f"full, {adapter}", training={"adapter": adapter}, resources=_FULL)
            add(family, f"none, {adapter}", training={"adapter": adapter})
        add(family, "full, dora", training={"dora": True}, resources=_FULL)
        add(family, "none, dora", training={"dora": True})
        add(family, "full, fp32", resources={**_FULL, "precision": "fp32"})
        add(family, "none, fp32", resources={"precision": "fp32"})
        add(family, "full, text encoders", text_encoders=True, resources=_FULL)
        add(
            family,
            "full, text encoders in int8",
            text_encoders=True,
            resources={**_FULL, "text_precision": "int8"},
        )
    return [*found, *_small()]


def _small() -> list[tuple[str, Setting]]:
    """Settings of the small models, which the CPU computes: in fp32, and not fused."""
    changes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "plain": ({}, {}),
        "full": ({}, _FULL),
        "int8": ({}, {"base_precision": "int8"}),
        "nf4, full": ({}, {**_FULL, "base_precision": "nf4"}),
        "streamed, full": ({}, {**_FULL, "stream_base": True}),
        "LoCon": ({"conv_rank": 8, "conv_alpha": 8}, {}),
        "loha": ({"adapter": "loha"}, {}),
        "dora": ({"dora": True}, {}),
        "lion": ({"optimizer": "lion"}, _FULL),
    }
    return [
        (f"small {family} {name}", Setting(family, 2, 128, tiny=True, card=False, training=given, resources=resources))
        for family in ("sd15", "sdxl")
        for name, (given, resources) in changes.items()
    ]


def _full_size() -> list[tuple[str, Setting]]:
    """Models of the real sizes at 256 pixels, which the CPU computes in seconds or minutes."""
    changes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "none": ({}, {}),
        "selective": ({}, {"gradient_checkpointing": "selective"}),
        "full": ({}, _FULL),
        "full, int8": ({}, {**_FULL, "base_precision": "int8"}),
        "full, nf4": ({}, {**_FULL, "base_precision": "nf4"}),
        "full, streamed": ({}, {**_FULL, "stream_base": True}),
        "full, streamed nf4": ({}, {**_FULL, "base_precision": "nf4", "stream_base": True}),
        "full, loha": ({"adapter": "loha"}, _FULL),
        "full, dora": ({"dora": True}, _FULL),
        "full, lion": ({"optimizer": "lion"}, _FULL),
    }
    large = ("full", "full, int8", "full, nf4", "full, streamed", "full, streamed nf4")
    return [
        (f"{family} at 256, {name}", Setting(family, side=256, card=False, training=given, resources=resources))
        for family in ("sd15", "sdxl")
        for name, (given, resources) in changes.items()
        if family == "sd15" or name in large
    ]


def _only(word: str) -> list[tuple[str, Setting]]:
    return [(name, setting) for name, setting in _rows() if name.startswith(word)]


def check(word: str) -> int:
    """Exit code: 1 where a counted peak is above the table's by more than 3 %."""
    table, grown = json.loads(TABLE.read_text()), 0
    for name, setting in _only(word):
        if name not in table:
            # The rows of small models serve `--measure`; the table holds only some of them.
            continue
        now, then = count(setting)["total"], table[name]["total"]
        wrong = now > then * GROWTH
        grown += wrong
        print(f"{'GROWN ' if wrong else ''}{name}: {now / then - 1:+.1%} ({now / 2**30:.3f} GiB)", flush=True)
    return 1 if grown else 0


def write(word: str) -> None:
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    for name, setting in _only(word):
        table[name] = count(setting)
        text = " ".join(f"{part} {table[name][part] / 2**30:.3f}" for part in (*PARTS, "total"))
        print(f"{name}: {text}", flush=True)
        TABLE.write_text(json.dumps(table, indent=2) + "\n")


def compare(word: str, *, full_size: bool) -> int:
    """Exit code: 1 where the allocator and the count differ by more than a tenth."""
    rows = [row for row in (*_small(), *(_full_size() if full_size else ())) if row[0].startswith(word)]
    far = 0
    for name, setting in rows:
        counted, measured = count(setting)["total"], measure(setting)
        apart = measured / counted - 1
        far += abs(apart) > NEAR
        sizes = f"counted {counted / 2**20:9.2f} MiB, allocated {measured / 2**20:9.2f} MiB"
        print(f"{name}: {sizes}, {apart:+.1%}", flush=True)
    return 1 if far else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    for name in ("check", "write", "measure"):
        what.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    parser.add_argument("--full-size", action="store_true", help="measure the real sizes too: 15 GB, half an hour")
    given = parser.parse_args()
    if given.measure:
        sys.exit(compare(given.only, full_size=given.full_size))
    if given.check:
        sys.exit(check(given.only))
    write(given.only)
