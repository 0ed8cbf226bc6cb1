"""An embedding that is trained beside the LoRA (pivotal tuning): vectors that stand in place of the trigger's tokens.

These are the vectors of textual inversion (arXiv:2208.01618), trained together with the LoRA. In the run they are a
layer of the adapter around the token table of a text encoder, and token ids beyond that table name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from visiontrain_trainer.contract.plan import Pivotal

Tensor = torch.Tensor
#: The parts of the adapter that are embeddings, by the text encoder whose table they add to.
PARTS = {"text_encoder": "embedding", "text_encoder_2": "embedding_2"}
_MODULE = "token_embedding"


@dataclass(frozen=True)
class Trigger:
    """The trigger in one text encoder: the module with the token table, and the ids that the vectors start from."""

    table: nn.Module
    start: list[int]


class EmbeddingLayer(nn.Module):
    """Token vectors [B, L, width] for token ids [B, L]: those of the base, and `rows` for ids beyond the base's table.

    It has the attributes and methods of every layer of the adapter, though it changes no weight of the base.
    """

    names = ("rows",)
    #: They stay fp32, and weight decay must not pull them to zero.
    magnitudes = frozenset(("rows",))
    faster: frozenset[str] = frozenset()
    rank, alpha, rate, scale = 0, 0.0, 1.0, 1.0

    def __init__(self, base: nn.Embedding, part: str, plan: Pivotal, start: list[int]) -> None:
        super().__init__()
        self.base, self.name, self.enabled = base, f"{part}.{_MODULE}", True
        self.known = base.num_embeddings
        # With fewer tokens than vectors, the tokens are used in turn, so that every vector starts from one.
        ids = [start[i % len(start)] for i in range(plan.tokens)]
        self._first = base.weight.detach()[ids].clone()
        self.rows = nn.Parameter(self._first.float())
        self.used: tuple[Tensor, ...] = (self.rows,)

    def weights(self) -> dict[str, nn.Parameter]:
        return {"rows": self.rows}

    @property
    def weight(self) -> Tensor:
        """The vectors that training began with, in the encoder's number format: weight changes are a share of them."""
        return self._first

    def start(self, seed: int, part: str, module: str) -> None:
        """Does nothing: the vectors start from those of tokens, and nothing is drawn."""

    def cap(self, most: float) -> Tensor | None:
        """Does nothing: the norm cap bounds the weight changes of layers, and an embedding has none."""
        return None

    def squared_change(self, now: dict[str, Tensor], then: dict[str, Tensor]) -> float:
        return float((now["rows"] - then["rows"]).square().sum())

    def forward(self, ids: Tensor) -> Tensor:
        found = self.base(ids.clamp(max=self.known - 1))
        if not self.enabled:
            return found
        rows = self.used[0]
        # Products with 0 and 1 choose exactly, and unlike indices they add up gradients in the same order each time.
        chosen = (ids[..., None] - self.known) == torch.arange(len(rows), device=ids.device)
        return torch.where((ids >= self.known)[..., None], (chosen.to(rows.dtype) @ rows).to(found.dtype), found)


def put_embeddings(triggers: dict[str, Trigger], plan: Pivotal) -> dict[str, dict[str, Any]]:
    """Put the embedding into each text encoder, by its name. Returns the layers of the adapter, by part and module."""
    layers: dict[str, dict[str, Any]] = {}
    for encoder, trigger in triggers.items():
        base = trigger.table.token_embedding
        layer = EmbeddingLayer(base, PARTS[encoder], plan, trigger.start).to(base.weight.device)
        trigger.table.token_embedding = layer
        layers[PARTS[encoder]] = {_MODULE: layer}
    return layers


def embedding_file(tensors: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of an embedding's file, from those of the adapter.

    For SDXL they are `clip_l` and `clip_g`, for SD1.5 `emb_params`: the names of sd-scripts, which A1111, Forge and
    ComfyUI read; diffusers takes the tensors by these names.
    """
    first, second = (tensors.get(f"{part}.{_MODULE}.rows") for part in PARTS.values())
    if first is None:
        return {}
    if second is None:
        return {"emb_params": first.to(dtype)}
    return {"clip_l": first.to(dtype), "clip_g": second.to(dtype)}
