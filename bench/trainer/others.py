"""Starts the trainers that visiontrain is compared with, each as its own documentation says, through stamped.py.

Neither is part of this repository: diffusers' examples are examples/text_to_image/train_text_to_image_lora*.py of
github.com/huggingface/diffusers, sd-scripts is github.com/kohya-ss/sd-scripts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STAMPED = Path(__file__).with_name("stamped.py")
#: Libraries ask no server, because waiting for a network would count against the other side.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def stamps(out: Path) -> list[list[float]]:
    """The rows that stamped.py wrote, one for each optimiser step: its end, and on a card two peaks of memory."""
    file = out / "stamps"
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [[float(word) for word in line.split()] for line in lines if line.endswith("\n")]


def example(python: str, script: Path, out: Path, options: Mapping[str, Any], words: Sequence[str] = ()) -> list[str]:
    """The command for diffusers' example, with the options that all comparisons share."""
    given = {
        "caption_column": "text",
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "seed": 11,
        "checkpointing_steps": 1_000_000,
        "output_dir": out,
        **options,
    }
    argv = [python, STAMPED, out / "stamps", script, *_words(given), "--center_crop", *words]
    return list(map(str, argv))


def sd_scripts(python: str, script: str, out: Path, options: Mapping[str, Any], words: Sequence[str] = ()) -> list[str]:
    """The command for sd-scripts' LoRA on the U-Net with cached latents. It must be run in sd-scripts' folder."""
    given = {
        "tokenizer_cache_dir": out / "tokenizers",
        "train_data_dir": out / "data",
        "caption_extension": ".txt",
        "network_module": "networks.lora",
        "lr_scheduler": "constant",
        "optimizer_type": "AdamW",
        "seed": 11,
        "output_dir": out,
        "output_name": "out",
        **options,
    }
    argv = [python, STAMPED, out / "stamps", script, *_words(given)]
    argv += ["--network_train_unet_only", "--cache_latents", "--sdpa", *words]
    return list(map(str, argv))


def sd_scripts_folder(out: Path, model: Path, images: Path, samples: Sequence[Mapping[str, Any]]) -> None:
    """Write the images with captions beside them, and the tokenizers under the names that sd-scripts looks for."""
    folder = out / "data" / "1_zwx"
    folder.mkdir(parents=True)
    for sample in samples:
        shutil.copy(images / sample["path"], folder)
        (folder / sample["path"]).with_suffix(".txt").write_text(sample["caption"])
    names = {
        "tokenizer": "openai_clip-vit-large-patch14",
        "tokenizer_2": "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k",
    }
    for own, name in names.items():
        if (model / own).is_dir():
            shutil.copytree(model / own, out / "tokenizers" / name)


def sd_scripts_path(folder: Path, libraries: str) -> str:
    """PYTHONPATH for sd-scripts: its own pinned libraries, then its folder."""
    return os.pathsep.join([libraries, str(folder), os.environ.get("PYTHONPATH", "")])


def _words(options: Mapping[str, Any]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]
