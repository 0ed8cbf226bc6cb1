"""visiontrain, diffusers' LoRA example and sd-scripts compared on a CPU: first step, images/s and peak memory.

    python bench/trainer/against_others.py WORK_FOLDER [--example train_text_to_image_lora.py]
        [--example-python PYTHON] [--sd-scripts FOLDER] [--sd-path PYTHONPATH] [--single-file FILE]
        [--model FOLDER] [--side PIXELS] [--batch N] [--images N] [--steps N] [--rank N] [--rounds N] [--threads N]
        [--sides ours,ours-warm,example,example-malloc,ours-all,ours-all-warm,sd-scripts]

The sides take turns, and medians are printed. The others are run unchanged (others.py), by `python SCRIPT` and not
through `accelerate launch`, which would add its own import of torch to the first step. The example needs `datasets`
and `torchvision` beside what the trainer needs; --example-python names the Python of an environment that has both, with
the same torch. sd-scripts needs its own pinned libraries (--sd-path), and SD1.5 in full size as one file
(--single-file).

All sides have the same model, images, captions, rank, batch size, precision (fp32), threads and learning rate. Sides:

- ours            visiontrain as the supervisor starts it, with an empty cache: every image and caption is encoded
                  before the first step; only attention layers are trained, as by the example
- ours-warm       the same with the cache of the run before
- example         diffusers' example in a plain environment
- example-malloc  the example with the glibc settings that visiontrain gives its own process on a CPU
- ours-all, ours-all-warm   the same as ours, with all layers of the transformer blocks, as sd-scripts trains
- sd-scripts      it caches latents in memory before its first step; captions are encoded in each step

visiontrain and the example run until their LoRA is written, sd-scripts until its last step. What is measured:

- first step: seconds from process start to the end of the first optimiser step
- one pass: seconds to the end of the step after which each image was used once. The example encodes an image whenever
  it uses it; the others encode all images before the first step
- samples/s: images per second over all steps after the first
- peak: VmHWM
- CPU: the times and the rate are also given in CPU time (user and system, read from outside), which says more on a
  shared machine. With one thread and nothing else running, CPU time and wall time agree

The bars are a first step below half of the example's, 1.3 times its samples/s, and less peak memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import others
from common import TRAINER, images, launch, make_plan, prepare, read_events

#: Seconds to the first step, seconds to the end of one pass over the images, images/s after the first step, and peak
#: GiB; then all but the peak again in CPU time.
Result = tuple[float, ...]
COLUMNS = ("first step", "one pass", "samples/s", "peak GiB", "first step CPU", "one pass CPU", "samples/CPU s")


@dataclass
class Watch:
    """What was seen of a process from outside: its start, its peak bytes, and (time, CPU seconds) every 20 ms."""

    began: float
    peak: int
    busy: list[tuple[float, float]]

    def cpu_at(self, t: float) -> float:
        return float(np.interp(t, *zip(*self.busy, strict=True)))


def watched(
    argv: list[str],
    environment: dict[str, str],
    log: Path,
    done: Callable[[], bool] = lambda: False,
    cwd: Path | None = None,
) -> Watch:
    """Run a process until it ends, which it must do with exit code 0, or until `done`, asked every 20 ms, is true."""
    tick = os.sysconf("SC_CLK_TCK")
    with log.open("w") as out:
        began = time.time()
        process = subprocess.Popen(argv, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=cwd)
        watch = Watch(began, 0, [(began, 0.0)])
        while process.poll() is None:
            # This is the peak of the process's own memory. rusage would also count what its parent had before exec.
            try:
                for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM"):
                        watch.peak = max(watch.peak, int(line.split()[1]) * 1024)
                fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
                watch.busy.append((time.time(), (int(fields[11]) + int(fields[12])) / tick))
            except (OSError, IndexError):
                pass
            if done():
                process.kill()
                process.wait()
                return watch
            time.sleep(0.02)
    if process.returncode:
        sys.exit(f"{argv[:4]} failed with {process.returncode}:\n{log.read_text()[-3000:]}")
    return watch


def numbers(watch: Watch, ends: list[float], batch: int, images: int) -> Result:
    """The result of a training that is at least one pass long; `ends` gives the time at which each step ended."""
    once = ends[-(-images // batch) - 1]
    first, passed, last = (watch.cpu_at(t) for t in (ends[0], once, ends[-1]))
    samples, rest = (len(ends) - 1) * batch, ends[-1] - ends[0]
    wall = (ends[0] - watch.began, once - watch.began, samples / rest)
    return *wall, watch.peak / 2**30, first, passed, samples / (last - first)


class Sides:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.data = given.work / f"images-{given.images}-{given.side}"
        self.samples = images(self.data, given.images, given.side)
        self.plain = {
            **os.environ,
            "OMP_NUM_THREADS": str(given.threads),
            **others.OFFLINE,
            "HF_HOME": str(given.work / "huggingface"),
            "CUDA_VISIBLE_DEVICES": "",
        }

    def plan(self, targets: str) -> dict[str, Any]:
        given = self.given
        return make_plan(
            given.model,
            self.data,
            self.samples,
            given.work / "cache",
            training={
                "batch_size": given.batch,
                "steps": given.steps,
                "rank": given.rank,
                "alpha": given.rank,
                "targets": targets,
                "schedule": "constant",
                "warmup_steps": 0,
                "learning_rate": 1e-4,
            },
            output={"checkpoint_every": 0},
            resources={"threads": given.threads},
        )

    def ours(self, targets: str, warm: bool) -> Result:
        work = self.given.work
        if not warm:
            shutil.rmtree(work / "cache", ignore_errors=True)
        run = work / "run"
        shutil.rmtree(run, ignore_errors=True)
        plan = self.plan(targets)
        prepare(run, plan)
        command = launch(run)
        # The run is ended once the file is written: the verdict on learning comes later, and the example has none.
        written = run / "output" / f"{plan['name']}.safetensors"
        watch = watched(command["argv"], command["env"], run / "trainer.log", written.exists)
        events = read_events(run)
        return numbers(watch, [e["t"] for e in events if e["type"] == "step"], self.given.batch, self.given.images)

    def example(self, malloc: bool) -> Result:
        given, environment = self.given, self.plain
        if malloc:
            ours = launch(given.work / "run")["env"]
            environment = {**environment, **{k: v for k, v in ours.items() if k.startswith("MALLOC_")}}
        out = given.work / "example"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        options = {
            "pretrained_model_name_or_path": given.model,
            "train_data_dir": self.data,
            "resolution": given.side,
            "train_batch_size": given.batch,
            "max_train_steps": given.steps,
            "rank": given.rank,
            "learning_rate": 1e-4,
            "mixed_precision": "no",
            # "all" means all trackers that are installed, and none is installed.
            "report_to": "all",
        }
        watch = watched(others.example(given.example_python, given.example, out, options), environment, out / "log")
        return self.numbers(watch, out)

    def sd_scripts(self) -> Result:
        given, out = self.given, self.given.work / "sd-scripts"
        shutil.rmtree(out, ignore_errors=True)
        others.sd_scripts_folder(out, given.model, self.data, self.samples)
        options = {
            "pretrained_model_name_or_path": given.single_file,
            "resolution": f"{given.side},{given.side}",
            "train_batch_size": given.batch,
            "max_train_steps": given.steps,
            "network_dim": given.rank,
            "network_alpha": given.rank,
            "learning_rate": 1e-4,
            "mixed_precision": "no",
            "max_data_loader_n_workers": 0,
        }
        argv = others.sd_scripts(sys.executable, "train_network.py", out, options)
        environment = {**self.plain, "PYTHONPATH": others.sd_scripts_path(given.sd_scripts, given.sd_path)}
        watch = watched(
            argv, environment, out / "log", lambda: len(others.stamps(out)) >= given.steps, given.sd_scripts
        )
        return self.numbers(watch, out)

    def numbers(self, watch: Watch, out: Path) -> Result:
        return numbers(watch, [row[0] for row in others.stamps(out)], self.given.batch, self.given.images)

    def run(self, side: str) -> Result:
        if side.startswith("ours"):
            return self.ours("all" if "all" in side else "attention", warm=side.endswith("warm"))
        if side == "sd-scripts":
            return self.sd_scripts()
        return self.example(malloc=side == "example-malloc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--example", type=Path)
    parser.add_argument("--example-python", default=sys.executable)
    parser.add_argument("--sd-scripts", type=Path)
    parser.add_argument("--sd-path", default="", help="what comes first on sd-scripts' PYTHONPATH")
    parser.add_argument("--single-file", type=Path)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    for name, default in (
        ("side", 96),
        ("batch", 4),
        ("images", 16),
        ("steps", 60),
        ("rank", 8),
        ("rounds", 3),
        ("threads", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sides", default="ours,ours-warm,example,example-malloc")
    given = parser.parse_args()
    for name in ("work", "model", "example", "sd_scripts", "single_file"):
        if getattr(given, name) is not None:
            setattr(given, name, getattr(given, name).resolve())
    sides, names = Sides(given), given.sides.split(",")
    found: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            found[name].append(sides.run(name))
            print(f"  {name:15} {shown(found[name][-1])}", flush=True)
    middle = {name: [median(column) for column in zip(*results, strict=True)] for name, results in found.items()}
    print(f"{given.side} px, batch {given.batch}, rank {given.rank}, {given.steps} steps, {given.threads} threads")
    for name in names:
        print(f"{name:15} {shown(middle[name])}")
    for ours in [n for n in names if n.startswith("ours")]:
        for other in [n for n in names if not n.startswith("ours")]:
            print(f"{ours} ÷ {other}: {shown([a / b for a, b in zip(middle[ours], middle[other], strict=True)])}")


def shown(values: Sequence[float]) -> str:
    return "   ".join(f"{column} {value:7.3f}" for column, value in zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    main()
