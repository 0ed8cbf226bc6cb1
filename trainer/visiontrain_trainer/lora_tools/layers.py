"""A LoRA file as layers: for each module two matrices whose product, times alpha ÷ rank, is its weight change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .tensors import Array, read

_ROLES = (
    (re.compile(r"(?:\.processor)?(?:\.lora_down|\.lora_A(?:\.default)?|\.lora\.down|_lora\.down)\.weight$"), "down"),
    (re.compile(r"(?:\.processor)?(?:\.lora_up|\.lora_B(?:\.default)?|\.lora\.up|_lora\.up)\.weight$"), "up"),
    (re.compile(r"\.lora_linear_layer\.down\.weight$"), "down"),
    (re.compile(r"\.lora_linear_layer\.up\.weight$"), "up"),
    (re.compile(r"\.lora_mid\.weight$"), "mid"),
    (re.compile(r"\.alpha$"), "alpha"),
)
#: Kinds whose weight change is no product of two matrices, by a text in the names of their tensors.
_OTHERS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "dora_scale": "a DoRA",
    "magnitude": "a DoRA",
    "oft_": "an OFT",
    "on_input": "an (IA)3",
}


@dataclass(frozen=True)
class Layer:
    """`down` is [rank, in], flat; `up` is [out, rank]. `kernel` is the shape of `down` behind its rank."""

    down: Array
    up: Array
    alpha: float
    kernel: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.down)

    def delta(self) -> Array:
        """The weight change [out, in]. It is large: for tests."""
        return self.up @ self.down * (self.alpha / self.rank)


@dataclass(frozen=True)
class Lora:
    """A file: its layers by module name as the file spells it, its metadata and its number format."""

    layers: dict[str, Layer]
    metadata: dict[str, str]
    dtype: str


def load(path: Path) -> Lora:
    """Raises TrainingError when the file is damaged, or of a kind that cannot be made smaller or mixed exactly."""
    tensors, metadata, dtype = read(path)
    kind = next((kind for mark, kind in _OTHERS.items() if any(mark in name for name in tensors)), None)
    if kind is not None:
        raise TrainingError(
            f"{path} is {kind}: its weight change is no product of two matrices, so it is neither resized nor merged.",
            next_steps=["visiontrain lora inspect shows what it holds."],
            id="lora/not-made",
        )
    groups: dict[str, dict[str, Array]] = {}
    for name, value in tensors.items():
        for ending, role in _ROLES:
            if ending.search(name):
                groups.setdefault(ending.sub("", name), {})[role] = value
                break
        else:
            raise TrainingError(f"{path} holds {name}, which is no part of a LoRA.", id="lora/not-made")
    if not groups:
        raise TrainingError(f"{path} holds no layer of a LoRA.", id="lora/not-made")
    return Lora({module: _layer(path, module, group) for module, group in groups.items()}, metadata, dtype)


def _layer(path: Path, module: str, group: Mapping[str, Array]) -> Layer:
    if not {"down", "up"} <= group.keys():
        raise TrainingError(f"{path}: one half of {module} is missing.", id="lora/not-made")
    down, up = group["down"], group["up"]
    if "mid" in group:
        # A Tucker core (LyCORIS): the small convolution is multiplied into `down`, which gives a plain LoCon.
        down = np.einsum("mnkl,ni->mikl", group["mid"], down.reshape(len(down), -1))
    rank = len(down)
    if up.ndim < 2 or up.shape[1] != rank or up.size != up.shape[0] * rank:
        raise TrainingError(
            f"{path}: the halves of {module} have the shapes {down.shape} and {up.shape}.", id="lora/not-made"
        )
    alpha = float(group["alpha"].reshape(-1)[0]) if "alpha" in group else float(rank)
    return Layer(down.reshape(rank, -1), up.reshape(-1, rank), alpha, tuple(down.shape[1:]))


def tensors_of(layers: Mapping[str, Layer]) -> dict[str, Array]:
    """The tensors of a kohya file, by name."""
    out: dict[str, Array] = {}
    for module, layer in layers.items():
        ones = (1,) * (len(layer.kernel) - 1)
        out[f"{module}.lora_down.weight"] = layer.down.reshape(layer.rank, *layer.kernel)
        out[f"{module}.lora_up.weight"] = layer.up.reshape(-1, layer.rank, *ones)
        out[f"{module}.alpha"] = np.array(layer.alpha)
    return out
