"""`python -m tiny_base STAGE`: see README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def main() -> None:
    """Run one stage, or all of them in order."""
    parser = argparse.ArgumentParser(prog="tiny_base", description="Trains the embedded tiny base model.")
    parser.add_argument("stage", choices=["vae", "text", "unet", "export", "score", "lesson", "all"])
    parser.add_argument("--work", type=Path, default=Path("tiny-work"), help="checkpoints, logs and drawn pictures")
    parser.add_argument("--steps", type=int, help="train this stage for so many steps in all")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    given = {} if args.steps is None else {"steps": args.steps}
    if args.stage == "vae":
        from . import vae

        vae.train(args.work, **given)


if __name__ == "__main__":
    main()
