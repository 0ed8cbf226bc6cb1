"""Takes the base's U-Net off a small card while the VAE decodes a sample on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from visiontrain_trainer.adapter.layer import AdapterLayer
from visiontrain_trainer.compute.device import Device, give_back_memory

#: Cards with less memory than this, in bytes, have no room for a VAE at work beside a U-Net.
_SMALL = 12 << 30


def frozen_tensors(unet: nn.Module) -> Iterator[torch.Tensor]:
    """All weights and buffers of the U-Net but those of the adapter, which are views that other tensors share."""
    trained = {
        id(weight)
        for module in unet.modules()
        if isinstance(module, AdapterLayer)
        for weight in module.weights().values()
    }
    for tensor in (*unet.parameters(), *unet.buffers()):
        if id(tensor) not in trained:
            yield tensor


@contextmanager
def lent(tensors: Iterable[torch.Tensor], away: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Inside this context each tensor's content is what `away` made of it; afterwards it is on its device again."""
    moved = []
    try:
        for tensor in tensors:
            moved.append((tensor, tensor.device))
            tensor.data = away(tensor.data)
        yield
    finally:
        for tensor, device in moved:
            tensor.data = tensor.data.to(device)


@contextmanager
def room_for_the_vae(unet: nn.Module, device: Device) -> Iterator[None]:
    """Inside this context a small card does not hold the frozen U-Net. On other devices nothing is moved."""
    if not device.is_cuda or torch.cuda.get_device_properties(device.torch).total_memory >= _SMALL:
        yield
        return
    with lent(frozen_tensors(unet), lambda tensor: tensor.to("cpu")):
        give_back_memory()
        yield
