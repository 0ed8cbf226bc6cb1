"""A LoRA file as layers: for each module two matrices whose product, times alpha ÷ rank, is its weight change.

A layer of another kind (LoHa, LoKr, DoRA, OFT …) is its weight change, formed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .alphas import Alphas
from .changes import change_of, flat, needs_base, rank_of, weight_change
from .modules import parts_of
from .roles import mixed, role_of
from .tensors import Array, Stored

_KINDS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "magnitude": "a DoRA",
    "diff": "a file of full differences",
    "oft_blocks": "an OFT",
    "a1": "a GLoRA",
    "on_input": "an (IA)³",
}


def grouped(names: Iterable[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The names of tensors by module, as the file spells it, and by role; and those that belong to no layer."""
    known = set(names)
    groups: dict[str, dict[str, str]] = {}
    strange = []
    for name in names:
        found = role_of(name, known)
        if found is None:
            strange.append(name)
        else:
            groups.setdefault(found[0], {})[found[1]] = name
    return groups, strange


def kind_of(roles: Iterable[str]) -> str | None:
    """The kind of a layer whose weight change is not a product of two matrices; None for a LoRA, with a core or not."""
    return next((kind for mark, kind in _KINDS.items() for role in roles if role.startswith(mark)), None)


@dataclass(frozen=True)
class Layer:
    """A LoRA's layer:

    `down` [rank, in · kernel area], `up` [out, rank]; `kernel` is the shape of `down` after its rank.
    """

    down: Array
    up: Array
    alpha: float
    kernel: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def out(self) -> int:
        return len(self.up)

    def delta(self) -> Array:
        """The weight change, formed whole: [out, in · kernel area]."""
        return self.up @ self.down * (self.alpha / self.rank)


@dataclass(frozen=True)
class Dense:
    """A layer of another kind, as its weight change formed whole: `change` [out, in · kernel area]."""

    change: Array
    kernel: tuple[int, ...]

    @property
    def out(self) -> int:
        return len(self.change)

    def delta(self) -> Array:
        return self.change


@dataclass(frozen=True)
class Spelled:
    """A layer's tensors by role, and the shape of its weight where the file tells it."""

    module: str
    tensors: Mapping[str, Array]
    scale: float

    def of_its_own(self) -> Array | None:
        """ΔW [out, in] of a kind that needs no base; None where the tensors make none."""
        shape = shape_of(self.tensors)
        return None if shape is None else flat(weight_change(self.tensors, shape)[0]) * self.scale

    def beside(self, weight: Array) -> Array:
        """ΔW in the shape of the base's weight."""
        return change_of(self.tensors, weight, self.scale)


class File:
    """A LoRA file whose layers are read one by one, in fp64 or, where `numbers` says so, in fp32.

    Raises TrainingError when it is damaged, or its metadata hides its alphas.
    """

    def __init__(self, path: Path, numbers: type[np.floating] = np.float64) -> None:
        self.path, self.stored, self._numbers = path, Stored(path), numbers
        self.alphas = Alphas(self.stored.metadata, str(path))
        #: Names of tensors by module, as the file spells it, and by role.
        self.groups, self.strange = grouped(self.stored.places)

    def spelled(self, module: str) -> Spelled:
        """Raises TrainingError when a tensor holds numbers that are not finite, or the tensors are of two kinds."""
        if kinds := mixed(self.groups[module]):
            text = f"{self.path}: {module} has tensors of several kinds: {', '.join(kinds)}."
            raise TrainingError(text, id="lora/not-made")
        tensors = {role: self.stored.array(name, self._numbers) for role, name in self.groups[module].items()}
        rank = rank_of(tensors)
        scale = alpha_of(module, tensors, rank, self.alphas) / rank if rank > 0 else 1.0
        return Spelled(module, tensors, scale)


def alpha_of(module: str, tensors: Mapping[str, Array], rank: int, alphas: Alphas) -> float:
    """A layer's alpha: that of its tensor, or of peft's configuration in the metadata, or else the rank."""
    if "alpha" in tensors:
        if tensors["alpha"].size != 1:
            raise TrainingError(
                f"{alphas.source}: the alpha of {module} has {tensors['alpha'].size} numbers; one is right.",
                id="lora/not-made",
            )
        return float(tensors["alpha"].reshape(-1)[0])
    try:
        alpha = alphas.of(*parts_of(module), rank)
    except TrainingError as error:
        # A name of another family is no error: its alpha is the rank. Metadata that cannot be read is one.
        if error.id == "lora/unusable":
            raise
        alpha = None
    return float(rank) if alpha is None else alpha


def shape_of(tensors: Mapping[str, Array]) -> tuple[int, ...] | None:
    """The shape of the weight that the tensors of a layer change; None where they change none, or do not tell it."""
    if "diff" in tensors:
        return tensors["diff"].shape
    if "hada_t1" in tensors:
        return (
            tensors["hada_w1_a"].shape[1],
            tensors["hada_w1_b"].shape[1],
            *tensors["hada_t1"].shape[2:],
        )
    if "hada_w1_a" in tensors:
        return len(tensors["hada_w1_a"]), flat(tensors["hada_w1_b"]).shape[1]
    if any(role.startswith("lokr") for role in tensors):
        return _lokr_shape(tensors)
    if "mid" in tensors:
        return len(tensors["up"]), flat(tensors["down"]).shape[1], *tensors["mid"].shape[2:]
    if "down" in tensors and "up" in tensors:
        return len(tensors["up"]), *tensors["down"].shape[1:]
    return None


def _lokr_shape(tensors: Mapping[str, Array]) -> tuple[int, ...]:
    first = tensors.get("lokr_w1")
    o1, i1 = first.shape[:2] if first is not None else (len(tensors["lokr_w1_a"]), tensors["lokr_w1_b"].shape[1])
    if "lokr_w2" in tensors:
        o2, i2, *kernel = tensors["lokr_w2"].shape
        return o1 * o2, i1 * i2, *kernel
    if "lokr_t2" in tensors:
        a, b, core = tensors["lokr_w2_a"], tensors["lokr_w2_b"], tensors["lokr_t2"]
        return o1 * a.shape[1], i1 * b.shape[1], *core.shape[2:]
    return o1 * len(tensors["lokr_w2_a"]), i1 * flat(tensors["lokr_w2_b"]).shape[1]


def layer_of(file: File, module: str, weight: Array | None) -> Layer | Dense:
    """A layer as it is in the file. `weight` is the base's, or None where no base is given.

    Raises TrainingError when its tensors do not fit together, or it needs a base that is not given.
    """
    spelled = file.spelled(module)
    tensors = spelled.tensors
    if not needs_base(tensors) and {"down", "up"} <= tensors.keys():
        return _thin(file.path, spelled)
    kind = kind_of(tensors)
    if kind is None:
        raise TrainingError(f"{file.path}: one half of {module} is missing.", id="lora/not-made")
    if needs_base(tensors) and weight is None:
        raise TrainingError(
            f"{file.path} is {kind}: what it changes depends on the base ({module}).",
            next_steps=["Name the base that it is for:  --base MODEL"],
            id="lora/not-made",
        )
    try:
        # A matrix alone does not tell the kernel of a convolution; the base's weight does.
        change = spelled.of_its_own() if weight is None else flat(spelled.beside(weight))
    except (LookupError, ValueError, TypeError, AttributeError, ZeroDivisionError, np.linalg.LinAlgError) as error:
        why = str(error).split("\n")[0][:200]
        raise TrainingError(
            f"{file.path}: the tensors of {module} do not fit together, or not the base's weight.",
            [why],
            next_steps=[f"visiontrain lora check {file.path}"],
            id="lora/not-made",
        ) from error
    if change is None or change.size == 0:
        raise TrainingError(f"{file.path}: {module} changes no weight.", id="lora/not-made")
    if not np.isfinite(change).all():
        raise TrainingError(f"{file.path}: {module} has a change that is not finite.", id="lora/not-made")
    shape = shape_of(tensors) if weight is None else weight.shape
    assert shape is not None
    return Dense(change, _kernel(file.path, module, tensors, shape))


def _kernel(path: Path, module: str, tensors: Mapping[str, Array], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a weight behind its outputs. LyCORIS stores LoHas and LoKrs of convolutions as matrices."""
    if len(shape) > 2 or not any(role.startswith(("hada", "lokr")) for role in tensors):
        return tuple(shape[1:])
    try:
        part, name = parts_of(module)
    except TrainingError:
        return tuple(shape[1:])
    is_wide = part == "unet" and (".conv" in name or name.startswith("conv_")) and not name.endswith("conv_shortcut")
    if not is_wide or shape[1] % 9 != 0:
        return tuple(shape[1:])
    return shape[1] // 9, 3, 3


def _thin(path: Path, spelled: Spelled) -> Layer:
    module, group = spelled.module, spelled.tensors
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
    return Layer(down.reshape(rank, -1), up.reshape(-1, rank), spelled.scale * rank, tuple(down.shape[1:]))


def _with_core(path: Path, module: str, core: Array, down: Array) -> Array:
    """`down` with a Tucker core (LyCORIS) multiplied in, which gives a plain LoCon."""
    if core.ndim != 4 or core.shape[1] != len(down) or len(down) == 0:
        raise TrainingError(
            f"{path}: the core of {module} has the shape {core.shape}, its down {down.shape}.", id="lora/not-made"
        )
    return np.einsum("mnkl,ni->mikl", core, down.reshape(len(down), -1))
