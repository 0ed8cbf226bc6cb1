"""Flips bytes of LoRA files, cuts them and lies in their headers, and gives each to every action of the LoRA tools.

    python bench/trainer/lora_fuzz.py [SECONDS] [SEED]

Right is a file that could be read as one, or a TrainerError with an id. Anything else is printed, with the file that
did it, and so is an action that took longer than a second.
"""

from __future__ import annotations

import json
import math
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))

import numpy as np
from visiontrain_trainer.base.errors import TrainerError
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.lora_tools.tensors import pieces

TO_K = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
LINEAR, CONV = f"lora_unet_{TO_K}", "lora_unet_mid_block_resnets_0_conv1"
ENDINGS = (
    *(".lora_down.weight", ".lora_up.weight", ".lora_mid.weight", ".alpha"),
    *(".hada_w1_a", ".lokr_w1", ".lokr_t2", ".diff"),
)
SHAPES = {
    "lora": {f"{LINEAR}.lora_down.weight": (2, 24), f"{LINEAR}.lora_up.weight": (8, 2), f"{LINEAR}.alpha": ()},
    "locon": {f"{CONV}.lora_down.weight": (2, 6, 3, 3), f"{CONV}.lora_up.weight": (5, 2, 1, 1), f"{CONV}.alpha": ()},
    "tucker": {
        f"{CONV}.lora_down.weight": (2, 6, 1, 1),
        f"{CONV}.lora_mid.weight": (2, 2, 3, 3),
        f"{CONV}.lora_up.weight": (5, 2, 1, 1),
    },
    "loha": {f"{LINEAR}.hada_w{i}_{x}": (8, 2) if x == "a" else (2, 24) for i in "12" for x in "ab"},
    "lokr": {f"{LINEAR}.lokr_w1": (2, 2), f"{LINEAR}.lokr_w2_a": (4, 2), f"{LINEAR}.lokr_w2_b": (2, 12)},
    "dora": {
        f"{LINEAR}.lora_down.weight": (2, 24),
        f"{LINEAR}.lora_up.weight": (8, 2),
        f"{LINEAR}.dora_scale": (1, 24),
    },
}


def lied(content: bytes, chance: random.Random) -> bytes:
    """The file with a sound header that tells other shapes, types or names of as many bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = chance.choice([name for name in header if name != "__metadata__"])
    facts, kind = header[name], chance.random()
    if kind < 0.4:
        product = math.prod(facts["shape"])
        side = chance.choice([n for n in range(1, product + 1) if product % n == 0])
        facts["shape"] = [side, product // side] + [1] * chance.randint(0, 2)
    elif kind < 0.6:
        facts["shape"] = facts["shape"][::-1]
    elif kind < 0.8:
        module = re.split(r"\.(?:lora|hada|lokr|alpha|dora)", name)[0]
        header[module + chance.choice(ENDINGS)] = header.pop(name)
    else:
        header.pop(name)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def spoiled(content: bytes, chance: random.Random) -> bytes:
    broken = bytearray(content)
    header = 8 + int.from_bytes(content[:8], "little")
    kind = chance.random()
    if kind < 0.15:
        return bytes(broken[: chance.randrange(len(broken))])
    if kind < 0.6:
        return lied(content, chance)
    if kind < 0.65:
        at = chance.randrange(header)
        return bytes(broken[:at] + bytes(chance.randrange(256) for _ in range(chance.randint(1, 9))) + broken[at:])
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(8, header) if chance.random() < 0.7 else chance.randrange(len(broken))
        # Digits for digits reach further into the reader than bytes that are no JSON.
        digit = chr(broken[at]).isdigit() and chance.random() < 0.8
        broken[at] = ord(str(chance.randrange(10))) if digit else chance.randrange(256)
    return bytes(broken)


def main(seconds: float, seed: int) -> int:
    chance, counts, found = random.Random(seed), Counter(), 0
    numbers = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = {}
        for kind, shapes in SHAPES.items():
            tensors = {key: numbers.normal(size=shape) for key, shape in shapes.items()}
            for dtype in ("F32", "F16", "BF16"):
                good[kind, dtype] = b"".join(pieces(tensors, {"ss_seed": "1"}, dtype))
        bad, out, whole = folder / "bad", folder / "out", folder / "whole"
        whole.write_bytes(good["lora", "F32"])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            key = chance.choice(sorted(good))
            bad.write_bytes(spoiled(good[key], chance))
            for action in ("resize", "merge", "convert", "norms", "diff"):
                sources = [{"path": str(bad), "strength": 1}, {"path": str(whole), "strength": 0.5}]
                two = action in ("merge", "diff")
                request = {"action": action, "sources": sources if two else sources[:1], "to": str(out)}
                request |= {"rank": 1} if action == "resize" else {}
                began = time.monotonic()
                try:
                    run(request)
                    counts[action, "made"] += 1
                except TrainerError as error:
                    counts[action, error.id] += 1
                    if out.exists():
                        found += 1
                        print(f"{action} of {key}: refused, but wrote a file")
                except Exception as error:  # noqa: BLE001 - that is what is looked for
                    counts[action, type(error).__name__] += 1
                    found += 1
                    kept = Path(tempfile.gettempdir()) / f"lora-fuzz-{seed}-{found}"
                    kept.write_bytes(bad.read_bytes())
                    print(f"{action} of {key}: {type(error).__name__}: {str(error)[:120]} ({kept})")
                if time.monotonic() - began > 1:
                    print(f"{action} of {key}: {time.monotonic() - began:.1f} s")
                out.unlink(missing_ok=True)
    total = sum(counts.values())
    print(f"{total} inputs, {found} wrong; by action and answer:")
    for (action, answer), count in sorted(counts.items()):
        print(f"  {action:8} {answer:20} {count}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
