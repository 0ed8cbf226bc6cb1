"""The device, libraries, kernels and number formats that a run really uses. Runs are compared by these facts."""

from __future__ import annotations

import contextlib
import hashlib
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


#: Lines of /proc/cpuinfo that tell models of one name apart: x86 first, then ARM.
_CPU_NUMBERS = ("cpu family", "model", "stepping", "cpu implementer", "cpu part", "cpu variant")

#: How the names of instructions begin that compute with floating point, on x86 and ARM.
_ARITHMETIC = ("sse", "ssse", "avx", "amx", "fma", "f16c", "fp", "asimd", "sve", "sme", "bf16", "i8mm")


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
        else f"{platform.machine()}/{cpu_model()}/{torch.get_num_threads()}"
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


def cpu_model(proc: Path = Path("/proc/cpuinfo"), caches: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> str:
    """All of the processor by which libraries choose their kernels and blocks, and so how sums are rounded.

    Virtual machines call processors of several generations by one name, so on Linux the model's numbers, the sizes of
    its caches and a digest of its arithmetic instructions stand behind the name:
    `Intel(R) Xeon(R) Processor (6/207/2, caches 48K 2048K 307200K, instructions 1f0c2a3b)`.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in proc.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            found.setdefault(key.strip().lower(), value.strip())
    name = found.get("model name") or platform.processor() or platform.machine()
    numbers = [v for k in _CPU_NUMBERS if (v := found.get(k))]
    sizes = _cache_sizes(caches)
    flags = (found.get("flags") or found.get("features") or "").split()
    arithmetic = " ".join(sorted(flag for flag in flags if flag.startswith(_ARITHMETIC)))
    rest = [
        *(["/".join(numbers)] if numbers else []),
        *([f"caches {sizes}"] if sizes else []),
        *([f"instructions {hashlib.sha256(arithmetic.encode()).hexdigest()[:8]}"] if arithmetic else []),
    ]
    return f"{name} ({', '.join(rest)})" if rest else name


def _cache_sizes(folder: Path) -> str:
    """Sizes of the caches of data of one core, smallest first; empty where the system tells none."""
    sizes = []
    for index in sorted(folder.glob("index*")):
        with contextlib.suppress(OSError):
            if (index / "type").read_text().strip() != "Instruction":
                sizes.append((index / "size").read_text().strip())
    return " ".join(sizes)


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
