"""Builds everything a run needs, in the order that costs least: headers, cache, U-Net, adapter, optimiser."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load
from torch import nn
from torch.utils.checkpoint import checkpoint

from visiontrain_trainer.adapter.fused import fuse_geglu
from visiontrain_trainer.adapter.lora import Adapter
from visiontrain_trainer.adapter.lora_read import Read, Wanted, from_file
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.safefile import metadata_of
from visiontrain_trainer.compute.device import Device, Processes, active_facts, join_processes, open_device
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod
from visiontrain_trainer.contract.control import Control, Unasked
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan
from visiontrain_trainer.data.batches import BatchPlan, without
from visiontrain_trainer.data.captions import caption_for
from visiontrain_trainer.data.feed import Feed
from visiontrain_trainer.data.latents import Latents
from visiontrain_trainer.data.text import TextBank
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.model.weights import refuse_pickle
from visiontrain_trainer.training.measure import measured_uses
from visiontrain_trainer.training.optim import make_optimizer
from visiontrain_trainer.training.step import Stepper


@dataclass
class Session:
    """Everything that the training loop works with."""

    run: Path
    plan: Plan
    events: Events
    control: Control
    device: Device
    processes: Processes
    base: BaseModel
    batches: BatchPlan
    latents: Latents
    texts: TextBank
    unet: nn.Module
    adapter: Adapter
    #: The adapter's weights before the first step, from which the weight change is measured.
    initial: dict[str, torch.Tensor]
    optimizer: torch.optim.Optimizer
    diffusion: Diffusion
    stepper: Stepper
    #: The device, libraries and settings really in use, as in the `active` event.
    facts: dict[str, str | int | bool | None]

    @property
    def scales(self) -> dict[str, float]:
        """Alpha by layer name."""
        return {layer.name: layer.alpha for layers in self.adapter.layers.values() for layer in layers.values()}


def open_session(run: Path, plan: Plan, events: Events, control: Control) -> Session:
    """Build all that the first step of a run needs. Raises TrainerError, or Stopped when a stop is requested."""
    processes = join_processes(plan.resources)
    device = open_device(plan.resources, processes)
    base = BaseModel(plan.model)
    latents, texts = Latents(plan, base, device), TextBank(plan, base, device)
    if processes.first:
        plan, batches = fill_cache(plan, latents, texts, device, events, control)
    processes.barrier()
    if not processes.first:
        plan, batches = fill_cache(plan, latents, texts, device, events, Unasked(run / "control"))

    device.forget_peak()
    events.emit("phase", phase="load", detail=plan.model.name)
    unet = base.unet(device.dtype, device.torch)
    prepare_unet(unet, plan)
    parts: dict[str, nn.Module] = {"unet": unet}
    for name, rate, encoder in zip(
        base.text_encoders, plan.training.text_encoder_learning_rates, texts.encoders, strict=False
    ):
        if rate > 0:
            parts[name] = encoder.module
    adapter = Adapter(parts, plan.training, plan.seed)
    init_lora = plan.training.init_lora and start_from(Path(plan.training.init_lora), adapter, plan, unet, events)
    compiled = plan.resources.compile and can_compile(device, events)
    if device.is_cuda and not compiled:
        fuse_geglu(unet)
    if compiled:
        compile_blocks(unet)
    diffusion = Diffusion(
        alphas_cumprod(base.scheduler_config(), plan.model.zero_terminal_snr),
        plan.model.prediction,
        device.torch,
    )
    feed = Feed(plan, batches, latents, texts, device, diffusion.steps)
    optimizer = make_optimizer(plan.training, adapter)
    stepper = Stepper(plan, unet, adapter, optimizer, batches, feed, texts, diffusion, device, processes, events)
    facts = active_facts(plan.resources, device, processes)
    facts["compile"] = compiled
    facts["graphs"] = stepper.graphs is not None
    facts["trainable"] = sum(flat.numel() for flat in adapter.flat.values())
    facts["base_weights"] = base.fingerprint()
    facts["init_lora"] = init_lora
    facts["layers"] = sum(len(layers) for layers in adapter.layers.values())
    facts["optimizer"] = type(optimizer).__name__
    events.emit("active", facts=facts)
    return Session(
        run,
        plan,
        events,
        control,
        device,
        processes,
        base,
        batches,
        latents,
        texts,
        unet,
        adapter,
        adapter.tensors(),
        optimizer,
        diffusion,
        stepper,
        facts,
    )


def fill_cache(
    plan: Plan,
    latents: Latents,
    texts: TextBank,
    device: Device,
    events: Events,
    control: Control,
) -> tuple[Plan, BatchPlan]:
    """Encode the images and captions that the run will use and the cache lacks.

    Returns the plan without the images that cannot be decoded, and the batches of that plan. Raises TrainingError for
    images that are gone or changed, MachineError when memory or disk runs out, and Stopped.
    """
    events.emit("phase", phase="cache")
    plan, batches = encode_pictures(plan, latents, events, control)
    measured, _ = measured_uses(batches)
    plain = {sample.caption for sample in plan.data.samples}
    if any(plan.training.text_encoder_learning_rates):
        texts.prepare_trained(plain, device.dtype)
        return plan, batches
    varied = plan.data.caption_dropout > 0 or plan.data.tag_dropout > 0 or plan.data.shuffle_tags
    captions = (
        {caption_for(plan.data, use.sample.caption, plan.seed, use.epoch, use.key) for use in batches.all_uses()}
        if varied
        else plain
    )
    prompts = [*plan.samples.prompts, plan.samples.negative] if plan.samples.prompts else []
    texts.prepare([*captions, *(use.sample.caption for use in measured), *prompts], plain, events, control)
    return plan, batches


def encode_pictures(plan: Plan, latents: Latents, events: Events, control: Control) -> tuple[Plan, BatchPlan]:
    """Encode the images of all uses. Images that cannot be decoded are named in notes, and left out of the plan."""
    while True:
        batches = BatchPlan(plan)
        uses = batches.all_uses() if plan.data.crop == "random" or plan.data.flip else batches.one_epoch()
        measured, _ = measured_uses(batches)
        unreadable = latents.prepare(((use.sample, batches.view(use)) for use in [*uses, *measured]), events, control)
        if not unreadable:
            return plan, batches
        say_left_out(plan, unreadable, events)
        plan = without(plan, unreadable)


def say_left_out(plan: Plan, unreadable: dict[str, str], events: Events) -> None:
    """Name the images that are left out: the first twenty in events, and all of them in the log."""
    named = [f"{s.path} {unreadable[s.id]}" for s in plan.data.samples if s.id in unreadable]
    for sentence in named:
        print(f"left out: {sentence}", flush=True)
    for sentence in named[:20]:
        events.note(f"{sentence}: left out", "warn")
    if len(named) > 20:
        events.note(f"{len(named) - 20} more pictures cannot be read and are left out: trainer.log names them", "warn")


def prepare_unet(unet: nn.Module, plan: Plan) -> None:
    """Set the U-Net's memory layout and gradient checkpointing.

    "selective" checkpoints only the transformers, which hold most of the activations.
    """
    if plan.resources.channels_last:
        unet.to(memory_format=torch.channels_last)
    kind = plan.resources.gradient_checkpointing
    if kind != "none":
        # No layer draws random numbers on the device, so no random state has to be kept for the second computation.
        unet.enable_gradient_checkpointing(partial(checkpoint, use_reentrant=False, preserve_rng_state=False))
        unet.train()
    if kind == "selective":
        for name, module in unet.named_modules():
            if hasattr(module, "gradient_checkpointing"):
                module.gradient_checkpointing = name.rpartition(".")[0].endswith("attentions")


def can_compile(device: Device, events: Events) -> bool:
    """Whether torch.compile works on this machine. If it does not, a note says why.

    It needs things that no package brings: Python's headers, a C++ compiler on the CPU, and on CUDA Triton and a card
    that Triton knows. Compiling one line, forward and backward, tests them all before the first step, where a failure
    would end the run.
    """
    weight = torch.ones(8, 8, device=device.torch, requires_grad=True)
    try:
        torch.compile(lambda x: torch.nn.functional.gelu(x @ weight))(weight.detach() + 1).sum().backward()
    except Exception as error:
        traceback.print_exc()
        reason = next((line.strip() for line in str(error).split("\n") if line.strip()), type(error).__name__)
        events.note(
            f"resources.compile: torch.compile does not work on this machine ({reason[:200]}); the blocks run "
            "uncompiled: the same training, slower. A C++ compiler (g++), and Triton on a card, are what it needs.",
            "warn",
        )
        return False
    return True


def compile_blocks(unet: nn.Module) -> None:
    """Compile each transformer block by itself, so that one result serves all blocks of a width.

    The convolution blocks between them are not compiled. Nearly each has a shape of its own, and little in them can be
    fused; compiling them too took three quarters of the time to compile.
    """
    for module in unet.modules():
        if type(module).__name__ == "BasicTransformerBlock":
            module.compile()


def start_from(path: Path, adapter: Adapter, plan: Plan, unet: nn.Module, events: Events) -> str:
    """Load the LoRA at `path` into the adapter, and return 16 hex digits of the file's SHA-256.

    Raises TrainingError when the file cannot be read, does not fit, or holds numbers that are not finite.
    """
    refuse_pickle(path)
    try:
        content = path.read_bytes()
        stored, metadata = load(content), metadata_of(content)
    except FileNotFoundError as error:
        raise TrainingError(
            f"{path}: the LoRA to go on from is not there.", next_steps=["Put it back, or check training.init_lora."]
        ) from error
    except Exception as error:
        raise TrainingError(
            f"{path}: the LoRA to go on from cannot be read ({error}).",
            next_steps=["Check training.init_lora."],
        ) from error
    scales = {layer.name: layer.alpha for layers in adapter.layers.values() for layer in layers.values()}
    wanted = Wanted(scales, adapter.tensors(), plan.model.family, dict(unet.config))
    read = from_file(stored, metadata, wanted, str(path))
    damaged = next((name for name, tensor in read.tensors.items() if not torch.isfinite(tensor).all()), None)
    if damaged is not None:
        raise TrainingError(
            f"{path}: the LoRA to go on from holds numbers that are not finite ({damaged}).",
            next_steps=["Choose another file for training.init_lora."],
        )
    adapter.load(read.tensors)
    for sentence in _left_over(read, len(scales)):
        events.note(f"{path.name}: {sentence}", "warn")
    return hashlib.sha256(content).hexdigest()[:16]


def _left_over(read: Read, count: int) -> list[str]:
    """Sentences that tell which tensors of a LoRA were not used, and which of the run's `count` layers it lacks."""
    embeddings = sorted({n.split(".")[1] for n in read.unused if n.startswith("bundle_emb.") and n.count(".") > 1})
    unused = [name for name in read.unused if not name.startswith("bundle_emb.")]
    sentences = []
    if embeddings:
        sentences.append(f"it holds the embedding {', '.join(embeddings)}, which is not trained and not written again.")
    if unused:
        sentences.append(f"{len(unused)} of its tensors are of layers this run does not train ({unused[0]} …).")
    if read.lacking:
        sentences.append(
            f"it lacks {len(read.lacking)} of the {count} layers of this run ({read.lacking[0]} …); they start anew."
        )
    if read.padded:
        sentences.append(
            f"{len(read.padded)} of its layers have a lower rank than this run; what is added starts at zero."
        )
    return sentences
