"""The norm cap ("scale weight norms"): no layer's weight change may grow longer than a bound."""

from __future__ import annotations

import torch

from visiontrain_trainer.adapter.adapter import Adapter


@torch.no_grad()
def cap_norms(adapter: Adapter, most: float) -> None:
    """Shorten each layer whose weight change is longer than `most` to it: of a LoRA, both weights by √factor.

    Nothing waits for the device: a layer within the bound is multiplied by 1.
    """
    for layers in adapter.layers.values():
        for layer in layers.values():
            layer.cap(most)
