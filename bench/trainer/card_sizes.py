"""Peaks against counts on cards of 4 to 24 GB: the settings for each size, with the allocator held to that size.

    python bench/trainer/card_sizes.py WORK_FOLDER [--sizes 6,8,10,12,16,24] [--cpu]

Each setting is a row of bench/results/memory-counts.json. A step of it is done by the trainer's own session on a model
of random weights, with the allocator held to the size of the card less the GiB that driver and rounding take there. The
exit code is 1 where a setting does not fit its card, or a peak is more than a tenth from its count. --cpu compares one
setting of the tests' small models with the processor's allocator.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import gpu
from counting import Setting, count, measure
from memory_table import NEAR, TABLE
from where import GIB, where

#: GiB of a card that its driver's context and the allocator's rounding take, as src/engine/plan/memory.ts has it.
CARD_ITSELF = 1.0
#: GB of the card → family, batch and resources of its setting, and the row of the table that counts them.
SIZES: dict[int, tuple[str, int, dict[str, Any], str]] = {
    4: ("sd15", 1, {"gradient_checkpointing": "full"}, "sd15 full"),
    6: ("sdxl", 1, {"gradient_checkpointing": "full", "base_precision": "int8"}, "sdxl full, int8"),
    8: ("sdxl", 1, {"gradient_checkpointing": "full"}, "sdxl full"),
    10: ("sdxl", 1, {"gradient_checkpointing": "selective"}, "sdxl selective"),
    12: ("sdxl", 4, {"gradient_checkpointing": "full"}, "sdxl full, batch 4"),
    16: ("sdxl", 1, {"gradient_checkpointing": "none"}, "sdxl none"),
    24: ("sdxl", 2, {"gradient_checkpointing": "none"}, "sdxl none, batch 2"),
}


def on_a_card(given: argparse.Namespace) -> int:
    """The number of settings that do not fit, or are far from their count."""
    card, table, wrong = where(cpu=False), json.loads(TABLE.read_text()), 0
    for size in map(int, given.sizes.split(",")):
        family, batch, resources, row = SIZES[size]
        given.family, given.side = family, {"sdxl": 1024, "sd15": 512}[family]
        name = f"{family} on {size} GB"
        gpu.SETTINGS[name] = {"training": {"batch_size": batch}, "resources": resources}
        counted = table[row]["total"] / GIB
        bench = gpu.Bench(given, card)
        card.limit(size * 1e9 / GIB - CARD_ITSELF)
        try:
            found = bench.measure(name)
        except Exception as error:
            print(f"{name}: {row}: counted {counted:.2f} GiB: {type(error).__name__}: {str(error)[:200]}", flush=True)
            wrong += 1
            continue
        finally:
            card.limit(None)
            card.empty()
        apart = found["allocated"] / counted - 1
        wrong += abs(apart) > NEAR or any("not enough memory" in note for note in found["notes"])
        sizes = f"counted {counted:6.2f}, allocated {found['allocated']:6.2f}, reserved {found['reserved']:6.2f} GiB"
        print(f"{name}: {row}: {sizes}, {apart:+.1%}  {found['notes']}", flush=True)
    return wrong


def on_a_processor() -> int:
    setting = Setting("sd15", 1, 64, tiny=True, card=False, resources={"gradient_checkpointing": "full"})
    counted, found = count(setting)["total"], measure(setting)
    apart = found / counted - 1
    print(f"small sd15: counted {counted / 2**20:.2f}, allocated {found / 2**20:.2f} MiB, {apart:+.1%}", flush=True)
    return int(abs(apart) > NEAR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--sizes", default="4,6,8,10,12,16,24")
    parser.add_argument("--cpu", action="store_true", help="tiny models on the processor")
    given = parser.parse_args()
    given.steps, given.profile, given.run = 2, None, "run"
    sys.exit(1 if (on_a_processor() if given.cpu else on_a_card(given)) else 0)


if __name__ == "__main__":
    main()
