"""Makes the first checkpoints of a new training from the weights that are already shipped.

Only the optimisers' states are lost. So a training that ran out of time can go on later, on any machine.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from . import text, vae
from .state import Muon, Run


def take_up(shipped: Path, work: Path) -> None:
    """Write `vae.pt`, `text.pt`, `unet.pt` at step 0 into an empty `work` from the folder `shipped/sd15`.

    Raises FileExistsError where `work` already holds a training.
    """
    work.mkdir(parents=True, exist_ok=True)
    if any(work.glob("*.pt")):
        raise FileExistsError(f"{work} already holds a training; give an empty --work")
    folder = shipped / "sd15"
    shutil.copytree(folder / "tokenizer", work / "tokenizer", dirs_exist_ok=True)
    encoder = text.Listener(CLIPTextModel.from_pretrained(folder / "text_encoder"))
    _lay(work / "vae.pt", vae.widened(AutoencoderKL.from_pretrained(folder / "vae")))
    _lay(work / "text.pt", encoder)
    _lay(work / "unet.pt", UNet2DConditionModel.from_pretrained(folder / "unet"))
    before = json.loads((shipped / "scores.json").read_text())["training"]
    (work / "before.json").write_text(json.dumps(before))


def _lay(path: Path, module: torch.nn.Module) -> None:
    Run(path, module.float(), Muon(list(module.parameters()), 0.0), 0, 0.0).checkpoint()
