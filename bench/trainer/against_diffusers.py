"""Ours against diffusers' own text-to-image LoRA example: first step, samples/s, peak memory; in turn, medians.

    python bench/trainer/against_diffusers.py WORK_FOLDER --example train_text_to_image_lora.py
        [--model FOLDER] [--side PIXELS] [--batch N] [--pictures N] [--steps N] [--rank N] [--rounds N] [--threads N]
        [--sides ours,ours-warm,example,example-malloc] [--example-python PYTHON]

The example is examples/text_to_image/train_text_to_image_lora.py of github.com/huggingface/diffusers; it is not part
of this repository. It needs `datasets` and `torchvision` beside what the trainer needs: an environment that has both,
with the same torch, is given by --example-python. It runs unchanged, by `python SCRIPT` and not through
`accelerate launch` (which would add its own import of torch to the first step); stamped.py writes down when each
optimiser step ended.

Same model, pictures, captions, rank, attention layers only, batch, precision (fp32), threads, learning rate. Sides:

- ours            the trainer as the supervisor starts it, with an empty cache: every picture and caption is encoded
                  before the first step
- ours-warm       the same with the cache of the run before
- example         in a plain environment
- example-malloc  with the glibc settings that our launcher gives our own process on a CPU

First step: from process start to the end of the first optimiser step. Samples/s: over all steps after it. Peak: VmHWM.
Bars: first step below half of the example's, samples/s at least 1.3 times, less peak memory.
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

from common import TRAINER, make_plan, pictures, prepare

HERE = Path(__file__).parent
Result = tuple[float, float, float]


def watched(argv: list[str], environment: dict[str, str], log: Path) -> tuple[float, int]:
    """(wall-clock time at start, peak bytes) of a process that must end well."""
    with log.open("w") as out:
        began = time.time()
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            # The peak of the process's own memory; rusage would count what its parent had before exec.
            try:
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM"):
                        peak = max(peak, int(line.split()[1]) * 1024)
            except OSError:
                pass
            time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{argv[:4]} failed with {process.returncode}:\n{log.read_text()[-3000:]}")
    return began, peak


def numbers(began: float, ends: list[float], batch: int, peak: int) -> Result:
    """(seconds to the first step, samples/s after it, peak GiB)."""
    return ends[0] - began, (len(ends) - 1) * batch / (ends[-1] - ends[0]), peak / 2**30


class Sides:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.data = given.work / f"pictures-{given.pictures}-{given.side}"
        self.samples = pictures(self.data, given.pictures, given.side)
        self.plan = make_plan(
            given.model,
            self.data,
            self.samples,
            given.work / "cache",
            training={
                "batch_size": given.batch,
                "steps": given.steps,
                "rank": given.rank,
                "alpha": given.rank,
                "targets": "attention",
                "schedule": "constant",
                "warmup_steps": 0,
                "learning_rate": 1e-4,
            },
            output={"checkpoint_every": 0},
            resources={"threads": given.threads},
        )

    def ours(self, warm: bool) -> Result:
        work = self.given.work
        if not warm:
            shutil.rmtree(work / "cache", ignore_errors=True)
        run = work / "run"
        shutil.rmtree(run, ignore_errors=True)
        prepare(run, self.plan)
        command = json.loads(
            subprocess.run(
                ["node", HERE / "command.mjs", run, sys.executable], check=True, capture_output=True, text=True
            ).stdout
        )
        began, peak = watched(command["argv"], command["env"], run / "trainer.log")
        events: list[dict[str, Any]] = [json.loads(line) for line in (run / "events.jsonl").open()]
        return numbers(began, [e["t"] for e in events if e["type"] == "step"], self.given.batch, peak)

    def example(self, malloc: bool) -> Result:
        given = self.given
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(given.threads),
            # No address is asked on the way: waiting for a network would count against the example.
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "HF_HOME": str(given.work / "huggingface"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        if malloc:
            run = given.work / "run"
            shown = subprocess.run(
                ["node", HERE / "command.mjs", run, sys.executable], check=True, capture_output=True, text=True
            )
            environment |= {k: v for k, v in json.loads(shown.stdout)["env"].items() if k.startswith("MALLOC_")}
        out = given.work / "example"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        options = {
            "pretrained_model_name_or_path": given.model,
            "train_data_dir": self.data,
            "caption_column": "text",
            "resolution": given.side,
            "train_batch_size": given.batch,
            "max_train_steps": given.steps,
            "rank": given.rank,
            "learning_rate": 1e-4,
            "lr_scheduler": "constant",
            "lr_warmup_steps": 0,
            "seed": 11,
            "mixed_precision": "no",
            "checkpointing_steps": 1_000_000,
            "output_dir": out,
            # All trackers that are installed: none is.
            "report_to": "all",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        argv = [given.example_python, HERE / "stamped.py", out / "stamps", given.example, *words, "--center_crop"]
        began, peak = watched(list(map(str, argv)), environment, out / "log")
        return numbers(began, list(map(float, (out / "stamps").read_text().split())), given.batch, peak)

    def run(self, side: str) -> Result:
        if side.startswith("ours"):
            return self.ours(warm=side == "ours-warm")
        return self.example(malloc=side == "example-malloc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--example", type=Path, required=True)
    parser.add_argument("--example-python", default=sys.executable)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    for name, default in (
        ("side", 96),
        ("batch", 4),
        ("pictures", 16),
        ("steps", 60),
        ("rank", 8),
        ("rounds", 3),
        ("threads", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sides", default="ours,ours-warm,example,example-malloc")
    given = parser.parse_args()
    given.work, given.model, given.example = (p.resolve() for p in (given.work, given.model, given.example))
    sides, names = Sides(given), given.sides.split(",")
    found: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            found[name].append(sides.run(name))
            print(f"  {name:15} first step {found[name][-1][0]:7.2f} s   samples/s {found[name][-1][1]:7.2f}", flush=True)
    middle = {name: tuple(median(r[i] for r in results) for i in range(3)) for name, results in found.items()}
    print(f"{given.side} px, batch {given.batch}, rank {given.rank}, {given.steps} steps, {given.threads} threads")
    for name, (first, rate, peak) in middle.items():
        print(f"{name:15} first step {first:7.2f} s   samples/s {rate:7.2f}   peak {peak:6.3f} GiB")
    for ours in [n for n in names if n.startswith("ours")]:
        for other in [n for n in names if not n.startswith("ours")]:
            first, rate, peak = (a / b for a, b in zip(middle[ours], middle[other], strict=True))
            print(f"{ours} ÷ {other}: first step {first:.2f}   samples/s {rate:.2f}   peak {peak:.2f}")


if __name__ == "__main__":
    main()
