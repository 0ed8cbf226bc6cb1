"""The device, its number formats and switches."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.libraries import renewal
from visiontrain_trainer.contract.plan import Resources

from .processes import Processes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def prepare_environment(resources: Resources) -> None:
    """Set the environment variables that libraries read when they start.

    This must be called before those libraries are imported and before CUDA is used.
    """
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = os.environ["DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    if resources.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"


@dataclass(frozen=True)
class Device:
    """The device that trains, and the number formats on it."""

    torch: torch.device
    #: Format of the base model and of activations; what is trained is always fp32.
    dtype: torch.dtype
    vae_dtype: torch.dtype

    @property
    def is_cuda(self) -> bool:
        return self.torch.type == "cuda"

    def instead_of_fp16(self) -> str:
        """The number format to advise where fp16 overflows: one that this device computes."""
        return "bf16" if self.is_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """Copy a CPU tensor to the device. On CUDA the copy goes through pinned memory, and the host does not wait."""
        if not self.is_cuda:
            return tensor.to(self.torch)
        return tensor.pin_memory().to(self.torch, non_blocking=True)

    def forget_peak(self) -> None:
        """Give unused memory back and reset the peak that `memory` reports. It does nothing where there is no CUDA."""
        if self.is_cuda:
            give_back_memory()
            torch.cuda.reset_peak_memory_stats(self.torch)

    def memory(self) -> int:
        """Peak memory in bytes: allocated on a CUDA card, or else the resident memory of this process."""
        if self.is_cuda:
            return torch.cuda.max_memory_allocated(self.torch)
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if platform.system() == "Darwin" else 1024)


def give_back_memory() -> None:
    """Free the memory that PyTorch has reserved but does not use, for other programs and for larger tensors.

    PyTorch before 2.13 refuses after the capture of a CUDA graph has failed (pytorch#180395). The memory then stays
    reserved.
    """
    if torch.cuda.is_initialized():
        with contextlib.suppress(RuntimeError):
            torch.cuda.empty_cache()


def open_device(resources: Resources, processes: Processes) -> Device:
    """Check that the planned device is there, and set torch's switches as planned.

    Raises MachineError when the device is not there or lacks a number format of the plan.
    """
    device = _planned_device(resources, processes)
    _set_switches(resources)
    return Device(device, DTYPES[resources.precision], DTYPES[resources.vae_precision])


def _planned_device(resources: Resources, processes: Processes) -> torch.device:
    """The plan's device, one card for each of several processes. Raises MachineError when it cannot be used."""
    name = resources.device
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise MachineError(
            f"The plan wants {name}, but PyTorch sees no NVIDIA card.",
            [f"PyTorch {torch.__version__}"],
            [
                "See your cards with `nvidia-smi`.",
                renewal("PyTorch"),
                "Or train on the CPU: --set resources.device=cpu.",
            ],
            id="hardware/device",
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise MachineError(
            "The plan wants mps, but PyTorch cannot use it here.", next_steps=[renewal("PyTorch")], id="hardware/device"
        )
    device = torch.device(name)
    if device.type != "cuda":
        return device
    index = processes.local if processes.count > 1 else device.index or 0
    if index >= torch.cuda.device_count():
        raise MachineError(
            f"The plan wants cuda:{index}, but there are {torch.cuda.device_count()} cards.",
            next_steps=["Choose another with --set resources.device=cuda:0."],
            id="hardware/device",
        )
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    if resources.precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise MachineError(
            f"{torch.cuda.get_device_name(device)} cannot compute in bf16.",
            next_steps=["Use --set resources.precision=fp16."],
            id="hardware/device",
        )
    return device


def _set_switches(resources: Resources) -> None:
    """Set torch's switches for the process: threads, determinism, TF32, and which attention kernels it may choose."""
    torch.set_num_threads(resources.threads)
    if resources.compile:
        # The compiler must be imported before diffusers, which marks its classes only for a compiler already imported.
        importlib.import_module("torch._dynamo")
        torch.use_deterministic_algorithms(resources.deterministic)
    else:
        # This turns the same switch as `use_deterministic_algorithms`, which would import torch's compiler as well.
        torch.set_deterministic_debug_mode("error" if resources.deterministic else "default")
    # Deterministic mode also fills new memory, for code that reads it uninitialised. No code here does, so this is off.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.deterministic = resources.deterministic
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = resources.tf32
    fast = resources.attention == "sdpa"
    torch.backends.cuda.enable_flash_sdp(fast)
    torch.backends.cuda.enable_mem_efficient_sdp(fast)
    # cuDNN's attention has no deterministic backward (pytorch#182551).
    torch.backends.cuda.enable_cudnn_sdp(fast and not resources.deterministic)
    torch.backends.cuda.enable_math_sdp(True)


@contextlib.contextmanager
def trying_algorithms(resources: Resources) -> Iterator[None]:
    """Inside this context cuDNN tries all its algorithms at each new shape, unless the run is deterministic.

    The trial pays where a shape comes again and again. It must not be used for encoding images of many shapes: the
    trial for one VAE encoder took 130 GB of a card's memory.
    """
    torch.backends.cudnn.benchmark = not resources.deterministic
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = False
