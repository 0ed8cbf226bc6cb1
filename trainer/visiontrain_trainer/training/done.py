"""The results of a training step: first on their way from the card, then on the host."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visiontrain_trainer.data.batches import Use


@dataclass(frozen=True)
class Finished:
    """The results of a step, on the host."""

    #: The number of the step, counted from 1.
    step: int
    #: The number of the epoch in which the step began, counted from 1.
    epoch: int
    lr: float
    uses: list[Use]
    #: Weighted loss of each image, in the order of `uses`.
    each: list[float]
    #: Norm of all gradients before clipping; 0 when fp16 overflowed and the weights were not updated.
    norm: float
    #: Norm of each part's gradients before clipping, and of each part's weights after the step.
    gradients: dict[str, float]
    weights: dict[str, float]
    #: Checksum of all weights after the step: 64 bits, as 16 hex digits.
    digest: str


class Done:
    """A step that is finished or, on a GPU, still running. Its numbers are copied to the host until `read` returns."""

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
        """`numbers` holds, in this order: the losses of `uses`, the norm of all gradients, and for each of `parts` the
        norms of its gradients, then for each of `parts` the norms of its weights.
        """
        self._said = step, epoch, lr, uses
        self._parts = parts
        # Copies are asynchronous only from CUDA. Other devices give no event to wait for, so `read` could return
        # numbers that have not arrived yet.
        self._numbers, self._digest = (tensor.to("cpu", non_blocking=tensor.is_cuda) for tensor in (numbers, digest))
        self._event: torch.cuda.Event | None = None
        if numbers.is_cuda:
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> Finished:
        """The results of the step. This waits for the device."""
        if self._event is not None:
            self._event.synchronize()
        numbers = self._numbers.tolist()
        uses, count = self._said[3], len(self._parts)
        gradients = dict(zip(self._parts, numbers[-2 * count : -count], strict=True))
        weights = dict(zip(self._parts, numbers[-count:], strict=True))
        digest = f"{int(self._digest) & (2**64 - 1):016x}"
        return Finished(*self._said, numbers[: len(uses)], numbers[len(uses)], gradients, weights, digest)
