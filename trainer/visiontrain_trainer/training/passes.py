"""The forward and backward pass of a batch: its input tensors, the prediction, the loss, the gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.compute.losses import huber_c, loss_weights, losses
from visiontrain_trainer.compute.noise import Diffusion
from visiontrain_trainer.compute.processes import Processes
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batch_builder import Batch, BatchBuilder, model_inputs
from visiontrain_trainer.data.batches import BatchSampler
from visiontrain_trainer.data.text import TextEmbeddings

from .ema import Ema
from .graphs import Graphs, Tensors


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The network, the LoRA in it, and what updates the LoRA."""

    unet: nn.Module
    adapter: Adapter
    optimizer: torch.optim.Optimizer
    #: The moving average of the LoRA's weights, where the plan wants one.
    ema: Ema | None = None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Where the tensors of a pass come from."""

    #: The order in which images are used.
    batches: BatchSampler
    builder: BatchBuilder
    texts: TextEmbeddings
    diffusion: Diffusion


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a step is computed."""

    device: Device
    processes: Processes


class Passes:
    """Runs passes over the U-Net and the trained text encoders. On a GPU, training passes run as CUDA graphs."""

    def __init__(self, plan: Plan, events: Events, *, trained: Trained, inputs: Inputs, machine: Machine) -> None:
        self._plan, self._unet, self._adapter = plan, trained.unet, trained.adapter
        self._texts, self._diffusion, self._device = inputs.texts, inputs.diffusion, machine.device
        adapter = trained.adapter
        #: The text encoders and embeddings that are trained, and the names of the inputs of a pass that they compute.
        self._encoders = [part for part in adapter.layers if part != "unet"]
        self._text_inputs = ["states"] * bool(self._encoders) + ["text_embeds"] * bool(
            {"text_encoder_2", "embedding_2"} & set(self._encoders)
        )
        # A replay would send no layer. Where layers are sent, the card waits for the bus and not for Python.
        recorded = machine.device.is_cuda and not plan.resources.stream_base
        self.graphs = Graphs(self.backward, adapter.flat_grad.values(), events) if recorded else None

    def inputs(self, batch: Batch, masks: torch.Tensor | None = None) -> Tensors:
        """All tensors that the forward pass of a batch reads, by name.

        Where text encoders are trained, this encodes the captions and puts the states into `batch`.
        """
        if batch.states is None:
            dropout = self._adapter.dropout

            def about_to(chunks: list[int]) -> None:
                # Each chunk of a caption drops what its image drops. Nothing is dropped from the padding.
                rows = [masks[i : i + 1].expand(n, -1) for i, n in enumerate(chunks)] if masks is not None else []
                dropout.masks = torch.cat(rows) if rows else None

            batch.states, batch.pooled = self._texts.trained(batch.captions, about_to)
        noisy, target, extra = model_inputs(self._diffusion, batch, self._device.dtype)
        inputs = {
            "noisy": noisy,
            "target": target,
            "t": self._diffusion.model_timesteps(batch.t),
            "states": batch.states,
            **(extra or {}),
        }
        return inputs if masks is None else {**inputs, "masks": masks}

    def straight(self, batch: Batch) -> torch.Tensor:
        """The noisy latents of a batch as models of rectified flow read them."""
        return self._diffusion.straight(batch.latents, batch.noise, batch.t)

    def predict(self, inputs: Tensors) -> torch.Tensor:
        """The U-Net's prediction for a batch, [B, 4, h, w] in the U-Net's number format."""
        extra = {name: inputs[name] for name in ("text_embeds", "time_ids") if name in inputs}
        out = self._unet(
            inputs["noisy"],
            inputs["t"],
            encoder_hidden_states=inputs["states"],
            added_cond_kwargs=extra or None,
            return_dict=False,
        )
        return out[0]

    def _loss_of(self, prediction: torch.Tensor, inputs: Tensors) -> torch.Tensor:
        """Unweighted loss of each image, fp32 [B]."""
        kind, c, mask = self._plan.training.loss, inputs.get("huber_c"), inputs.get("mask")
        return losses(prediction, inputs["target"], kind, c, mask=mask)

    def backward(self, inputs: Tensors) -> Tensors:
        """Add the U-Net's gradients of a batch to the adapter's.

        Returns the weighted `loss` of each image, and the gradients of the inputs that trained text encoders computed,
        under the names of these inputs.
        """
        leaves = {name: inputs[name].detach().requires_grad_() for name in self._text_inputs}
        # The masks stay set until the backward pass ends, because checkpointed layers are computed again in it.
        with self._adapter.dropout.dropping(inputs.get("masks")):
            loss = self._loss_of(self.predict({**inputs, **leaves}), inputs)
            for name in ("weights", "image_weights"):
                if name in inputs:
                    loss = loss * inputs[name]
            self._adapter.forget()
            (loss.sum() * inputs["factor"]).backward()
            self._adapter.gather("unet")
            if "kept_states" in inputs:
                # Two backward passes one after the other take no more memory than one.
                kept = self._kept_loss(inputs)
                self._adapter.forget()
                (kept.sum() * inputs["factor"]).backward()
                self._adapter.gather("unet")
                loss = loss + kept
        return {"loss": loss.detach(), **{name: leaf.grad for name, leaf in leaves.items()}}

    def _kept_loss(self, inputs: Tensors) -> torch.Tensor:
        """By how much the adapter changes what the base predicts for the class, as a weighted square, fp32 [B]."""
        plan = self._plan.training.preservation
        assert plan is not None
        words = {**inputs, "states": inputs["kept_states"]}
        if "kept_embeds" in inputs:
            words["text_embeds"] = inputs["kept_embeds"]
        with torch.no_grad():
            self._adapter.enable(False)
            try:
                base = self.predict(words).float()
            finally:
                self._adapter.enable(True)
        kept = losses(self.predict(words), base) * plan.weight
        return kept * inputs["image_weights"] if "image_weights" in inputs else kept

    def run(self, inputs: Tensors) -> torch.Tensor:
        """Forward and backward pass of a batch through the U-Net and trained text encoders.

        Returns the weighted loss of each image, fp32 [B].
        """
        encoded = {name: inputs[name] for name in self._text_inputs}
        inputs = {name: tensor.detach() for name, tensor in inputs.items()}
        out = self.graphs(inputs) if self.graphs else self.backward(inputs)
        if encoded:
            # The gradient of this sum with respect to the encoders' outputs is exactly the given gradients. Passing
            # these to autograd as `grad_tensors` would import sympy.
            given = [(tensor * out[name]).sum() for name, tensor in encoded.items()]
            torch.stack(given).sum().backward()
            self._adapter.gather(*self._encoders)
        return out["loss"]

    def loss_terms(self, batch: Batch) -> Tensors:
        """What the loss of a batch depends on beside its prediction and target. What has no effect is left out."""
        terms = {"weights": loss_weights, "huber_c": huber_c}
        found = {name: term(self._plan.training, self._diffusion, batch.t) for name, term in terms.items()}
        found |= {"image_weights": batch.loss_weights, "mask": batch.mask}
        found |= {"kept_states": batch.kept_states, "kept_embeds": batch.kept_pooled}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    def release(self) -> bool:
        """Give back the memory of recorded CUDA graphs, for other work. Returns whether there was any."""
        return self.graphs is not None and self.graphs.release()
