"""Compares the weight changes of every kind of LoRA file with LyCORIS' own modules.

    python -m venv /tmp/lycoris --system-site-packages
    /tmp/lycoris/bin/pip install lycoris-lora einops toml
    /tmp/lycoris/bin/python bench/trainer/lora_lycoris.py [ROUNDS]

Each round draws a linear layer and a convolution, makes LyCORIS' module around it with random tensors, stores them as
LyCORIS does, and gives them to our formula. Run it in an environment with torch.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))

from lycoris.modules.boft import ButterflyOFTModule
from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.glora import GLoRAModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from visiontrain_trainer.lora_tools.changes import change_of, rank_of

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "LoCon": (LoConModule, {"lora_dim": 4, "alpha": 2}),
    "LoCon with a core": (LoConModule, {"lora_dim": 4, "alpha": 2, "use_tucker": True}),
    "DoRA by input": (LoConModule, {"lora_dim": 4, "alpha": 2, "weight_decompose": True, "wd_on_out": False}),
    "DoRA by output": (LoConModule, {"lora_dim": 4, "alpha": 2, "weight_decompose": True, "wd_on_out": True}),
    "LoHa": (LohaModule, {"lora_dim": 4, "alpha": 2}),
    "LoHa with a core": (LohaModule, {"lora_dim": 4, "alpha": 2, "use_tucker": True}),
    "LoKr": (LokrModule, {"lora_dim": 2, "alpha": 1, "factor": 4}),
    "LoKr, both halves products": (LokrModule, {"lora_dim": 1, "alpha": 1, "factor": 4, "decompose_both": True}),
    "LoKr, whole": (LokrModule, {"lora_dim": 9999, "alpha": 1, "factor": 4, "full_matrix": True}),
    "OFT": (DiagOFTModule, {"lora_dim": 4}),
    "OFT, rescaled": (DiagOFTModule, {"lora_dim": 8, "rescaled": True}),
    "OFT within a bound": (DiagOFTModule, {"lora_dim": 4, "constraint": 0.01}),
    "BOFT": (ButterflyOFTModule, {"lora_dim": 4}),
    "BOFT, rescaled": (ButterflyOFTModule, {"lora_dim": 8, "rescaled": True}),
    "GLoRA": (GLoRAModule, {"lora_dim": 4, "alpha": 2}),
    "(IA)³ of inputs": (IA3Module, {"train_on_input": True}),
    "(IA)³ of outputs": (IA3Module, {"train_on_input": False}),
}


def worst(kind: str, base: nn.Module) -> float:
    """‖ours − theirs‖ ÷ ‖theirs‖ of one module with random tensors."""
    make, options = KINDS[kind]
    module = make("lora", base, **options)
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            if "dora_scale" in name or "rescale" in name:
                tensor.mul_(1 + 0.2 * torch.rand_like(tensor))
            elif tensor.shape:
                tensor.copy_(torch.randn_like(tensor) * 0.1)
        theirs = theirs_of(kind, module, base)
        stored = {**module.state_dict(), **(module.custom_state_dict() or {})}
        pieces = {renamed(name): tensor.detach().double() for name, tensor in stored.items() if "org_" not in name}
        alpha, rank = pieces.get("alpha"), rank_of(pieces)
        if not kind.startswith("OFT"):
            pieces.pop("alpha", None)
        scale = 1.0 if alpha is None or rank == 0 else float(alpha) / rank
        ours = change_of(pieces, base.weight.double(), scale)
    return float((ours - theirs.double()).norm() / theirs.double().norm())


def theirs_of(kind: str, module: Any, base: nn.Module) -> torch.Tensor:
    """The weight change with which LyCORIS' `forward` computes.

    `get_diff_weight` of LoHa and LoKr in 4.1.3 multiplies by alpha ÷ rank twice, which `forward` does not.
    """
    shape = base.weight.shape
    if kind.startswith(("LoHa", "LoKr")):
        return module.get_weight(shape) * module.scalar
    if kind.startswith("DoRA"):
        return module.get_merged_weight(multiplier=1, shape=shape)[0] - base.weight
    return module.get_diff_weight(multiplier=1, shape=shape)[0]


def renamed(name: str) -> str:
    roles = {"lora_down.weight": "down", "lora_up.weight": "up", "lora_mid.weight": "mid", "dora_scale": "magnitude"}
    return roles.get(name, name.removesuffix(".weight") if name[0] in "ab" and name[1] in "12m" else name)


def main(rounds: int) -> int:
    logging.disable(logging.WARNING)
    torch.manual_seed(1)
    found: dict[str, float] = defaultdict(float)
    for _ in range(rounds):
        for kind in KINDS:
            bases: list[nn.Module] = [nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(32, 64, 1)]
            if "core" not in kind:
                bases.append(nn.Linear(48, 64))
            for base in bases:
                found[kind] = max(found[kind], worst(kind, base))
    for kind, most in found.items():
        print(f"{kind:28} {most:.1e}")
    return 1 if max(found.values()) > 1e-4 else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
