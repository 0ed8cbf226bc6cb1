"""How much LoRA files change by block, and how far two of them lie apart, from their factors.

The lengths are those of the weight change, ‖ΔW‖ (Frobenius). Of a LoRA they come from small Gram matrices without
forming ΔW; of other kinds ΔW is formed, one layer at a time. OFT, BOFT, GLoRA and (IA)³ have a length only beside their
base, without which a DoRA is measured as the LoRA that it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .changes import flat, needs_base
from .layers import File, Spelled
from .modules import by_name
from .roles import unread_kind
from .tensors import Array

#: Errors that numpy raises for tensors that do not fit together or the base's weight.
_UNFIT = (LookupError, ValueError, TypeError, AttributeError, ZeroDivisionError, np.linalg.LinAlgError)
_BLOCK = re.compile(r"(?:down_blocks|up_blocks)\.\d+|mid_block")


#: Share of the squared lengths from which their difference is exact to eight digits and more.
_SURE = 1e-7


class Weights(Protocol):
    """A base whose weights are asked for by a layer's name."""

    def weight(self, layer: str) -> Array | None: ...


class Spot(Protocol):
    """A layer of a base: the shape of its tensor, and its outputs and inputs."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def sides(self) -> tuple[int, int]: ...


@dataclass
class Sums:
    """Sums over the layers of a block: squared norms of both files, and the inner product of their changes."""

    layers: int = 0
    first: float = 0.0
    second: float = 0.0
    product: float = 0.0
    apart: float = 0.0


@dataclass(frozen=True)
class _Factors:
    """A layer whose change is up · down · scale, or `dense` · scale."""

    scale: float
    down: Array | None
    up: Array | None
    dense: Array | None

    @property
    def sides(self) -> tuple[int, int]:
        if self.dense is not None:
            return self.dense.shape[0], self.dense.shape[1]
        assert self.down is not None and self.up is not None
        return len(self.up), self.down.shape[1]

    def whole(self) -> Array:
        """ΔW, formed."""
        if self.dense is not None:
            return self.dense * self.scale
        assert self.down is not None and self.up is not None
        return self.up @ self.down * self.scale


class Measured:
    """A file that is measured: its layers by their name in diffusers, each with its spelling in the file.

    `base` gives the weights that DoRA, OFT, BOFT, GLoRA and (IA)³ change.
    """

    def __init__(self, path: Path, base: Weights | None = None, numbers: type[np.floating] = np.float64) -> None:
        self.path, self._file, self._base = path, File(path, numbers), base
        self.modules = by_name(path, self._file.groups)

    @property
    def strange(self) -> list[str]:
        """Tensors that belong to no layer."""
        return self._file.strange

    @property
    def unread(self) -> list[str]:
        """Tensors of kinds whose weight change is not computed here."""
        return sorted({n for n in self.strange if unread_kind([n]) is not None})

    def roles(self, name: str) -> set[str]:
        return set(self._file.groups[self.modules[name]])

    def spelled(self, name: str) -> Spelled:
        return self._file.spelled(self.modules[name])

    def factors(self, name: str) -> _Factors | None:
        """The factors of a layer; None where it changes no weight, or its tensors do not fit together."""
        try:
            return self._factors(name, self.spelled(name))
        except _UNFIT:
            return None

    def _factors(self, name: str, spelled: Spelled) -> _Factors | None:
        tensors = spelled.tensors
        if self._base is None and "magnitude" in tensors:
            tensors = {role: tensor for role, tensor in tensors.items() if role != "magnitude"}
            spelled = replace(spelled, tensors=tensors)
        if needs_base(tensors):
            weight = None if self._base is None else self._base.weight(name)
            return None if weight is None else _Factors(1.0, None, None, flat(spelled.beside(weight)))
        if {"down", "up"} <= tensors.keys() and "mid" not in tensors:
            down, up = flat(tensors["down"]), flat(tensors["up"])
            return _Factors(spelled.scale, down, up, None) if down.shape[0] == up.shape[1] else None
        change = spelled.of_its_own()
        return None if change is None else _Factors(1.0, None, None, change)

    def sides(self, name: str, spot: Spot) -> tuple[int, int]:
        """Outputs and inputs of a layer. A kind that tells fewer gets those of the base where it fits it, else 0."""
        out, into = spot.sides
        if not needs_base(self.roles(name)):
            factors = self.factors(name)
            return spot.sides if factors is None else factors.sides
        # The shapes decide alone, so that no weight of the base is read.
        weight = np.broadcast_to(np.zeros(()), (out, *spot.shape[1:]))
        try:
            self.spelled(name).beside(weight)
        except _UNFIT:
            return 0, 0
        return out, into


def block_of(name: str) -> str:
    """The block of a layer: of the U-Net `down_blocks.1` and the like, or the text encoder that it is of."""
    part, _, module = name.partition(".")
    if part.startswith("text_encoder"):
        return part
    block = _BLOCK.match(module)
    return "other layers" if block is None else block[0]


def norms(path: Path, base: Weights | None = None) -> dict[str, Any]:
    """‖ΔW‖ by block and of the whole file, and the names of layers that have none here."""
    # The norms need six digits, and fp32 takes half the time of fp64 to read and multiply.
    file = Measured(path, base, np.float32)
    blocks: dict[str, Sums] = {}
    left = list(file.unread)
    for name in sorted(file.modules):
        factors = file.factors(name)
        if factors is None:
            left.append(file.modules[name])
            continue
        sums = blocks.setdefault(block_of(name), Sums())
        sums.layers += 1
        sums.first += _product(factors, factors)
    listed = [
        {"block": block, "layers": sums.layers, "norm": math.sqrt(max(0.0, sums.first))}
        for block, sums in sorted(blocks.items())
    ]
    whole = math.sqrt(max(0.0, sum(sums.first for sums in blocks.values())))
    return {"path": str(path), "whole": whole, "blocks": listed, "unmeasured": left}


def compare(first: Path, second: Path, base: Weights | None = None) -> dict[str, Any]:
    """How far two files lie apart, by block and whole: ‖ΔWa − ΔWb‖ ÷ ‖ΔWa‖, the cosine, and layers only in one."""
    files = Measured(first, base), Measured(second, base)
    blocks: dict[str, Sums] = {}
    unlike: list[str] = []
    only = [sorted(a.modules.keys() - b.modules.keys()) for a, b in (files, files[::-1])]
    for name, pair in _pairs(files):
        if pair[0] is None or pair[1] is None:
            unlike.append(name)
            continue
        if pair[0].sides != pair[1].sides:
            unlike.append(name)
            continue
        sums = blocks.setdefault(block_of(name), Sums())
        sums.layers += 1
        first, second, product = (_product(pair[i], pair[j]) for i, j in ((0, 0), (1, 1), (0, 1)))
        sums.first += first
        sums.second += second
        sums.product += product
        # By Gram matrices it takes a tenth of the time, and what they round away is far below this share.
        quick = first + second - 2 * product
        sums.apart += quick if quick > _SURE * (first + second) else _apart(pair[0], pair[1])
    listed = [{"block": block, "layers": sums.layers, **_told(sums)} for block, sums in sorted(blocks.items())]
    fields = ("layers", "first", "second", "product", "apart")
    whole = Sums(*(sum(getattr(sums, field) for sums in blocks.values()) for field in fields))
    return {
        "whole": _told(whole),
        "blocks": listed,
        "only_first": only[0],
        "only_second": only[1],
        "not_compared": unlike,
    }


def _pairs(files: tuple[Measured, Measured]) -> Iterator[tuple[str, tuple[_Factors | None, _Factors | None]]]:
    for name in sorted(files[0].modules.keys() & files[1].modules.keys()):
        yield name, (files[0].factors(name), files[1].factors(name))


def _told(sums: Sums) -> dict[str, Any]:
    first, second = math.sqrt(max(0.0, sums.first)), math.sqrt(max(0.0, sums.second))
    both = first * second
    return {
        "first": first,
        "second": second,
        "distance": math.sqrt(sums.apart) / first if first > 0 else None,
        "cosine": max(-1.0, min(1.0, sums.product / both)) if both > 0 else None,
    }


def _product(a: _Factors, b: _Factors) -> float:
    """⟨ΔWa, ΔWb⟩. Of two that are factors it is the sum of the product of two small matrices."""
    if a.dense is None and b.dense is None:
        assert a.down is not None and a.up is not None and b.down is not None and b.up is not None
        return float(((a.down @ b.down.T) * (a.up.T @ b.up)).sum()) * a.scale * b.scale
    return float((a.whole() * b.whole()).sum())


def _apart(a: _Factors, b: _Factors) -> float:
    """‖ΔWa − ΔWb‖², from the factors of the difference: a difference of squares would lose what is small."""
    if a.dense is None and b.dense is None:
        assert a.down is not None and a.up is not None and b.down is not None and b.up is not None
        if a.scale == b.scale and np.array_equal(a.down, b.down) and np.array_equal(a.up, b.up):
            return 0.0
        down = np.concatenate([a.down, b.down])
        up = np.concatenate([a.up * a.scale, -b.up * b.scale], axis=1)
        # The triangles of two QRs hold the lengths of the product without its rounding.
        triangle = np.linalg.qr(up, mode="r") @ np.linalg.qr(down.T, mode="r").T
        return float(np.square(triangle).sum())
    return float(np.square(a.whole() - b.whole()).sum())
