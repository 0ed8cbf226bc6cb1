"""Several processes that train one LoRA, one to a card: who they are, what they do together, and when one is lost."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch

from visiontrain_trainer.base.errors import TrainerError, TrainingError, is_out_of_memory
from visiontrain_trainer.contract.plan import Resources

from .heartbeat import lost_process, wait_for_all, watch

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Time limit of a collective operation: longer than anything that one process does alone, such as writing files. A
#: process that died is noticed by its heartbeat and not by this limit.
_ALONE = timedelta(hours=12)
#: Seconds in which all processes must have started. Each node sets up its environment before its processes start.
_START_SECONDS = 600


@dataclass(frozen=True)
class Processes:
    """This process's place among the processes of the run (torch.distributed). A lone process is rank 0 of 1."""

    rank: int = 0
    count: int = 1
    local: int = 0
    #: Process group (gloo) for messages between the processes. Unlike tensors, messages do not wait for the device.
    messages: Any = None

    @property
    def first(self) -> bool:
        return self.rank == 0

    def barrier(self) -> None:
        if self.count > 1:
            with _together():
                torch.distributed.barrier(group=self.messages)

    def sum(self, tensor: torch.Tensor) -> None:
        """Sum in place over all processes."""
        if self.count > 1:
            with _together():
                torch.distributed.all_reduce(tensor)

    def agree(self, requests: set[str], names: tuple[str, ...]) -> set[str]:
        """Broadcast the requests of rank 0 that are among `names`; every process returns them."""
        if self.count == 1:
            return requests
        box = [sorted(requests & set(names))]
        with _together():
            torch.distributed.broadcast_object_list(box, src=0, group=self.messages)
        return set(box[0])

    def gather(self, value: Result) -> list[Result]:
        """The values of all processes, by rank."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        with _together():
            torch.distributed.all_gather_object(found, value, group=self.messages)
        return found

    def each(self, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
        """`work` of each item, in order. Each process does its share, and all of them return all results.

        Where memory does not suffice in one process, all of them raise MemoryError, so that they go on alike.
        """
        if self.count == 1:
            return [work(item) for item in items]
        mine: list[Result] = []
        short: str | None = None
        try:
            mine = [work(item) for item in self.share(items)]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            short = str(error).split("\n")[0]
        shares = self.gather((mine, short))
        for _, problem in shares:
            if problem is not None:
                raise MemoryError(problem)
        return [shares[i % self.count][0][i // self.count] for i in range(len(items))]

    def in_turn(self, work: Callable[[], Result]) -> Result:
        """What `work` returns in this process. The others begin when the first process is done, and find its files."""
        if self.first:
            found = work()
        self.barrier()
        return found if self.first else work()

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items of this process: by index modulo the number of processes."""
        return items[self.rank :: self.count]


ALONE = Processes()


def join_processes(resources: Resources, lost: Callable[[TrainerError], None]) -> Processes:
    """Join the processes of the run, if it has more than one.

    `lost` is called in another thread when one of the others has gone without a word; it must end this process. Raises
    TrainingError when the launcher started another number of processes than the plan has, or when some do not start.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count != resources.processes:
        raise TrainingError(
            f"The plan is for {resources.processes} processes, but {count} were started.",
            next_steps=["Start the run with `visiontrain resume`."],
            id="run/unreadable-plan",
        )
    if count == 1:
        return ALONE
    from accelerate import PartialState

    _end_with_the_launcher()
    rank = int(os.environ["RANK"])
    limit = float(os.environ.get("VISIONTRAIN_LOST_AFTER", "60"))
    wait_for_all(rank, count, _START_SECONDS)
    with _together():
        state = PartialState(cpu=resources.device == "cpu", timeout=_ALONE)
        messages = torch.distributed.new_group(backend="gloo", timeout=_ALONE)
    watch(rank, count, limit, lost)
    return Processes(state.process_index, state.num_processes, state.local_process_index, messages)


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """Errors of the connection to the other processes become a TrainingError."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise lost_process("Another process of this run", str(error).split("\n")[0][:300]) from error


def _end_with_the_launcher() -> None:
    """Have the kernel end this process when its launcher is killed, which would otherwise leave it behind (Linux).

    The launcher gives each process a session of its own, so that no signal to the launcher's group reaches it.
    """
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    parent_dies = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(parent_dies, signal.SIGKILL)
