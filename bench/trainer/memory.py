"""Counts the peak bytes of tensors in a training step by part, for any setting and without a card.

    python bench/trainer/memory.py [--family sdxl|sd15] [--side PIXELS] [--precision bf16] [--rank N] [--targets all]
                                   [--batches 1,2,4] [--checkpointing none,selective,full]
                                   [--conv-rank N] [--base-precision int8] [--text-encoders]

`counting.py` tells how. A card needs more than is counted here: its libraries' workspaces, the allocator's rounding and
holes, and 0.9 GiB for the CUDA context. CUDA graphs need no memory that a card must have
(docs/decisions/0023-cuda-graphs.md). bench/results/trainer-memory.txt compares the counts with measurements on a card.
"""

from __future__ import annotations

import argparse

from counting import PARTS, Setting, count
from visiontrain_trainer.compute.device import DTYPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=["sdxl", "sd15"], default="sdxl")
    parser.add_argument("--side", type=int, default=0)
    parser.add_argument("--precision", choices=list(DTYPES), default="bf16")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--targets", default="all")
    parser.add_argument("--conv-rank", type=int, default=0)
    parser.add_argument("--base-precision", choices=["same", "fp8", "int8", "nf4"], default="same")
    parser.add_argument("--text-encoders", action="store_true", help="train them too")
    parser.add_argument("--batches", default="1,2,4")
    parser.add_argument("--checkpointing", default="none,selective,full")
    given = parser.parse_args()
    training = {"rank": given.rank, "alpha": given.rank, "targets": given.targets, "conv_rank": given.conv_rank}
    resources = {"precision": given.precision, "base_precision": given.base_precision}
    print("GiB of tensors       " + "".join(f"{name:>13}" for name in (*PARTS, "peak")))
    for kind in given.checkpointing.split(","):
        for batch in map(int, given.batches.split(",")):
            setting = Setting(
                given.family,
                batch,
                side=given.side,
                text_encoders=given.text_encoders,
                training=training,
                resources={**resources, "gradient_checkpointing": kind},
            )
            found = count(setting)
            cells = "".join(f"{found[part] / 2**30:13.2f}" for part in (*PARTS, "total"))
            print(f"{kind:9}  batch {batch:<4}{cells}", flush=True)


if __name__ == "__main__":
    main()
