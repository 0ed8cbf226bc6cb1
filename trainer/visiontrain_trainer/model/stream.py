"""Sends frozen weights from the machine's memory to the card, layer by layer, while the card computes.

Frozen weights never change, so they go one way: the copy in the machine's memory is always right, and nothing is copied
back. Two buffers on the card hold the layer in use and the next one. Which layer comes next is what came next the last
time; a wrong guess costs a wait and never a wrong number, because a buffer is only read as the layer that it holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

Tensor = torch.Tensor
#: Tensors begin at multiples of this many bytes, as on a card.
_ALIGNED = 256
#: Bytes of one piece of pinned memory. PyTorch rounds each piece up to a power of two, which wastes nothing here.
_ARENA = 1 << 28


@dataclass(frozen=True)
class _View:
    """A tensor within a buffer: where it begins, and what it is."""

    start: int
    bytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, buffer: Tensor) -> Tensor:
        flat = buffer[self.start : self.start + self.bytes].view(self.dtype)
        return flat.as_strided(self.shape, self.stride, flat.storage_offset())


@dataclass(frozen=True, eq=False)
class Slot:
    """The tensors of one layer in the machine's memory."""

    number: int
    host: Tensor
    views: dict[str, _View]


class Stream:
    """The weights of the layers that were `put`, two of which are on the device at a time.

    What `get` returns must be used up (the work on it enqueued) before the next `get`.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._slots: list[Slot] = []
        self._arena: Tensor | None = None
        self._used = 0
        self._buffers: list[Tensor] = []
        #: The layer in each buffer, and the layer that was used last.
        self._held: list[int | None] = [None, None]
        self._last: int | None = None
        #: The layer that followed a pair of layers the last time, inside and outside of the backward pass.
        self._follows: dict[tuple[bool, int | None, int], int] = {}
        self._key: tuple[bool, int | None, int] | None = None
        self._copying = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._copied = [torch.cuda.Event(), torch.cuda.Event()] if device.type == "cuda" else []
        self.pinned = device.type == "cuda"
        #: How many layers were copied to the device, and how many of them only when they were asked for.
        self.copies = self.late = 0

    # -- the machine's memory --------------------------------------------------------------------------------------

    def _room(self, size: int) -> Tensor:
        """`size` bytes of the machine's memory; pinned for a card, where the system gives pinned memory."""
        if not self.pinned:
            return torch.empty(size, dtype=torch.uint8)
        if self._arena is None or self._used + size > len(self._arena):
            try:
                self._arena = torch.empty(max(size, _ARENA), dtype=torch.uint8, pin_memory=True)
            except RuntimeError:
                # The system limits how much may be pinned. Memory that is not pinned is copied more slowly.
                self.pinned = False
                return self._room(size)
            self._used = 0
        start = self._used
        self._used += size
        return self._arena[start : start + size]

    def put(self, tensors: dict[str, Tensor]) -> Slot:
        """Keep the tensors of a layer in the machine's memory. All layers are put before the first is got."""
        views, start = {}, 0
        for name, tensor in tensors.items():
            size = tensor.numel() * tensor.element_size()
            views[name] = _View(start, size, tensor.dtype, tuple(tensor.shape), tensor.stride())
            start += math.ceil(size / _ALIGNED) * _ALIGNED
        slot = Slot(len(self._slots), self._room(start), views)
        for name, tensor in tensors.items():
            views[name].of(slot.host).copy_(tensor)
        self._slots.append(slot)
        return slot

    @property
    def host_bytes(self) -> int:
        return sum(len(slot.host) for slot in self._slots)

    # -- the device ------------------------------------------------------------------------------------------------

    def _fill(self, at: int, number: int) -> None:
        """Copy a layer into a buffer, after all work that was enqueued so far."""
        host = self._slots[number].host
        self.copies += 1
        self._held[at] = number
        if self._copying is None:
            self._buffers[at][: len(host)].copy_(host)
            return
        self._copying.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copying):
            self._buffers[at][: len(host)].copy_(host, non_blocking=True)
            self._copied[at].record()

    def get(self, slot: Slot) -> dict[str, Tensor]:
        """The tensors of a layer on the device, until the next call. The layer that comes next is copied meanwhile."""
        if not self._buffers:
            size = max(len(each.host) for each in self._slots)
            self._buffers = [torch.empty(size, dtype=torch.uint8, device=self._device) for _ in range(2)]
        number = slot.number
        if number not in self._held:
            self.late += 1
            self._fill(0 if self._held[0] != self._last or self._last is None else 1, number)
        at = self._held.index(number)
        if self._copied:
            torch.cuda.current_stream(self._device).wait_event(self._copied[at])
        self._prefetch(number, 1 - at)
        return {name: view.of(self._buffers[at]) for name, view in slot.views.items()}

    def _prefetch(self, number: int, other: int) -> None:
        """Remember that `number` came now, and copy into the buffer `other` what came after it the last time."""
        if self._key is not None:
            self._follows[self._key] = number
        # In the backward pass, checkpointed layers are computed forwards again: their order is another one there.
        backwards = torch._C._current_graph_task_id() != -1  # noqa: SLF001 - PyTorch's own checkpoints ask so
        self._key = (backwards, self._last, number)
        self._last = number
        following = self._follows.get(self._key)
        if following is not None and following not in self._held:
            self._fill(other, following)
