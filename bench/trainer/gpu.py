"""Full-size training on a card, one setting at a time: images/s, TFLOP/s, share of the matmul peak, peak memory.

    python bench/trainer/gpu.py WORK_FOLDER [--family sdxl|sd15] [--side PIXELS] [--steps N] [--rounds N]
                                [--only "NAME;NAME"] [--profile NAME] [--cpu]

The model, with random weights, is built in WORK_FOLDER if it is not there. The times include all that a step of a real
run does: batch plan, cache, draws, loss, clipping, checks, digest, event. Latents are random, but read through the
trainer's own cache. The settings take turns ROUNDS times. The weights' digests after the first steps are printed too: a
setting named twice in --only shows whether they repeat.

TFLOP/s count the model's own work, forward and backward (torch.utils.flop_counter), without recomputation. The matmul
peak is what a product of two 8192×8192 bf16 matrices reaches on the same card in the same process. --cpu takes the
tests' tiny model and small matrices instead: it shows that this script works, and nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

from common import make_plan, prepare
from random_models import build
from step import NO_SAVES, cached_images, fill
from tests.tiny_models import make_model
from where import Card, where

WARM = 4
#: The changes of the plan's sections `training` and `resources`, by the setting's name.
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "batch 1": {"training": {"batch_size": 1}},
    "batch 1, no graphs": {"training": {"batch_size": 1}},
    "batch 1, strict": {"training": {"batch_size": 1}, "resources": {"deterministic": True}},
    "batch 1, full checkpointing": {"training": {"batch_size": 1}, "resources": {"gradient_checkpointing": "full"}},
    "batch 2": {"training": {"batch_size": 2}},
    "batch 2, selective checkpointing": {
        "training": {"batch_size": 2},
        "resources": {"gradient_checkpointing": "selective"},
    },
    "batch 2, full checkpointing": {"training": {"batch_size": 2}, "resources": {"gradient_checkpointing": "full"}},
    "batch 4": {},
    "batch 4, no graphs": {},
    "batch 4, plain GEGLU": {},
    "batch 4, strict": {"resources": {"deterministic": True}},
    "batch 4, channels last": {"resources": {"channels_last": True}},
    "batch 4, selective checkpointing": {"resources": {"gradient_checkpointing": "selective"}},
    "batch 4, full checkpointing": {"resources": {"gradient_checkpointing": "full"}},
    "batch 4, compile": {"resources": {"compile": True}},
    "batch 4, compile, channels last": {"resources": {"compile": True, "channels_last": True}},
    "batch 4, attention layers": {"training": {"targets": "attention"}},
    "batch 4, 8-bit AdamW": {"training": {"optimizer": "adamw8bit"}},
    "batch 4, fp16": {"resources": {"precision": "fp16"}},
    "batch 8": {"training": {"batch_size": 8}},
    **{
        f"batch {batch}, base in {packing}": {
            "training": {"batch_size": batch},
            "resources": {"base_precision": packing},
        }
        for batch in (1, 4)
        for packing in ("fp8", "int8", "nf4")
    },
    "batch 1, streamed base": {"training": {"batch_size": 1}, "resources": {"stream_base": True}},
}


class Bench:
    def __init__(self, given: argparse.Namespace, card: Card) -> None:
        self.given, self.card = given, card
        self.base = given.work / f"{'tiny-' if card.tiny else ''}{given.family}"
        if not self.base.exists():
            make_model(self.base, given.family) if card.tiny else build(given.family, self.base, None, "cuda")
        self.shown = cached_images(32, given.side)

    def plan(self, name: str) -> dict[str, Any]:
        changes = SETTINGS[name]
        training = {"batch_size": 4, "steps": 100_000, "rank": 16, "alpha": 8, "learning_rate": 1e-4}
        resources = {
            "device": self.card.device,
            "precision": self.card.precision,
            "deterministic": False,
            "tf32": not self.card.tiny,
            "threads": 1 if self.card.tiny else 4,
        }
        return make_plan(
            self.base,
            self.given.work,
            self.shown,
            self.given.work / "cache",
            training={**training, "min_snr_gamma": 5, **changes.get("training", {})},
            resources={**resources, **changes.get("resources", {})},
        )

    def open(self, name: str) -> Any:
        from visiontrain_trainer.compute.device import open_device
        from visiontrain_trainer.compute.processes import Processes
        from visiontrain_trainer.contract.control import Control
        from visiontrain_trainer.contract.events import Events
        from visiontrain_trainer.contract.plan import parse_plan
        from visiontrain_trainer.data.batches import BatchSampler
        from visiontrain_trainer.data.latents import Latents
        from visiontrain_trainer.model.models import BaseModel
        from visiontrain_trainer.run.session import open_session

        data = self.plan(name)
        run = self.given.work / self.given.run
        shutil.rmtree(run, ignore_errors=True)
        plan = parse_plan(data)
        events = Events(prepare(run, data) / "events.jsonl")
        device = open_device(plan.resources, Processes())
        fill(Latents(plan, BaseModel(plan.model), device), BatchSampler(plan), self.given.side)
        session = open_session(run, plan, events, Control(run / "control"))
        if "no graphs" in name:
            session.train_step.passes.graphs = None
        if "plain GEGLU" in name:
            for module in session.unet.modules():
                if type(module).__name__ == "GEGLU":
                    vars(module).pop("forward", None)
        return session

    def measure(self, name: str) -> dict[str, Any]:
        from visiontrain_trainer.run.loop import report
        from visiontrain_trainer.run.progress import Progress

        began = time.perf_counter()
        session = self.open(name)
        self.card.wait()
        opened = time.perf_counter() - began
        self.card.empty()
        progress, flight = Progress(), deque()

        def step() -> None:
            flight.append(session.train_step.run(progress.step))
            progress.step += 1
            report(session, flight, progress, NO_SAVES, keep=1)

        def timed(count: int) -> float:
            self.card.wait()
            began = time.perf_counter()
            for _ in range(count):
                step()
            self.card.wait()
            return time.perf_counter() - began

        warm = timed(WARM)
        seconds = timed(self.given.steps)
        if name == self.given.profile:
            import torch

            with torch.profiler.profile() as profile:
                timed(2)
            print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=40, max_name_column_width=90))
        report(session, flight, progress, NO_SAVES)
        result = {
            "opened": opened,
            "warm": warm,
            "step": seconds / self.given.steps,
            "images": self.given.steps * session.plan.training.batch_size / seconds,
            **self.card.memory(),
            "digests": [e["digest"] for e in _events(session.run) if e["type"] == "step"],
            "notes": [e["text"] for e in _events(session.run) if e["type"] == "note"],
        }
        session.events.close()
        return result

    def flops(self) -> float:
        """Floating-point operations for one image, forward and backward."""
        from torch.utils.flop_counter import FlopCounterMode

        session = self.open("batch 1, no graphs")
        with FlopCounterMode(display=False) as counter:
            session.train_step.run(0).read()
        session.events.close()
        return counter.get_total_flops()


def _events(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def matmul_peak(card: Card) -> float:
    """FLOP/s of a product of two random matrices: the median of ten measurements of ten products each."""
    import torch

    made = card.matrices()
    side = made.pop("side")
    a, b = (torch.randn(side, side, **made) for _ in range(2))
    times = []
    for _ in range(12):
        card.wait()
        began = time.perf_counter()
        for _ in range(10):
            a @ b
        card.wait()
        times.append((time.perf_counter() - began) / 10)
    return 2 * side**3 / median(times[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--family", choices=["sd15", "sdxl"], default="sdxl")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", help="names of settings, with semicolons between")
    parser.add_argument("--profile", help="name of a setting")
    parser.add_argument("--work-each", type=float, help="TFLOP of a picture, to count them no more")
    parser.add_argument("--run", default="run", help="name of the run folder, for two at a time")
    parser.add_argument("--cpu", action="store_true", help="a tiny model on the processor")
    given = parser.parse_args()
    card = where(cpu=given.cpu)

    from visiontrain_trainer.compute.device import prepare_environment
    from visiontrain_trainer.contract.plan import parse_plan

    bench = Bench(given, card)
    prepare_environment(parse_plan(bench.plan("batch 1, strict")).resources)
    import torch

    peak = matmul_peak(card)
    card.empty()
    work = given.work_each * 1e12 if given.work_each else bench.flops()
    card.empty()
    print(
        f"{card.name()}, torch {torch.__version__}: matmul {peak / 1e12:.0f} TFLOP/s; "
        f"{given.family} at {given.side}²: {work / 1e12:.2f} TFLOP a picture",
        flush=True,
    )
    names = given.only.split(";") if given.only else list(SETTINGS)
    failed: list[str] = []
    for _ in range(given.rounds):
        for name in names:
            try:
                row = bench.measure(name)
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
                card.empty()
                failed.append(name)
                continue
            card.empty()
            rate = row["images"] * work
            print(
                f"{name:34} {row['images']:6.2f} images/s {row['step'] * 1e3:7.1f} ms a step "
                f"{rate / 1e12:5.0f} TFLOP/s {rate / peak:4.0%}   allocated {row['allocated']:5.1f} "
                f"reserved {row['reserved']:5.1f} used {row['used']:5.1f} GiB   opened in {row['opened']:4.1f} s, "
                f"{WARM} steps in {row['warm']:5.1f} s  {row['notes']}",
                flush=True,
            )
            print("   ", " ".join(row["digests"][:6]), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
