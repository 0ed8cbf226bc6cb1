"""The device, libraries, kernels and number formats that a run really uses. Runs are compared by these facts."""

from __future__ import annotations

import contextlib
import platform
from importlib import metadata
from pathlib import Path

import torch

from visiontrain_trainer.contract.plan import Resources

from .device import Device
from .processes import Processes

_LIBRARIES = (
    *("torch", "diffusers", "transformers", "accelerate", "safetensors", "pillow", "numpy"),
    *("tokenizers", "bitsandbytes", "prodigyopt"),
)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def encoder_identity(device: Device, dtype: torch.dtype, *libraries: str) -> str:
    """All that the bytes of an encoded image or caption depend on beside weights and input; a part of cache keys.

    `libraries` names the packages beside PyTorch that take part in the encoding.
    """
    place = (
        torch.cuda.get_device_name(device.torch)
        if device.is_cuda
        else f"{platform.machine()}/{torch.get_num_threads()}"
    )
    capability = torch.backends.cpu.get_cpu_capability()
    versions = "|".join(f"{name} {_version(name)}" for name in libraries)
    kernels = (
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.cudnn_sdp_enabled(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.deterministic,
    )
    return f"{torch.__version__}|{device.torch.type}|{place}|{capability}|{dtype}|{kernels}|{versions}"


def active_facts(resources: Resources, device: Device, processes: Processes) -> dict[str, str | int | bool | None]:
    """The device, libraries and settings really in use, for the `active` event."""
    facts: dict[str, str | int | bool | None] = {
        "device": str(device.torch),
        "device_name": torch.cuda.get_device_name(device.torch)
        if device.is_cuda
        else platform.processor() or platform.machine(),
        "precision": resources.precision,
        "vae_precision": resources.vae_precision,
        "trainable_precision": "fp32",
        "processes": processes.count,
        "threads": torch.get_num_threads(),
        "attention": attention_kernel(resources, device),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32": torch.backends.cuda.matmul.allow_tf32 if device.is_cuda else False,
        "channels_last": resources.channels_last,
        "gradient_checkpointing": resources.gradient_checkpointing,
        "compile": resources.compile,
        "cpu": cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if device.is_cuda else None,
        "python": platform.python_version(),
    }
    for package in _LIBRARIES:
        facts[package] = _version(package)
    return facts


def cpu_model() -> str:
    """Name of the processor, by which some libraries choose their kernels. On Linux it comes from /proc/cpuinfo."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def attention_kernel(resources: Resources, device: Device) -> str:
    """Name of the attention kernel PyTorch takes for the U-Net's usual shapes on this device."""
    if resources.attention == "math":
        return "math"
    if not device.is_cuda:
        return "flash (cpu)" if device.torch.type == "cpu" else "sdpa"
    from torch.nn.attention import SDPBackend

    probe = torch.empty(1, 8, 256, 64, device=device.torch, dtype=device.dtype, requires_grad=True)
    # PyTorch itself calls this private function before each attention; there is no public one.
    return SDPBackend(torch._fused_sdp_choice(probe, probe, probe)).name.removesuffix("_ATTENTION").lower()
