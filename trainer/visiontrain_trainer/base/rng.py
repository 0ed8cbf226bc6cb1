"""Counter-based randomness: each draw is a pure function of the run seed, its purpose and what it is for.

No state is carried from draw to draw, so caching, sampling, validation, a resumed run and any number of processes
see the same numbers. All draws are made on the CPU: they do not depend on the device.

PyTorch's generator uses only the lower 32 bits of a tensor's key: the chance that any two of n noises are equal is
n² / 2^33.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def key(seed: int, purpose: str, *counters: int | str) -> int:
    """64 bits from (seed, purpose, counters); equal inputs give equal keys on every platform."""
    text = "\x1f".join(map(str, (seed, purpose, *counters)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def unit(seed: int, purpose: str, *counters: int | str) -> float:
    """A number in [0, 1)."""
    return (key(seed, purpose, *counters) >> 11) / 2**53


def below(limit: int, seed: int, purpose: str, *counters: int | str) -> int:
    """A whole number in [0, limit)."""
    return key(seed, purpose, *counters) * limit >> 64


def shuffled(items: Iterable[str], seed: int, purpose: str, *counters: int | str) -> list[str]:
    """The items in an order drawn from the key. Equal items may stand in any order, since they cannot be told apart."""
    numbered = ((key(seed, purpose, *counters, i, item), item) for i, item in enumerate(items))
    return [item for _, item in sorted(numbered)]


def normal(shape: Iterable[int], seed: int, purpose: str, *counters: int | str) -> torch.Tensor:
    """Standard normal fp32 tensor on the CPU."""
    import torch

    generator = torch.Generator().manual_seed(key(seed, purpose, *counters))
    return torch.randn(tuple(shape), generator=generator)


def uniform(shape: Iterable[int], seed: int, purpose: str, *counters: int | str) -> torch.Tensor:
    """Uniform [0, 1) fp32 tensor on the CPU."""
    import torch

    generator = torch.Generator().manual_seed(key(seed, purpose, *counters))
    return torch.rand(tuple(shape), generator=generator)
