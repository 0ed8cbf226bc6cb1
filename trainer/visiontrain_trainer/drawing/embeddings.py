"""Embeddings that belong to LoRA files: vectors in place of a word of the prompt, as textual inversion has them.

A run writes one beside its LoRA, as `NAME.embedding.safetensors`. Other trainers put it into the LoRA file, as
`bundle_emb.WORD.…`, which A1111 reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from safetensors.torch import load

from visiontrain_trainer.adapter.applied import LoraFile
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.safefile import metadata_of
from visiontrain_trainer.data.text_encoder import TextEncoder

#: What a text encoder's vectors are called in files, by the name of the encoder; the last is SD1.5's.
_NAMES = {"text_encoder": ("clip_l", "emb_params", "string_to_param.*"), "text_encoder_2": ("clip_g",)}
_BUNDLED = "bundle_emb."


@dataclass(frozen=True)
class Embedding:
    """`vectors` [n, width] by text encoder, which are read in place of `word`. Messages name the file `where`."""

    word: str
    vectors: Mapping[str, torch.Tensor]
    where: str

    def teach(self, encoders: Mapping[str, TextEncoder], acts: list[bool]) -> None:
        """Add the vectors to the encoders, which read them in place of the word while `acts[0]` is true.

        Raises TrainingError where an encoder's vectors are missing, of another width, or not finite.
        """
        for name, encoder in encoders.items():
            vectors = self.vectors.get(name)
            width = encoder.embeddings.token_embedding.weight.shape[1]
            if vectors is None or vectors.dim() != 2 or len(vectors) == 0 or vectors.shape[1] != width:
                found = "none" if vectors is None else str(list(vectors.shape))
                raise _unusable(
                    f"{self.where}: the embedding has {found} for the {name}, whose words have {width} numbers."
                )
            if not torch.isfinite(vectors.float()).all():
                raise _unusable(f"{self.where}: the embedding holds numbers that are not finite.")
            encoder.teach(self.word, vectors, acts)


def embeddings_of(lora: LoraFile) -> list[Embedding]:
    """The embeddings in a LoRA file, and the one beside it. Raises TrainingError for one that cannot be read."""
    bundles: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in lora.stored.items():
        word, _, kind = name.removeprefix(_BUNDLED).partition(".")
        if name.startswith(_BUNDLED) and kind:
            bundles.setdefault(word, {})[kind] = tensor
    found = [Embedding(word, _by_encoder(bundle), str(lora.path)) for word, bundle in bundles.items()]
    beside = lora.path.with_name(f"{lora.path.stem}.embedding.safetensors")
    if not beside.is_file():
        return found
    try:
        content = beside.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except Exception as error:
        raise _unusable(f"{beside} cannot be read ({error}).") from error
    word = metadata.get("modelspec.trigger_phrase", "").strip() or lora.path.stem
    return [*found, Embedding(word, _by_encoder(stored), str(beside))]


def _by_encoder(stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        encoder: next(stored[name] for name in names if name in stored)
        for encoder, names in _NAMES.items()
        if any(name in stored for name in names)
    }


def _unusable(what: str) -> TrainingError:
    return TrainingError(
        what,
        next_steps=["Put the embedding aside to draw with the LoRA alone, or bring it from the run again."],
        id="lora/unusable",
    )
