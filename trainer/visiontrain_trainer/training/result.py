"""The results of a training step, first on the device and then on the host; and those of a measurement."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visiontrain_trainer.data.batch_builder import Batch
from visiontrain_trainer.data.batches import ImageUse

from .optim import Rate


@dataclass(frozen=True)
class Measurement:
    """A forward pass: its batch, the U-Net's prediction in fp32 [B, 4, h, w], and the loss of each of the B inputs."""

    batch: Batch
    prediction: torch.Tensor
    losses: list[float]


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What the host knows of a step while the device may still compute it."""

    #: The number of the step, counted from 1.
    step: int
    #: The number of the epoch in which the step began, counted from 1.
    epoch: int
    rate: Rate
    uses: list[ImageUse]
    #: The names of the trained parts, in the order of the norms in `StepTensors`.
    parts: list[str]


@dataclass(frozen=True, kw_only=True)
class StepTensors:
    """What the device computes of a step."""

    #: Weighted loss of each image, fp32 [images].
    losses: torch.Tensor
    #: Norm of all gradients before clipping, fp32 []; 0 when fp16 overflowed and the weights were not updated.
    grad_norm: torch.Tensor
    #: Norm of each part's gradients before clipping, and of each part's weights after the step, fp32 [parts].
    grad_norms: torch.Tensor
    weight_norms: torch.Tensor
    #: Checksum of all weights after the step, int64 [].
    digest: torch.Tensor
    #: Peak memory of each of several processes in MiB, fp32 [processes]; [0] for one.
    memories: torch.Tensor
    #: What `cap_norms` returns, fp32 [3]; [0] without a norm cap.
    capped: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """The results of a step, on the host. The fields mean the same as in `StepFacts` and `StepTensors`."""

    step: int
    epoch: int
    rate: Rate
    uses: list[ImageUse]
    #: The losses in the order of `uses`.
    losses: list[float]
    grad_norm: float
    #: The norms by the name of the part.
    grad_norms: dict[str, float]
    weight_norms: dict[str, float]
    #: The checksum as 16 hex digits.
    digest: str
    #: Peak memory of each process in bytes; empty where one process trains.
    memories: list[int]
    #: Of the norm cap: how many layers it has scaled, and the mean and the largest norm of a layer's change after it;
    #: None without one.
    capped: tuple[int, float, float] | None


class PendingResult:
    """The results of a step that is finished or, on a GPU, still running: `read` waits until they are on the host."""

    def __init__(self, facts: StepFacts, tensors: StepTensors) -> None:
        self._facts = facts
        norms = [tensors.grad_norm[None], tensors.grad_norms, tensors.weight_norms]
        shares = [tensors.losses, *norms, tensors.memories, tensors.capped]
        self._sizes = [len(share) for share in shares]
        # All floating-point numbers go to the host in one copy. Copies are asynchronous only from CUDA. Other devices
        # give no event to wait for, so `read` could return numbers that have not arrived yet.
        self._numbers, self._digest = (
            tensor.to("cpu", non_blocking=tensor.is_cuda) for tensor in (torch.cat(shares), tensors.digest)
        )
        self._event: torch.cuda.Event | None = None
        if tensors.digest.is_cuda:
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> StepResult:
        """The results of the step. This waits for the device."""
        if self._event is not None:
            self._event.synchronize()
        losses, (norm,), grad_norms, weight_norms, memories, capped = (
            share.tolist() for share in self._numbers.split(self._sizes)
        )
        facts = self._facts
        return StepResult(
            step=facts.step,
            epoch=facts.epoch,
            rate=facts.rate,
            uses=facts.uses,
            losses=losses,
            grad_norm=norm,
            grad_norms=dict(zip(facts.parts, grad_norms, strict=True)),
            weight_norms=dict(zip(facts.parts, weight_norms, strict=True)),
            memories=[int(mebibytes) << 20 for mebibytes in memories],
            capped=(int(capped[0]), capped[1], capped[2]) if capped else None,
            digest=f"{int(self._digest) & (2**64 - 1):016x}",
        )
