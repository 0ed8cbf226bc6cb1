"""The norm cap ("scale weight norms"): no layer's weight change may grow longer than a bound."""

from __future__ import annotations

import torch

from visiontrain_trainer.adapter.lora import Adapter


@torch.no_grad()
def cap_norms(adapter: Adapter, most: float) -> None:
    """Shorten each layer whose weight change s · ‖up · down‖ is longer than `most`, by √factor on both weights.

    The norm comes from the Gram matrices of the two weights, without forming their product. Nothing waits for the
    device: a layer within the bound is multiplied by 1.
    """
    for layers in adapter.layers.values():
        for layer in layers.values():
            layer.cap(most)
