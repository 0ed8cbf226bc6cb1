"""The norm cap ("scale weight norms"): no layer's weight change may grow longer than a bound."""

from __future__ import annotations

import torch

from visiontrain_trainer.adapter.adapter import Adapter


@torch.no_grad()
def cap_norms(adapter: Adapter, most: float) -> torch.Tensor:
    """Scale each layer whose weight change has a norm above `most` down to it: both weights of a LoRA by √factor.

    A layer within the bound is multiplied by 1, so that the host need not wait for the device. Returns what sd-scripts
    logs of it, fp32 [3]: the number of layers that were scaled, and the mean and the largest of the norms afterwards.
    """
    capped = [layer.cap(most) for layers in adapter.layers.values() for layer in layers.values()]
    norms = torch.stack([norm for norm in capped if norm is not None]).float()
    before, after = norms.unbind(1)
    return torch.stack([(before > most).sum().float(), after.mean(), after.max()])
