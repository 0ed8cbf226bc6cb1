"""The trainer's LoRA layer against peft's, in the same U-Net: import time, step time, and whether outputs agree.

python bench/trainer/layers.py WORK_FOLDER [--model FOLDER] [--rounds N] [--threads N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from common import TRAINER, images, make_plan

IMPORT = """
import time, torch
from visiontrain_trainer.compute.imports import import_diffusers
import_diffusers()
began = time.process_time()
{}
print(time.process_time() - began)
"""


def import_seconds(statement: str) -> float:
    code = IMPORT.format(statement)
    out = [subprocess.run([sys.executable, "-c", code], cwd=TRAINER, capture_output=True, text=True) for _ in range(3)]
    return median(float(run.stdout) for run in out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    ours_import = import_seconds("import visiontrain_trainer.adapter.lora")
    peft_import = import_seconds("import peft")

    import torch
    from peft import LoraConfig, inject_adapter_in_model
    from visiontrain_trainer.adapter.adapter import Adapter
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.model.models import BaseModel

    torch.set_num_threads(given.threads)
    shown = images(given.work / "pictures-1", 1, 64)
    data = make_plan(given.model, given.work, shown, given.work / "cache", training={"rank": 16, "alpha": 8})
    plan = parse_plan(data)
    own, theirs = BaseModel(plan.model).unet(torch.float32), BaseModel(plan.model).unet(torch.float32)
    adapter = Adapter({"unet": own}, plan.training, plan.seed)
    names = list(adapter.layers["unet"])
    inject_adapter_in_model(LoraConfig(r=16, lora_alpha=8, target_modules=names), theirs)
    with torch.no_grad():
        for name, layer in adapter.layers["unet"].items():
            layer.up.uniform_(-0.05, 0.05)
            module = theirs.get_submodule(name)
            module.lora_A["default"].weight.copy_(layer.down)
            module.lora_B["default"].weight.copy_(layer.up)
    side = own.config["sample_size"]
    x, t = torch.randn(4, 4, side, side), torch.tensor([10, 300, 600, 900])
    states = torch.randn(4, 77, own.config["cross_attention_dim"])
    parameters = [p for p in theirs.parameters() if p.requires_grad]
    optimizers = {
        "ours": torch.optim.AdamW([torch.nn.Parameter(adapter.flat["unet"])], fused=True),
        "peft": torch.optim.AdamW(parameters, fused=True),
    }
    optimizers["ours"].param_groups[0]["params"][0].grad = adapter.flat_grad["unet"]
    with torch.no_grad():
        a, b = (unet(x, t, encoder_hidden_states=states, return_dict=False)[0] for unet in (own, theirs))
    print(f"largest difference of the outputs {float((a - b).abs().max()):.1e}")

    def step(name: str, unet: torch.nn.Module) -> None:
        out = unet(x, t, encoder_hidden_states=states, return_dict=False)[0]
        out.square().mean().backward()
        if name == "ours":
            torch.linalg.vector_norm(adapter.flat_grad["unet"])
        else:
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizers[name].step()
        if name == "ours":
            adapter.zero_grad()
        else:
            optimizers[name].zero_grad()

    times: dict[str, list[float]] = {"ours": [], "peft": []}
    for number in range(given.rounds + 3):
        for name, unet in (("ours", own), ("peft", theirs)):
            began = time.process_time()
            step(name, unet)
            if number >= 3:
                times[name].append(time.process_time() - began)
    a, b = (median(times[name]) * 1e3 for name in ("ours", "peft"))
    print(f"step, CPU time: ours {a:.2f} ms   peft {b:.2f} ms   ratio {a / b:.3f}")
    print(f"import, CPU time: ours {ours_import:.2f} s   peft {peft_import:.2f} s")


if __name__ == "__main__":
    main()
