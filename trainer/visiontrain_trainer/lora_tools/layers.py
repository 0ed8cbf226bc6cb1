"""A LoRA file as layers: for each module two matrices whose product, times alpha ÷ rank, is its weight change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .alphas import Alphas
from .changes import PIECES, UNREAD
from .modules import parts_of
from .tensors import Array, Stored

_ROLES = (
    (re.compile(r"(?:\.processor)?(?:\.lora_down|\.lora_A(?:\.default)?|\.lora\.down|_lora\.down)\.weight$"), "down"),
    (re.compile(r"(?:\.processor)?(?:\.lora_up|\.lora_B(?:\.default)?|\.lora\.up|_lora\.up)\.weight$"), "up"),
    (re.compile(r"\.lora_linear_layer\.down\.weight$"), "down"),
    (re.compile(r"\.lora_linear_layer\.up\.weight$"), "up"),
    (re.compile(r"\.lora_mid\.weight$"), "mid"),
    (
        re.compile(r"\.(?:dora_scale|lora_magnitude_vector(?:\.default)?(?:\.weight)?|lora\.magnitude_vector)$"),
        "magnitude",
    ),
    (re.compile(r"\.diff$"), "diff"),
    (re.compile(r"\.diff_b$"), "diff_b"),
    (re.compile(r"\.alpha$"), "alpha"),
    *((re.compile(rf"\.{piece}$"), piece) for piece in PIECES),
)


def grouped(names: Iterable[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The names of tensors by module, as the file spells it, and by role; and those that belong to no layer."""
    groups: dict[str, dict[str, str]] = {}
    strange = []
    for name in names:
        for ending, role in _ROLES:
            if ending.search(name):
                groups.setdefault(ending.sub("", name), {})[role] = name
                break
        else:
            strange.append(name)
    return groups, strange


def kind_of(roles: Iterable[str]) -> str | None:
    """What a layer is whose weight change is no product of two matrices; None for a LoRA, with a Tucker core or not."""
    for role in roles:
        if role.startswith("hada_"):
            return "a LoHa"
        if role.startswith("lokr_"):
            return "a LoKr"
        if role == "magnitude":
            return "a DoRA"
        if role.startswith("diff"):
            return "a file of full differences"
    return None


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
    stored = Stored(path)
    kind = next((kind for mark, kind in UNREAD.items() if any(mark in name for name in stored.places)), None)
    groups, strange = grouped(stored.places)
    kind = kind or next((kind for roles in groups.values() if (kind := kind_of(roles)) is not None), None)
    if kind is not None:
        raise TrainingError(
            f"{path} is {kind}: its weight change is no product of two matrices, so it is neither resized nor merged.",
            next_steps=["visiontrain lora inspect shows what it holds."],
            id="lora/not-made",
        )
    if strange:
        raise TrainingError(f"{path} holds {strange[0][:200]}, which is no part of a LoRA.", id="lora/not-made")
    if not groups:
        raise TrainingError(f"{path} holds no layer of a LoRA.", id="lora/not-made")
    alphas = Alphas(stored.metadata, str(path))
    layers = {}
    for module, roles in groups.items():
        tensors = {role: stored.array(name) for role, name in roles.items()}
        layers[module] = _layer(path, module, tensors, alphas)
    return Lora(layers, stored.metadata, stored.common)


def alpha_of(module: str, tensors: Mapping[str, Array], rank: int, alphas: Alphas) -> float:
    """A layer's alpha: that of its tensor, or of peft's configuration in the metadata, or else the rank."""
    if "alpha" in tensors and tensors["alpha"].size == 1:
        return float(tensors["alpha"].reshape(-1)[0])
    try:
        told = alphas.of(*parts_of(module), rank)
    except TrainingError as error:
        # The names of another family say nothing of its alpha; metadata that cannot be read does.
        if error.id == "lora/unusable":
            raise
        told = None
    return float(rank) if told is None else told


def _layer(path: Path, module: str, group: Mapping[str, Array], alphas: Alphas) -> Layer:
    if not {"down", "up"} <= group.keys():
        raise TrainingError(f"{path}: one half of {module} is missing.", id="lora/not-made")
    down, up = group["down"], group["up"]
    if down.ndim == 0 or up.ndim == 0:
        raise TrainingError(f"{path}: a half of {module} is a single number.", id="lora/not-made")
    if "mid" in group:
        down = _with_core(path, module, group["mid"], down)
    rank = len(down)
    if rank == 0 or up.ndim < 2 or down.ndim < 2 or up.shape[1] != rank or up.size != up.shape[0] * rank:
        raise TrainingError(
            f"{path}: the halves of {module} have the shapes {down.shape} and {up.shape}.", id="lora/not-made"
        )
    alpha = alpha_of(module, group, rank, alphas)
    return Layer(down.reshape(rank, -1), up.reshape(-1, rank), alpha, tuple(down.shape[1:]))


def _with_core(path: Path, module: str, core: Array, down: Array) -> Array:
    """`down` with a Tucker core (LyCORIS) multiplied in, which gives a plain LoCon."""
    if core.ndim != 4 or core.shape[1] != len(down) or len(down) == 0:
        raise TrainingError(
            f"{path}: the core of {module} has the shape {core.shape}, its down {down.shape}.", id="lora/not-made"
        )
    return np.einsum("mnkl,ni->mikl", core, down.reshape(len(down), -1))


def tensors_of(layers: Mapping[str, Layer]) -> dict[str, Array]:
    """The tensors of a kohya file, by name."""
    out: dict[str, Array] = {}
    for module, layer in layers.items():
        ones = (1,) * (len(layer.kernel) - 1)
        out[f"{module}.lora_down.weight"] = layer.down.reshape(layer.rank, *layer.kernel)
        out[f"{module}.lora_up.weight"] = layer.up.reshape(-1, layer.rank, *ones)
        out[f"{module}.alpha"] = np.array(layer.alpha)
    return out
