"""Failures a person can act on: one sentence, details, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FAILED = 5
MACHINE = 3
STOPPED = 75


class TrainerError(Exception):
    """A failure with an exit code; `reason` is one sentence that stands alone.

    `id` names the kind of error: a key of src/base/error-catalogue.ts, where its cause and cure stand.
    """

    code = FAILED

    def __init__(self, reason: str, details: Sequence[str] = (), next_steps: Sequence[str] = (), *, id: str) -> None:
        super().__init__(reason)
        self.id = id
        self.reason = reason
        self.details = list(details)
        self.next_steps = list(next_steps)

    def as_json(self) -> dict[str, Any]:
        """The error as the programs beside the training print it; `engine/environment/programs/` reads it."""
        facts = {"id": self.id, "code": self.code, "reason": self.reason}
        return facts | {"details": self.details, "next_steps": self.next_steps}


#: PyTorch raises a plain RuntimeError with one of these in its message when memory runs out on a CPU, on Apple's chips,
#: or in the CUDA libraries below PyTorch's own allocator.
_NO_MEMORY = (
    "DefaultCPUAllocator",
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out: a card's, Python's own, or PyTorch's on another device."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY))


class TrainingError(TrainerError):
    """The plan, the model, the images or the numbers are at fault: exit code 5."""


class MachineError(TrainerError):
    """The machine is at fault (device, memory, disk, a missing library): exit code 3."""

    code = MACHINE


def no_memory(reason: str, error: BaseException, *next_steps: str, id: str = "training/memory") -> MachineError:
    """The MachineError for `error`, an exception for lack of memory: `reason`, and steps that free or save memory."""
    details, steps = [str(error).split("\n")[0]], ["Close what else uses that memory.", *next_steps]
    return MachineError(reason, details, steps, id=id)


class TakenOver(Exception):  # noqa: N818 - not an error: another trainer does this run now
    """A later attempt of the run has begun, on a machine that could not see this process.

    This one must write no more.
    """


class Stopped(Exception):  # noqa: N818 - not an error: a request that was granted
    """A stop request arrived where nothing has to be saved first."""
