"""Where a benchmark computes: a card, or the processor with tiny models, to try the benchmark."""

from __future__ import annotations

import gc
import platform
import subprocess
from typing import Any

GIB = 2**30


class Card:
    """The first card, and what its allocator tells, in GiB."""

    device, precision, tiny = "cuda:0", "bf16", False

    def name(self) -> str:
        import torch

        return torch.cuda.get_device_name()

    def wait(self) -> None:
        """Return when the card has done all that it was given."""
        import torch

        torch.cuda.synchronize()

    def empty(self) -> None:
        """Give unused memory back and forget the peaks."""
        import torch

        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def limit(self, gib: float | None) -> None:
        """Let the allocator have no more than this, as on a smaller card; None for all there is."""
        import torch

        total = torch.cuda.mem_get_info()[1] / GIB
        torch.cuda.set_per_process_memory_fraction(1.0 if gib is None else min(1.0, gib / total))

    def memory(self) -> dict[str, float]:
        """Peaks of tensors and of what the allocator held, and all that is in use on the card now."""
        import torch

        free, total = torch.cuda.mem_get_info()
        peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated": peaks[0] / GIB, "reserved": peaks[1] / GIB, "used": (total - free) / GIB}

    def used(self) -> float:
        """GiB in use on the card, by all processes."""
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        return int(subprocess.run(query, check=True, capture_output=True, text=True).stdout.split()[0]) / 1024

    def matrices(self) -> dict[str, Any]:
        """How the matrices of the matmul peak are made."""
        import torch

        return {"side": 8192, "device": "cuda", "dtype": torch.bfloat16}


class Processor(Card):
    """The same questions, of a processor: its memory is not measured so."""

    device, precision, tiny = "cpu", "fp32", True

    def name(self) -> str:
        return f"processor {platform.machine()}"

    def wait(self) -> None:
        return

    def empty(self) -> None:
        gc.collect()

    def limit(self, gib: float | None) -> None:
        return

    def memory(self) -> dict[str, float]:
        return {"allocated": 0.0, "reserved": 0.0, "used": 0.0}

    def used(self) -> float:
        return 0.0

    def matrices(self) -> dict[str, Any]:
        import torch

        return {"side": 256, "device": "cpu", "dtype": torch.float32}


def where(*, cpu: bool) -> Card:
    return Processor() if cpu else Card()
