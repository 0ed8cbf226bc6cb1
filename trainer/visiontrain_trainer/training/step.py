"""One optimiser step: forward and backward passes, gradient norm, update. On a GPU the host never waits for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.base.errors import MachineError, TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import Device, Processes, give_back_memory, trying_algorithms
from visiontrain_trainer.compute.losses import huber_c, loss_weights, losses
from visiontrain_trainer.compute.noise import Diffusion
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import BatchPlan, Use
from visiontrain_trainer.data.feed import Batch, Feed, model_inputs
from visiontrain_trainer.data.text import TextBank

from .graphs import Graphs
from .loss_scale import FIRST_SCALE, LossScale
from .norm_cap import cap_norms
from .optim import set_rate
from .result import PendingResult, StepFacts, StepTensors
from .schedules import learning_rate_factor

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Measurement:
    """A forward pass: its batch, what the U-Net predicts of it in fp32 [B, 4, h, w], the loss of each of the batch."""

    batch: Batch
    prediction: torch.Tensor
    losses: list[float]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The network, the LoRA in it, and what updates the LoRA."""

    unet: nn.Module
    adapter: Adapter
    optimizer: torch.optim.Optimizer


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Where the tensors of a pass come from."""

    #: The order in which images are used.
    batches: BatchPlan
    feed: Feed
    texts: TextBank
    diffusion: Diffusion


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a step is computed."""

    device: Device
    processes: Processes


class TrainStep:
    """Does optimiser steps, and measures losses with the same passes. `micro_batch` is the most images in one pass."""

    def __init__(self, plan: Plan, events: Events, *, trained: Trained, inputs: Inputs, machine: Machine) -> None:
        self._plan, self._events = plan, events
        self._unet, self._adapter, self._optimizer = trained.unet, trained.adapter, trained.optimizer
        self._batches, self._feed = inputs.batches, inputs.feed
        self._texts, self._diffusion = inputs.texts, inputs.diffusion
        self._device, self._processes = machine.device, machine.processes
        adapter, device = trained.adapter, machine.device
        self.micro_batch = plan.training.batch_size
        self.scale = LossScale(FIRST_SCALE if device.dtype == torch.float16 else 1.0)
        #: The text encoders that are trained, and the names of the inputs of a pass that these encoders compute.
        self._encoders = [part for part in adapter.layers if part != "unet"]
        self._text_inputs = ["states"] * bool(self._encoders) + ["text_embeds"] * ("text_encoder_2" in self._encoders)
        self.graphs = Graphs(self._backward, adapter.flat_grad.values(), events) if device.is_cuda else None

    def _inputs(self, batch: Batch, masks: torch.Tensor | None = None) -> Tensors:
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
        inputs = {"noisy": noisy, "target": target, "t": batch.t, "states": batch.states, **(extra or {})}
        return inputs if masks is None else {**inputs, "masks": masks}

    def _predict(self, inputs: Tensors) -> torch.Tensor:
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
        """Unweighted loss of each picture, fp32 [B]."""
        kind, c, mask = self._plan.training.loss, inputs.get("huber_c"), inputs.get("mask")
        return losses(prediction, inputs["target"], kind, c, mask=mask)

    def _backward(self, inputs: Tensors) -> Tensors:
        """Add the U-Net's gradients of a batch to the adapter's.

        Returns the weighted `loss` of each image, and the gradients of the inputs that trained text encoders computed,
        under the names of these inputs.
        """
        leaves = {name: inputs[name].detach().requires_grad_() for name in self._text_inputs}
        # The masks stay set until the backward pass ends, because checkpointed layers are computed again in it.
        with self._adapter.dropout.dropping(inputs.get("masks")):
            loss = self._loss_of(self._predict({**inputs, **leaves}), inputs)
            for name in ("weights", "image_weights"):
                if name in inputs:
                    loss = loss * inputs[name]
            self._adapter.forget()
            (loss.sum() * inputs["factor"]).backward()
            self._adapter.gather("unet")
            if "kept_states" in inputs:
                # A backward pass of its own takes no more memory than one pass alone.
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
                base = self._predict(words).float()
            finally:
                self._adapter.enable(True)
        kept = losses(self._predict(words), base) * plan.weight
        return kept * inputs["image_weights"] if "image_weights" in inputs else kept

    def _pass(self, inputs: Tensors) -> torch.Tensor:
        """Forward and backward pass of a batch through the U-Net and trained text encoders.

        Returns the weighted loss of each image, fp32 [B].
        """
        encoded = {name: inputs[name] for name in self._text_inputs}
        inputs = {name: tensor.detach() for name, tensor in inputs.items()}
        out = self.graphs(inputs) if self.graphs else self._backward(inputs)
        if encoded:
            # The gradient of this sum with respect to the encoders' outputs is exactly the given gradients. Passing
            # these to autograd as `grad_tensors` would import sympy.
            given = [(tensor * out[name]).sum() for name, tensor in encoded.items()]
            torch.stack(given).sum().backward()
            self._adapter.gather(*self._encoders)
        return out["loss"]

    def release(self) -> None:
        """Give back the memory of recorded CUDA graphs, for other work between steps."""
        if self.graphs:
            self.graphs.release()

    def measured(self, use: Use, steps: list[int], draw: int) -> list[float]:
        """Losses of one picture at fixed timesteps and noise, without dropout."""
        return [loss for found in self.measurements(use, steps, draw) for loss in found.losses]

    @torch.no_grad()
    def measurements(self, use: Use, steps: list[int], draw: int) -> list[Measurement]:
        """The same with what they are of; in passes no larger than in training.

        The passes are no larger than in training. Where memory does not suffice, one timestep is measured at a time,
        because the image may be larger than any that is trained on.
        """
        try:
            return self._measured(use, steps, draw, self.micro_batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Memory is freed only after the except block: inside it, the traceback keeps the failed pass's tensors alive.
        give_back_memory()
        return self._measured(use, steps, draw, 1)

    def _measured(self, use: Use, steps: list[int], draw: int, size: int) -> list[Measurement]:
        found = []
        for part in (steps[i : i + size] for i in range(0, len(steps), size)):
            batch = self._feed.fixed(use, part, draw)
            inputs = self._inputs(batch)
            prediction = self._predict(inputs)
            # The square is measured whatever is trained on, so that runs of different losses can be compared.
            each = losses(prediction, inputs["target"]).tolist()
            found.append(Measurement(batch, prediction.float(), each))
        return found

    def _loss_terms(self, batch: Batch) -> Tensors:
        """What the loss of a batch depends on beside its prediction and target. What has no effect is left out."""
        terms = {"weights": loss_weights, "huber_c": huber_c}
        found = {name: term(self._plan.training, self._diffusion, batch.t) for name, term in terms.items()}
        found |= {"image_weights": batch.loss_weights, "mask": batch.mask}
        found |= {"kept_states": batch.kept_states, "kept_embeds": batch.kept_pooled}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    def _gradients(self, passes: list[list[Use]]) -> torch.Tensor:
        """Leave the step's gradients in the adapter. Returns the weighted loss of each image in order, fp32 [images].

        Each process computes its share of the images; gradients and losses are summed over the processes.
        """
        adapter = self._adapter
        total = sum(map(len, passes))
        found = torch.zeros(total, device=self._device.torch)
        adapter.zero_grad()
        start = 0
        for uses in passes:
            mine = range(len(uses))[self._processes.rank :: self._processes.count]
            for first in range(0, len(mine), self.micro_batch):
                places = mine[first : first + self.micro_batch]
                batch = self._feed.batch([uses[i] for i in places])
                drawn = [(use.epoch, use.key) for use in batch.uses]
                inputs = self._inputs(batch, adapter.dropout.draw(drawn, self._device))
                inputs |= self._loss_terms(batch)
                # The number is filled in on the device: copying it from the host would wait for the device.
                inputs["factor"] = torch.full((), self.scale.value / total, device=self._device.torch)
                # A slice is used, because a list of places would be copied from the host and wait for the device.
                found[start + places[0] : start + places[-1] + 1 : self._processes.count] = self._pass(inputs)
            start += len(uses)
        for grad in adapter.flat_grad.values():
            self._processes.sum(grad)
        self._processes.sum(found)
        return found

    def _gradients_that_fit(self, step: int, passes: list[list[Use]]) -> torch.Tensor:
        made_room = False
        while True:
            try:
                with trying_algorithms(self._plan.resources):
                    return self._gradients(passes)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).split("\n")[0]
            # Memory is freed after the except block: inside it, the traceback keeps the failed pass's tensors alive.
            give_back_memory()
            if self.graphs and self.graphs.release() and not made_room:
                # Work outside the graphs, above all that of text encoders, may need the memory that the graphs kept.
                made_room = True
            else:
                self._take_fewer(step, max(map(len, passes)), reason)

    def _take_fewer(self, step: int, largest: int, reason: str) -> None:
        """Halve the number of images in a pass after passes of up to `largest` images ran out of memory.

        Raises MachineError where a pass has one image already, or the run has several processes.
        """
        if min(self.micro_batch, largest) == 1 or self._processes.count > 1:
            # Passes of one image have been tried before this, so a smaller batch would take no less memory.
            raise MachineError(
                f"Step {step + 1}: the device has not enough memory.",
                [reason],
                self._less_memory(min(self.micro_batch, largest)),
            )
        self.micro_batch = -(-min(self.micro_batch, largest) // 2)
        self._events.note(
            f"Step {step + 1}: not enough memory; from here {self.micro_batch} pictures at once, with the same "
            "effective batch.",
            "warn",
        )

    def _less_memory(self, pictures: int) -> list[str]:
        """Next steps that take less memory than a pass of `pictures` images, without settings that are so already."""
        plan = self._plan
        changes = [
            (plan.resources.gradient_checkpointing != "full", "resources.gradient_checkpointing=full"),
            (pictures > 1, "training.batch_size=1"),
            (any(plan.training.text_encoder_learning_rates), "training.text_encoder_learning_rate=0"),
        ]
        steps = [f"Use less: --set {change}" for helps, change in changes if helps]
        return ["Close what else uses that memory.", *steps, "Or lower dataset.resolution or training.rank."]

    def _update(self) -> None:
        """Update the weights. Where AdamW's first update runs out of memory, the graphs are released and it is retried.

        The first update makes AdamW's state, two numbers for each weight, beside the memory that the graphs keep.
        """
        optimizer = self._optimizer
        # A retry would update the first parameter group a second time, so the update is retried only with one group.
        alone = isinstance(optimizer, torch.optim.AdamW) and len(optimizer.param_groups) == 1
        first = alone and not optimizer.state
        try:
            optimizer.step()
            return
        except (RuntimeError, MemoryError) as error:
            if not first or not is_out_of_memory(error):
                raise
        # No weight has changed yet: AdamW makes the state of all weights of a group before it changes any of them.
        optimizer.state.clear()
        self.release()
        give_back_memory()
        optimizer.step()

    def run(self, step: int) -> PendingResult:
        """Do optimiser step `step`, counted from 0.

        Raises MachineError when memory runs out, and TrainingError when the gradients overflow fp16 at every scale.
        """
        training, adapter = self._plan.training, self._adapter
        passes = self._batches.step(step)
        image_losses = self._gradients_that_fit(step, passes)
        if self.scale.value != 1.0:
            for grad in adapter.flat_grad.values():
                grad /= self.scale.value
        grad_norms = adapter.norms(adapter.flat_grad)
        norm = grad_norms.norm()
        if training.max_grad_norm > 0:
            shorten = (training.max_grad_norm / (norm + 1e-6)).clamp(max=1.0)
            for grad in adapter.flat_grad.values():
                grad *= shorten
        rate = set_rate(self._optimizer, learning_rate_factor(training, step))
        if not self._updated(step, norm, image_losses):
            norm, grad_norms = torch.zeros_like(norm), torch.zeros_like(grad_norms)
        if training.max_weight_norm is not None:
            cap_norms(adapter, training.max_weight_norm)
        adapter.refresh()
        facts = StepFacts(
            step=step + 1,
            epoch=self._batches.epoch_of(step) + 1,
            lr=rate,
            uses=[use for batch in passes for use in batch],
            parts=list(adapter.flat),
        )
        tensors = StepTensors(
            losses=image_losses,
            grad_norm=norm,
            grad_norms=grad_norms,
            weight_norms=adapter.norms(adapter.flat),
            digest=adapter.digest(),
        )
        return PendingResult(facts, tensors)

    def _updated(self, step: int, norm: torch.Tensor, image_losses: torch.Tensor) -> bool:
        """Update the weights, and return whether they were: gradients that overflowed in fp16 are left out.

        Raises TrainingError when they overflow at every scale.
        """
        if self._device.dtype != torch.float16:
            self._update()
            return True
        if torch.isfinite(norm) or not torch.isfinite(image_losses).all():
            self._update()
            self.scale.succeeded()
            return True
        self.scale.overflowed()
        self._events.note(f"Step {step + 1}: fp16 overflowed; left out, loss scale now {self.scale.value:g}.")
        if self.scale.value < 1:
            raise TrainingError(
                f"Step {step + 1}: the gradients overflow fp16 at every scale.",
                next_steps=[f"Use another format: --set resources.precision={self._device.instead_of_fp16()}"],
            )
        return False
