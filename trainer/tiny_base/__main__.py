"""`python -m tiny_base STAGE`: see README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from . import score, text, unet, vae

STAGES = ("vae", "text", "unet", "export", "score", "lesson")


def averaged(work: Path, stage: str) -> dict:
    """The averaged weights of a stage's last checkpoint."""
    return torch.load(work / f"{stage}.pt", weights_only=True)["average"]


def train_unet(work: Path, **given: int) -> None:
    """Train the U-Net on what the first two stages left; scores and a grid of samples on the way."""
    autoencoder = vae.finish(averaged(work, "vae"), work)
    tokenizer, encoder = text.finish(averaged(work, "text"), work)
    asked = score.prompts(60, 14000)
    states = unet.states_of(tokenizer, encoder, [p.text for p in asked] + [""])

    def look(weights: dict) -> dict:
        model = unet.build()
        model.load_state_dict(weights)
        images = score.sample(model.eval(), autoencoder, states[:-1], states[-1])
        Image.fromarray(score.grid(images, 12)).save(work / "samples.png")
        return score.tally([score.marks(p.scene, i) for p, i in zip(asked, images, strict=True)])

    unet.train(work, autoencoder, tokenizer, encoder, score=look, **given)


def main() -> None:
    """Run one stage, or all the training in order."""
    parser = argparse.ArgumentParser(prog="tiny_base", description="Trains the embedded tiny base model.")
    parser.add_argument("stage", choices=["vae", "text", "unet", "all"])
    parser.add_argument("--work", type=Path, default=Path("tiny-work"), help="checkpoints, logs and drawn pictures")
    parser.add_argument("--steps", type=int, help="train this stage for so many steps in all")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    given = {} if args.steps is None else {"steps": args.steps}
    stages = {"vae": vae.train, "text": text.train, "unet": train_unet}
    for name, stage in stages.items():
        if args.stage in (name, "all"):
            stage(args.work, **given)


if __name__ == "__main__":
    main()
