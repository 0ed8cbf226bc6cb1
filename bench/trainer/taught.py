"""Does each adapter, optimiser and loss reach the embedded model's lesson, and what does it take of time and memory?

    python bench/trainer/taught.py WORK_FOLDER [--seeds N] [--only NAME,NAME] [--show]

Each row is the demo's run (the zibbo of presets/tiny/lesson, 500 steps) with one thing changed, planned by the program
itself, at the rate that `explain` recommends for it. Three runs of a row differ in the seed, and are judged under three
seeds of noise. What a run found is a file in WORK_FOLDER/found, and is not done again: stop and start as you like. The
seeds come outermost, so that every row has one before any has two.

Recognised: how many of 40 prompts show the zibbo (`tiny_base/lesson.py`). Others: of 60 prompts that do not name it,
another 60 for each seed, how much is right (background, colour, thing, both things, place, style, each apart), as
a share of what the base does there. The LoRA is read from its file by the trainer's reader of other programs' files.
Time and memory are the trainer's process: its CPU time and its largest size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import TRAINER, launch, prepare, read_events

ROOT = TRAINER.parent
SEEDS = ((42, 900), (1, 2000), (2, 3000))  # of a run, and of the noise that it is judged with
PROMPTS, OTHERS = 40, 60
HALF = {"learning_rate": 0.002, "text_encoder_learning_rate": 0.0005}
THIRD = {"learning_rate": 0.00133, "text_encoder_learning_rate": 0.00033}
FIFTH = {"learning_rate": 0.0008, "text_encoder_learning_rate": 0.0002}
TENTH = {"learning_rate": 0.0004, "text_encoder_learning_rate": 0.0001}
TWENTIETH = {"learning_rate": 0.0002, "text_encoder_learning_rate": 0.00005}
EIGHTFOLD = {"learning_rate": 0.032, "text_encoder_learning_rate": 0.008}
DOUBLE = {"learning_rate": 0.008, "text_encoder_learning_rate": 0.002}
FOURFOLD = {"learning_rate": 0.016, "text_encoder_learning_rate": 0.004}
ONE = {"learning_rate": 1, "text_encoder_learning_rate": 1}
#: The rows, the most asked for first: what each changes in the section `training`.
ROWS: dict[str, dict[str, Any]] = {
    "the demo: LoCon, adamw, l2, min-SNR": {},
    "lokr": {"adapter": "lokr"},
    "prodigy": {"optimizer": "prodigy", **ONE},
    "dora": {"dora": True},
    "huber": {"loss": "huber"},
    "prodigy_schedulefree": {
        "optimizer": "prodigy_schedulefree",
        "betas": [0.9, 0.99],
        "schedule": "constant",
        **ONE,
    },
    "lora (no convolutions)": {"conv_rank": 0},
    "loha, half the rate": {"adapter": "loha", **HALF},
    "adafactor": {"optimizer": "adafactor"},
    "came, a tenth of the rate": {"optimizer": "came", **TENTH},
    "lion, a fifth of the rate": {"optimizer": "lion", **FIFTH},
    "adamw8bit": {"optimizer": "adamw8bit"},
    "t-lora": {"t_lora": {"min_rank": 1, "power": 1}},
    "debiased": {"loss_weighting": "debiased"},
    "no weighting": {"loss_weighting": "none"},
    "adamw_schedulefree": {"optimizer": "adamw_schedulefree", "schedule": "constant"},
    "smooth_l1": {"loss": "smooth_l1"},
    "l1": {"loss": "l1"},
    "soft min-SNR": {"loss_weighting": "soft_min_snr"},
    "p2": {"loss_weighting": "p2"},
    "lokr, twice the rate": {"adapter": "lokr", **DOUBLE},
    "lokr, four times the rate": {"adapter": "lokr", **FOURFOLD},
    "prodigy with d_coef 2": {"optimizer": "prodigy", "optimizer_args": {"d_coef": 2}, **ONE},
    "lora, twice the rate": {"conv_rank": 0, **DOUBLE},
    "came, a twentieth of the rate": {"optimizer": "came", **TWENTIETH},
    "lokr, eight times the rate": {"adapter": "lokr", **EIGHTFOLD},
    "came, half the rate": {"optimizer": "came", **HALF},
    "lion, a third of the rate": {"optimizer": "lion", **THIRD},
    "lion, a tenth of the rate": {"optimizer": "lion", **TENTH},
}


def plan_of(work: Path, row: dict[str, Any], seed: int) -> dict[str, Any]:
    """The plan that the program makes of the demo's run.yaml with a row's changes."""
    text = {
        "version": 1,
        "name": "taught",
        "dataset": {"path": str(ROOT / "presets" / "tiny" / "lesson"), "goal": "character", "trigger": ""},
        "model": {"base": "tiny"},
        "training": {**row, "seed": seed},
        "samples": {"every": 0, "prompts": []},
        "output": {"checkpoint_every": 0},
    }
    spec = work / f"{os.getpid()}.yaml"
    spec.write_text(json.dumps(text))  # JSON is YAML.
    command = ["node", ROOT / "bin" / "visiontrain", "run", spec, "--dry-run", "--json", "--no-input"]
    environment = {**os.environ, "VISIONTRAIN_HOME": str(work / "home")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"no plan:\n{done.stdout}{done.stderr}")
    plan: dict[str, Any] = json.loads(done.stdout)["plan"]
    return plan


def train(run: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Train in a process of its own, started as the supervisor starts it: {file, cpu_s, wall_s, peak_mib}.

    A run that was cut off goes on; its times are then null, because they are not those of the whole run.
    """
    goes_on = bool(read_events(run))
    command = launch(prepare(run, plan))
    began = time.perf_counter()
    with (run / "trainer.log").open("w") as log:
        process = subprocess.Popen(command["argv"], env=command["env"], stdout=log, stderr=subprocess.STDOUT)
        _, code, used = os.wait4(process.pid, 0)
    if code:
        ended = read_events(run)[-1]
        if ended.get("id") != "training/not-finite":
            sys.exit(f"the run failed: {ended}\n{(run / 'trainer.log').read_text()[-2000:]}")
        return {"diverged": ended["reason"]}
    file = next(e["path"] for e in reversed(read_events(run)) if e["type"] == "output")
    return {
        "file": str(run / file),
        "cpu_s": None if goes_on else round(used.ru_utime + used.ru_stime, 1),
        "wall_s": None if goes_on else round(time.perf_counter() - began, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def judge(file: Path | None, index: int) -> dict[str, float]:
    """What the base with a LoRA file shows, in percent: `recognised` and the marks of other prompts."""
    import torch
    from diffusers import StableDiffusionPipeline
    from tiny_base import lesson, lesson_check, score
    from tiny_base.judge import marks, tally
    from tiny_base.unet import TRAINED
    from visiontrain_trainer.adapter.applied import Loras, read_lora

    torch.set_num_threads(1)
    pipe = StableDiffusionPipeline.from_pretrained(ROOT / "presets" / "tiny" / "sd15", local_files_only=True)
    if file is not None:
        loras = Loras([read_lora(file)], [1.0], "sd15")
        parts = (("unet", pipe.unet), ("text_encoder", pipe.text_encoder))
        for part, network in parts:
            if loras.put_around(network, part) == 0:
                sys.exit(f"{file} changes no layer of the {part}")
        left = loras.files[0].modules.keys() - loras.files[0].used
        if left:
            sys.exit(f"{len(left)} layers of {file} were not found: {sorted(left)[:3]}")
    noise = SEEDS[index][1]
    taught = lesson_check.images_for(pipe, lesson_check.creature_prompts()[:PROMPTS], noise)
    asked = score.prompts(OTHERS * len(SEEDS), TRAINED)[OTHERS * index : OTHERS * (index + 1)]
    others = lesson_check.images_for(pipe, [p.text for p in asked], noise)
    recognised = round(100 * float(np.mean([lesson.sees_zibbo(image) for image in taught])), 1)
    return {"recognised": recognised} | tally([marks(p.scene, i) for p, i in zip(asked, others, strict=True)])


def called(name: str) -> str:
    """A row's name in the name of a file."""
    return name.replace(",", "").replace(" ", "-")


def found(work: Path, name: str, index: int) -> dict[str, Any] | None:
    path = work / "found" / f"{called(name)}.{SEEDS[index][0]}.json"
    return json.loads(path.read_text()) if path.exists() else None


def keep(work: Path, name: str, index: int, result: dict[str, Any]) -> None:
    path = work / "found" / f"{called(name)}.{SEEDS[index][0]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(result))
    path.with_suffix(".part").rename(path)


def show(work: Path, rows: list[str]) -> None:
    """The table of what was found so far: means over the seeds that a row has."""
    print(f"{'':38} seeds  recognised  others keep (least kind)  CPU s  peak MiB")
    for name in rows:
        runs = [(i, r) for i in range(len(SEEDS)) if (r := found(work, name, i))]
        bases = [found(work, "base", i) for i, _ in runs]
        if not runs or None in bases:
            continue
        if lost := [r["diverged"] for _, r in runs if "diverged" in r]:
            print(f"{name:38} {len(runs):5} {len(lost)} of them ended: {lost[0]}")
            continue
        kinds = [k for k in runs[0][1]["judged"] if k != "recognised"]
        mean = {k: float(np.mean([r["judged"][k] for _, r in runs])) for k in ("recognised", *kinds)}
        before = {k: float(np.mean([b["judged"][k] for b in bases if b])) for k in kinds}
        kept = {k: 100 * mean[k] / before[k] for k in kinds}
        least = min(kept, key=lambda k: kept[k])
        spent = [r["cpu_s"] for _, r in runs if r["cpu_s"] is not None]
        cpu = f"{np.mean(spent):.0f}" if spent else "-"
        peak = np.mean([r["peak_mib"] for _, r in runs])
        whole = float(np.mean(list(kept.values())))
        print(
            f"{name:38} {len(runs):5} {mean['recognised']:9.1f} % {whole:9.1f} % ({kept[least]:5.1f} % {least})"
            f" {cpu:>12} {peak:8.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--only", help="rows, with semicolons between")
    parser.add_argument("--show", action="store_true", help="print the table of what was found so far, and do no more")
    given = parser.parse_args()
    work = given.work.resolve()
    rows = given.only.split(";") if given.only else list(ROWS)
    for index in range(0 if given.show else given.seeds):
        if found(work, "base", index) is None:
            keep(work, "base", index, {"judged": judge(None, index)})
        for name in rows:
            if found(work, name, index):
                continue
            run = work / "runs" / f"{list(ROWS).index(name)}-{SEEDS[index][0]}"
            (work / "runs").mkdir(parents=True, exist_ok=True)
            result = train(run, plan_of(work, ROWS[name], SEEDS[index][0]))
            judged = {} if "diverged" in result else {"judged": judge(Path(result.pop("file")), index)}
            keep(work, name, index, {**result, **judged})
            print(name, SEEDS[index][0], found(work, name, index), file=sys.stderr, flush=True)
    show(work, rows)


if __name__ == "__main__":
    main()
