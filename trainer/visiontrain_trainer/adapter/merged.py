"""LoRAs that become part of the base in memory, before anything is trained (`model.merge_loras`).

W ← W + strength · ΔW, in fp32, before the weight is rounded to the format of the run or packed. ΔW is that of A1111,
ComfyUI and LyCORIS for every kind (`lora_tools/changes.py`). Differences of biases and of norms are added as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.base.safefile import metadata_of
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.lora_tools.changes import change_of, changes_weight, rank_of
from visiontrain_trainer.lora_tools.roles import CURE, unread_kind
from visiontrain_trainer.model.models import BaseModel

from .lora_read import TEXT_PREFIXES, Tensors, aliases, alpha_in, modules_of


@dataclass(frozen=True)
class _File:
    path: Path
    strength: float
    stored: Tensors
    modules: dict[str, dict[str, str]]
    alphas: Alphas

    def acts(self, name: str) -> bool:
        """Whether the file has tensors of this module beside an alpha."""
        return bool(self.modules.get(name, {}).keys() - {"alpha"})


class MergedLoras:
    """The files of a run. Give `change` to the base, and call `report` once its U-Net is built."""

    def __init__(self, plan: Plan) -> None:
        self._family = plan.model.family
        self._files = [_read(Path(f.path), f.sha256, f.strength) for f in plan.model.merge_loras]
        self.key = [f"{f.sha256}*{f.strength}" for f in plan.model.merge_loras]
        self._used: set[tuple[int, str]] = set()

    def change(self, part: str, name: str, weight: torch.Tensor, config: Mapping[str, Any]) -> torch.Tensor:
        """The weight with what the files add to it; the weight itself where they add nothing."""
        module, _, kind = name.rpartition(".")
        names = aliases(part, module, self._family, config)
        for index, file in enumerate(self._files):
            found = next((n for n in names if file.acts(n)), None)
            if found is None:
                continue
            change = _difference(file, (part, module, found), kind, weight)
            if change is not None:
                self._used.add((index, found))
                weight = weight.float() + file.strength * change
        return weight

    def report(self, events: Events) -> None:
        """Emit a note for each file: how many of its layers were merged, and which fit no layer of the U-Net.

        Raises TrainingError for a file of which no layer fits.
        """
        for index, file in enumerate(self._files):
            wanted = [n for n in file.modules if file.acts(n) and not n.startswith(TEXT_PREFIXES)]
            text = [n for n in file.modules if file.acts(n) and n.startswith(TEXT_PREFIXES)]
            if not wanted and any((index, name) in self._used for name in text):
                events.note(
                    f"merged {file.path.name} at {file.strength:g}: {len(text)} layers of text encoders.", "info"
                )
                continue
            left = [name for name in wanted if (index, name) not in self._used]
            if left and len(left) == len(wanted):
                raise TrainingError(
                    f"{file.path}: none of its layers is one of this base's U-Net ({left[0]} …).",
                    next_steps=["Choose a LoRA of the same base model in model.merge_loras, or leave it out."],
                    id="lora/unusable",
                )
            sentence = f"merged {file.path.name} at {file.strength:g}: {len(wanted) - len(left)} layers of the U-Net"
            more = f"; {len(left)} fit none ({left[0]} …)" if left else ""
            events.note(f"{sentence}{more}.", "warn" if left else "info")


def merge_into(base: BaseModel, plan: Plan) -> MergedLoras | None:
    """Make the base build its parts with the plan's LoRAs in them; None where it has none."""
    if not plan.model.merge_loras:
        return None
    merged = MergedLoras(plan)
    base.change, base.changed_by = merged.change, merged.key
    return merged


def _read(path: Path, sha256: str, strength: float) -> _File:
    cure = ["Put it back, or start the run again with `visiontrain run`."]
    if not path.is_file():
        raise TrainingError(f"{path}: the LoRA to merge is not there.", next_steps=cure, id="lora/unusable")
    if sha256_file(path) != sha256:
        raise TrainingError(
            f"{path}: the LoRA to merge changed after the run was planned.", next_steps=cure, id="lora/unusable"
        )
    try:
        content = path.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except Exception as error:
        raise TrainingError(
            f"{path}: the LoRA to merge cannot be read ({error}).", next_steps=cure, id="lora/unusable"
        ) from error
    damaged = next((name for name, tensor in stored.items() if not torch.isfinite(tensor.float()).all()), None)
    if damaged is not None:
        raise TrainingError(
            f"{path}: the LoRA to merge holds numbers that are not finite ({damaged}).",
            next_steps=["Leave it out of model.merge_loras."],
            id="lora/unusable",
        )
    kind = unread_kind(stored)
    if kind is not None:
        raise TrainingError(
            f"{path} is {kind}, whose weight change is not computed here.", next_steps=[CURE], id="lora/unusable"
        )
    return _File(path, strength, stored, modules_of(stored), Alphas(metadata, str(path)))


def _difference(file: _File, place: tuple[str, str, str], kind: str, weight: torch.Tensor) -> torch.Tensor | None:
    """What a file adds to a weight or a bias, fp32, or None; `place` is its part, its module and its name in the file.

    Raises TrainingError for shapes that do not fit together.
    """
    part, module, name = place
    roles = file.modules[name]
    pieces = {role: file.stored[key].float() for role, key in roles.items()}
    try:
        if kind == "weight" and changes_weight(roles) and (weight.dim() > 1 or "diff" in roles):
            alpha, rank = alpha_in(pieces, name), rank_of(pieces)
            alpha = file.alphas.of(part, module, rank) if alpha is None and rank > 0 else alpha
            scale = 1.0 if alpha is None or rank == 0 else alpha / rank
            return change_of(pieces, weight.float(), scale)
        plain = ("w_norm",) if kind == "weight" else ("diff_b", "b_norm") if kind == "bias" else ()
        found = next((pieces[role] for role in plain if role in roles), None)
        return None if found is None else found.reshape(weight.shape)
    except (LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        why = str(error).split("\n")[0][:200]
        raise TrainingError(
            f"{file.path}: the tensors of {name} do not fit together, or not this base ({why}).",
            next_steps=["Leave it out of model.merge_loras."],
            id="lora/unusable",
        ) from error
