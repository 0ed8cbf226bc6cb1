"""What a step gave: on its way from the card, then on the host."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visiontrain_trainer.data.batches import Use


@dataclass(frozen=True)
class Finished:
    """What a step gave, on the host."""

    #: From 1.
    step: int
    #: From 1.
    epoch: int
    lr: float
    uses: list[Use]
    #: Weighted loss of each picture, in the order of `uses`.
    each: list[float]
    #: Of all gradients before clipping; 0 when fp16 overflowed and the step was left out.
    norm: float
    #: Norm of the gradients of each part before clipping, and of its weights after the step.
    gradients: dict[str, float]
    weights: dict[str, float]
    #: 64 bits in hex, of the weights after the step.
    digest: str


class Done:
    """A step that is done or, on a GPU, under way: its numbers are on their way to the host until `read`."""

    def __init__(
        self,
        step: int,
        epoch: int,
        lr: float,
        uses: list[Use],
        parts: list[str],
        numbers: torch.Tensor,
        digest: torch.Tensor,
    ) -> None:
        """`numbers`: losses of `uses`, norm of all gradients, norms of gradients and of weights of each of `parts`."""
        self._said = step, epoch, lr, uses
        self._parts = parts
        # Elsewhere there is nothing to wait for: what has not arrived yet would be read.
        self._numbers, self._digest = (tensor.to("cpu", non_blocking=tensor.is_cuda) for tensor in (numbers, digest))
        self._event: torch.cuda.Event | None = None
        if numbers.is_cuda:
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> Finished:
        """Waits for the device."""
        if self._event is not None:
            self._event.synchronize()
        numbers = self._numbers.tolist()
        uses, count = self._said[3], len(self._parts)
        gradients = dict(zip(self._parts, numbers[-2 * count : -count], strict=True))
        weights = dict(zip(self._parts, numbers[-count:], strict=True))
        digest = f"{int(self._digest) & (2**64 - 1):016x}"
        return Finished(*self._said, numbers[: len(uses)], numbers[len(uses)], gradients, weights, digest)
