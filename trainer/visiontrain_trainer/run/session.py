"""Builds everything a run needs, in the order that costs least: headers, cache, U-Net, adapter, optimiser."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.embedding import Trigger
from visiontrain_trainer.adapter.merged import merge_into
from visiontrain_trainer.base.errors import TrainerError
from visiontrain_trainer.base.leave import leave
from visiontrain_trainer.compute.device import Device, open_device
from visiontrain_trainer.compute.facts import active_facts
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod
from visiontrain_trainer.compute.processes import Processes, join_processes
from visiontrain_trainer.contract.control import Control, Unasked
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.failure import tell_failure
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batch_builder import BatchBuilder, Caches
from visiontrain_trainer.data.batches import BatchSampler
from visiontrain_trainer.data.latents import Latents
from visiontrain_trainer.data.masks import Masks
from visiontrain_trainer.data.text import TextEmbeddings
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.training.ema import Ema
from visiontrain_trainer.training.optim import make_optimizer
from visiontrain_trainer.training.passes import Inputs, Machine, Trained
from visiontrain_trainer.training.schedule_free import averaged
from visiontrain_trainer.training.step import TrainStep

from .cache import encode_share, fill_caches
from .generated import Studio, with_generated
from .init_lora import start_from
from .network import make_faster, prepare_unet, say_streamed, unet_storage

Facts = dict[str, str | int | bool | None]


@dataclass(kw_only=True)
class Session:
    """Everything that the training loop works with."""

    run: Path
    plan: Plan
    events: Events
    control: Control
    device: Device
    processes: Processes
    base: BaseModel
    batches: BatchSampler
    latents: Latents
    texts: TextEmbeddings
    unet: nn.Module
    adapter: Adapter
    #: The adapter's weights before the first step, from which the weight change is measured.
    initial: dict[str, torch.Tensor]
    optimizer: torch.optim.Optimizer
    #: The moving average of the adapter's weights, where the plan wants one.
    ema: Ema | None
    diffusion: Diffusion
    train_step: TrainStep
    #: The device, libraries and settings really in use, as in the `active` event.
    facts: Facts

    @property
    def scales(self) -> dict[str, float]:
        """Alpha by layer name."""
        return self.adapter.alphas()

    @contextmanager
    def used_weights(self) -> Generator[None]:
        """In this context the adapter has the weights that samples, validation, checkpoints and files are to have.

        They are the trained ones, or an average of these. It may be entered inside itself.
        """
        average = nullcontext() if self.ema is None else self.ema.in_use()
        with averaged(self.optimizer, self.adapter), average:
            yield


def open_session(run: Path, plan: Plan, events: Events, control: Control) -> Session:
    """Build all that the first step of a run needs. Raises TrainerError, or Stopped when a stop is requested."""
    processes = join_processes(plan.resources, lambda error: _give_up(run, events, error))
    machine = Machine(device=open_device(plan.resources, processes), processes=processes)
    device = machine.device
    base = BaseModel(plan.model)
    merged = merge_into(base, plan)
    caches = Caches(latents=Latents(plan, base, device), texts=TextEmbeddings(plan, base, device), masks=Masks(plan))
    asked = control if processes.first else Unasked(run / "control")
    plan, batches = _fill_caches_in_turn(plan, base, caches, machine, talk=(events, asked))

    device.forget_peak()
    events.emit("phase", phase="load", detail=plan.model.name)
    storage = unet_storage(plan.resources, device)
    unet = base.unet(device.dtype, device.torch, storage)
    if merged is not None:
        merged.report(events)
    say_streamed(storage.stream, events)
    prepare_unet(unet, plan)
    adapter = make_adapter(unet, base, caches.texts, plan)
    init_lora = plan.training.init_lora and start_from(
        Path(plan.training.init_lora), adapter, events, family=plan.model.family, unet_config=dict(unet.config)
    )
    compiled = make_faster(unet, plan, device, events)
    alphas = alphas_cumprod(base.scheduler_config(), plan.model.zero_terminal_snr)
    diffusion = Diffusion(alphas, plan.model.prediction, device.torch)
    adapter.dropout.timesteps = diffusion.steps
    builder = BatchBuilder(plan, batches, caches, device=device, timesteps=diffusion.steps)
    ema = None if plan.training.ema is None else Ema(plan.training.ema, adapter)
    trained = Trained(unet=unet, adapter=adapter, optimizer=make_optimizer(plan.training, adapter), ema=ema)
    inputs = Inputs(batches=batches, builder=builder, texts=caches.texts, diffusion=diffusion)
    session = Session(
        run=run,
        plan=plan,
        events=events,
        control=control,
        device=device,
        processes=processes,
        base=base,
        batches=batches,
        latents=caches.latents,
        texts=caches.texts,
        unet=unet,
        adapter=adapter,
        initial=adapter.tensors(),
        optimizer=trained.optimizer,
        ema=ema,
        diffusion=diffusion,
        train_step=TrainStep(plan, events, trained=trained, inputs=inputs, machine=machine),
        facts=active_facts(plan.resources, device, processes),
    )
    session.facts |= _facts_of(session, compiled=compiled, init_lora=init_lora)
    events.emit("active", facts=session.facts)
    return session


def _give_up(run: Path, events: Events, error: TrainerError) -> None:
    """Report `error` and end this process at once, because its main thread may wait for a process that is gone.

    The heartbeat calls this in its own thread.
    """
    print(error.reason, *error.details, file=sys.stderr, flush=True)
    tell_failure(run, events, error)
    events.close()
    leave(error.code)


def _fill_caches_in_turn(
    plan: Plan, base: BaseModel, caches: Caches, machine: Machine, *, talk: tuple[Events, Control]
) -> tuple[Plan, BatchSampler]:
    """`fill_caches` in the first process of the run, then in the others, which find everything in the cache.

    Images that the base draws come before: they are encoded as others are. Before the captions each process encodes its
    share of the images.
    """
    processes, device = machine.processes, machine.device
    events, control = talk
    studio = Studio(plan=plan, base=base, caches=caches, device=device, events=events, control=control)
    plan = processes.in_turn(lambda: with_generated(studio))
    if processes.count > 1:
        encode_share(plan, caches, processes.share, events, control=control)
        processes.barrier()
    return processes.in_turn(lambda: fill_caches(plan, caches, device, events, control=control))


def make_adapter(unet: nn.Module, base: BaseModel, texts: TextEmbeddings, plan: Plan) -> Adapter:
    """The layers of a run's adapter, put into the U-Net and the text encoders that learn."""
    triggers: dict[str, Trigger] = {}
    pivotal = plan.training.pivotal
    if pivotal is not None:
        for name, encoder in zip(base.text_encoders, texts.encoders, strict=True):
            start = encoder.tokenizer.ids(pivotal.initial) or encoder.tokenizer.ids(pivotal.word)
            triggers[name] = Trigger(encoder.embeddings, start)
    return Adapter(trained_parts(unet, base, texts, plan), plan.training, plan.seed, triggers)


def trained_parts(unet: nn.Module, base: BaseModel, texts: TextEmbeddings, plan: Plan) -> dict[str, nn.Module]:
    """The networks that get LoRA layers, by name: the U-Net, and the text encoders with a learning rate."""
    parts = {"unet": unet}
    rates = plan.training.text_encoder_learning_rates
    for name, rate, encoder in zip(base.text_encoders, rates, texts.encoders, strict=False):
        if rate > 0:
            parts[name] = encoder.module
    return parts


def _facts_of(session: Session, *, compiled: bool, init_lora: str | None) -> Facts:
    """Facts for the `active` event beside those of the device: how the run computes, and what it starts from."""
    adapter = session.adapter
    return {
        "compile": compiled,
        "graphs": session.train_step.passes.graphs is not None,
        "trainable": sum(flat.numel() for flat in adapter.flat.values()),
        "base_weights": session.base.fingerprint(),
        "init_lora": init_lora,
        "layers": sum(len(layers) for layers in adapter.layers.values()),
        "optimizer": type(session.optimizer).__name__,
    }
