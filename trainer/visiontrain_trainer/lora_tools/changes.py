"""The weight change of a layer of any kind of LoRA file, by the formulas of LyCORIS, A1111 and ComfyUI.

Arrays of numpy and tensors of torch are both taken, since only what both can do is used. A layer comes as its tensors
by role (`roles.py`). LoRA, LoCon, LoHa (arXiv:2108.06098), LoKr and full differences change a weight by what they hold
alone; DoRA (arXiv:2402.09353), OFT (arXiv:2306.07280), BOFT (arXiv:2311.06243), GLoRA (arXiv:2306.07967) and (IA)³
(arXiv:2205.05638) by what they make of the base's weight.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

#: Columns shorter than this are divided by it: a column of zeros has no direction.
_SHORTEST = 1e-12
#: The roles of tensors that change a weight by what it is.
_BASED = frozenset({"magnitude", "oft_blocks", "a1", "on_input"})


def flat(value: Any) -> Any:
    """The value as a matrix: its first axis, and all others as one."""
    return value.reshape(len(value), -1)


def needs_base(roles: Iterable[str]) -> bool:
    """Whether the weight change of a layer with tensors of these roles depends on the base's weight."""
    return not _BASED.isdisjoint(roles)


def changes_weight(roles: Iterable[str]) -> bool:
    """Whether a layer has more than an alpha, a difference of its bias, and differences of a norm."""
    return bool(set(roles) - {"alpha", "diff_b", "w_norm", "b_norm"})


def rank_of(pieces: Mapping[str, Any]) -> int:
    """The rank that a layer's alpha is divided by; 0 for a kind whose alpha is no scale, or a LoKr that is whole."""
    if any(role.startswith("lokr") for role in pieces):
        return max((_length(pieces[f"lokr_w{i}_b"]) for i in "12" if f"lokr_w{i}_b" in pieces), default=0)
    if "a1" in pieces and "a2" in pieces:
        return min(_length(pieces["a1"]), _length(pieces["a2"]))
    return next((_length(pieces[role]) for role in ("down", "hada_w1_b") if role in pieces), 0)


def _length(value: Any) -> int:
    """The first side, and 0 of a single number."""
    return value.shape[0] if value.shape else 0


def change_of(pieces: Mapping[str, Any], weight: Any, scale: float) -> Any:
    """ΔW of a layer at strength 1, in the weight's shape. `scale` is alpha ÷ rank, and 1 for kinds without it.

    Raises LookupError, ValueError or RuntimeError for tensors that do not fit together or the weight.
    """
    if "magnitude" in pieces:
        rest = {role: piece for role, piece in pieces.items() if role != "magnitude"}
        return _decomposed(weight, weight + change_of(rest, weight, scale), pieces["magnitude"]) - weight
    if "oft_blocks" in pieces:
        return _rotated(pieces, weight) - weight
    if "a1" in pieces:
        return _glora(pieces, weight) * scale
    if "on_input" in pieces:
        return _scaled(pieces, weight)
    return weight_change(pieces, tuple(weight.shape))[0] * scale


def weight_change(pieces: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, int]:
    """ΔW of `shape` from the tensors of a layer that needs no base, and the rank that its alpha is divided by.

    Raises KeyError, ValueError or RuntimeError for tensors that do not fit together or the shape.
    """
    if "diff" in pieces:
        change = pieces["diff"]
    elif "hada_w1_a" in pieces:
        halves = [_rebuilt(pieces.get(f"hada_t{i}"), pieces[f"hada_w{i}_a"], pieces[f"hada_w{i}_b"]) for i in "12"]
        change = halves[0] * halves[1]
    elif any(role.startswith("lokr") for role in pieces):
        change = _kronecker(pieces, shape)
    else:
        change = _product(pieces["up"], pieces["down"], pieces.get("mid"))
    return change.reshape(shape), rank_of(pieces)


def _product(up: Any, down: Any, core: Any) -> Any:
    """up · down, or with a Tucker core the convolution that it makes."""
    return (
        up.reshape(-1, len(down)) @ flat(down) if core is None else _tucker(core, flat(up).swapaxes(0, 1), flat(down))
    )


def _rebuilt(core: Any, a: Any, b: Any) -> Any:
    """a · b, or with a Tucker core the convolution that it makes; LyCORIS then stores `a` as [rank, out]."""
    return a @ flat(b) if core is None else _tucker(core, a, flat(b))


def _tucker(core: Any, a: Any, b: Any) -> Any:
    """Σᵢⱼ core[i, j, …] · a[i, out] · b[j, in], flat [out, in · k²]."""
    i, j, area = len(core), core.shape[1], math.prod(core.shape[2:])
    out = a.swapaxes(0, 1) @ core.reshape(i, j * area)
    by_input = out.reshape(-1, j, area).swapaxes(1, 2) @ b
    return by_input.swapaxes(1, 2).reshape(len(out), -1)


def _kronecker(pieces: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
    """w1 ⊗ w2."""
    first = pieces["lokr_w1"] if "lokr_w1" in pieces else pieces["lokr_w1_a"] @ pieces["lokr_w1_b"]
    if "lokr_w2" in pieces:
        second = pieces["lokr_w2"]
    else:
        second = _rebuilt(pieces.get("lokr_t2"), pieces["lokr_w2_a"], pieces["lokr_w2_b"])
    area = math.prod(shape[2:])
    first = flat(first)
    second = second.reshape(shape[0] // len(first), shape[1] // first.shape[1], area)
    product = first[:, None, :, None, None] * second[None, :, None, :, :]
    return product.reshape(shape)


def _decomposed(weight: Any, whole: Any, magnitude: Any) -> Any:
    """m · V / ‖V‖, by inputs or by outputs as the magnitude's shape tells."""
    by_input = magnitude.shape[:1] == (1,) and math.prod(magnitude.shape) == weight.shape[1]
    axes = (0, *range(2, weight.ndim)) if by_input else tuple(range(1, weight.ndim))
    lengths = ((whole * whole).sum(axes, keepdims=True) ** 0.5).clip(_SHORTEST)
    return magnitude.reshape(lengths.shape) * whole / lengths


def _cayley(blocks: Any, most: float) -> Any:
    """(I + Q)(I − Q)⁻¹ with Q = B − Bᵀ, whose length is `most` at most where that is above 0."""
    skew = blocks - blocks.swapaxes(-1, -2)
    if most > 0:
        length = float((skew * skew).sum() ** 0.5) + 1e-8
        skew = skew * (most / length) if length > most else skew
    if isinstance(skew, np.ndarray):
        one = np.eye(skew.shape[-1], dtype=skew.dtype)
        return (one + skew) @ np.linalg.inv(one - skew)
    torch = sys.modules["torch"]
    one = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    return (one + skew) @ torch.linalg.inv(one - skew)


def _rotated(pieces: Mapping[str, Any], weight: Any) -> Any:
    """The weight with its outputs turned: in blocks (OFT), or by a butterfly of stages (BOFT).

    alpha × outputs is the largest length of all blocks, as kohya, LyCORIS and A1111 have it.
    """
    blocks, out = pieces["oft_blocks"], weight.shape[0]
    most = float(pieces["alpha"].reshape(-1)[0]) * out if "alpha" in pieces else 0.0
    turns, size = _cayley(blocks, most), blocks.shape[-1]
    if blocks.ndim == 3:
        if len(blocks) * size != out:
            raise ValueError(f"{len(blocks)} blocks of {size} for {out} outputs")
        new = turns.swapaxes(1, 2) @ weight.reshape(len(blocks), size, -1)
    else:
        if blocks.ndim != 4 or size % 2 or blocks.shape[1] * size != out:
            raise ValueError(f"blocks of {tuple(blocks.shape)} for {out} outputs")
        new = weight.reshape(out, -1)
        for stage, turn in enumerate(turns):
            half = 2**stage * (size // 2)
            new = new.reshape(-1, 2, half, new.shape[-1]).swapaxes(1, 2).reshape(-1, size, new.shape[-1])
            new = (turn @ new).reshape(-1, half, 2, new.shape[-1]).swapaxes(1, 2).reshape(out, -1)
    new = new.reshape(out, -1)
    if "rescale" in pieces:
        new = new * pieces["rescale"].reshape(-1, 1)
    return new.reshape(tuple(weight.shape))


def _glora(pieces: Mapping[str, Any], weight: Any) -> Any:
    """W·A + B, each a product. LyCORIS before 2.0 had the halves the other way round, which the shapes tell."""
    a1, a2, b1, b2 = (flat(pieces[name]) for name in ("a1", "a2", "b1", "b2"))
    if len(b1) != weight.shape[0] and len(b2) == weight.shape[0]:
        a1, a2, b1, b2 = a2, a1, b2, b1
    added = _product(b1, pieces["b2"], pieces.get("bm")) if "bm" in pieces else b1 @ b2
    by_input = weight.reshape(weight.shape[0], weight.shape[1], -1).swapaxes(1, 2)
    turned = ((by_input @ a1) @ a2).swapaxes(1, 2)
    return turned.reshape(tuple(weight.shape)) + added.reshape(tuple(weight.shape))


def _scaled(pieces: Mapping[str, Any], weight: Any) -> Any:
    """W times a number for each input or output."""
    axis = 1 if bool(pieces["on_input"].reshape(-1)[0]) else 0
    sides = [1] * weight.ndim
    sides[axis] = weight.shape[axis]
    return weight * pieces["weight"].reshape(sides)
