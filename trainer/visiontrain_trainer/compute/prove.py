"""Proves that torch computes on a device, as set-up does before it calls an environment ready.

    python -I prove.py DEVICE [--eight-bit]

A line of JSON follows each check: `{"check": name, "ok": bool, "ms": number}`, with `error` where it failed and `facts`
where there are any. The checks end at the first that fails, with code 1; the 8-bit step alone may fail without that.
It imports nothing of this package, so that it can be run by its path.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

#: Largest difference between device and processor, relative to the largest value, in fp32 and in 16 bits.
FP32_TOLERANCE = 1e-3
HALF_TOLERANCE = 3e-2


class Disagreement(Exception):
    """The device computes other numbers than the processor."""


def see(device: str) -> dict[str, Any]:
    """Facts of the device as torch names them. Raises RuntimeError when torch sees no such device."""
    import torch

    facts: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip}
    if not device.startswith("cuda"):
        return facts
    if not torch.cuda.is_available():
        # The first allocation says why, where `is_available` only says no.
        torch.zeros(1, device=device)
        raise RuntimeError("torch.cuda.is_available() is False")
    number = torch.device(device).index or 0
    card = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    return facts | {
        "card": card.name,
        "capability": f"{card.major}.{card.minor}",
        "kernels": torch.cuda.get_arch_list(),
        "free_bytes": free,
        "total_bytes": total,
    }


def _agree(found: Any, expected: Any, tolerance: float) -> None:
    found, expected = found.detach().float().cpu(), expected.detach().float().cpu()
    largest = float(expected.abs().max())
    apart = float((found - expected).abs().max())
    # A comparison with NaN is false.
    if not apart <= tolerance * largest:
        raise Disagreement(f"the result differs from the processor's by {apart:.3g} of {largest:.3g}")


def _draws(*shape: int) -> Any:
    import torch

    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def kernel(device: str) -> None:
    a, b = _draws(128, 192), _draws(192, 96)
    _agree(a.to(device) @ b.to(device), a @ b, FP32_TOLERANCE)


def _layers(image: Any, kernels: Any) -> Any:
    """The operations that a U-Net consists of: convolution, group norm, attention."""
    from torch.nn.functional import conv2d, group_norm, scaled_dot_product_attention, silu

    hidden = silu(group_norm(conv2d(image, kernels, padding=1), 4))
    tokens = hidden.flatten(2).transpose(1, 2).unflatten(2, (2, -1)).transpose(1, 2)
    return scaled_dot_product_attention(tokens, tokens, tokens).square().mean()


def backward(device: str) -> None:
    found = []
    for where in (device, "cpu"):
        image = _draws(1, 4, 8, 8).to(where)
        kernels = _draws(16, 4, 3, 3).to(where).requires_grad_()
        _layers(image, kernels).backward()
        found.append(kernels.grad)
    _agree(found[0], found[1], FP32_TOLERANCE * 10)


def half(device: str, name: str) -> None:
    import torch

    kind = getattr(torch, name)
    a, b = _draws(64, 128).to(kind), _draws(128, 64).to(kind)
    product = (a.to(device) @ b.to(device)).float()
    _agree(product, a.float() @ b.float(), HALF_TOLERANCE)


def eight_bit(device: str) -> None:
    import bitsandbytes
    import torch

    # bitsandbytes keeps tensors below 4096 values in 32 bits.
    weights = _draws(128, 64).to(device).requires_grad_()
    before = weights.detach().clone()
    optimizer = bitsandbytes.optim.AdamW8bit([weights], lr=1e-2)
    weights.square().sum().backward()
    optimizer.step()
    if not bool(torch.isfinite(weights).all()) or bool((weights == before).all()):
        raise Disagreement("a step of 8-bit AdamW changed nothing, or made bad numbers")


def checks(device: str, with_eight_bit: bool) -> list[tuple[str, Callable[[], Any]]]:
    listed: list[tuple[str, Callable[[], Any]]] = [
        ("see", lambda: see(device)),
        ("kernel", lambda: kernel(device)),
        ("backward", lambda: backward(device)),
    ]
    if device.startswith("cuda"):
        listed.append(("fp16", lambda: half(device, "float16")))
        listed.append(("bf16", lambda: half(device, "bfloat16")))
    if with_eight_bit:
        listed.append(("8-bit", lambda: eight_bit(device)))
    return listed


#: Checks that may fail: cards before Ampere compute bf16 slowly or not at all, and runs use fp16 there; a run can do
#: without 8-bit AdamW.
MAY_FAIL = ("bf16", "8-bit")


def main(argv: list[str]) -> int:
    device, with_eight_bit = argv[0], "--eight-bit" in argv[1:]
    for name, check in checks(device, with_eight_bit):
        started = time.perf_counter()
        line: dict[str, Any] = {"check": name, "ok": True}
        try:
            facts = check()
            if device.startswith("cuda") and name != "see":
                import torch

                # A kernel that fails is only reported when the device is waited for.
                torch.cuda.synchronize(device)
            if facts is not None:
                line["facts"] = facts
        except Exception as error:
            line |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
        line["ms"] = round((time.perf_counter() - started) * 1000, 1)
        print(json.dumps(line), flush=True)
        if not line["ok"] and name not in MAY_FAIL:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
