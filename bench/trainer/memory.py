"""Counts the peak bytes of tensors in a training step, for each setting and without a card.

    python bench/trainer/memory.py [--family sdxl|sd15] [--side PIXELS] [--precision bf16] [--rank N] [--targets all]
                                   [--batches 1,2,4] [--checkpointing none,selective,full]
                                   [--conv-rank N] [--text-encoders]

The trainer's own layers, passes and optimiser run on tensors without content (torch's FakeTensorMode), and every
storage is counted from when it is made until it is freed. Attention is that of the memory-efficient kernel. A card
needs more than is counted here: its libraries' workspaces, the allocator's rounding and holes, and 0.9 GiB for the
CUDA context. CUDA graphs need no memory that a card must have (docs/decisions/0023-cuda-graphs.md).
bench/results/trainer-memory.txt compares the counts with measurements on a card.
"""

from __future__ import annotations

import argparse
import weakref
from types import SimpleNamespace
from typing import Any

import common  # noqa: F401 - puts the trainer on the path
import torch
from random_models import SECOND_TEXT, TEXT, modules
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.fused import fuse_geglu
from visiontrain_trainer.adapter.lora import LoraLayer
from visiontrain_trainer.compute.device import DTYPES
from visiontrain_trainer.compute.losses import losses
from visiontrain_trainer.model.clip import ClipText, ClipTextWithProjection
from visiontrain_trainer.run.network import prepare_unet


class Counted(TorchDispatchMode):
    """Counts the bytes of all live storages that operations inside this mode made, and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                self.count(tensor)
        return out

    def count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 - one key for each storage, however many tensors share it
        if key in self._seen:
            return
        self._seen.add(key)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def empty_weights(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    module.load_state_dict(
        {name: torch.empty(tensor.shape, dtype=dtype) for name, tensor in module.state_dict().items()}, assign=True
    )
    return module.requires_grad_(False)


def encoded(encoders: dict[str, nn.Module], batch: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """States and pooled states of a batch, one caption at a time, as `TextEmbeddings.trained` makes them."""
    rows, pooled = [], []
    for _ in range(batch):
        ids = torch.zeros(1, 77, dtype=torch.long)
        outs = [encoder(ids, 2) for encoder in encoders.values()]
        rows.append(torch.cat([states for states, _ in outs], dim=-1))
        pooled += [projected for _, projected in outs if projected is not None]
    return torch.cat(rows), torch.cat(pooled) if pooled else None


def step_bytes(given: argparse.Namespace, batch: int, checkpointing: str) -> tuple[int, int]:
    """Bytes of tensors on the device in training (U-Net and trained encoders): (before the first step, at the peak)."""
    dtype, sdxl = DTYPES[given.precision], given.family == "sdxl"
    plan = SimpleNamespace(
        rank=given.rank,
        alpha=given.rank,
        dropout=0,
        conv_rank=given.conv_rank,
        conv_alpha=1,
        targets=given.targets,
    )
    resources = SimpleNamespace(channels_last=False, gradient_checkpointing=checkpointing)
    unet, encoders = modules(given.family)["unet"], {}
    if given.text_encoders:
        with torch.device("meta"):
            encoders = {"text_encoder": ClipText(TEXT)}
            if sdxl:
                encoders["text_encoder_2"] = ClipTextWithProjection(SECOND_TEXT)
    with FakeTensorMode(allow_non_fake_inputs=True), Counted() as counted:
        parts = {name: empty_weights(module, dtype) for name, module in {"unet": unet, **encoders}.items()}
        prepare_unet(unet, SimpleNamespace(resources=resources))
        adapter = Adapter(parts, plan, seed=0)
        fuse_geglu(unet)
        wholes = [nn.Parameter(flat) for flat in adapter.flat.values()]
        for whole, grad in zip(wholes, adapter.flat_grad.values(), strict=True):
            whole.grad = grad
        optimizer = torch.optim.AdamW(wholes, foreach=True)
        side, before = given.side // 8, counted.now
        counted.peak = before
        noisy = torch.empty(batch, 4, side, side, dtype=dtype)
        states = torch.empty(batch, 77, 2048 if sdxl else 768, dtype=dtype)
        pooled = torch.empty(batch, 1280, dtype=dtype)
        for _ in range(2):
            if encoders:
                states, pooled = encoded(encoders, batch)
            extra = {"text_embeds": pooled, "time_ids": torch.empty(batch, 6, dtype=dtype)}
            out = unet(
                noisy,
                torch.zeros(batch, dtype=torch.long),
                encoder_hidden_states=states,
                added_cond_kwargs=extra if sdxl else None,
                return_dict=False,
            )
            losses(out[0], torch.empty(batch, 4, side, side)).sum().backward()
            del out, extra
            if encoders:
                del states, pooled
            adapter.gather(*adapter.layers)
            optimizer.step()
            adapter.refresh()
    return before, counted.peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--family", choices=["sdxl", "sd15"], default="sdxl")
    parser.add_argument("--side", type=int)
    parser.add_argument("--precision", choices=list(DTYPES), default="bf16")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--targets", default="all")
    parser.add_argument("--conv-rank", type=int, default=0)
    parser.add_argument("--text-encoders", action="store_true", help="train them too")
    parser.add_argument("--batches", default="1,2,4")
    parser.add_argument("--checkpointing", default="none,selective,full")
    given = parser.parse_args()
    given.side = given.side or (1024 if given.family == "sdxl" else 512)
    # Layers fuse as on a card. Tensors without content cannot be moved to a device, and need not be.
    LoraLayer.fuses = lambda layer, x: not layer.is_conv
    LoraLayer.to = lambda layer, device: layer
    print(
        f"{given.family} at {given.side}², {given.precision}, rank {given.rank}, {given.targets} layers"
        + (f", LoCon of rank {given.conv_rank}" if given.conv_rank else "")
        + (", text encoders trained" if given.text_encoders else "")
        + "; GiB of tensors"
    )
    for kind in given.checkpointing.split(","):
        for batch in map(int, given.batches.split(",")):
            before, peak = (n / 2**30 for n in step_bytes(given, batch, kind))
            print(f"checkpointing {kind:9}  batch {batch}   weights {before:5.2f}   peak {peak:6.2f}", flush=True)


if __name__ == "__main__":
    main()
