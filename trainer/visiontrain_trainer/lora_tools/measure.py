"""How much LoRA files change by block, and how far two of them lie apart, from their factors.

The lengths are those of the weight change, ‖ΔW‖ (Frobenius). Of a LoRA and a LoKr they come from small Gram matrices
without forming ΔW; of a LoHa, a Tucker core and full differences ΔW is formed, one layer at a time. A DoRA is measured
without its lengths, which mean something only beside the base.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .alphas import Alphas
from .changes import UNREAD, flat, weight_change
from .layers import alpha_of, grouped
from .modules import parts_of
from .tensors import Array, Stored

_BLOCK = re.compile(r"(?:down_blocks|up_blocks)\.\d+|mid_block")


#: Share of the squared lengths from which their difference is exact to eight digits and more.
_SURE = 1e-7


@dataclass
class Sums:
    """Squared lengths and the product of the layers of a block."""

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
    """A file that is measured: its layers by their name in diffusers, and those that are of kinds without a length."""

    def __init__(self, path: Path) -> None:
        self.path, self._stored = path, Stored(path)
        self._alphas = Alphas(self._stored.metadata, str(path))
        groups, strange = grouped(self._stored.places)
        self.modules = {_canonical(module): (module, roles) for module, roles in groups.items()}
        self.unread = sorted({n for n in strange if any(mark in n for mark in UNREAD)})

    def factors(self, name: str) -> _Factors | None:
        """None for a layer without a weight change, or whose tensors do not fit together."""
        module, roles = self.modules[name]
        tensors = {role: self._stored.array(stored) for role, stored in roles.items()}
        try:
            return self._factors(module, tensors)
        except (KeyError, ValueError, IndexError, TypeError, ZeroDivisionError):
            return None

    def magnitude(self, name: str) -> Array | None:
        """The lengths of a DoRA's layer; None for another kind."""
        stored = self.modules[name][1].get("magnitude")
        return None if stored is None else self._stored.array(stored)

    def _factors(self, module: str, tensors: Mapping[str, Array]) -> _Factors | None:
        if {"down", "up"} <= tensors.keys() and "mid" not in tensors:
            down, up = flat(tensors["down"]), flat(tensors["up"])
            if down.shape[0] != up.shape[1]:
                return None
            return _Factors(alpha_of(module, tensors, len(down), self._alphas) / len(down), down, up, None)
        shape = _shape_of(tensors)
        if shape is None:
            return None
        change, rank = weight_change(tensors, shape)
        scale = 1.0 if rank == 0 else alpha_of(module, tensors, rank, self._alphas) / rank
        return _Factors(scale, None, None, flat(change))


def _shape_of(tensors: Mapping[str, Array]) -> tuple[int, ...] | None:
    """The shape of the weight that the tensors of a layer change; None where they change none."""
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
        first = tensors.get("lokr_w1")
        o1, i1 = first.shape[:2] if first is not None else (len(tensors["lokr_w1_a"]), tensors["lokr_w1_b"].shape[1])
        if "lokr_w2" in tensors:
            o2, *others = tensors["lokr_w2"].shape
            return o1 * o2, i1 * math.prod(others)
        if "lokr_t2" in tensors:
            a, b, core = tensors["lokr_w2_a"], tensors["lokr_w2_b"], tensors["lokr_t2"]
            return o1 * a.shape[1], i1 * b.shape[1], *core.shape[2:]
        return o1 * len(tensors["lokr_w2_a"]), i1 * flat(tensors["lokr_w2_b"]).shape[1]
    if "mid" in tensors:
        return len(tensors["up"]), flat(tensors["down"]).shape[1], *tensors["mid"].shape[2:]
    return None


def _canonical(module: str) -> str:
    try:
        part, name = parts_of(module)
    except TrainingError:
        return module.replace(".", "_")
    return f"{part}.{name}"


def block_of(name: str) -> str:
    """The block of a layer: of the U-Net `down_blocks.1` and the like, or the text encoder that it is of."""
    part, _, module = name.partition(".")
    if part.startswith("text_encoder"):
        return part
    block = _BLOCK.match(module)
    return "other layers" if block is None else block[0]


def norms(path: Path) -> dict[str, Any]:
    """‖ΔW‖ by block and of the whole file, and the names of layers that have none here."""
    file = Measured(path)
    blocks: dict[str, Sums] = {}
    left = list(file.unread)
    for name in sorted(file.modules):
        factors = file.factors(name)
        if factors is None:
            left.append(file.modules[name][0])
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


def compare(first: Path, second: Path) -> dict[str, Any]:
    """How far two files lie apart, by block and whole: ‖ΔWa − ΔWb‖ ÷ ‖ΔWa‖, the cosine, and layers only in one."""
    files = Measured(first), Measured(second)
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
