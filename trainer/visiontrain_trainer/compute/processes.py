"""The processes of a run, where several train together (torch.distributed)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from visiontrain_trainer.contract.plan import Resources


@dataclass(frozen=True)
class Processes:
    """This process's place among the processes of the run (torch.distributed). A lone process is rank 0 of 1."""

    rank: int = 0
    count: int = 1
    local: int = 0
    #: Process group (gloo) for messages between the processes. Unlike tensors, messages do not wait for the device.
    words: Any = None

    @property
    def first(self) -> bool:
        return self.rank == 0

    def barrier(self) -> None:
        if self.count > 1:
            torch.distributed.barrier()

    def sum(self, tensor: torch.Tensor) -> None:
        """Sum in place over all processes."""
        if self.count > 1:
            torch.distributed.all_reduce(tensor)

    def agree(self, requests: set[str], names: tuple[str, ...]) -> set[str]:
        """Broadcast the requests of rank 0 that are among `names`; every process returns them."""
        if self.count == 1:
            return requests
        box = [sorted(requests & set(names))]
        torch.distributed.broadcast_object_list(box, src=0, group=self.words)
        return set(box[0])


def join_processes(resources: Resources) -> Processes:
    """Join the group that `accelerate launch` prepared, if it started more than one process."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return Processes()
    from datetime import timedelta

    from accelerate import PartialState

    # The timeout is long because the other processes wait while rank 0 fills the cache, makes samples and validates.
    long = timedelta(hours=2)
    state = PartialState(cpu=resources.device == "cpu", timeout=long)
    words = torch.distributed.new_group(backend="gloo", timeout=long)
    return Processes(state.process_index, state.num_processes, state.local_process_index, words)
