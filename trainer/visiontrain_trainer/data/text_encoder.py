"""Captions become text states: CLIP encodes chunks of 75 tokens; an embedding's vectors may stand for the trigger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.plan import Pivotal
from visiontrain_trainer.model.frozen import Storage
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.model.tokens import ClipTokenizer

CHUNK = 75


@dataclass(frozen=True)
class Word:
    """Token ids of a word, and the ids of the vectors in its place; `acts` tells whether they are read now."""

    ids: list[int]
    vectors: list[int]
    acts: Callable[[], bool]


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
        #: Words in place of which the encoder reads vectors.
        self._words: list[Word] = []
        if word is not None:
            known = self.embeddings.token_embedding.num_embeddings
            # The trigger's vectors are read once the adapter's layer is there, and only while it is enabled.
            self._words.append(
                Word(
                    self.tokenizer.ids(word.word),
                    [known + i for i in range(word.tokens)],
                    lambda: getattr(self.embeddings.token_embedding, "enabled", False),
                )
            )
        self._device = device
        self._sdxl = base.plan.family == "sdxl"
        # SDXL always uses the last layer but one; SD1.5 uses the layer chosen by clip_skip.
        self.from_end = 2 if self._sdxl else base.plan.clip_skip

    def teach(self, word: str, vectors: torch.Tensor, acts: list[bool]) -> None:
        """Read `vectors` [n, width] in place of `word` while `acts[0]` is true."""
        table = self.embeddings.token_embedding
        ids = [table.num_embeddings + i for i in range(len(vectors))]
        rows = torch.cat([table.weight.detach(), vectors.to(table.weight)])
        self.embeddings.token_embedding = torch.nn.Embedding.from_pretrained(rows)
        self._words.append(Word(self.tokenizer.ids(word), ids, lambda: acts[0]))

    def spelled(self, ids: list[int], words: list[Word]) -> list[int]:
        """Token ids with vectors in place of the tokens of their word, as A1111 finds them; the longest word wins."""
        found, place = [], 0
        ordered = sorted(words, key=lambda word: -len(word.ids))
        while place < len(ids):
            here = next((w for w in ordered if w.ids and ids[place : place + len(w.ids)] == w.ids), None)
            found += ids[place : place + 1] if here is None else here.vectors
            place += 1 if here is None else len(here.ids)
        return found

    def chunks(self, caption: str, max_tokens: int, *, learned: bool | None = None) -> torch.Tensor:
        """Token ids [chunks, 77]: begin, 75 tokens, end and padding. Tokens beyond `max_tokens` are cut off.

        `learned` puts all vectors in place of their words, False none, and None those that act now.
        """
        tokens = self.tokenizer
        words = [word for word in self._words if (word.acts() if learned is None else learned)]
        ids = self.spelled(tokens.ids(caption), words)[:max_tokens]
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
