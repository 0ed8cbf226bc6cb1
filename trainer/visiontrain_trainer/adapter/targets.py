"""Which layers of the base are trained, and with which rank, alpha and rate: sd-scripts' choice, and a run's rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Layer, Training

from .layer import Target
from .lora_format import kohya_module

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_BLOCKS = ("down_blocks.", "mid_block.", "up_blocks.")
_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
#: Named sets of layers, as patterns on kohya's names. Those of B-LoRA (arXiv:2403.14572) and of style are SDXL's.
SETS: dict[str, tuple[str, ...]] = {
    "unet": ("lora_unet_*",),
    "text_encoders": ("lora_te*",),
    "attention": ("*_attn[12]_to_*", "*_self_attn_*"),
    "self_attention": ("*_attn1_to_*",),
    "cross_attention": ("*_attn2_to_*",),
    "feedforward": ("*_ff_net_*", "*_mlp_fc[12]"),
    "style": ("lora_unet_output_blocks_[012]_1_*",),
    "b-lora-content": ("lora_unet_output_blocks_0_1_*",),
    "b-lora-style": ("lora_unet_output_blocks_1_1_*",),
}


def _unet_modules(unet: nn.Module, plan: Training) -> Iterator[tuple[str, int, float]]:
    """(name, rank, alpha) of each U-Net layer that is trained, chosen as sd-scripts does for LoRA.

    With `conv_rank` above 0 it also yields the layers of a LoCon.
    """
    for name, module in unet.named_modules():
        if not isinstance(module, (nn.Linear, nn.Conv2d)):
            continue
        spatial = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
        if ".attentions." in name:
            if not spatial and (plan.targets == "all" or name.endswith(_ATTENTION)):
                yield name, plan.rank, plan.alpha
        elif plan.conv_rank > 0 and name.startswith(_BLOCKS):
            yield name, plan.conv_rank if spatial else plan.rank, plan.conv_alpha if spatial else plan.alpha


def targets_of(part: str, root: nn.Module, plan: Training, family: str) -> list[Target]:
    """The layers of a part that are trained, in the order of its modules, after the run's rules."""
    if part == "unet":
        chosen = list(_unet_modules(root, plan))
    else:
        chosen = [
            (name, plan.rank, plan.alpha)
            for name, module in root.named_modules()
            if isinstance(module, nn.Linear) and ".layers." in name and name.endswith(_TEXT)
        ]
    config: Mapping[str, Any] = dict(getattr(root, "config", {}) or {}) if part == "unet" else {}
    found = []
    for name, rank, alpha in chosen:
        file_name = kohya_module(part, name, family, config)
        rule = _last_match(plan.layers, file_name)
        if rule is not None and not rule.train:
            continue
        rate = 1.0
        if rule is not None:
            rank, alpha = rule.rank or rank, rule.alpha or alpha
            rate = rule.rate
        # Rank-stabilised LoRA (arXiv:2312.03732) scales by alpha ÷ √rank. Readers divide the alpha of a file by the
        # rank, so that √rank is multiplied in.
        found.append(Target(part, name, file_name, rank, alpha * math.sqrt(rank) if plan.rslora else alpha, rate))
    return found


def _matches(pattern: str, name: str) -> bool:
    """Whether a rule's pattern fits a layer's kohya name, which may be given with or without its prefix."""
    patterns = SETS.get(pattern, (pattern, f"lora_unet_{pattern}"))
    return any(fnmatchcase(name, each) for each in patterns)


def _last_match(rules: list[Layer], name: str) -> Layer | None:
    return next((rule for rule in reversed(rules) if _matches(rule.match, name)), None)


def check_rules(rules: list[Layer], names: list[str]) -> None:
    """Raises TrainingError for a rule that fits none of the layers `names`, and names those that come nearest."""
    for rule in rules:
        if not any(_matches(rule.match, name) for name in names):
            stem = rule.match.replace("*", "")
            near = sorted(names, key=lambda name: (-_common(stem, name), name))[:5]
            raise TrainingError(
                f"training.layers: no layer that could be trained has a name like {rule.match}.",
                ["The nearest names:", *near, f"Named sets: {', '.join(SETS)}."],
                ["Mend the rule's match in run.yaml; * stands for any text."],
                id="training/layers",
            )


def _common(stem: str, name: str) -> int:
    """Length of the longest text that begins `stem` and is in `name`."""
    return next((length for length in range(len(stem), 0, -1) if stem[:length] in name), 0)
