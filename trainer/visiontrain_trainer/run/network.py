"""Prepares the U-Net for training: memory layout, gradient checkpointing, compiled or fused blocks."""

from __future__ import annotations

import traceback
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from visiontrain_trainer.adapter.fused import fuse_geglu
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan, Resources
from visiontrain_trainer.model.frozen import Storage
from visiontrain_trainer.model.stream import Stream


def unet_storage(resources: Resources, device: Device) -> Storage:
    """How the U-Net's weights are kept."""
    stream = Stream(device.torch) if resources.stream_base else None
    return Storage(resources.base_precision, resources.channels_last, stream)


def say_streamed(stream: Stream | None, events: Events) -> None:
    """Emit a note on how much of the machine's memory holds the weights that are sent to the card layer by layer."""
    if stream is None:
        return
    size = f"{stream.host_bytes / 1e9:.1f} GB of the base's weights wait in the machine's memory."
    events.note(size if stream.pinned else f"{size} The system pins no more of it, so that they are sent more slowly.")


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


def make_faster(unet: nn.Module, plan: Plan, device: Device, events: Events) -> bool:
    """Compile the U-Net's blocks where the plan says so and the machine can, else fuse them on a card.

    Returns whether they are compiled.
    """
    if plan.resources.compile and can_compile(device, events):
        compile_blocks(unet)
        return True
    if device.is_cuda:
        fuse_geglu(unet)
    return False


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
