"""Flips bytes of LoRA files, cuts them and lies in their headers, and sends each through every door they come in by.

    python bench/trainer/lora_fuzz.py [SECONDS] [SEED]

The doors: resize, merge, convert, norms, diff, fit (`lora check --base`), into (`lora merge --into`), draw (`sample`),
go on (`training.init_lora`) and before (`model.merge_loras`). Right is a file that could be read as one, or a
TrainerError with an id that leaves no file. Anything else is printed, with the file that did it, and so is what took
longer than two seconds.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))

import numpy as np
import torch
from torch import nn
from visiontrain_trainer.adapter.applied import Loras, read_lora
from visiontrain_trainer.adapter.lora_read import Wanted, from_file
from visiontrain_trainer.adapter.merged import MergedLoras
from visiontrain_trainer.base.errors import TrainerError
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.lora_tools.tensors import pieces

TO_K, CONV1 = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k", "mid_block.resnets.0.conv1"
LINEAR, CONV = (f"lora_unet_{name.replace('.', '_')}" for name in (TO_K, CONV1))
ENDINGS = (
    *(".lora_down.weight", ".lora_up.weight", ".lora_mid.weight", ".alpha", ".dora_scale", ".diff", ".diff_b"),
    *(".hada_w1_a", ".lokr_w1", ".lokr_t2", ".oft_blocks", ".rescale", ".a1.weight", ".b2.weight", ".on_input"),
)
BASE = {f"{TO_K}.weight": (8, 24), f"{TO_K}.bias": (8,), f"{CONV1}.weight": (8, 6, 3, 3), f"{CONV1}.bias": (8,)}
SHAPES = {
    "lora": {f"{LINEAR}.lora_down.weight": (2, 24), f"{LINEAR}.lora_up.weight": (8, 2), f"{LINEAR}.alpha": ()},
    "locon": {f"{CONV}.lora_down.weight": (2, 6, 3, 3), f"{CONV}.lora_up.weight": (8, 2, 1, 1), f"{CONV}.alpha": ()},
    "tucker": {
        f"{CONV}.lora_down.weight": (2, 6, 1, 1),
        f"{CONV}.lora_mid.weight": (2, 2, 3, 3),
        f"{CONV}.lora_up.weight": (8, 2, 1, 1),
    },
    "loha": {f"{LINEAR}.hada_w{i}_{x}": (8, 2) if x == "a" else (2, 24) for i in "12" for x in "ab"},
    "lokr": {f"{LINEAR}.lokr_w1": (2, 2), f"{LINEAR}.lokr_w2_a": (4, 2), f"{LINEAR}.lokr_w2_b": (2, 12)},
    "dora": {
        f"{LINEAR}.lora_down.weight": (2, 24),
        f"{LINEAR}.lora_up.weight": (8, 2),
        f"{LINEAR}.dora_scale": (1, 24),
    },
    "diffusers": {f"unet.{TO_K}.lora_A.weight": (2, 24), f"unet.{TO_K}.lora_B.weight": (8, 2)},
    "oft": {f"{CONV}.oft_blocks": (2, 4, 4), f"{CONV}.alpha": (), f"{CONV}.rescale": (8, 1, 1, 1)},
    "boft": {f"{LINEAR}.oft_blocks": (2, 2, 4, 4)},
    "glora": {
        f"{LINEAR}.a1.weight": (24, 2),
        f"{LINEAR}.a2.weight": (2, 24),
        f"{LINEAR}.b1.weight": (8, 2),
        f"{LINEAR}.b2.weight": (2, 24),
    },
    "ia3": {f"{LINEAR}.weight": (24,), f"{LINEAR}.on_input": ()},
    "full": {f"{CONV}.diff": (8, 6, 3, 3), f"{CONV}.diff_b": (8,)},
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
        module = re.split(r"\.(?:lora|hada|lokr|alpha|dora|oft|a1|a2|b1|b2|diff|on_input|weight|rescale)", name)[0]
        header[module + chance.choice(ENDINGS)] = header.pop(name)
    elif kind < 0.9:
        header["__metadata__"] = chance.choice(
            [7, [], None, {"lora_adapter_metadata": chance.choice(["{", "[]", "7"])}]
        )
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


class Net(nn.Module):
    """The two layers of the base as modules under their names."""

    config: Mapping[str, Any] = {"layers_per_block": 2, "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3]}

    def __init__(self) -> None:
        super().__init__()
        for name, layer in ((TO_K, nn.Linear(24, 8)), (CONV1, nn.Conv2d(6, 8, 3))):
            parent: nn.Module = self
            *path, leaf = name.split(".")
            for step in path:
                if not hasattr(parent, step):
                    parent.add_module(step, nn.Module())
                parent = getattr(parent, step)
            parent.add_module(leaf, layer)


def draw(path: Path) -> None:
    net = Net()
    files = Loras([read_lora(path)], [0.7], "sd15")
    files.put_around(net, "unet")
    with torch.no_grad():
        net.get_submodule(TO_K)(torch.ones(1, 24))
        net.get_submodule(CONV1)(torch.ones(1, 6, 4, 4))


def go_on(path: Path) -> None:
    """As `run/init_lora.py` reads it."""
    from safetensors.torch import load
    from visiontrain_trainer.base.safefile import metadata_of

    try:
        content = path.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except Exception as error:
        raise TrainerError("cannot be read", [str(error)], [], id="lora/unusable") from error
    own = {f"unet.{TO_K}.down": torch.zeros(4, 24), f"unet.{TO_K}.up": torch.zeros(8, 4)}
    own |= {f"unet.{CONV1}.down": torch.zeros(4, 6, 3, 3), f"unet.{CONV1}.up": torch.zeros(8, 4, 1, 1)}
    scales = {f"unet.{TO_K}": 4.0, f"unet.{CONV1}": 4.0}
    from_file(stored, metadata, Wanted(scales, own, "sd15", Net.config), str(path))


def before(path: Path) -> None:
    listed = [SimpleNamespace(path=str(path), sha256=sha256_file(path), strength=0.5)]
    merged = MergedLoras(SimpleNamespace(model=SimpleNamespace(family="sd15", merge_loras=listed)))  # type: ignore[arg-type]
    for name, shape in BASE.items():
        merged.change("unet", name, torch.ones(shape), Net.config)
    merged.report(SimpleNamespace(note=lambda *_: None))  # type: ignore[arg-type]


def asked(action: str, bad: Path, whole: Path, base: Path, to: Path) -> Callable[[], Any]:
    sources = [{"path": str(bad), "strength": 1}, {"path": str(whole), "strength": 0.5}]
    two = action in ("merge", "diff")
    request: dict[str, Any] = {"action": action, "sources": sources if two else sources[:1], "to": str(to)}
    request["base"] = [str(base)]
    request |= {"rank": 1} if action in ("resize", "merge") else {}
    return lambda: run(request)


ACTIONS = ("resize", "merge", "convert", "norms", "diff", "fit", "into")
DOORS = {"draw": draw, "go on": go_on, "before": before}


def main(seconds: float, seed: int) -> int:
    chance, counts, found, files = random.Random(seed), Counter(), 0, 0
    numbers = np.random.default_rng(seed)
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = {}
        for kind, shapes in SHAPES.items():
            tensors = {key: numbers.normal(size=shape) for key, shape in shapes.items()}
            for dtype in ("F32", "F16", "BF16"):
                good[kind, dtype] = b"".join(pieces(tensors, {"ss_seed": "1"}, dtype))
        bad, out, whole, base = folder / "bad", folder / "out", folder / "whole", folder / "unet" / "model"
        whole.write_bytes(good["lora", "F32"])
        base.parent.mkdir()
        base.write_bytes(b"".join(pieces({key: numbers.normal(size=s) for key, s in BASE.items()}, {}, "F32")))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            key = chance.choice(sorted(good))
            content = good[key] if files < len(good) else spoiled(good[key], chance)
            bad.write_bytes(content)
            files += 1
            doors = {action: asked(action, bad, whole, base, out) for action in ACTIONS}
            doors |= {name: lambda door=door: door(bad) for name, door in DOORS.items()}
            for action, door in doors.items():
                began = time.monotonic()
                try:
                    door()
                    counts[action, "made"] += 1
                except TrainerError as error:
                    counts[action, error.id] += 1
                    if error.id is None or out.exists():
                        found += 1
                        print(f"{action} of {key}: refused, but wrote a file or has no id: {error}")
                except Exception as error:  # noqa: BLE001 - that is what is looked for
                    counts[action, type(error).__name__] += 1
                    found += 1
                    kept = Path(tempfile.gettempdir()) / f"lora-fuzz-{seed}-{found}"
                    kept.write_bytes(bad.read_bytes())
                    print(f"{action} of {key}: {type(error).__name__}: {str(error)[:120]} ({kept})")
                if time.monotonic() - began > 2:
                    print(f"{action} of {key}: {time.monotonic() - began:.1f} s")
                out.unlink(missing_ok=True)
    print(f"{files} files, {sum(counts.values())} doors, {found} wrong; by door and answer:")
    for (action, answer), count in sorted(counts.items()):
        print(f"  {action:8} {answer:20} {count}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
