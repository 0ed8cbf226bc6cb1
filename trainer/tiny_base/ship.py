"""Makes the files that the repository ships from a finished training: folder, lessons, checksums and scores."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from . import export, lesson, score, text, unet, vae
from .data import HELD_OUT, doodle_of, write_json
from .judge import marks, tally

CEILING = 400  # drawings for the judge's own scores
DOODLES = 512  # number of doodles measured; their decibels spread so widely that the mean of 64 would be off by 0.8


def averaged(work: Path, stage: str) -> dict:
    """The moving average of the weights in a stage's last checkpoint."""
    return torch.load(work / f"{stage}.pt", weights_only=True)["average"]


def autoencoder(work: Path, refined: bool = True) -> vae.AutoencoderKL:
    """The trained autoencoder, or the refined one where there is one and `refined` is set.

    It is computed once from the checkpoint and kept, so that latents cached with it stay valid.
    """
    path = work / "vae-finished.pt"
    if not path.exists():
        torch.save(vae.finish(averaged(work, "vae"), work).state_dict(), path)
    model = vae.build()
    again = refined and (work / "vae-refine.pt").exists()
    model.load_state_dict(averaged(work, "vae-refine") if again else torch.load(path, weights_only=True))
    return model.eval()


def to_folder(work: Path, out: Path) -> None:
    """Write `out/sd15` and its checksums from the checkpoints in `work`, and the lessons' images."""
    tokenizer, encoder = text.finish(averaged(work, "text"), work)
    model = unet.build()
    model.load_state_dict(averaged(work, "unet"))
    export.sd15(autoencoder(work), tokenizer, encoder, model.eval(), work / "tokenizer", out / "sd15")
    lesson.write(out)
    checksums(out)


def checksums(out: Path) -> None:
    """Write `SHA256SUMS` over the model's files and the lessons, in the form that `sha256sum -c` reads."""
    files = sorted(p for name in ("sd15", "lesson", "lesson-style") for p in (out / name).rglob("*") if p.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(out).as_posix()}" for p in files]
    (out / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def measure(folder: Path, count: int = 200, grid_to: Path | None = None) -> dict:
    """All scores of a shipped folder: prompts, the autoencoder, doodles, and the judge's own ceiling beside them."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.unet.eval()
    asked = score.prompts(count, unet.TRAINED)
    states = unet.states_of(pipe.tokenizer, pipe.text_encoder, [p.text for p in asked] + [""])
    images = score.sample(pipe.unet, pipe.vae, states[:-1], states[-1])
    if grid_to:
        Image.fromarray(score.grid(images[:96], 12)).save(grid_to)
    doodles = np.stack([doodle_of(HELD_OUT, i) for i in range(DOODLES)])
    return {
        "prompts": {
            "count": count, "guidance": score.GUIDANCE, "steps": score.STEPS,
            **tally([marks(p.scene, i) for p, i in zip(asked, images, strict=True)]),
        },
        "autoencoder": {"count": count, **score.vae_scores(pipe.vae, count)},
        "doodles_psnr": round(vae.psnr(doodles, vae.reconstruct(pipe.vae, doodles)), 2),
        "true_drawings": {"count": CEILING, **score.true_scores(CEILING)},
    }  # fmt: skip


def training_log(work: Path) -> dict:
    """For each stage: steps, seconds, last loss and the scores seen on the way."""
    summary = {}
    for stage in ("vae", "vae-refine", "text", "unet"):
        if not (work / f"{stage}.log.jsonl").exists():  # This stage has shipped weights and was not trained further.
            continue
        lines = [json.loads(x) for x in (work / f"{stage}.log.jsonl").read_text().splitlines()]
        scored = [{k: v for k, v in line.items() if k != "loss"} for line in lines if len(line) > 3]
        losses = [line["loss"] for line in lines if "loss" in line]
        last = torch.load(work / f"{stage}.pt", weights_only=True)
        summary[stage] = {
            "steps": last["step"], "seconds": round(last["spent"], 1), "first_loss": losses[0],
            "last_loss": losses[-1], "scores": scored[-6:],
        }  # fmt: skip
    before = work / "before.json"
    return {**summary, "before": json.loads(before.read_text())} if before.exists() else summary


def write_scores(out: Path, part: str, value: object) -> None:
    """Replace one part of `scores.json`."""
    path = out / "scores.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    write_json(path, {**known, part: value})
