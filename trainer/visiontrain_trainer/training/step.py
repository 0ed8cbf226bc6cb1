"""One optimiser step: forward and backward passes, gradient norm, update. On a GPU the host never waits for it."""

from __future__ import annotations

import torch

from visiontrain_trainer.base.errors import MachineError, TrainingError, is_out_of_memory
from visiontrain_trainer.compute.device import give_back_memory, trying_algorithms
from visiontrain_trainer.compute.losses import losses
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan, batch_of_one, largest_batch
from visiontrain_trainer.data.batches import ImageUse

from .loss_scale import FIRST_SCALE, LossScale
from .norm_cap import cap_norms
from .optim import rest_parts, set_rate, without
from .passes import Inputs, Machine, Passes, Trained
from .result import Measurement, PendingResult, StepFacts, StepTensors
from .schedules import learning_rate_factor


class TrainStep:
    """Does optimiser steps, and measures losses with the same passes. `micro_batch` is the most images in one pass."""

    def __init__(self, plan: Plan, events: Events, *, trained: Trained, inputs: Inputs, machine: Machine) -> None:
        self._plan, self._events = plan, events
        self._adapter, self._optimizer, self._ema = trained.adapter, trained.optimizer, trained.ema
        self._batches, self._builder = inputs.batches, inputs.builder
        self._device, self._processes = machine.device, machine.processes
        self.micro_batch = largest_batch(plan)
        #: Peak memory of each of several processes in MiB, from the last step.
        self._memories = torch.zeros(0, device=machine.device.torch)
        self.scale = LossScale(FIRST_SCALE if machine.device.dtype == torch.float16 else 1.0)
        self.passes = Passes(plan, events, trained=trained, inputs=inputs, machine=machine)

    def release(self) -> None:
        """Give back the memory of recorded CUDA graphs, for other work between steps."""
        self.passes.release()

    def losses_at(self, use: ImageUse, steps: list[int], noise_index: int) -> list[float]:
        """Unweighted losses of one image at the timesteps `steps` with fixed noise, without dropout."""
        return [loss for found in self.measurements(use, steps, noise_index) for loss in found.losses]

    @torch.no_grad()
    def measurements(self, use: ImageUse, steps: list[int], noise_index: int) -> list[Measurement]:
        """The same with batches and predictions, in passes of no more images than in training.

        Where memory does not suffice, it is one timestep at a time: the image may be larger than any trained image.
        """
        try:
            return self._measure(use, steps, noise_index, self.micro_batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Memory is freed only after the except block: inside it, the traceback keeps the failed pass's tensors alive.
        give_back_memory()
        return self._measure(use, steps, noise_index, 1)

    @torch.no_grad()
    def flow_predictions(self, use: ImageUse, steps: list[int]) -> list[Measurement]:
        """What the network predicts for an image on the straight path to noise that rectified flow learns."""
        return self._measure(use, steps, 0, self.micro_batch, flow=True)

    def _measure(
        self, use: ImageUse, steps: list[int], noise_index: int, size: int, *, flow: bool = False
    ) -> list[Measurement]:
        found = []
        for part in (steps[i : i + size] for i in range(0, len(steps), size)):
            batch = self._builder.fixed(use, part, noise_index)
            inputs = self.passes.inputs(batch)
            if flow:
                inputs["noisy"] = self.passes.straight(batch).to(inputs["noisy"].dtype)
            prediction = self.passes.predict(inputs)
            # The squared error is measured whatever loss is trained, so that runs with different losses can be
            # compared.
            per_image = losses(prediction, inputs["target"]).tolist()
            found.append(Measurement(batch, prediction.float(), per_image))
        return found

    def _gradients(self, passes: list[list[ImageUse]]) -> torch.Tensor:
        """Leave the step's gradients in the adapter. Returns the weighted loss of each image in order, fp32 [images].

        Each process computes its share of the images; gradients and losses are summed over the processes.
        """
        adapter = self._adapter
        total = sum(map(len, passes))
        # After the losses come the peak memories of several processes: each writes its own and leaves the others 0, so
        # that the sum over all processes holds them all.
        several = self._processes.count if self._processes.count > 1 else 0
        found = torch.zeros(total + several, device=self._device.torch)
        adapter.zero_grad()
        start = 0
        for uses in passes:
            mine = range(len(uses))[self._processes.rank :: self._processes.count]
            for first in range(0, len(mine), self.micro_batch):
                places = mine[first : first + self.micro_batch]
                batch = self._builder.batch([uses[i] for i in places])
                drawn = [(use.epoch, use.key, t) for use, t in zip(batch.uses, batch.timesteps, strict=True)]
                inputs = self.passes.inputs(batch, adapter.dropout.draw(drawn, self._device))
                inputs |= self.passes.loss_terms(batch)
                # The number is filled in on the device: copying it from the host would wait for the device.
                inputs["factor"] = torch.full((), self.scale.value / total, device=self._device.torch)
                # A slice is used, because a list of places would be copied from the host and wait for the device.
                found[start + places[0] : start + places[-1] + 1 : self._processes.count] = self.passes.run(inputs)
            start += len(uses)
        if several:
            found[total + self._processes.rank] = self._device.memory() >> 20
        for grad in adapter.flat_grad.values():
            self._processes.sum(grad)
        self._processes.sum(found)
        self._memories = found[total:]
        return found[:total]

    def _gradients_that_fit(self, step: int, passes: list[list[ImageUse]]) -> torch.Tensor:
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
            if self.passes.release() and not made_room:
                # Work outside the graphs, above all that of text encoders, may need the memory that the graphs kept.
                made_room = True
            else:
                self.take_fewer(step, max(map(len, passes)), reason)

    def take_fewer(self, step: int, largest: int, reason: str) -> None:
        """Halve the number of images in a pass after passes of up to `largest` images ran out of memory.

        Raises MachineError where a pass has one image already, or the run has several processes.
        """
        if min(self.micro_batch, largest) == 1 or self._processes.count > 1:
            # Passes of one image have been tried before this, so a smaller batch would take no less memory.
            raise MachineError(
                f"Step {step + 1}: the device has not enough memory.",
                [reason],
                self.less_memory(min(self.micro_batch, largest)),
                id="training/memory",
            )
        self.micro_batch = -(-min(self.micro_batch, largest) // 2)
        self._events.note(
            f"Step {step + 1}: not enough memory; from here {self.micro_batch} pictures at once, with the same "
            "effective batch.",
            "warn",
        )

    def less_memory(self, images: int) -> list[str]:
        """Next steps that take less memory than a pass of `images` images, without settings that are so already."""
        training, resources = self._plan.training, self._plan.resources
        changes = [
            (resources.gradient_checkpointing != "full", "resources.gradient_checkpointing=full"),
            (images > 1, " --set ".join(batch_of_one(self._plan))),
            (any(training.text_encoder_learning_rates), "training.text_encoder_learning_rate=0"),
        ]
        less = (f"Use less: --set {change}" for helps, change in changes if helps)
        return ["Close what else uses that memory.", *less, "Or lower dataset.resolution or training.rank."]

    def _update(self) -> None:
        """Update the weights. Where AdamW's first update runs out of memory, the graphs are released and it is retried.

        The first update makes AdamW's state, two numbers for each weight, beside the memory that the graphs keep.
        """
        optimizer = self._optimizer
        # A retry would update the first parameter group a second time, so the update is retried only with one group.
        alone = isinstance(optimizer, torch.optim.AdamW) and len(optimizer.param_groups) == 1
        first = alone and not optimizer.state
        try:
            with without(optimizer, self._resting):
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
        self._resting = rest_parts(training, adapter, step)
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
        bound = training.max_weight_norm
        capped = norm.new_zeros(0) if bound is None else cap_norms(adapter, bound)
        adapter.refresh()
        if self._ema is not None:
            self._ema.after(step + 1)
        facts = StepFacts(
            step=step + 1,
            epoch=self._batches.epoch_of(step) + 1,
            rate=rate,
            uses=[use for batch in passes for use in batch],
            parts=list(adapter.flat),
        )
        tensors = StepTensors(
            losses=image_losses,
            grad_norm=norm,
            grad_norms=grad_norms,
            weight_norms=adapter.norms(adapter.flat),
            digest=adapter.digest(),
            memories=self._memories,
            capped=capped,
        )
        return PendingResult(facts, tensors)

    def rehearse(self, passes: list[list[ImageUse]], optimizer: torch.optim.Optimizer) -> None:
        """Compute what a step does, and update by another optimiser. Raises what PyTorch raises for lack of memory."""
        adapter = self._adapter
        with trying_algorithms(self._plan.resources):
            self._gradients(passes)
        adapter.norms(adapter.flat_grad)
        optimizer.step()
        adapter.refresh()
        adapter.norms(adapter.flat)
        adapter.digest()

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
                id="training/overflow",
            )
        return False
