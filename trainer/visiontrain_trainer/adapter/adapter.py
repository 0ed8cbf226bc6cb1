"""All layers of a run's adapter. Trainable weights are fp32 and lie in one flat buffer for each part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Lokr, Training

from .dora import DoraLayer
from .dropout import Dropout
from .embedding import Trigger, put_embeddings
from .layer import AdapterLayer, Target
from .loha import LohaLayer
from .lokr import LokrLayer
from .lora import LoraLayer
from .targets import check_rules, targets_of

#: The digest takes this many weights at a time, to bound its memory.
_DIGEST_PIECE = 1 << 22


@dataclass(frozen=True)
class Group:
    """Weights that the optimiser treats alike: a factor on the rate, whether they decay, their place in `flat`."""

    rate: float
    decays: bool
    window: slice
    parameters: list[nn.Parameter]


def make_layer(base: nn.Module, target: Target, dropout: Dropout, plan: Training) -> AdapterLayer:
    """A layer of the plan's kind of adapter around `base`."""
    if plan.adapter == "lokr":
        return LokrLayer(base, target, dropout, plan.lokr or Lokr(factor=-1, decompose_both=False, full=False))
    if plan.adapter == "loha":
        return LohaLayer(base, target, dropout)
    return (DoraLayer if plan.dora else LoraLayer)(base, target, dropout)


def family_of(parts: dict[str, nn.Module]) -> str:
    """The family whose names the files have: SDXL's U-Net has added conditions."""
    config = getattr(parts.get("unet"), "config", None) or {}
    return "sdxl" if config.get("addition_embed_type") == "text_time" else "sd15"


class Adapter:
    """All adapter layers of a run, by (part, module name), with their flat weights and gradients.

    `parts` maps "unet" and each text encoder that is trained to its module. The weights of a layer and their gradients
    are views into `flat` and `flat_grad`, one fp32 tensor for each part. The optimiser, the norm, the digest and the
    sum over processes use these flat tensors. `embeddings` are those that the trigger is learned as, by text encoder;
    each is a part of its own. Raises TrainingError for a part without layers to train.
    """

    def __init__(
        self, parts: dict[str, nn.Module], plan: Training, seed: int, embeddings: dict[str, Trigger] | None = None
    ) -> None:
        family = family_of(parts)
        self.dropout = Dropout(plan.dropout, seed, ranks=plan.rank_dropout, modules=plan.module_dropout)
        self.dropout.timed = plan.t_lora
        #: By part and module. The layers of embeddings are among them: they have the methods that are called on all.
        self.layers: dict[str, dict[str, Any]] = {}
        found = {part: targets_of(part, module, replace(plan, layers=[]), family) for part, module in parts.items()}
        check_rules(plan.layers, [target.file_name for targets in found.values() for target in targets])
        for part, module in parts.items():
            targets = targets_of(part, module, plan, family)
            if not targets:
                raise TrainingError(
                    f"The {part} has no layers to train.",
                    next_steps=["Take the rule out of training.layers that leaves all of them out."],
                    id="training/layers",
                )
            self.layers[part] = {target.module: self._wrap(module, target, plan) for target in targets}
        if embeddings and plan.pivotal is not None:
            self.layers |= put_embeddings(embeddings, plan.pivotal)
        for part, layers in self.layers.items():
            for name, layer in layers.items():
                layer.start(seed, part, name)
        #: The trained scale by layer name, of the layers whose scale `strengthen` has changed.
        self._learned: dict[str, float] = {}
        self.flat: dict[str, torch.Tensor] = {}
        self.flat_grad: dict[str, torch.Tensor] = {}
        #: The groups of weights that the optimiser treats alike, by part, in the order of the flat tensors.
        self.groups: dict[str, list[Group]] = {}
        #: For parts whose base is not fp32: a copy of `flat` in the base's number format, and the views into that copy.
        self._low: dict[str, torch.Tensor] = {}
        self._leaves: dict[str, list[torch.Tensor]] = {}
        for part in self.layers:
            self._flatten(part, plan.lora_plus_ratio or 1.0)
            self._lower(part)
        longest = min(_DIGEST_PIECE, max(map(len, self.flat.values())))
        self._places = torch.arange(1, 2 * longest, 2, device=next(iter(self.flat.values())).device)

    def _wrap(self, root: nn.Module, target: Target, plan: Training) -> AdapterLayer:
        parent_name, _, leaf = target.module.rpartition(".")
        parent = root.get_submodule(parent_name)
        base = getattr(parent, leaf)
        # A frozen layer (`model/frozen.py`) is asked for its device itself: asking for its weight would unpack it.
        device = getattr(base, "device", None) or base.weight.device
        layer = make_layer(base, target, self.dropout, plan).to(device)
        setattr(parent, leaf, layer)
        return layer

    def _flatten(self, part: str, plus: float) -> None:
        """Lay the weights of a part into one tensor, those of a group side by side. `plus` is LoRA+'s ratio."""
        sorts: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): []}
        for layer in self.layers[part].values():
            for name, weight in layer.weights().items():
                rate = layer.rate * (plus if name in layer.faster else 1.0)
                sorts.setdefault((rate, name not in layer.magnitudes), []).append(weight)
        parameters = [weight for weights in sorts.values() for weight in weights]
        flat = torch.cat([p.detach().reshape(-1) for p in parameters])
        grad = torch.zeros_like(flat)
        self.flat[part], self.flat_grad[part], self.groups[part] = flat, grad, []
        start = 0
        for (rate, decays), weights in sorts.items():
            first = start
            for parameter in weights:
                window = slice(start, start + parameter.numel())
                parameter.data = flat[window].view(parameter.shape)
                parameter.grad = grad[window].view(parameter.shape)
                start += parameter.numel()
            if weights:
                self.groups[part].append(Group(rate, decays, slice(first, start), weights))

    def _lower(self, part: str) -> None:
        """Make the layers use copies in the base's number format, so that one conversion serves all layers.

        Magnitudes stay as they are: a length in 16 bits could not grow by less than a 256th.
        """
        layers = list(self.layers[part].values())
        dtype = layers[0].weight.dtype
        if dtype == torch.float32:
            return
        self._low[part] = low = self.flat[part].to(dtype)
        fine = {id(layer.weights()[name]) for layer in layers for name in layer.magnitudes}
        leaves: dict[int, torch.Tensor] = {}
        start = 0
        for weight in self.parameters(part):
            whole = self.flat[part] if id(weight) in fine else low
            leaves[id(weight)] = whole[start : start + weight.numel()].view(weight.shape).detach().requires_grad_()
            start += weight.numel()
        for layer in layers:
            layer.used = tuple(leaves[id(weight)] for weight in layer.weights().values())
        self._leaves[part] = list(leaves.values())

    # -- as one thing ----------------------------------------------------------------------------------------------

    def parameters(self, part: str) -> list[nn.Parameter]:
        """The weights of a part, in the order of its flat tensor."""
        return [weight for group in self.groups[part] for weight in group.parameters]

    def zero_grad(self) -> None:
        self.forget()
        for grad in self.flat_grad.values():
            grad.zero_()

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy changed weights to the layers' copies in the base's number format. Call it after each change."""
        for part, low in self._low.items():
            low.copy_(self.flat[part])

    def forget(self) -> None:
        """Drop gradients left by a backward pass that ran out of memory. Call it before each backward pass."""
        for part in self._leaves:
            self._forget(part)

    def _forget(self, part: str) -> None:
        for leaf in self._leaves[part]:
            leaf.grad = None

    @torch.no_grad()
    def gather(self, *parts: str) -> None:
        """Add the gradients of a backward pass through `parts` to `flat_grad`."""
        for part in parts:
            # Where the base is fp32, the gradients are views into `flat_grad`, and there is nothing to add.
            if part in self._leaves:
                grads = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self._leaves[part]]
                self.flat_grad[part] += torch.cat([grad.reshape(-1) for grad in grads])
                self._forget(part)

    def norms(self, flat: dict[str, torch.Tensor]) -> torch.Tensor:
        """Euclidean norm of each part of `flat` or `flat_grad`, [parts] on the device."""
        return torch.stack([torch.linalg.vector_norm(part) for part in flat.values()])

    def enable(self, on: bool) -> None:
        for layers in self.layers.values():
            for layer in layers.values():
                layer.enabled = on

    def strengthen(self, factor: float) -> None:
        """Set the strength of the adapter: its change is multiplied by `factor`. 1 is how it is trained."""
        for layers in self.layers.values():
            for layer in layers.values():
                layer.scale = factor * self._learned.setdefault(layer.name, layer.scale)

    def digest(self) -> torch.Tensor:
        """64-bit checksum of all weights, an int64 scalar on the device.

        Integer sums are exact, so the checksum does not depend on the order of summation.
        """
        total = torch.zeros((), dtype=torch.int64, device=next(iter(self.flat.values())).device)
        for flat in self.flat.values():
            for piece in flat.view(torch.int32).split(_DIGEST_PIECE):
                places = self._places[: len(piece)]
                # Both expressions give the same number. `dot` takes half the time, but CUDA has no `dot` for integers.
                on_cpu = piece.device.type == "cpu"
                total = total * 1_000_003 + (torch.dot(piece.long(), places) if on_cpu else (piece * places).sum())
        return total

    # -- in and out ------------------------------------------------------------------------------------------------

    def alphas(self) -> dict[str, float]:
        """Alpha by layer name, of all layers that a LoRA file holds."""
        return {
            layer.name: layer.alpha
            for layers in self.layers.values()
            for layer in layers.values()
            if isinstance(layer, AdapterLayer)
        }

    def tensors(self) -> dict[str, torch.Tensor]:
        """Copies of all weights on the CPU, fp32, by name: `part.module.weight`, such as `….down` and `….up`."""
        return {
            f"{layer.name}.{name}": weight.detach().to("cpu", copy=True)
            for layers in self.layers.values()
            for layer in layers.values()
            for name, weight in layer.weights().items()
        }

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Inverse of `tensors`. Raises TrainingError when a layer is missing or has another shape."""
        for layers in self.layers.values():
            for layer in layers.values():
                for name, own in layer.weights().items():
                    given = tensors.get(f"{layer.name}.{name}")
                    if given is None or given.shape != own.shape:
                        found = "missing" if given is None else f"{list(given.shape)} instead of {list(own.shape)}"
                        raise TrainingError(
                            f"LoRA weights do not fit: {layer.name}.{name} is {found}.", id="training/checkpoint"
                        )
                    own.data.copy_(given)
        self.refresh()
