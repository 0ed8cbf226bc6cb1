"""A pass over the U-Net as a CUDA graph: its thousands of kernels go to the card in one call.

A step of a LoRA launches some ten thousand small kernels; on a fast card Python takes longer to ask for them than they
take (bench/results/trainer-gpu.txt). A graph records them once for each shape of batch and replays them: the same
kernels, so the same numbers (docs/decisions/0023-cuda-graphs.md).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.contract.events import Events

Tensors = dict[str, torch.Tensor]


@dataclass
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Tensors
    outputs: Tensors


class Graphs:
    """Runs `function`, from named tensors to named tensors, as a CUDA graph: recorded once for each set of shapes.

    Beside returning outputs, `function` may add to the tensors `written`. It must not wait for the card. The first pass
    of each set of shapes only lets libraries set themselves up, and its effect on `written` is undone. So every number
    of a run comes from a replay, also after a resume.
    """

    def __init__(self, function: Callable[[Tensors], Tensors], written: Iterable[torch.Tensor], events: Events) -> None:
        self._function, self._written, self._events = function, list(written), events
        self._tried: set[tuple] = set()
        self._recorded: dict[tuple, _Recorded] = {}
        self._pool: tuple[int, int] | None = None
        self._failed = False

    def __call__(self, inputs: Tensors) -> Tensors:
        """Run `function` on `inputs`. Raises what `function` raises, above all errors for lack of memory.

        A first pass needs memory beside what the recorded graphs keep. Where memory does not suffice, the recorded
        graphs are released and the pass is tried once more.
        """
        try:
            return self._pass(inputs)
        except Exception as error:
            if not self._recorded or not is_out_of_memory(error):
                raise
        # Memory is freed only after the except block: inside it, the traceback keeps the failed pass's tensors alive.
        self.release()
        return self._pass(inputs)

    def _pass(self, inputs: Tensors) -> Tensors:
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        found = self._recorded.get(shapes)
        if found is None and not self._failed:
            if shapes not in self._tried:
                before = [tensor.clone() for tensor in self._written]
                try:
                    self._function(inputs)
                finally:
                    for tensor, old in zip(self._written, before, strict=True):
                        tensor.copy_(old)
                self._tried.add(shapes)
            found = self._record(inputs)
        if found is None:
            return self._function(inputs)
        self._recorded[shapes] = found
        for name, tensor in inputs.items():
            found.inputs[name].copy_(tensor)
        found.graph.replay()
        return {name: tensor.clone() for name, tensor in found.outputs.items()}

    def _record(self, inputs: Tensors) -> _Recorded | None:
        own = {name: tensor.clone() for name, tensor in inputs.items()}
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            # "thread_local" lets other threads use the card during the capture.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                outputs = self._function(own)
            self._pool = graph.pool()
            return _Recorded(graph, own, outputs)
        except Exception as error:
            # PyTorch leaves the capture's stream set when the end of the capture fails.
            torch.cuda.set_stream(stream)
            # After an error inside the capture, ending the capture may fail too. Then the first error is the context.
            short = error if is_out_of_memory(error) else error.__context__
            if self._recorded and short is not None and is_out_of_memory(short):
                raise short from None
            traceback.print_exc()
            reason = str(error).split("\n")[0][:200] or type(error).__name__
        # Memory is freed only after the except block: inside it, the traceback keeps the failed pass's tensors alive.
        self._failed = True
        self.release()
        self._events.note(f"No CUDA graphs here ({reason}): the same training, slower on a fast card.", "warn")
        return None

    def release(self) -> bool:
        """Drop all recorded graphs and give back their memory. Graphs that are needed again are recorded again.

        Returns whether there were any.
        """
        held = bool(self._recorded)
        torch.cuda.synchronize()
        self._recorded.clear()
        self._pool = None
        give_back_memory()
        return held
