"""Bounds on the numbers of a model's configuration: a stranger's file must not make the trainer build modules for ever.

This mirrors `src/registry/checkpoints/bounds.ts`, which refuses such a file before the run starts. The check here is
for files that changed since then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import TrainingError

_LAYERS, _WIDTH, _WORDS, _BLOCKS = 100, 100_000, 1_000_000, 10
#: The largest value allowed for each key: several times what the largest existing model has.
LIMITS = {
    "layers_per_block": 10,
    "transformer_layers_per_block": _LAYERS,
    "reverse_transformer_layers_per_block": _LAYERS,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": 1000,
    "attention_head_dim": 1000,
    "block_out_channels": _WIDTH,
    "cross_attention_dim": _WIDTH,
    "addition_time_embed_dim": _WIDTH,
    "projection_class_embeddings_input_dim": _WIDTH,
    "in_channels": _WIDTH,
    "out_channels": _WIDTH,
    "latent_channels": _WIDTH,
    "norm_num_groups": _WIDTH,
    "hidden_size": _WIDTH,
    "intermediate_size": _WIDTH,
    "projection_dim": _WIDTH,
    "max_position_embeddings": _WIDTH,
    "num_train_timesteps": _WIDTH,
    "vocab_size": _WORDS,
}
_LISTS = ("down_block_types", "up_block_types")


def check_bounds(config: Mapping[str, Any], where: str) -> None:
    """Raises TrainingError for a count that is no whole number from 1 to its limit.

    A count may also be null, or a list with one count for each block (for transformers, a list of such lists).
    """
    for key, most in LIMITS.items():
        if key in config and not _within(config[key], most, 2):
            raise _beyond(where, key, config[key], most)
    for key in _LISTS:
        if key in config and not (isinstance(config[key], list) and len(config[key]) <= _BLOCKS):
            raise _beyond(where, key, config[key], _BLOCKS)


def _within(value: object, most: int, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and len(value) <= _BLOCKS and all(_within(item, most, depth - 1) for item in value)
    return value is None or (type(value) is int and 1 <= value <= most)


def _beyond(where: str, key: str, value: object, most: int) -> TrainingError:
    return TrainingError(
        f"{where}: {key} is {str(value)[:40]}; no model of these families has that (at most {most}).",
        next_steps=["The file is damaged or not of this model: download the model again."],
        id="model/config",
    )
