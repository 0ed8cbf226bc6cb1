"""LoRAs that become part of the base in memory, before anything is trained (`model.merge_loras`).

W ← W + strength · ΔW, in fp32, before the weight is rounded to the format of the run or packed. ΔW is that of A1111,
ComfyUI and LyCORIS: s · up · down for a LoRA, s · (w1a w1b) ∘ (w2a w2b) for a LoHa (arXiv:2108.06098), s · w1 ⊗ w2 for
a LoKr, with s = alpha ÷ rank, and 1 for a LoKr that is whole.
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
from visiontrain_trainer.lora_tools.changes import PIECES, weight_change
from visiontrain_trainer.model.models import BaseModel

from .lora_read import ENDINGS, Tensors, aliases, modules_of

#: The ends of names of all tensors that make a weight change, by role.
CHANGE_ENDINGS: Mapping[str, tuple[str, ...]] = {
    **ENDINGS,
    "mid": (".lora_mid.weight",),
    **{piece: (f".{piece}",) for piece in PIECES},
}
_TEXT = ("lora_te", "text_encoder", "te_", "te1_", "te2_", "clip_l_", "clip_g_", "lycoris_te")


@dataclass(frozen=True)
class _File:
    path: Path
    strength: float
    stored: Tensors
    modules: dict[str, dict[str, str]]
    alphas: Alphas


class MergedLoras:
    """The files of a run. Give `change` to the base, and call `told` once its U-Net is built."""

    def __init__(self, plan: Plan) -> None:
        self._family = plan.model.family
        self._files = [_read(Path(f.path), f.sha256, f.strength) for f in plan.model.merge_loras]
        self.key = [f"{f.sha256}*{f.strength}" for f in plan.model.merge_loras]
        self._used: set[tuple[int, str]] = set()

    def change(self, part: str, name: str, weight: torch.Tensor, config: Mapping[str, Any]) -> torch.Tensor:
        """The weight with what the files add to it; the weight itself where they add nothing."""
        module, _, kind = name.rpartition(".")
        if kind != "weight" or weight.dim() < 2:
            return weight
        names = aliases(part, module, self._family, config)
        for index, file in enumerate(self._files):
            found = next((n for n in names if len(file.modules.get(n, {})) > 1), None)
            if found is None:
                continue
            self._used.add((index, found))
            weight = weight.float() + file.strength * _difference(file, (part, module, found), weight.shape)
        return weight

    def told(self, events: Events) -> None:
        """Say what of the files fits no layer of the U-Net. Raises TrainingError where nothing of a file does."""
        for index, file in enumerate(self._files):
            wanted = [n for n, pieces in file.modules.items() if len(pieces) > 1 and not n.startswith(_TEXT)]
            left = [name for name in wanted if (index, name) not in self._used]
            if left and len(left) == len(wanted):
                raise TrainingError(
                    f"{file.path}: none of its layers is one of this base's U-Net ({left[0]} …).",
                    next_steps=["Choose a LoRA of the same base model in model.merge_loras, or leave it out."],
                    id="lora/unusable",
                )
            said = f"merged {file.path.name} at {file.strength:g}: {len(wanted) - len(left)} layers of the U-Net"
            more = f"; {len(left)} fit none ({left[0]} …)" if left else ""
            events.note(f"{said}{more}.", "warn" if left else "info")


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
    return _File(path, strength, stored, modules_of(stored, CHANGE_ENDINGS), Alphas(metadata, str(path)))


def _difference(file: _File, place: tuple[str, str, str], shape: torch.Size) -> torch.Tensor:
    """ΔW of one weight, fp32; `place` is its part, its module and its name in the file.

    Raises TrainingError for shapes that do not fit together.
    """
    part, module, name = place
    pieces = {kind: file.stored[key].float() for kind, key in file.modules[name].items()}
    try:
        change, rank = weight_change(pieces, tuple(shape))
    except (LookupError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise TrainingError(
            f"{file.path}: the tensors of {name} do not fit together ({error}).",
            next_steps=["Leave it out of model.merge_loras."],
            id="lora/unusable",
        ) from error
    if rank == 0:
        return change
    alpha = float(pieces["alpha"].reshape(-1)[0]) if "alpha" in pieces else file.alphas.of(part, module, rank)
    return change if alpha is None else change * (alpha / rank)
