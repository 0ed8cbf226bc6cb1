"""Writes a LoRA of SDXL's size and times `visiontrain lora inspect`, `check`, `diff` and `resize` of it.

    python bench/trainer/lora_inspect.py [RANK]

Rank 56 in all linear layers of the U-Net in fp16 is about 300 MB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))

import numpy as np
from visiontrain_trainer.lora_tools.modules import unet_pairs
from visiontrain_trainer.lora_tools.tensors import pieces

ROOT = Path(__file__).parents[2]
#: Blocks whose attention is 1280 wide; that of the others is 640 wide.
WIDE = ("input_blocks.7.", "input_blocks.8.", "middle_block.", *(f"output_blocks.{i}." for i in range(3)))


def sides(name: str) -> tuple[int, int]:
    """Outputs and inputs of a linear layer of SDXL's attention."""
    width = (
        1280
        if name.startswith(
            ("input_blocks.7", "input_blocks.8", "middle", "output_blocks.0", "output_blocks.1.", "output_blocks.2")
        )
        else 640
    )
    if "attn2.to_k" in name or "attn2.to_v" in name:
        return width, 2048
    if "ff.net.0" in name:
        return width * 8, width
    return (width, width * 4) if "ff.net.2" in name else (width, width)


def main(rank: int) -> None:
    numbers = np.random.default_rng(1)
    tensors = {}
    for name in unet_pairs(True):
        if "transformer_blocks" not in name and "proj_" not in name:
            continue
        out, into = sides(name)
        module = "lora_unet_" + name.replace(".", "_")
        tensors[f"{module}.lora_down.weight"] = numbers.normal(size=(rank, into)) * 0.05
        tensors[f"{module}.lora_up.weight"] = numbers.normal(size=(out, rank)) * 0.01
        tensors[f"{module}.alpha"] = np.array(float(rank))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.safetensors"
        path.write_bytes(b"".join(pieces(tensors, {}, "F16")))
        count = len(tensors) // 3
        tensors.clear()
        print(f"{path.stat().st_size / 1e6:.0f} MB, {count} layers of rank {rank}")
        env = {**os.environ, "VISIONTRAIN_PYTHON": sys.executable}
        small = ["resize", "--rank", str(rank // 2), "-o", f"{folder}/small"]
        for words in (["inspect"], ["check"], ["diff", str(path)], small):
            command = ["node", str(ROOT / "bin" / "visiontrain"), "lora", words[0], str(path), *words[1:], "--json"]
            began, before = time.monotonic(), os.times()
            subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
            after = os.times()
            worked = after.children_user + after.children_system - before.children_user - before.children_system
            print(f"  {words[0]:8} {time.monotonic() - began:5.1f} s, {worked:5.1f} s of processor")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 56)
