"""Distributions of the timestep: each is a function from [0, 1) to [0, 1), the inverse of its cumulative distribution.

Sources: logit-normal and heavy tail (arXiv:2403.03206), cosine and sigmoid as OneTrainer has them. One uniform number
makes one timestep, so that draws can be keyed, and spread evenly over a step.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from visiontrain_trainer.contract.plan import Timesteps

from .noise import shifted

#: Uniform numbers are kept this far from 0 and 1, where a normal distribution has no value.
_EDGE = 2.0**-53


def share_of(plan: Timesteps, u: float) -> float:
    """The share of the range of timesteps that the uniform number `u` stands for."""
    bias, weight = plan.bias, plan.weight
    if plan.distribution == "logit_normal":
        z = bias + (1 + weight) * NormalDist().inv_cdf(min(max(u, _EDGE), 1 - _EDGE))
        return 1 / (1 + math.exp(-z))
    if plan.distribution == "heavy_tail":
        return 1 - u - weight * (math.cos(math.pi / 2 * u) ** 2 - 1 + u)
    if plan.distribution == "cosine":
        # The density is 2 / (π − 2πx + 2πx²).
        return 1 - 1 / (math.tan(math.pi / 2 * u) + 1)
    if plan.distribution == "sigmoid" and weight != 0:
        return _sigmoid(u, weight, 0.5 + bias)
    return u


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _sigmoid(u: float, weight: float, middle: float) -> float:
    """x in [0, 1] with the density σ(weight · (x − middle)), up to a factor."""
    low, high = (_softplus(weight * (end - middle)) for end in (0.0, 1.0))
    area = low + u * (high - low)
    # The inverse of softplus, log(eᵃ − 1), written so that it does not overflow.
    return middle + (area + math.log(-math.expm1(-area))) / weight


def timestep_of(plan: Timesteps, u: float, steps: int) -> int:
    """The timestep that the uniform number `u` stands for. `steps` is the number of steps of the noise schedule."""
    least, most = bounds(plan, steps)
    return min(least + max(0, int(share_of(plan, u) * (most - least))), most - 1)


def flow_timestep(plan: Timesteps | None, u: float, steps: int, shift: float) -> int:
    """`timestep_of` for rectified flow, whose noise levels are moved by `shift` before the range is applied."""
    least, most = bounds(plan, steps)
    share = shifted(u if plan is None else share_of(plan, u), shift)
    return min(least + max(0, int(share * (most - least))), most - 1)


def bounds(plan: Timesteps | None, steps: int) -> tuple[int, int]:
    """The first timestep that is trained, and the one after the last."""
    if plan is None:
        return 0, steps
    most = min(plan.max, steps)
    return min(plan.min, most - 1), most
