"""Measures what each setting costs or saves: CPU time per image and peak memory of a run with one setting changed.

    python bench/trainer/settings.py WORK_FOLDER [--model FOLDER] [--side PIXELS] [--steps N] [--rounds N] [--threads N]
                                     [--only NAME,NAME]

The settings take turns ROUNDS times, each in a process of its own; medians and ratios to the first line are printed.
The first step (imports, kernels, compilation) is left out of the time per image. The CPU time from the process's start
to this step's end is printed beside. Latents are random, but read through the trainer's own cache.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from common import TRAINER, make_plan, prepare
from step import cached_images, fill

#: The changes of the plan's sections `training` and `resources`, by the setting's name.
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "as it is": {},
    "batch size 1": {"training": {"batch_size": 1}},
    "batch size 2": {"training": {"batch_size": 2}},
    "batch size 8": {"training": {"batch_size": 8}},
    "checkpointing selective": {"resources": {"gradient_checkpointing": "selective"}},
    "checkpointing full": {"resources": {"gradient_checkpointing": "full"}},
    "channels last": {"resources": {"channels_last": True}},
    "attention math": {"resources": {"attention": "math"}},
    "bf16": {"resources": {"precision": "bf16"}},
    "compile": {"resources": {"compile": True}},
    "not deterministic": {"resources": {"deterministic": False}},
    "adafactor": {"training": {"optimizer": "adafactor"}},
    "prodigy": {"training": {"optimizer": "prodigy", "learning_rate": 1.0}},
    "adamw8bit": {"training": {"optimizer": "adamw8bit"}},
    "rank 64": {"training": {"rank": 64, "alpha": 32}},
    "targets attention": {"training": {"targets": "attention"}},
    "text encoder trained": {"training": {"text_encoder_learning_rates": [1e-4]}},
}


def one(given: argparse.Namespace, name: str) -> dict[str, float]:
    """Measure one setting in this process: CPU ms per image, peak MiB, and CPU seconds to the first step's end."""
    from visiontrain_trainer.compute.device import open_device
    from visiontrain_trainer.compute.processes import Processes
    from visiontrain_trainer.contract.control import Control
    from visiontrain_trainer.contract.events import Events
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.data.batches import BatchSampler
    from visiontrain_trainer.data.latents import Latents
    from visiontrain_trainer.model.models import BaseModel
    from visiontrain_trainer.run.session import open_session

    changes = SETTINGS[name]
    training = {"batch_size": 4, "steps": 100_000, "rank": 16, "alpha": 8, **changes.get("training", {})}
    resources = {"threads": given.threads, **changes.get("resources", {})}
    work = given.work
    shown = cached_images(64, given.side)
    data = make_plan(given.model, work, shown, work / "cache", training=training, resources=resources)
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    plan = parse_plan(data)
    events = Events(prepare(run, data) / "events.jsonl")
    device = open_device(plan.resources, Processes())
    fill(Latents(plan, BaseModel(plan.model), device), BatchSampler(plan), given.side)
    session = open_session(run, plan, events, Control(run / "control"))
    images, began = 0, 0.0
    for step in range(given.steps + 1):
        finished = session.train_step.run(step).read()
        if step == 0:
            began = time.process_time()
        else:
            images += len(finished.uses)
    spent = time.process_time() - began
    events.close()
    return {"cpu": spent / images * 1e3, "peak": device.memory() / 2**20, "first": began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", help="names of settings, with commas between")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(one(given, given.one)))
        return
    names = given.only.split(",") if given.only else list(SETTINGS)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
    for _ in range(given.rounds):
        for name in names:
            command = [sys.executable, *sys.argv, "--one", name]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, found[name][-1], file=sys.stderr, flush=True)
    middle = {name: {key: median(r[key] for r in rows) for key in rows[0]} for name, rows in found.items()}
    base = middle[names[0]]
    print(f"{'':24} CPU ms/picture  ratio   peak MiB  ratio   CPU s to the end of the first step")
    for name, row in middle.items():
        print(
            f"{name:24} {row['cpu']:14.2f} {row['cpu'] / base['cpu']:6.2f} {row['peak']:10.0f} "
            f"{row['peak'] / base['peak']:6.2f} {row['first']:10.1f}"
        )


if __name__ == "__main__":
    main()
