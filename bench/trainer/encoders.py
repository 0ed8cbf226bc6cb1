"""The trainer's CLIP text encoders against those of transformers, full-size with random weights: speed and bits.

    python bench/trainer/encoders.py [--dtypes fp32,fp16,bf16] [--rounds N] [--threads N]

The encoders are SD1.5's (SDXL's first is the same, read one layer earlier) and SDXL's second with its projection. The
CPU times of import, load and encoding are printed. Import is measured after torch's, in fresh processes, the two sides
in turn. The script stops when any bit of the states, of the projection or, in fp32, of the first layer's gradient
differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median
from typing import Any

import torch
from common import TRAINER
from random_models import random_weights, text_config

#: (name, transformers' class, ours, width, layers, heads, activation, layers from the end)
ENCODERS = [
    ("SD1.5", "CLIPTextModel", "ClipText", 768, 12, 12, "quick_gelu", (1, 2)),
    (
        "SDXL's second",
        "CLIPTextModelWithProjection",
        "ClipTextWithProjection",
        1280,
        32,
        20,
        "gelu",
        (2,),
    ),
]
IMPORT = "import time,torch;t=time.process_time();{};print(time.process_time()-t)"
SIDES = {
    "ours": "from visiontrain_trainer.model import clip, tokens",
    "transformers": "from transformers.models.clip import modeling_clip,tokenization_clip;"
    "modeling_clip.CLIPTextModel,tokenization_clip.CLIPTokenizer",
}
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def import_seconds(rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side, statement in SIDES.items():
            code = IMPORT.format(statement)
            out = subprocess.run(
                [sys.executable, "-c", code],
                cwd=TRAINER,
                capture_output=True,
                text=True,
                check=True,
            )
            found[side].append(float(out.stdout))
    return {side: median(times) for side, times in found.items()}


def same(name: str, what: str, a: torch.Tensor, b: torch.Tensor) -> None:
    if not torch.equal(a, b):
        raise SystemExit(f"{name}: {what} differ by up to {float((a - b).abs().max()):.1e}")


def compare(row: tuple[Any, ...], dtype: str, rounds: int) -> None:
    from transformers.models.clip import configuration_clip, modeling_clip
    from visiontrain_trainer.model import clip

    name, stock_class, own_class, width, layers, heads, act, skips = row
    config = text_config(width, layers, heads, act)
    with torch.device("meta"):
        stock = getattr(modeling_clip, stock_class)(configuration_clip.CLIPTextConfig(**config)).eval()
        own = getattr(clip, own_class)(config).eval()
    weights = {key: tensor.to(DTYPES[dtype]) for key, tensor in random_weights(stock).items()}
    for module in (stock, own):
        module.load_state_dict(weights, strict=False, assign=True)
        module.requires_grad_(False)
    for owner in stock.modules():
        if "position_ids" in owner._buffers:
            owner.position_ids = torch.arange(77).expand(1, -1)
    ids = torch.randint(0, 188, (1, 77), generator=torch.Generator().manual_seed(1))
    ids[:, 30:] = 189
    times: dict[str, list[float]] = {"ours": [], "transformers": []}
    with torch.no_grad():
        for _ in range(rounds):
            began = time.process_time()
            expected = stock(input_ids=ids, output_hidden_states=True)
            times["transformers"].append(time.process_time() - began)
            began = time.process_time()
            results = [own(ids, skip) for skip in skips]
            times["ours"].append((time.process_time() - began) / len(skips))
    for skip, (states, pooled) in zip(skips, results, strict=True):
        same(
            name,
            f"states {skip} from the end",
            states,
            expected.hidden_states[layers + 1 - skip],
        )
        if pooled is not None:
            same(name, "projections", pooled, expected.text_embeds)
    if dtype == "fp32":
        grads = []
        for module in (stock, own):
            weight = getattr(module, "text_model", module).encoder.layers[0].self_attn.q_proj.weight
            weight.requires_grad_(True)
            out = module(ids, skips[0])[0] if module is own else module(ids, output_hidden_states=True)
            states = out if module is own else out.hidden_states[layers + 1 - skips[0]]
            grads.append(torch.autograd.grad(states.square().sum(), weight)[0])
            weight.requires_grad_(False)
        same(name, "gradients", *grads)
    a, b = (median(times[side]) * 1e3 for side in ("ours", "transformers"))
    print(
        f"{name:14} {dtype}: same bits; a caption ours {a:7.1f} ms, transformers {b:7.1f} ms",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtypes", default="fp32,fp16,bf16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    found = import_seconds(given.rounds)
    print(
        f"import after torch: ours {found['ours']:.2f} s, transformers {found['transformers']:.2f} s",
        flush=True,
    )
    torch.set_num_threads(given.threads)
    for row in ENCODERS:
        for dtype in given.dtypes.split(","):
            compare(row, dtype, given.rounds)


if __name__ == "__main__":
    main()
