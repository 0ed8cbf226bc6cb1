"""Samplers in the space of σ = √((1 − ᾱ) / ᾱ): Euler, Euler ancestral and DPM++ 2M over three spacings of the steps.

Rectified flow is sampled by the same Euler over its own σ, the share of the noise.

Sources: Karras et al. (arXiv:2206.00364) for the space, Euler and the spacing of that name; DPM-Solver++
(arXiv:2211.01095); trailing spacing and guidance rescale (arXiv:2305.08891).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .noise import shifted

#: Least ᾱ: schedules with zero terminal SNR end at 0, for which σ would be infinite.
_LEAST_PRODUCT = 2.0**-24
_RHO = 7.0


@dataclass(frozen=True)
class NoiseLevels:
    """The noise levels σ of a sample, falling to 0, and the timestep that the model gets at each level above 0."""

    sigmas: list[float]
    timesteps: list[float]


def all_sigmas(product: torch.Tensor) -> list[float]:
    """σ at every timestep of a schedule with the products ᾱ."""
    clipped = product.double().clamp(min=_LEAST_PRODUCT)
    return ((1 - clipped) / clipped).sqrt().tolist()


def noise_levels(product: torch.Tensor, spacing: str, steps: int) -> NoiseLevels:
    """The noise levels of `steps` steps. `normal` spaces timesteps evenly, first and last included; `trailing` evenly
    from the last; `karras` spaces σ^(1/7) evenly.
    """
    known = all_sigmas(product)
    last = len(known) - 1
    if spacing == "karras":
        high, low = known[-1] ** (1 / _RHO), known[0] ** (1 / _RHO)
        sigmas = [(high + (low - high) * i / max(1, steps - 1)) ** _RHO for i in range(steps)]
        return NoiseLevels([*sigmas, 0.0], [_timestep(sigma, known) for sigma in sigmas])
    if spacing == "trailing":
        timesteps = [float(round(last + 1 - i * (last + 1) / steps) - 1) for i in range(steps)]
    else:
        timesteps = [last - i * last / max(1, steps - 1) for i in range(steps)]
    return NoiseLevels([*(_at(known, t) for t in timesteps), 0.0], timesteps)


def flow_noise_levels(length: int, spacing: str, steps: int, shift: float) -> NoiseLevels:
    """The same for rectified flow over `length` timesteps. `normal` is how diffusers spaces its Euler steps by itself:
    evenly to the last noise level; `trailing` leaves that level out, as the pipelines of flow models ask for it.
    """
    if spacing == "trailing":
        even = [1 - i / steps for i in range(steps)]
    else:
        last = shifted(1 / length, shift)
        even = [1 + (last - 1) * i / max(1, steps - 1) for i in range(steps)]
    sigmas = [shifted(level, shift) for level in even]
    return NoiseLevels([*sigmas, 0.0], [sigma * length for sigma in sigmas])


def _at(known: list[float], t: float) -> float:
    low = min(int(t), len(known) - 2)
    return known[low] + (known[low + 1] - known[low]) * (t - low)


def _timestep(sigma: float, known: list[float]) -> float:
    """The timestep of a noise level, between two of the schedule by the logarithm of σ."""
    high = min(max(1, bisect.bisect_right(known, sigma)), len(known) - 1)
    one, other = math.log(known[high - 1]), math.log(known[high])
    share = (math.log(sigma) - one) / (other - one)
    return high - 1 + min(1.0, max(0.0, share))


def denoised(prediction: str, x: torch.Tensor, out: torch.Tensor, sigma: float) -> torch.Tensor:
    """The clean latents that the model's output `out` for the noisy `x` stands for."""
    if prediction in ("epsilon", "flow"):
        return x - sigma * out
    return x / (sigma**2 + 1) - out * (sigma / math.sqrt(sigma**2 + 1))


def guided(with_prompt: torch.Tensor, without: torch.Tensor, scale: float, rescale: float) -> torch.Tensor:
    """Classifier-free guidance (arXiv:2207.12598) with guidance rescale (arXiv:2305.08891, 3.4).

    `rescale`, 0 to 1, is the share of the result whose standard deviation is brought to that of `with_prompt`.
    """
    out = without + scale * (with_prompt - without)
    if rescale == 0:
        return out
    axes = list(range(1, out.dim()))
    same_spread = out * (with_prompt.std(dim=axes, keepdim=True) / out.std(dim=axes, keepdim=True))
    return rescale * same_spread + (1 - rescale) * out


def denoise(
    sampler: str,
    levels: NoiseLevels,
    noise: Callable[[int], torch.Tensor],
    predict: Callable[[torch.Tensor, float, float], torch.Tensor],
) -> torch.Tensor:
    """The latents after all steps of `sampler`: euler, euler_a or dpmpp_2m.

    `noise(0)` is the noise at the start, `noise(i)` the fresh noise of step i (from 1). `predict(x, sigma, timestep)`
    returns the model's estimate of the clean latents.
    """
    x = noise(0) * levels.sigmas[0]
    before: tuple[torch.Tensor, float] | None = None
    for i, timestep in enumerate(levels.timesteps):
        now, then = levels.sigmas[i], levels.sigmas[i + 1]
        clean = predict(x, now, timestep)
        if sampler == "dpmpp_2m":
            x, before = _second_order(x, clean, (now, then), before)
            continue
        up = 0.0
        if sampler == "euler_a":
            up = min(then, math.sqrt(max(0.0, then**2 * (now**2 - then**2) / now**2)))
        down = math.sqrt(then**2 - up**2)
        x = x + (x - clean) / now * (down - now)
        if up > 0:
            x = x + noise(i + 1) * up
    return x


def _second_order(
    x: torch.Tensor, clean: torch.Tensor, sigmas: tuple[float, float], before: tuple[torch.Tensor, float] | None
) -> tuple[torch.Tensor, tuple[torch.Tensor, float]]:
    """One step of DPM++ 2M, and what the next one needs of it: the clean latents and the step's width in −ln σ."""
    now, then = sigmas
    if then == 0:
        return clean, (clean, 0.0)
    width = math.log(now) - math.log(then)
    mixed = clean
    if before is not None:
        ratio = before[1] / width
        mixed = clean + (clean - before[0]) / (2 * ratio)
    return (then / now) * x - math.expm1(-width) * mixed, (clean, width)
