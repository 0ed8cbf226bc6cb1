"""Writes LoRA files: the result, one at each save, and any of a checkpoint afterwards.

Their metadata holds no date, so that equal weights at equal steps give equal bytes, whenever the file is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.files import Hashed, write_atomic
from visiontrain_trainer.base.safefile import model_hashes, pieces
from visiontrain_trainer.compute.device import DTYPES
from visiontrain_trainer.contract.plan import Plan

from .embedding import embedding_file
from .lora_format import Tensors, to_diffusers, to_kohya
from .lora_metadata import MINIMAL

#: The keys of the U-Net's configuration on which the names of SDXL's layers in a file depend.
_UNET_FACTS = ("layers_per_block", "up_block_types")


@dataclass(frozen=True)
class Origin:
    """Facts for a LoRA file beside its weights. Each checkpoint holds them, so that a file can be made of it later."""

    #: Alpha by layer name.
    alphas: dict[str, float]
    unet: dict[str, Any]
    #: The metadata of a file of this step, without the facts of the plan.
    facts: dict[str, str]

    @classmethod
    def of(cls, alphas: dict[str, float], unet_config: Mapping[str, Any], facts: dict[str, str]) -> Origin:
        return cls(alphas, {name: unet_config[name] for name in _UNET_FACTS if name in unet_config}, facts)

    def as_json(self) -> dict[str, Any]:
        return {"alphas": self.alphas, "unet": self.unet, "facts": self.facts}


@dataclass(frozen=True)
class Written:
    """A LoRA file that was written. `format` is "kohya" or "diffusers"."""

    path: Path
    bytes: int
    sha256: str
    format: str


def _refuse_overflow(tensors: Mapping[str, torch.Tensor], precision: str) -> None:
    """Raises TrainingError when a weight, finite in fp32, is no longer finite in the file's number format."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise TrainingError(
                f"{name} has a weight too large for a file in {precision}; no file was written.",
                ["Weights of a LoRA are far below 1: the learning rate was too high.", "The training itself is saved."],
                [
                    "Lower training.learning_rate.",
                    "Or keep what was learned: --set output.precision=fp32 in a new run of the same run.yaml.",
                ],
                id="training/burnt",
            )


#: The tensors of a file and its metadata.
Content = tuple[Tensors, dict[str, str]]


def make_files(plan: Plan, tensors: Tensors, origin: Origin) -> dict[str, Content]:
    """The content of the kohya file and, when planned, of the diffusers one, by format.

    `tensors` are those of `Adapter.tensors`. Facts of the plan replace those of `origin`. Raises TrainingError when a
    weight is too large for the file's number format.
    """
    dtype = DTYPES[plan.output.precision]
    alphas = origin.alphas
    contents = {"kohya": to_kohya(tensors, alphas, family=plan.model.family, unet_config=origin.unet, dtype=dtype)}
    if plan.output.diffusers:
        contents["diffusers"] = to_diffusers(tensors, alphas, dtype)
    word = plan.training.pivotal
    if word is not None:
        contents["embedding"] = embedding_file(tensors, dtype)
    for content in contents.values():
        _refuse_overflow(content, plan.output.precision)
    facts = origin.facts | plan.output.facts
    if plan.output.metadata == "minimal":
        facts = {key: facts[key] for key in MINIMAL} | plan.output.facts
    known = {name: value for name, value in facts.items() if name.startswith("ss_")}
    files: dict[str, Content] = {}
    for kind, content in contents.items():
        extra = {} if plan.output.metadata == "none" else facts | model_hashes(content, known)
        if kind == "embedding":
            # An embedding shares two facts with the LoRA: the name, and the word that it stands for.
            extra = {"modelspec.title": plan.name, "modelspec.trigger_phrase": word.word} if extra and word else {}
        files[kind] = content, extra if kind == "kohya" else {"format": "pt", **extra}
    return files


def file_name(name: str, kind: str) -> str:
    """Name of the file of a LoRA called `name` (the run's, with what `saves.py` adds) in the format `kind`."""
    return f"{name}.safetensors" if kind == "kohya" else f"{name}.{kind}.safetensors"


def write_files(folder: Path, name: str, files: Mapping[str, Content]) -> list[Written]:
    """Write the files of a LoRA called `name`, each whole or not at all. Raises MachineError when the disk is full."""
    return [write_file(folder / file_name(name, kind), kind, content) for kind, content in files.items()]


def write_file(path: Path, kind: str, content: Content) -> Written:
    """Write one file in the format `kind`, whole or not at all. Raises MachineError when the disk is full."""
    hashed = Hashed(pieces(*content))
    try:
        write_atomic(path, hashed)
    except OSError as error:
        raise MachineError(
            f"{path}: cannot be written ({error.strerror}); the training itself is saved.",
            next_steps=["Free some disk space, then `visiontrain resume`, or `visiontrain export` if the run is over."],
            id="disk/write-failed",
        ) from error
    return Written(path, hashed.bytes, hashed.sha256, kind)
