"""Takes full-size models with random weights through a whole run: load, two steps at 512², export, load back.

    python bench/trainer/full_size.py sd15|sdxl WORK_FOLDER [--layouts diffusers,single_file]
                                      [--precision fp32|bf16|fp16] [--threads N] [--proof]

The model is built in WORK_FOLDER if it is not there (SD1.5 2 GB, SDXL 7 GB, twice: folder and single file). Each
training and each check runs in a process of its own, one after the other; the training is started as the supervisor
would. Peak memory is the most that this process had, pages of the model file included. The run is ended once its LoRA
is written; --proof lets it go on to the end, which measures the loss at fixed noise before and after (64 passes of the
U-Net).

Each of these checks ends the script if it fails:
- both layouts give the same LoRA, to the byte
- the exported file, read by the trainer's own reader, is the checkpoint's weights, to the bit
- a stock pipeline of diffusers (from_pretrained, from_single_file) after load_lora_weights gives the output that the
  U-Net had in training at 512²: in fp32, and in the precision of the run
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import images, make_plan, prepare, run
from random_models import build

#: The largest difference of both U-Nets' outputs that counts as rounding, as a share of the LoRA's own effect.
ROUNDING = {"fp32": 1e-3, "bf16": 0.1, "fp16": 0.02}


def train(given: argparse.Namespace, layout: str, where: dict[str, str], shown: list[dict[str, Any]]) -> str:
    """Do one run, and return the SHA-256 of its LoRA."""
    plan = make_plan(
        given.work / given.family,
        given.work / "pictures",
        shown,
        given.work / "cache",
        model={"layout": layout, **where},
        # The rate is far above any sensible one, so that the effect of two steps stands out from rounding.
        training={
            "steps": 2,
            "batch_size": 1,
            "rank": 8,
            "alpha": 4,
            "warmup_steps": 0,
            "schedule": "constant",
            "learning_rate": 0.01,
        },
        output={"checkpoint_every": 0, "precision": "fp32"},
        resources={"threads": given.threads, "gradient_checkpointing": "full", "precision": given.precision},
    )
    target = given.work / f"run-{given.family}-{layout}"
    shutil.rmtree(target, ignore_errors=True)
    result = run(prepare(target, plan), None if given.proof else "output")
    steps = [e for e in result["events"] if e["type"] == "step"]
    output = next(e for e in result["events"] if e["type"] == "output")
    losses = ", ".join(f"{e['loss']:.6f}" for e in steps)
    print(
        f"{given.family} {layout:11} {given.precision}: first step after {result['first_step']:.0f} s, run of "
        f"{result['seconds']:.0f} s, peak {steps[-1]['memory'] / 2**30:.1f} GiB, losses {losses}; "
        f"LoRA of {output['bytes']:,} bytes, SHA-256 {output['sha256'][:16]}…",
        flush=True,
    )
    for event in result["events"]:
        if event["type"] == "learned":
            print(f"  {event['verdict']}: {event['reason']}", flush=True)
    if hashlib.sha256((target / output["path"]).read_bytes()).hexdigest() != output["sha256"]:
        sys.exit("the file is not what its event says")
    return output["sha256"]


def check(target: Path, precision: str, threads: int) -> None:
    """Check, in this process, that the trainer and stock diffusers load the run's LoRA as it was trained."""
    import torch

    # diffusers is imported before the trainer's modules, which would hide transformers and peft from it.
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
    from safetensors.torch import load_file
    from visiontrain_trainer.adapter.adapter import Adapter
    from visiontrain_trainer.compute.device import DTYPES
    from visiontrain_trainer.contract.events import Events
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.model.models import BaseModel
    from visiontrain_trainer.run.init_lora import start_from

    torch.set_num_threads(threads)
    plan = parse_plan(json.loads((target / "plan.json").read_text()))
    dtype = DTYPES[precision]
    file = next((target / "output").glob("*.safetensors"))
    unet = BaseModel(plan.model).unet(dtype)
    adapter = Adapter({"unet": unet}, plan.training, plan.seed)
    stored = load_file(target / "checkpoints" / "step-000002" / "adapter.safetensors")
    start_from(file, adapter, Events(target / "check.jsonl"), family=plan.model.family, unet_config=dict(unet.config))
    if any(not torch.equal(tensor, stored[name]) for name, tensor in adapter.tensors().items()):
        sys.exit("the file read back is not the checkpoint's weights")
    torch.manual_seed(0)
    width = unet.config.cross_attention_dim
    x, states = torch.randn(1, 4, 64, 64).to(dtype), torch.randn(1, 77, width).to(dtype)
    inputs: dict[str, Any] = {"encoder_hidden_states": states}
    if plan.model.family == "sdxl":
        ids = torch.tensor([[512.0, 512, 0, 0, 512, 512]])
        inputs["added_cond_kwargs"] = {"text_embeds": torch.randn(1, 1280).to(dtype), "time_ids": ids}
    with torch.no_grad():
        ours = unet(x, 500, **inputs).sample
        adapter.enable(False)
        plain = unet(x, 500, **inputs).sample
    layers = len(adapter.layers["unet"])
    del unet, adapter
    gc.collect()
    pipeline = StableDiffusionXLPipeline if plan.model.family == "sdxl" else StableDiffusionPipeline
    theirs, loaded = stock_output(pipeline, plan, file, dtype, x, inputs)
    effect, off = float((ours - plain).float().norm()), float((theirs - ours).float().norm())
    modules = {name.split(".")[0] for name in load_file(file)}
    print(
        f"  {precision}: {len(modules)} modules written, {loaded} loaded by diffusers; output of the U-Net differs "
        f"from training's by {off / float(ours.float().norm()):.1e} of itself, {off / effect:.1e} of what the LoRA "
        f"changes (which is {effect / float(plain.float().norm()):.1e} of it); peak {peak():.1f} GiB",
        flush=True,
    )
    if not layers == len(modules) == loaded:
        sys.exit("not every layer was written and loaded")
    if not effect > 0 or off > ROUNDING[precision] * effect:
        sys.exit("stock diffusers gives another output than training")


def stock_output(kind: Any, plan: Any, file: Path, dtype: Any, x: Any, inputs: dict[str, Any]) -> tuple[Any, int]:
    """(U-Net's output, number of LoRA layers) of a stock pipeline with the file, without text encoders and VAE."""
    import torch
    from peft.tuners.lora import LoraLayer

    sdxl = plan.model.family == "sdxl"
    without: dict[str, Any] = {"text_encoder": None, "tokenizer": None, "vae": None}
    without |= {"text_encoder_2": None, "tokenizer_2": None} if sdxl else {"safety_checker": None}
    if plan.model.layout == "single_file":
        config = plan.model.config_dir
        pipeline = kind.from_single_file(
            plan.model.path, config=config, local_files_only=True, torch_dtype=dtype, **without
        )
    else:
        pipeline = kind.from_pretrained(plan.model.path, local_files_only=True, torch_dtype=dtype, **without)
    pipeline.load_lora_weights(file)
    with torch.no_grad():
        output = pipeline.unet(x, 500, **inputs).sample
    return output, sum(isinstance(module, LoraLayer) for module in pipeline.unet.modules())


def peak() -> float:
    """Peak memory of this process in GiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=["sd15", "sdxl"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--layouts", default="diffusers,single_file")
    parser.add_argument("--precision", choices=list(ROUNDING), default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--proof", action="store_true")
    parser.add_argument("--check", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder, single = given.work / given.family, given.work / f"{given.family}.safetensors"
    layouts = {
        "diffusers": {"path": str(folder)},
        "single_file": {"path": str(single), "config_dir": str(folder)},
    }
    if given.check:
        check(given.work / f"run-{given.family}-{given.check}", given.precision, given.threads)
        return
    if not single.exists():
        build(given.family, folder, single)
    shown = images(given.work / "pictures", 1, 512)
    hashes = {layout: train(given, layout, layouts[layout], shown) for layout in given.layouts.split(",")}
    if len(set(hashes.values())) > 1:
        sys.exit("the layouts gave different LoRAs")
    for layout in hashes:
        print(f"{given.family} {layout}, loaded back:", flush=True)
        for precision in sorted({"fp32", given.precision}, reverse=True):
            words = ["--check", layout, "--precision", precision, "--threads", str(given.threads)]
            subprocess.run([sys.executable, __file__, given.family, given.work, *words], check=True)


if __name__ == "__main__":
    main()
