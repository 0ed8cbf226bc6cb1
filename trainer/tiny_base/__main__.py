"""`python -m tiny_base STAGE`: see README.md."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields, replace
from pathlib import Path

import torch
from PIL import Image

from . import export, lesson_check, score, ship, take_up, text, unet, vae

STAGES = (
    "take-up",
    "vae",
    "text",
    "unet",
    "vae-refine",
    "train",
    "export",
    "score",
    "lesson",
    "single-file",
    "sdxl-twin",
    "v-twin",
)


def train_unet(work: Path, **given: int) -> None:
    """Train the U-Net on the autoencoder and text encoder of the first stages. It scores and samples on the way."""
    autoencoder = ship.autoencoder(work)
    tokenizer, encoder = text.finish(ship.averaged(work, "text"), work)
    asked = score.prompts(60, unet.TRAINED)
    states = unet.states_of(tokenizer, encoder, [p.text for p in asked] + [""])

    def look(weights: dict) -> dict:
        model = unet.build()
        model.load_state_dict(weights)
        images = score.sample(model.eval(), autoencoder, states[:-1], states[-1])
        Image.fromarray(score.grid(images, 12)).save(work / "samples.png")
        return score.tally([score.marks(p.scene, i) for p, i in zip(asked, images, strict=True)])

    unet.train(work, autoencoder, tokenizer, encoder, score=look, **given)


def refine(work: Path, **given: int) -> None:
    """Train the autoencoder further. The latents of the drawings that the U-Net was trained on stay as they are."""
    vae.refine(work, ship.autoencoder(work, refined=False), **given)


def recipe(changes: list[str]) -> lesson_check.Recipe:
    """The lesson check's recipe with the changes `name=value`."""
    kinds = {f.name: type(f.default) for f in fields(lesson_check.Recipe)}
    pairs = (c.split("=", 1) for c in changes)
    return replace(lesson_check.Recipe(), **{k: kinds[k](json.loads(v)) if k != "schedule" else v for k, v in pairs})


def main() -> None:
    """Run the stage named on the command line, or all training stages in order."""
    parser = argparse.ArgumentParser(prog="tiny_base", description="Trains the embedded tiny base model.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--work", type=Path, default=Path("tiny-work"), help="checkpoints, logs and drawn pictures")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "presets" / "tiny")
    parser.add_argument("--to", type=Path, help="where a single file or a twin is written")
    parser.add_argument("--steps", type=int, help="train this stage for so many steps in all")
    parser.add_argument("--count", type=int, default=200, help="held-out prompts to score")
    parser.add_argument("--kind", choices=["creature", "style"], default="creature", help="which lesson to check")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="change the lesson's recipe")
    parser.add_argument("--lora", type=Path, help="measure this LoRA file instead of training one")
    parser.add_argument("--grid", type=Path, help="write a PNG of samples here")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    given = {} if args.steps is None else {"steps": args.steps}
    trainings = {"vae": vae.train, "text": text.train, "unet": train_unet, "vae-refine": refine}
    if args.stage in ("train", *trainings):
        args.work.mkdir(parents=True, exist_ok=True)
        for name, stage in trainings.items():
            if args.stage in (name, "train"):
                stage(args.work, **given)
    elif args.stage == "take-up":
        take_up.take_up(args.out, args.work)
    elif args.stage == "export":
        ship.to_folder(args.work, args.out)
        ship.write_scores(args.out, "training", ship.training_log(args.work))
    elif args.stage == "score":
        scores = ship.measure(args.out / "sd15", args.count, args.grid)
        print(json.dumps(scores, indent=1))
        ship.write_scores(args.out, "scores", scores)
    elif args.stage == "lesson":
        found = lesson_check.check(args.out / "sd15", args.out, args.kind, recipe(args.set), args.grid, args.lora)
        print(json.dumps(found))
        ship.write_scores(args.out, f"lesson_{args.kind}", found)
    else:
        if args.to is None:
            parser.error(f"{args.stage} needs --to PATH")
        if args.stage == "single-file":
            export.single_file(args.out / "sd15", args.to)
        else:
            twin = {"sdxl-twin": export.sdxl_twin, "v-twin": export.v_twin}[args.stage]
            twin(args.to, args.out / "sd15" / "tokenizer")


if __name__ == "__main__":
    main()
