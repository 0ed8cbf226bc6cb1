"""CLIP's text transformer (arXiv:2103.00020), as SD1.5 and SDXL use it: 100 lines in place of an import of two seconds.

Modules have the names that transformers 5 gives them, because adapters, their initial weights and LoRA files refer to
layers by these names. Each operation is the one transformers does, so that the states have the same bits
(docs/decisions/0021-own-clip.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.base.errors import TrainingError


def quick_gelu(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(1.702 * x)


_ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": F.gelu}
#: Values for the keys that a configuration leaves out: those of OpenAI's first CLIP.
_DEFAULTS = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "projection_dim": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": 49407,
}


class Embeddings(nn.Module):
    def __init__(self, c: Mapping[str, Any]) -> None:
        super().__init__()
        # `from_pretrained` takes an empty table. `nn.Embedding(…)` would draw normal numbers, and drawing them on the
        # device "meta" imports torch's compiler.
        self.token_embedding, self.position_embedding = (
            nn.Embedding.from_pretrained(torch.empty(c[count], c["hidden_size"]), freeze=False)
            for count in ("vocab_size", "max_position_embeddings")
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[-1]]


class Attention(nn.Module):
    def __init__(self, c: Mapping[str, Any]) -> None:
        super().__init__()
        width = c["hidden_size"]
        self.heads = c["num_attention_heads"]
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            p(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=q.shape[-1] ** -0.5)
        return self.out_proj(y.transpose(1, 2).flatten(-2))


class Mlp(nn.Module):
    def __init__(self, c: Mapping[str, Any]) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[c["hidden_act"]]
        self.fc1 = nn.Linear(c["hidden_size"], c["intermediate_size"])
        self.fc2 = nn.Linear(c["intermediate_size"], c["hidden_size"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class Layer(nn.Module):
    def __init__(self, c: Mapping[str, Any]) -> None:
        super().__init__()
        self.self_attn = Attention(c)
        self.layer_norm1 = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])
        self.mlp = Mlp(c)
        self.layer_norm2 = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, c: Mapping[str, Any]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))


class ClipText(nn.Module):
    """The transformer alone. `config` is config.json of a CLIPTextModel.

    Raises TrainingError when the configuration is not that of a CLIP of Stable Diffusion 1.5 or XL.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        c = {**_DEFAULTS, **{key: value for key, value in config.items() if value is not None}}
        if c["hidden_act"] not in _ACTIVATIONS or c["hidden_size"] % c["num_attention_heads"]:
            raise TrainingError(
                f"A text encoder with the activation {c['hidden_act']}, {c['hidden_size']} wide, with "
                f"{c['num_attention_heads']} heads, is not a CLIP of Stable Diffusion 1.5 or XL.",
                next_steps=["Check config.json of the text encoders of model.base."],
                id="model/not-supported",
            )
        self.embeddings = Embeddings(c)
        self.encoder = Encoder(c)
        self.final_layer_norm = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])
        self.config = c

    def forward(self, ids: torch.Tensor, from_end: int) -> tuple[torch.Tensor, None]:
        """States [B, L, width] after layer `from_end`, counted from the end (1 is the last), for token ids [B, L].

        The final layer norm is not applied.
        """
        x = self.embeddings(ids)
        for layer in list(self.encoder.layers)[: len(self.encoder.layers) - from_end + 1]:
            x = layer(x)
        return x, None


class ClipTextWithProjection(nn.Module):
    """SDXL's second encoder: `ClipText`, and a projection of the state at the first end token."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.text_model = ClipText(config)
        c = self.text_model.config
        self.text_projection = nn.Linear(c["hidden_size"], c["projection_dim"], bias=False)
        self._end: int = c["eos_token_id"]
        self._known: int = c["vocab_size"]

    def forward(self, ids: torch.Tensor, from_end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """States [B, L, width] as `ClipText` gives them, and the projection [B, p]."""
        states, _ = self.text_model(ids, from_end)
        x, layers = states, self.text_model.encoder.layers
        for layer in list(layers)[len(layers) - from_end + 1 :]:
            x = layer(x)
        # Configurations written before transformers 4.31 wrongly give 2 as the end token. For them the end token is the
        # token with the highest id of the table; ids beyond it are of vectors that a run trains.
        ids = ids.where(ids < self._known, 0)
        end = (ids.int() if self._end == 2 else (ids == self._end).int()).argmax(dim=-1)
        x = self.text_model.final_layer_norm(x)
        return states, self.text_projection(x[torch.arange(len(x), device=x.device), end])
