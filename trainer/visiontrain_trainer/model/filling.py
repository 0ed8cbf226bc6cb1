"""Loads a part's weights into its empty module: checked, converted, and kept on the device as the plan says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from visiontrain_trainer.base.errors import TrainingError

from .frozen import Storage

PLAIN = Storage()


@dataclass(frozen=True)
class Where:
    """How a part's weights are kept: their number format, their device, whether they are packed."""

    dtype: torch.dtype
    device: torch.device
    storage: Storage = PLAIN


@dataclass(frozen=True)
class Filling:
    """The weights of a part of the base model, named as its module names them."""

    #: `unet`, `vae`, `text_encoder` or `text_encoder_2`.
    part: str
    #: The file or folder that holds them, as the plan names it.
    path: str
    #: What an error advises to choose another of: "model.vae" or "base model".
    chosen_by: str
    weights: dict[str, torch.Tensor]
    #: Takes a weight's name and the weight, and returns what is used in its place: merged LoRAs change weights here.
    change: Callable[[str, torch.Tensor], torch.Tensor] | None = None


def fill(module: nn.Module, filling: Filling, where: Where) -> nn.Module:
    """The module with its weights, frozen.

    Raises TrainingError when one is missing, misshapen or not finite, or when many are zeros.
    """
    name, weights, device = filling.part, filling.weights, where.device
    shapes = {n: p.shape for n, p in module.state_dict().items()}
    packed = {f"{n}.weight": n for n in where.storage.layers(module)}
    if name.startswith("text_encoder"):
        # Whether names begin with "text_model" depends on the version of transformers that wrote the file.
        short = {n.removeprefix("text_model."): w for n, w in weights.items()}
        weights = {n: short[s] for n in shapes if (s := n.removeprefix("text_model.")) in short}
    _check_shapes(filling, shapes, weights)
    ready = {}
    norms = {}
    for n, shape in shapes.items():
        tensor = weights[n].reshape(shape)
        if filling.change is not None:
            tensor = filling.change(n, tensor)
        # The tensor is converted on the device: a card is faster, and the host then holds no second copy.
        there = tensor.to(device)
        if n in packed:
            # Each weight is packed at once, so that the card never holds the whole part unpacked.
            norms[n] = torch.linalg.vector_norm(there.to(where.dtype)).float()
            where.storage.keep(module, packed[n], there, where.dtype)
            continue
        # On a CPU the tensor is copied: a memory-mapped one would be read from the disk again when memory is short.
        ready[n] = there.to(where.dtype, copy=there is tensor)
        if ready[n].is_floating_point():
            # The norm stays on the device: `_check_finite` waits for all norms at once.
            norms[n] = torch.linalg.vector_norm(ready[n]).float()
    norms = {n: norm for n, norm in norms.items() if not norm.is_meta}
    if norms:
        _check_finite(filling, norms, lambda n: ready[n] if n in ready else weights[n].to(where.dtype))
        _check_filled(filling, {n: norm for n, norm in norms.items() if len(shapes[n]) > 1})
    module.load_state_dict(ready, strict=False, assign=True)
    unset = next((n for n, buffer in module.named_buffers() if buffer.is_meta), None)
    if unset is not None:
        raise TrainingError(
            f"{name}: the buffer {unset} has no value; this library version is unknown.", id="environment/torch"
        )
    return module.requires_grad_(False).eval()


def _check_shapes(filling: Filling, shapes: dict[str, torch.Size], weights: dict[str, torch.Tensor]) -> None:
    """Raises TrainingError when one of a part's tensors is missing or has another shape."""
    missing = [n for n in shapes if n not in weights]
    if missing:
        raise TrainingError(
            f"{filling.path}: the {filling.part} lacks {len(missing)} of its {len(shapes)} tensors ({missing[0]} …).",
            next_steps=["The file is not whole, or of another architecture: use the whole model."],
            id="model/incomplete",
        )
    for n, shape in shapes.items():
        # The original VAE writes its attention's linear layers as 1×1 convolutions.
        if weights[n].shape != shape and weights[n].numel() != shape.numel():
            raise TrainingError(
                f"{filling.path}: {filling.part}.{n} has the shape {list(weights[n].shape)}, its configuration says "
                f"{list(shape)}.",
                next_steps=["The two are not of one model: download the model again, whole."],
                id="model/config",
            )


def _check_finite(filling: Filling, norms: dict[str, torch.Tensor], tensor: Callable[[str], torch.Tensor]) -> None:
    """Raises TrainingError that names the first tensor with a number that is not finite.

    A tensor's norm is computed first, since it is not finite when one of the numbers is not. This is the cheapest
    test (isfinite takes 10 to 40 times as long on a CPU), and the host waits for the device only once. `tensor`
    gives a tensor by its name.
    """
    finite = torch.isfinite(torch.stack(list(norms.values()))).tolist()
    doubtful = [n for n, sound in zip(norms, finite, strict=True) if not sound]
    # A norm may overflow although all the tensor's numbers are finite.
    damaged = next((n for n in doubtful if not torch.isfinite(tensor(n)).all()), None)
    if damaged is not None:
        raise TrainingError(
            f"{filling.path}: {filling.part}.{damaged} holds numbers that are not finite "
            "(NaN or infinite); nothing can be trained on it.",
            ["The file was damaged when it was made or merged, or on its way here."],
            [f"Download it again, or choose another {filling.chosen_by}."],
            id="model/not-finite",
        )


#: Largest share of a part's matrices that may be all zeros. Trained models have none; a file that was not written to
#: its end has many.
ZEROS = 0.25


def _check_filled(filling: Filling, norms: dict[str, torch.Tensor]) -> None:
    """Raises TrainingError for a part with many matrices of zeros, which a copy that broke off leaves.

    `norms` are those of the matrices, by name. Vectors are not among them, because trained biases may be zeros.
    """
    if not norms:
        return
    zeros = [n for n, norm in zip(norms, torch.stack(list(norms.values())).tolist(), strict=True) if norm == 0]
    if len(zeros) > ZEROS * len(norms):
        raise TrainingError(
            f"{filling.path}: {len(zeros)} of the {len(norms)} matrices of the {filling.part} are zeros "
            f"({zeros[0]} …); nothing can be trained on it.",
            ["The file was not copied or downloaded to its end, or was made so."],
            [f"Download it again, or choose another {filling.chosen_by}."],
            id="model/zeros",
        )
