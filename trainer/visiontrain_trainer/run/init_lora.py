"""Reads the LoRA that a run goes on from (`training.init_lora`) into the adapter."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.lora_read import Read, Wanted, from_file
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.safefile import metadata_of
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.model.weights import refuse_pickle


def start_from(path: Path, adapter: Adapter, events: Events, *, family: str, unet_config: dict[str, Any]) -> str:
    """Load the LoRA at `path` into the adapter, and return 16 hex digits of the file's SHA-256.

    Raises TrainingError when the file cannot be read, does not fit, or holds numbers that are not finite.
    """
    refuse_pickle(path)
    try:
        content = path.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except FileNotFoundError as error:
        raise TrainingError(
            f"{path}: the LoRA to go on from is not there.",
            next_steps=["Put it back, or check training.init_lora."],
            id="lora/unusable",
        ) from error
    except Exception as error:
        raise TrainingError(
            f"{path}: the LoRA to go on from cannot be read ({error}).",
            next_steps=["Check training.init_lora."],
            id="lora/unusable",
        ) from error
    scales = adapter.alphas()
    own = adapter.tensors()
    wanted = Wanted(scales, own, family, unet_config)
    read = from_file(stored, metadata, wanted, str(path))
    damaged = next((name for name, tensor in read.tensors.items() if not torch.isfinite(tensor).all()), None)
    if damaged is not None:
        raise TrainingError(
            f"{path}: the LoRA to go on from holds numbers that are not finite ({damaged}).",
            next_steps=["Choose another file for training.init_lora."],
            id="lora/unusable",
        )
    adapter.load(own | read.tensors)
    for sentence in _left_over(read, len(scales)):
        events.note(f"{path.name}: {sentence}", "warn")
    return hashlib.sha256(content).hexdigest()[:16]


def _left_over(read: Read, count: int) -> list[str]:
    """Sentences that tell which tensors of a LoRA were not used, and which of the run's `count` layers it lacks."""
    embeddings = sorted({n.split(".")[1] for n in read.unused if n.startswith("bundle_emb.") and n.count(".") > 1})
    unused = [name for name in read.unused if not name.startswith("bundle_emb.")]
    sentences = []
    if embeddings:
        sentences.append(f"it holds the embedding {', '.join(embeddings)}, which is not trained and not written again.")
    if unused:
        sentences.append(f"{len(unused)} of its tensors are of layers this run does not train ({unused[0]} …).")
    if read.lacking:
        sentences.append(
            f"it lacks {len(read.lacking)} of the {count} layers of this run ({read.lacking[0]} …); they start anew."
        )
    if read.padded:
        sentences.append(
            f"{len(read.padded)} of its layers have a lower rank than this run; what is added starts at zero."
        )
    return sentences
