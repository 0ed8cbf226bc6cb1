"""A pass over the U-Net as a CUDA graph: its thousands of kernels go to the card in one call.

A step of a LoRA launches some ten thousand small kernels; on a fast card Python takes longer to ask for them than they
take. A graph records them once for each shape of batch and replays them: the same kernels, so the same numbers.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .device import Device
from .events import Events
from .plan import Plan

Inputs = dict[str, torch.Tensor]
#: Each graph keeps memory of its own beside what all share; further shapes run without one.
_AT_MOST = 16


@dataclass
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Inputs
    output: torch.Tensor


def graphable(plan: Plan, device: Device) -> bool:
    """Whether a pass is the same kernels each time: dropout's masks and the words of trained encoders come from the host."""
    return device.is_cuda and plan.training.dropout == 0 and not any(plan.training.text_encoder_learning_rates)


class Graphs:
    """`function` of a dictionary of tensors on the card, recorded at the second call with the same shapes.

    The function must read and write nothing else but tensors that stay where they are, and must not wait for the card.
    The first call runs plainly: libraries set themselves up in it, and it may run out of memory.
    """

    def __init__(self, function: Callable[[Inputs], torch.Tensor], events: Events) -> None:
        self._function, self._events = function, events
        self._seen: set[tuple] = set()
        self._recorded: dict[tuple, _Recorded] = {}
        self._pool: tuple[int, int] | None = None
        self._failed = False

    def __call__(self, inputs: Inputs) -> torch.Tensor:
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        found = self._recorded.get(shapes)
        if found is None:
            if shapes not in self._seen or self._failed or len(self._recorded) >= _AT_MOST:
                out = self._function(inputs)
                self._seen.add(shapes)
                return out
            found = self._record(inputs)
            if found is None:
                return self._function(inputs)
            self._recorded[shapes] = found
        for name, tensor in inputs.items():
            found.inputs[name].copy_(tensor)
        found.graph.replay()
        return found.output.clone()

    def _record(self, inputs: Inputs) -> _Recorded | None:
        own = {name: tensor.clone() for name, tensor in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may use the card meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                output = self._function(own)
        except Exception as error:
            traceback.print_exc()
            self._failed = True
            self.release()
            reason = str(error).split("\n")[0][:200] or type(error).__name__
            self._events.note(f"No CUDA graphs here ({reason}): the same training, slower on a fast card.", "warn")
            return None
        self._pool = graph.pool()
        return _Recorded(graph, own, output)

    def release(self) -> None:
        """Give back the memory; what is needed again is recorded again."""
        self._recorded.clear()
        self._pool = None
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
