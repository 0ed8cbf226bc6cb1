"""The weight change of a layer of any kind of LoRA file, by the formulas of LyCORIS and ComfyUI.

Arrays of numpy and tensors of torch are both taken, since only what both can do is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

#: The tensors of LyCORIS' kinds, by how their names end behind the module and a dot.
PIECES = (
    *(f"hada_w{i}_{x}" for i in "12" for x in "ab"),
    "hada_t1",
    "hada_t2",
    *(f"lokr_w{i}{x}" for i in "12" for x in ("", "_a", "_b")),
    "lokr_t2",
)
#: What the names of tensors contain whose weight change depends on more than themselves, and what such a file is.
UNREAD = {
    "oft_": "an OFT",
    "boft_": "a BOFT",
    ".on_input": "an (IA)³",
    ".a1.weight": "a GLoRA",
    ".b1.weight": "a GLoRA",
    ".set_weight": "a file of whole weights",
}


def flat(value: Any) -> Any:
    """The value as a matrix: its first axis, and all others as one."""
    return value.reshape(len(value), -1)


def weight_change(pieces: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, int]:
    """ΔW of `shape` from the tensors of a layer by role, and the rank that its alpha is divided by.

    The rank is 0 for a kind whose alpha means nothing. A DoRA's magnitude is not looked at. Raises KeyError, ValueError
    or RuntimeError for tensors that do not fit together or the shape.
    """
    if "diff" in pieces:
        change, rank = pieces["diff"], 0
    elif "hada_w1_a" in pieces:
        halves = [_rebuilt(pieces.get(f"hada_t{i}"), pieces[f"hada_w{i}_a"], pieces[f"hada_w{i}_b"]) for i in "12"]
        change, rank = halves[0] * halves[1], len(pieces["hada_w1_b"])
    elif any(role.startswith("lokr") for role in pieces):
        change, rank = _kronecker(pieces, shape)
    else:
        down, up = pieces["down"], pieces["up"]
        rank = len(down)
        if "mid" in pieces:
            change = _tucker(pieces["mid"], flat(up).swapaxes(0, 1), flat(down))
        else:
            change = up.reshape(-1, rank) @ flat(down)
    return change.reshape(shape), rank


def _rebuilt(core: Any, a: Any, b: Any) -> Any:
    """a · b, or with a Tucker core the convolution that it makes; LyCORIS then stores `a` as [rank, out]."""
    return a @ flat(b) if core is None else _tucker(core, a, flat(b))


def _tucker(core: Any, a: Any, b: Any) -> Any:
    """Σᵢⱼ core[i, j, …] · a[i, out] · b[j, in], flat [out, in · k²]."""
    i, j, area = len(core), core.shape[1], math.prod(core.shape[2:])
    out = a.swapaxes(0, 1) @ core.reshape(i, j * area)
    by_input = out.reshape(-1, j, area).swapaxes(1, 2) @ b
    return by_input.swapaxes(1, 2).reshape(len(out), -1)


def _kronecker(pieces: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[Any, int]:
    """w1 ⊗ w2, and the rank, which is 0 where both are whole."""
    ranks = [len(pieces[f"lokr_w{i}_b"]) for i in "12" if f"lokr_w{i}_b" in pieces]
    first = pieces["lokr_w1"] if "lokr_w1" in pieces else pieces["lokr_w1_a"] @ pieces["lokr_w1_b"]
    if "lokr_w2" in pieces:
        second = pieces["lokr_w2"]
    else:
        second = _rebuilt(pieces.get("lokr_t2"), pieces["lokr_w2_a"], pieces["lokr_w2_b"])
    area = math.prod(shape[2:])
    first = flat(first)
    second = second.reshape(shape[0] // len(first), shape[1] // first.shape[1], area)
    product = first[:, None, :, None, None] * second[None, :, None, :, :]
    return product.reshape(shape), max(ranks, default=0)
