"""Full-size models with random weights must load from both layouts, train two steps at 512², export, and load back.

python bench/trainer/full_size.py sd15|sdxl WORK_FOLDER [--threads N]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from common import make_plan, pictures, prepare, run
from random_models import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=["sd15", "sdxl"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    folder, single = given.work / given.family, given.work / f"{given.family}.safetensors"
    if not single.exists():
        build(given.family, folder, single)
    shown = pictures(given.work / "pictures", 1, 512)
    layouts = {
        "diffusers": {"path": str(folder)},
        "single_file": {"path": str(single), "config_dir": str(folder)},
    }
    start = None
    for layout, where in layouts.items():
        plan = make_plan(
            folder,
            given.work / "pictures",
            shown,
            given.work / "cache",
            model={"layout": layout, **where},
            training={"steps": 2, "batch_size": 1, "rank": 8, "alpha": 4, "warmup_steps": 0, "init_lora": start},
            output={"checkpoint_every": 0},
            resources={"threads": given.threads, "gradient_checkpointing": "full"},
        )
        target = given.work / f"run-{given.family}-{layout}"
        shutil.rmtree(target, ignore_errors=True)
        result = run(prepare(target, plan), given.threads)
        steps = [e for e in result["events"] if e["type"] == "step"]
        output = next(e for e in result["events"] if e["type"] == "output")
        # The second run goes on from the file of the first: our own export, loaded back.
        start = str(target / output["path"])
        losses = ", ".join(f"{e['loss']:.6f}" for e in steps)
        print(
            f"{given.family} {layout:11}  first step after {result['first_step']:.0f} s, whole run "
            f"{result['seconds']:.0f} s, peak {steps[-1]['memory'] / 2**30:.1f} GiB, losses {losses}",
            flush=True,
        )
    check_with_diffusers(given.family, Path(start or ""), folder)


def check_with_diffusers(family: str, file: Path, folder: Path) -> None:
    """Stock diffusers must translate every key of the file."""
    import json

    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
    from safetensors import safe_open

    config = json.loads((folder / "unet" / "config.json").read_text())
    unet = type("Config", (), {"layers_per_block": config["layers_per_block"]})()
    pipeline = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    state, alphas = pipeline.lora_state_dict(str(file), unet_config=unet if family == "sdxl" else None)[:2]
    with safe_open(file, framework="pt") as stored:
        modules = {name.split(".")[0] for name in stored.keys()}  # noqa: SIM118
    print(
        f"{family}: {len(modules)} modules written, stock diffusers reads {len(state) // 2} with {len(alphas)} alphas"
    )
    if len(state) != 2 * len(modules) or len(alphas) != len(modules):
        raise SystemExit("stock diffusers does not read them all")


if __name__ == "__main__":
    main()
