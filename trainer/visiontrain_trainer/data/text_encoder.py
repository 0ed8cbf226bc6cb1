"""Captions become text states: CLIP encodes chunks of 75 tokens; an embedding's vectors may stand for the trigger."""

from __future__ import annotations

from collections.abc import Callable

import torch

from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.plan import Pivotal
from visiontrain_trainer.model.frozen import Storage
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.model.tokens import ClipTokenizer

CHUNK = 75


class TextEncoder:
    """One CLIP text encoder with its tokenizer."""

    def __init__(
        self,
        base: BaseModel,
        name: str,
        dtype: torch.dtype,
        device: Device,
        *,
        packed: str = "same",
        word: Pivotal | None = None,
    ) -> None:
        self.module = base.text_encoder(name, dtype, device.torch, Storage(packed))
        self.tokenizer = ClipTokenizer(base.tokenizer_dir(name))
        #: The module that holds the table of token vectors.
        self.embeddings: torch.nn.Module = getattr(self.module, "text_model", self.module).embeddings
        known = self.embeddings.token_embedding.num_embeddings
        self._word = [] if word is None else self.tokenizer.ids(word.word)
        #: The ids of the vectors that stand for the trigger, beyond those of the table.
        self._vectors = [] if word is None else [known + i for i in range(word.tokens)]
        self._device = device
        self._sdxl = base.plan.family == "sdxl"
        # SDXL always uses the last layer but one; SD1.5 uses the layer chosen by clip_skip.
        self.from_end = 2 if self._sdxl else base.plan.clip_skip

    def spelled(self, ids: list[int]) -> list[int]:
        """Token ids with the vectors of the embedding wherever the trigger's tokens stand, as A1111 finds them."""
        found, place, length = [], 0, len(self._word)
        while place < len(ids):
            here = length > 0 and ids[place : place + length] == self._word
            found += self._vectors if here else ids[place : place + 1]
            place += length if here else 1
        return found

    @property
    def _learns(self) -> bool:
        """Whether the trigger stands for vectors: not before these are there, nor while the adapter is put aside."""
        return getattr(self.embeddings.token_embedding, "enabled", False)

    def chunks(self, caption: str, max_tokens: int, *, learned: bool | None = None) -> torch.Tensor:
        """Token ids [chunks, 77]: begin, 75 tokens, end and padding. Tokens beyond `max_tokens` are cut off.

        With `learned`, or None where an embedding is in the encoder, its vectors stand for the trigger.
        """
        ids, tokens = self.tokenizer.ids(caption), self.tokenizer
        ids = (self.spelled(ids) if (self._learns if learned is None else learned) else ids)[:max_tokens]
        rows = []
        for start in range(0, max(len(ids), 1), CHUNK):
            piece = ids[start : start + CHUNK]
            rows.append([tokens.begin, *piece, tokens.end] + [tokens.pad] * (CHUNK - len(piece)))
        return torch.tensor(rows, dtype=torch.long)

    def encode(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """States [chunks, 77, width] of the chosen layer, and the pooled projection [chunks, p] if there is one."""
        states, pooled = self.module(self._device.put(ids), self.from_end)
        return states if self._sdxl else self.module.final_layer_norm(states), pooled


def encode_captions(
    encoders: list[TextEncoder],
    captions: list[str],
    max_tokens: int,
    about_to: Callable[[list[int]], None] = lambda chunks: None,
) -> list[dict[str, torch.Tensor]]:
    """Encode captions in one pass of each encoder.

    Gives for each caption `states` [chunks, 77, sum of the encoders' widths], and for SDXL `pooled` [p] of its first
    chunk. `about_to` is called before the passes with the number of chunks of each caption.
    """
    ids = [[encoder.chunks(caption, max_tokens) for caption in captions] for encoder in encoders]
    chunks = [max(map(len, own)) for own in zip(*ids, strict=True)]
    about_to(chunks)
    states, pooled = [], None
    for encoder, rows in zip(encoders, ids, strict=True):
        padding = [encoder.chunks("", max_tokens).expand(n - len(own), -1) for own, n in zip(rows, chunks, strict=True)]
        pieces = [piece for pair in zip(rows, padding, strict=True) for piece in pair]
        hidden, projected = encoder.encode(torch.cat(pieces))
        states.append(hidden)
        if projected is not None:
            pooled = projected
    found = [{"states": own} for own in torch.cat(states, dim=-1).split(chunks)]
    if pooled is not None:
        for entry, own in zip(found, pooled.split(chunks), strict=True):
            entry["pooled"] = own[0]
    return found


def encode_caption(encoders: list[TextEncoder], caption: str, max_tokens: int) -> dict[str, torch.Tensor]:
    """`encode_captions` of one caption."""
    return encode_captions(encoders, [caption], max_tokens)[0]
