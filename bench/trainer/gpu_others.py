"""visiontrain, diffusers' SDXL LoRA example and sd-scripts compared on a card, full-size: first step, images/s, memory.

    python bench/trainer/gpu_others.py WORK_FOLDER [--example train_text_to_image_lora_sdxl.py] [--sd-scripts FOLDER]
        [--sd-path PYTHONPATH] [--sides ours,ours-attention,sd-scripts,example] [--side PIXELS] [--batch N] [--steps N]
        [--limit SECONDS] [--cpu]

All sides have the same model (SDXL with random weights, random_models.py), images and captions, with bf16, rank 16,
AdamW, min-SNR 5 and no gradient checkpointing. sd-scripts trains the same layers as `ours`, with latents and captions
cached. The example trains attention layers, as `ours-attention` does. A side whose script is not named is left out, in
words; --cpu takes the tests' tiny model on the processor, which shows that this script works. --sd-path holds the
pinned libraries that sd-scripts requires. Each side is ended after its last step. What is measured:

- first step: seconds from process start, the encoding of images and captions included
- images/s: over the steps after the third
- memory: the peak of tensors (for visiontrain, the peak of training alone), and all memory in use on the card from the
  start on, as nvidia-smi sees it twice a second
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import others
from common import TRAINER, images, make_plan, prepare, read_events
from random_models import build
from tests.tiny_models import make_model
from where import Card, where

#: The number of first optimiser steps that are left out of the rate.
WARM = 3


@dataclass(frozen=True)
class Watched:
    """A process to run until `steps()` lists `count` steps, each as (time, bytes allocated, bytes reserved)."""

    argv: list[Any]
    environment: dict[str, str]
    log: Path
    cwd: Path
    steps: Callable[[], Any]
    count: int
    limit: float


def watched(what: Watched, card: Card) -> dict[str, Any]:
    """First step, rate and memory of a process. Raises SystemExit where it ends, or takes too long, before that."""
    argv, steps, count = what.argv, what.steps, what.count
    with what.log.open("w") as out:
        began = time.time()
        process = subprocess.Popen(
            list(map(str, argv)), env=what.environment, stdout=out, stderr=subprocess.STDOUT, cwd=what.cwd
        )
        looked, most = 0.0, 0.0
        while process.poll() is None and len(steps()) < count and time.time() - began < what.limit:
            time.sleep(0.05)
            if time.time() - looked > 0.5:
                looked, most = time.time(), max(most, card.used())
        process.kill()
        process.wait()
    found = steps()
    if len(found) < count:
        sys.exit(f"{argv[:4]} ended after {len(found)} steps:\n{what.log.read_text()[-3000:]}")
    times = [row[0] for row in found]
    return {
        "first": times[0] - began,
        "rate": (count - WARM) / (times[count - 1] - times[WARM - 1]),
        "allocated": max(row[1] for row in found) / 2**30,
        "reserved": max(row[2] for row in found) / 2**30,
        "on the card": most,
    }


class Sides:
    def __init__(self, given: argparse.Namespace, card: Card) -> None:
        self.given, self.work, self.card = given, given.work, card
        tiny = "tiny-" if card.tiny else ""
        self.model, self.single = self.work / f"{tiny}sdxl", self.work / f"{tiny}sdxl.safetensors"
        if card.tiny:
            if not self.model.exists():
                make_model(self.model, "sdxl")
        elif not self.single.exists():
            shutil.rmtree(self.model, ignore_errors=True)
            build("sdxl", self.model, self.single, "cuda")
        self.data = self.work / "pictures"
        shutil.rmtree(self.data, ignore_errors=True)
        self.samples = images(self.data, 8, given.side)
        self.environment = {**os.environ, **others.OFFLINE, "HF_HOME": str(self.work / "hf")}

    def ours(self, targets: str) -> dict[str, Any]:
        given = self.given
        plan = make_plan(
            self.model,
            self.data,
            self.samples,
            self.work / "cache",
            training={
                "batch_size": given.batch,
                "steps": 10_000,
                "rank": 16,
                "alpha": 8,
                "targets": targets,
                "schedule": "constant",
                "warmup_steps": 0,
                "learning_rate": 1e-4,
                "min_snr_gamma": 5,
            },
            output={"checkpoint_every": 0},
            resources={
                "device": self.card.device,
                "precision": self.card.precision,
                "deterministic": False,
                "tf32": not self.card.tiny,
                "threads": 1 if self.card.tiny else 4,
                "workers": 0 if self.card.tiny else 2,
            },
        )
        run = self.work / "ours"
        for folder in (run, self.work / "cache"):
            shutil.rmtree(folder, ignore_errors=True)
        prepare(run, plan)
        paths = os.pathsep.join([str(TRAINER), os.environ.get("PYTHONPATH", "")])

        def steps() -> list[tuple[float, int, int]]:
            return [(e["t"], e["memory"], 0) for e in read_events(run) if e["type"] == "step"]

        argv = [sys.executable, "-m", "visiontrain_trainer", run]
        environment = {**self.environment, "PYTHONPATH": paths}
        return self.watch(argv, environment, run / "log", run, steps)

    def watch(self, argv: list[Any], environment: dict[str, str], log: Path, cwd: Path, steps: Any) -> dict[str, Any]:
        return watched(Watched(argv, environment, log, cwd, steps, self.given.steps, self.given.limit), self.card)

    def example(self) -> dict[str, Any]:
        given, out = self.given, self.work / "example"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        options = {
            "pretrained_model_name_or_path": self.model,
            "train_data_dir": self.data,
            "resolution": given.side,
            "train_batch_size": given.batch,
            "max_train_steps": 10_000,
            "rank": 16,
            "learning_rate": 1e-4,
            "mixed_precision": "bf16",
            "snr_gamma": 5,
            "dataloader_num_workers": 2,
        }
        argv = others.example(sys.executable, given.example.resolve(), out, options, ["--allow_tf32"])
        return self.watch(argv, self.environment, out / "log", out, lambda: others.stamps(out))

    def sd_scripts(self) -> dict[str, Any]:
        given, out = self.given, self.work / "sd-scripts"
        shutil.rmtree(out, ignore_errors=True)
        others.sd_scripts_folder(out, self.model, self.data, self.samples)
        options = {
            "pretrained_model_name_or_path": self.single,
            "resolution": f"{given.side},{given.side}",
            "train_batch_size": given.batch,
            "network_dim": 16,
            "network_alpha": 8,
            "mixed_precision": "bf16",
            "max_train_steps": 10_000,
            "learning_rate": 1e-4,
            "min_snr_gamma": 5,
            "max_data_loader_n_workers": 2,
        }
        words = ["--cache_text_encoder_outputs", "--no_half_vae", "--persistent_data_loader_workers"]
        argv = others.sd_scripts(sys.executable, "sdxl_train_network.py", out, options, words)
        environment = {**self.environment, "PYTHONPATH": others.sd_scripts_path(given.sd_scripts, given.sd_path)}
        return self.watch(argv, environment, out / "log", given.sd_scripts, lambda: others.stamps(out))

    def run(self, side: str) -> dict[str, Any]:
        if side == "sd-scripts":
            return self.sd_scripts()
        if side == "example":
            return self.example()
        return self.ours("attention" if side == "ours-attention" else "all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--example", type=Path)
    parser.add_argument("--sd-scripts", type=Path)
    parser.add_argument("--sd-path", default="", help="what comes first on sd-scripts' PYTHONPATH")
    parser.add_argument("--sides", default="ours,sd-scripts,ours-attention,example")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--limit", type=float, default=600, help="seconds for each side")
    parser.add_argument("--cpu", action="store_true", help="a tiny model on the processor")
    given = parser.parse_args()
    sides = Sides(given, where(cpu=given.cpu))
    for side in given.sides.split(","):
        script = {"sd-scripts": given.sd_scripts, "example": given.example}.get(side, TRAINER)
        if script is None or sides.card.tiny and script is not TRAINER:
            print(f"{side:15} left out: no script of it is named", flush=True)
            continue
        found = sides.run(side)
        found["images"] = found.pop("rate") * given.batch
        print(f"{side:15} " + "   ".join(f"{name} {value:.2f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
