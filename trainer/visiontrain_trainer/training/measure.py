"""Measures whether the LoRA learned: the loss at fixed noise and timesteps, and the weight change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.compute.processes import ALONE, Processes
from visiontrain_trainer.data.batches import BatchSampler, ImageUse

#: The timesteps at which the loss is measured, as shares of those that are trained.
SHARES = (0.125, 0.375, 0.625, 0.875)
MAX_IMAGES = 64
#: Where no images are kept for validation, this many training images are measured.
TRAINING_IMAGES = 8
#: Fewer images than this are measured with several draws of noise each, because one value gives no standard error.
LEAST_VALUES = 8
#: Student's t for 8 values, two-sided, at 95 %: a change of this many standard errors is no accident.
CERTAIN = 2.36
#: With fewer images than this, the verdict adds that they say little about other images.
FEW_IMAGES = 4
#: A weight change ‖ΔW‖ ÷ ‖W‖ below this is rounding, not learning.
MOVED_AT_LEAST = 1e-7


@dataclass(frozen=True)
class Validation:
    """Mean loss and its standard error. `each` holds a list of losses for each image, one loss per draw of noise."""

    loss: float
    stderr: float
    each: list[list[float]]
    #: The mean at each timestep, by timestep; empty where only `each` is known.
    levels: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, each: list[list[float]], levels: dict[int, float] | None = None) -> Validation:
        return cls(*_mean_and_error(each), each, levels or {})

    def as_event(self) -> dict[str, float]:
        return {"loss": self.loss, "stderr": self.stderr}

    def levels_of_event(self) -> list[dict[str, float]] | None:
        return [{"timestep": timestep, "loss": loss} for timestep, loss in self.levels.items()] or None

    def of_each_image(self) -> list[float]:
        """The loss of each image, over its draws of noise."""
        return [math.fsum(draws) / len(draws) for draws in self.each]


def differences(before: list[list[float]], after: list[list[float]]) -> list[list[float]]:
    """`after` - `before` at the same images and noise. Each holds a list of losses for each image."""
    pairs = zip(before, after, strict=True)
    return [[late - early for early, late in zip(*draws, strict=True)] for draws in pairs]


def paired(before: list[list[float]], after: list[list[float]]) -> tuple[float, float]:
    """Mean and standard error of `differences`, which have a far smaller error than the losses."""
    return _mean_and_error(differences(before, after))


def _mean_and_error(each: list[list[float]]) -> tuple[float, float]:
    """Mean over images and its standard error: that over all draws or that over the images, whichever is larger."""
    images = [math.fsum(draws) / len(draws) for draws in each]
    errors = [_error_of_mean(values) for values in ([v for draws in each for v in draws], images)]
    return math.fsum(images) / len(images), max(errors)


def _error_of_mean(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))


def validation_uses(batches: BatchSampler) -> tuple[list[ImageUse], bool]:
    """The uses whose loss is measured, and whether their images were kept out of training."""
    held_out = bool(batches.validation)
    images = batches.validation[:MAX_IMAGES] if held_out else batches.training[:TRAINING_IMAGES]
    return [ImageUse(image, image.id, -1) for image in images], held_out


def levels(trained: tuple[int, int]) -> list[int]:
    """The timesteps at which the loss is measured. `trained` are the first that is trained, and the one after the last.

    A LoRA of half the timesteps changes nothing at the others, so the loss there would say nothing of it.
    """
    least, most = trained
    return [least + int(share * (most - least)) for share in SHARES]


def measure(
    uses: list[ImageUse],
    at: list[int],
    losses_at: Callable[[ImageUse, list[int], int], list[float]],
    processes: Processes = ALONE,
) -> Validation:
    """Measure the loss of `uses` at the timesteps `at`.

    `losses_at(use, steps, noise_index)` must return the unweighted losses of one image at `steps`, with the noise of
    this index. All `processes` must call this, and each measures its share.
    """
    draws = max(1, -(-LEAST_VALUES // len(uses)))
    found = processes.each(uses, lambda use: [losses_at(use, at, draw) for draw in range(draws)])
    each = [[math.fsum(losses) / len(at) for losses in drawn] for drawn in found]
    flat = [losses for drawn in found for losses in drawn]
    return Validation.of(each, {t: math.fsum(losses[i] for losses in flat) / len(flat) for i, t in enumerate(at)})


def _double(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in fp64. Apple's chips have no fp64, so there it is on the CPU."""
    tensor = tensor.detach()
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def weight_change(adapter: Adapter, initial: dict[str, torch.Tensor]) -> dict[str, float]:
    """‖ΔW‖ ÷ ‖W‖ (Frobenius norms) for each text encoder and for the U-Net's down, middle and up blocks.

    ΔW is the LoRA's change since training began, where it had the weights `initial`; W is the base's weight.
    """
    sums_of: dict[str, list[float]] = {}
    for part, layers in adapter.layers.items():
        for name, layer in layers.items():
            section = part
            if part == "unet":
                section = "unet." + {"down": "down", "mid_": "middle"}.get(name[:4], "up")
            now = {kind: _double(weight) for kind, weight in layer.weights().items()}
            then = {k: initial[f"{layer.name}.{k}"].double().to(weight.device) for k, weight in now.items()}
            sums = sums_of.setdefault(section, [0.0, 0.0])
            sums[0] += layer.squared_change(now, then)
            sums[1] += float(_double(layer.weight).square().sum())
    return {section: math.sqrt(change / max(size, 1e-30)) for section, (change, size) in sums_of.items()}


def verdict(
    change_by_part: dict[str, float], before: Validation | None, after: Validation | None, held_out: bool
) -> dict[str, Any]:
    """Payload of the `learned` event without `best_step`: the verdict learned, nothing or unknown, with the reason.

    `change_by_part` is the weight change of each part, as a share. `before` and `after` are None where the loss
    could not be measured.
    """
    numbers: dict[str, Any] = {"weight_change": change_by_part}
    if before and after:
        numbers |= {"before": before.as_event(), "after": after.as_event()}
    if max(change_by_part.values(), default=0.0) < MOVED_AT_LEAST:
        reason = "The weights did not move: the learning rate is far too low, or there were too few steps."
        return {"verdict": "nothing", **numbers, "reason": reason}
    if not before or not after:
        reason = "There was not enough memory to measure the loss; the sample pictures tell."
        return {"verdict": "unknown", **numbers, "reason": reason}
    change, error = paired(after.each, before.each)
    where = "pictures kept out of training" if held_out else "training pictures (none were kept out to measure on)"
    count = len(after.each)
    if count == 1:
        where = where.replace("pictures", "picture", 1).replace("were", "was")
    text = f"Loss at fixed noise on {count} {where}: {before.loss:.5f} before, {after.loss:.5f} after"
    if change == 0:
        reason = f"{text}: the LoRA changes nothing that the model computes."
        return {"verdict": "nothing", **numbers, "reason": reason}
    few = f" {count} of them say little about others." if 1 < count < FEW_IMAGES else ""
    few = " A single picture says little about others." if count == 1 else few
    if change > CERTAIN * error:
        return {"verdict": "learned", **numbers, "reason": f"{text} ({change / before.loss:.1%} lower).{few}"}
    direction = "not clearly lower" if change > 0 else "not lower"
    return {
        "verdict": "unknown",
        **numbers,
        "reason": f"{text}: {direction} (difference {change:.5f} ± {error:.5f}).{few}",
    }
