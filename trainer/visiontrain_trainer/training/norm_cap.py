"""The norm cap ("scale weight norms"): no layer's weight change may grow longer than a bound."""

from __future__ import annotations

import torch

from visiontrain_trainer.adapter.adapter import Adapter


@torch.no_grad()
def cap_norms(adapter: Adapter, most: float) -> None:
    """Scale each layer whose weight change has a norm above `most` down to it: both weights of a LoRA by √factor.

    A layer within the bound is multiplied by 1, so that the host need not wait for the device.
    """
    for layers in adapter.layers.values():
        for layer in layers.values():
            layer.cap(most)
