"""Several LoRAs as one, exactly: the halves of a layer are put beside each other, and the ranks add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visiontrain_trainer.base.errors import TrainingError

from .layers import Dense, Layer


def merge(parts: Sequence[tuple[Layer | Dense, float]]) -> Layer | Dense:
    """The layer whose weight change is the sum of theirs, each times its strength. Its alpha is its rank.

    Raises TrainingError when the layers are of different sizes.
    """
    first = parts[0][0]
    for layer, _ in parts:
        if layer.kernel != first.kernel or layer.out != first.out:
            raise TrainingError(
                "the files are for different base models: a layer has "
                f"{first.out} × {first.kernel} in one and {layer.out} × {layer.kernel} in another.",
                next_steps=["Only LoRAs of one family can be mixed: visiontrain lora inspect A B"],
                id="lora/not-made",
            )
    thin = [(layer, strength) for layer, strength in parts if isinstance(layer, Layer)]
    if len(thin) < len(parts):
        return Dense(sum((layer.delta() * strength for layer, strength in parts), np.zeros(())), first.kernel)
    down = np.concatenate([layer.down for layer, _ in thin])
    up = np.concatenate([layer.up * (strength * layer.alpha / layer.rank) for layer, strength in thin], axis=1)
    return Layer(down, up, float(len(down)), first.kernel)
