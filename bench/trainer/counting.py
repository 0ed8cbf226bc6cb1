"""Counts the bytes of tensors in a training step by part, on tensors without content or on real ones.

The trainer's own layers, adapters and storage run on tensors of the device "meta", which have shapes and no content, so
that no card and no memory is needed; every storage is counted from when it is made until it is freed. Attention is that
of kernels that keep its inputs, its result and one number a row. `measure` runs the same step on real tensors, and asks
the CPU's allocator.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common
import torch
from random_models import SECOND_TEXT, TEXT, modules
from tests import tiny_models
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.fused import fuse_geglu
from visiontrain_trainer.adapter.layer import AdapterLayer
from visiontrain_trainer.adapter.lora import LoraLayer
from visiontrain_trainer.compute.device import DTYPES
from visiontrain_trainer.compute.losses import losses
from visiontrain_trainer.contract.plan import Plan, parse_plan
from visiontrain_trainer.model import frozen
from visiontrain_trainer.model.clip import ClipText, ClipTextWithProjection
from visiontrain_trainer.model.frozen import Storage
from visiontrain_trainer.model.stream import Stream
from visiontrain_trainer.run.network import prepare_unet
from visiontrain_trainer.training.optim import make_optimizer

PARTS = ("weights", "gradients", "optimiser", "activations", "workspace")


@dataclass(frozen=True)
class Setting:
    """A setting to count. `training` and `resources` change the plan's sections."""

    family: str = "sdxl"
    batch: int = 1
    #: Side of the images in pixels; 0 is the family's own.
    side: int = 0
    text_encoders: bool = False
    #: Whether the small models of the tests stand in for the full-size ones.
    tiny: bool = False
    #: Whether linear layers and GEGLU are fused, as on a card.
    card: bool = True
    training: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Any] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        return self.side or {"sdxl": 1024, "sd15": 512}[self.family]

    def plan(self) -> Plan:
        rates = [1e-4 if self.text_encoders else 0.0] * (2 if self.family == "sdxl" else 1)
        changes = {
            "model": {"family": self.family},
            "training": {"rank": 16, "alpha": 16, "text_encoder_learning_rates": rates, **self.training},
            "resources": self.resources,
        }
        sides = [self.pixels, self.pixels]
        shown = {"id": "0" * 16, "path": "a.png", "sha256": "0" * 64, "size": sides, "bucket": sides, "repeats": 1}
        samples = [{**shown, "caption": "", "validation": False, **tiny_models.ORDINARY}]
        return parse_plan(tiny_models.make_plan(Path("/model"), Path("/data"), samples, Path("/cache"), **changes))


#: Operations for which a processor's library copies the weight into a layout of its own, and which argument that is.
_CONVOLUTIONS = {torch.ops.aten.convolution.default: 1, torch.ops.aten.convolution_backward.default: 2}


class Counted(TorchDispatchMode):
    """Counts live storages that operations inside this mode made, by the label at that time, and their peak.

    With `copies_weights` each convolution's copy of its weight counts too, as on a processor.
    """

    def __init__(self, *, copies_weights: bool = False) -> None:
        super().__init__()
        self.copies_weights = copies_weights
        self.label = "weights"
        self.now: Counter[str] = Counter()
        self.peak, self.at_peak = 0, dict.fromkeys(PARTS, 0)
        self._seen: set[int] = set()

    @contextlib.contextmanager
    def of(self, label: str) -> Iterator[None]:
        before, self.label = self.label, label
        try:
            yield
        finally:
            self.label = before

    def forget(self) -> None:
        self.peak = 0

    @property
    def total(self) -> int:
        return sum(self.now[part] for part in PARTS)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)
        if self.copies_weights and func in _CONVOLUTIONS:
            self._count_for_now("workspace", args[_CONVOLUTIONS[func]].nbytes)
        return out

    def _count_for_now(self, part: str, size: int) -> None:
        """Count bytes that an operation needs beside its result, and frees."""
        if self.total + size > self.peak:
            self.peak = self.total + size
            self.at_peak = {name: self.now[name] for name in PARTS}
            self.at_peak[part] += size

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata  # noqa: SLF001 - one key for each storage, however many tensors share it
        if key in self._seen:
            return
        self._seen.add(key)
        # Storages made in the backward pass are temporary, unless a checkpointed layer is computed again there.
        backwards = torch._C._current_graph_task_id() != -1 and not torch.is_grad_enabled()  # noqa: SLF001
        label = "workspace" if backwards and self.label == "activations" else self.label
        size = storage.nbytes()
        self.now[label] += size
        if self.total > self.peak:
            self.peak, self.at_peak = self.total, {part: self.now[part] for part in PARTS}
        weakref.finalize(storage, self._gone, key, label, size)

    def _gone(self, key: int, label: str, size: int) -> None:
        self._seen.discard(key)
        self.now[label] -= size


def _networks(setting: Setting) -> dict[str, nn.Module]:
    """The U-Net and the trained text encoders, on the meta device."""
    sdxl = setting.family == "sdxl"
    if setting.tiny:
        with torch.device("meta"):
            return {"unet": tiny_models.make_unet(setting.family)}
    parts = {"unet": modules(setting.family)["unet"]}
    if setting.text_encoders:
        with torch.device("meta"):
            parts["text_encoder"] = ClipText(TEXT)
            if sdxl:
                parts["text_encoder_2"] = ClipTextWithProjection(SECOND_TEXT)
    return parts


class _Attention(torch.autograd.Function):
    """The tensors of a fused attention, without its numbers."""

    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out, q.new_empty(q.shape[:-1], dtype=torch.float32))
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        q, k, v, _, _ = ctx.saved_tensors
        return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)


#: For each optimiser, the tensors as large as the trained weights that it keeps, each as its bytes per number.
_STATES = {
    "adamw_schedulefree": [4, 4],
    "prodigy_schedulefree": [4, 4, 4 / 11, 4 / 11],
    "adamw": [4, 4],
    "adamw8bit": [1, 1],
    "prodigy": [4, 4, 4, 4],
    "lion": [4],
    "came": [4],
    "adafactor": [],
}


def _filled(module: nn.Module, dtype: torch.dtype, storage: Storage) -> nn.Module:
    """A network whose weights are resident, packed or streamed as `storage` says."""
    packed, plain = {f"{name}.weight" for name in storage.layers(module)}, {}
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            weight = torch.full(tensor.shape, 0.01, dtype=dtype, device=_device())
            if name in packed:
                storage.keep(module, name.removesuffix(".weight"), weight, dtype)
            else:
                plain[name] = weight
        module.load_state_dict(plain, strict=False, assign=True)
    return module.requires_grad_(False)


def _encoded(encoders: dict[str, nn.Module], batch: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    ids = torch.zeros(batch, 77, dtype=torch.long)
    outs = [encoder(ids, 2) for encoder in encoders.values()]
    pooled = [projected for _, projected in outs if projected is not None]
    return torch.cat([states for states, _ in outs], dim=-1), pooled[0] if pooled else None


def _device() -> torch.device:
    return torch.get_default_device()


class Step:
    """A training step of a setting on the default device: `run` does one."""

    def __init__(self, setting: Setting, counted: Counted) -> None:
        plan = setting.plan()
        self._setting, self._counted = setting, counted
        self._dtype = DTYPES[plan.resources.precision]
        resources = plan.resources
        self._math = resources.attention == "math"
        stream = self.stream = Stream(_device()) if resources.stream_base else None
        kept = {"unet": Storage(resources.base_precision, resources.channels_last, stream)}
        packed = Storage(resources.text_precision)
        networks = _networks(setting)
        parts = {name: _filled(net, self._dtype, kept.get(name, packed)) for name, net in networks.items()}
        self._unet = parts["unet"]
        self._encoders = {name: part for name, part in parts.items() if name != "unet"}
        prepare_unet(self._unet, plan)
        self._adapter = Adapter(parts, plan.training, seed=0)
        if setting.card:
            fuse_geglu(self._unet)
        with counted.of("gradients"):
            # These tensors were made as weights; here each is counted under its own part.
            for grad in self._adapter.flat_grad.values():
                size = grad.untyped_storage().nbytes()
                counted.now["weights"] -= size
                counted.now["gradients"] += size
        self._optimizer = None
        self._states: list[torch.Tensor] = []
        if _device().type == "meta":
            trained = sum(flat.numel() for flat in self._adapter.flat.values())
            with counted.of("optimiser"):
                sizes = _STATES[plan.training.optimizer]
                self._states = [torch.empty(trained * size, dtype=torch.uint8) for size in sizes]
        else:
            self._optimizer = make_optimizer(plan.training, self._adapter)

    def run(self) -> None:
        setting, counted, dtype = self._setting, self._counted, self._dtype
        sdxl, side = setting.family == "sdxl", setting.pixels // 8
        width = self._unet.config["cross_attention_dim"]
        with counted.of("activations"), _attention(math=self._math):
            if self._encoders:
                states, pooled = _encoded(self._encoders, setting.batch)
            else:
                states, pooled = torch.zeros(setting.batch, 77, width, dtype=dtype), None
            if sdxl and pooled is None:
                time = self._unet.config["addition_time_embed_dim"]
                wide = self._unet.config["projection_class_embeddings_input_dim"] - 6 * time
                pooled = torch.zeros(setting.batch, wide, dtype=dtype)
            extra = {"text_embeds": pooled, "time_ids": torch.zeros(setting.batch, 6, dtype=dtype)} if sdxl else None
            noisy = torch.zeros(setting.batch, 4, side, side, dtype=dtype)
            out = self._unet(
                noisy,
                torch.zeros(setting.batch, dtype=torch.long),
                encoder_hidden_states=states,
                added_cond_kwargs=extra,
                return_dict=False,
            )
            losses(out[0], torch.zeros(setting.batch, 4, side, side)).sum().backward()
            del out, extra, states, pooled
        with counted.of("gradients"):
            self._adapter.gather(*self._adapter.layers)
        with counted.of("optimiser"):
            if self._optimizer is not None:
                self._optimizer.step()
        with counted.of("weights"):
            self._adapter.refresh()


@contextlib.contextmanager
def _attention(*, math: bool) -> Iterator[None]:
    if not math:
        yield
        return
    with sdpa_kernel([SDPBackend.MATH]):
        yield


@contextlib.contextmanager
def _patched(pairs: list[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in pairs if name in owner.__dict__]
    for owner, name, value in pairs:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, _ in pairs:
            if all((owner, name) != (o, n) for o, n, _ in before):
                delattr(owner, name)
        for owner, name, value in before:
            setattr(owner, name, value)


def _stand_ins(setting: Setting, counted: Counted) -> list[tuple[Any, str, Any]]:
    """Changes the trainer for counting: no draws, layers fused as on a card, and labels for the parts of a step."""
    unpack, put = frozen._Frozen.weight.fget, Stream.put  # noqa: SLF001

    def weight(layer: Any) -> torch.Tensor:
        with counted.of("workspace"):
            return unpack(layer)

    def kept(stream: Stream, tensors: dict[str, torch.Tensor]) -> Any:
        with counted.of("host"):
            return put(stream, tensors)

    changes: list[tuple[Any, str, Any]] = [
        (frozen._Frozen, "weight", property(weight)),  # noqa: SLF001
        (Stream, "put", kept),
        (AdapterLayer, "to", lambda layer, device: layer),
    ]
    for kind in _kinds(AdapterLayer):
        if "start" in kind.__dict__:
            changes.append((kind, "start", lambda layer, seed, part, module: None))
    if setting.card:
        changes.append((LoraLayer, "fuses", lambda layer, x: type(layer) is LoraLayer and not layer.is_conv))
    return changes


def _kinds(root: type) -> list[type]:
    return [root, *(kind for each in root.__subclasses__() for kind in _kinds(each))]


def count(setting: Setting) -> dict[str, int]:
    """Bytes at the peak of a step by part, and their `total`. Nothing is computed."""
    counted = Counted(copies_weights=not setting.card)
    stand_ins = [*_stand_ins(setting, counted)]
    if setting.plan().resources.attention == "sdpa":
        stand_ins.append((F, "scaled_dot_product_attention", lambda q, k, v, *_, **__: _Attention.apply(q, k, v)))
    with _patched(stand_ins), torch.device("meta"), counted:
        step = Step(setting, counted)
        counted.forget()
        for _ in range(2):
            step.run()
    return {**counted.at_peak, "total": counted.peak}


def measure(setting: Setting) -> int:
    """Bytes that the CPU's allocator has given out at the peak of a real step, those from before it included.

    Streamed weights wait in the same memory here; they are left out, as on a card.
    """
    counted = Counted()
    made: list[Step] = []

    def work() -> None:
        made.append(Step(setting, counted))
        made[0].run()

    def again() -> None:
        made[0].run()

    with _patched(_stand_ins(setting, counted)):
        held, _ = _allocated(work)
        _, peak = _allocated(again)
    stream = made[0].stream
    return held + peak - (stream.host_bytes if stream else 0)


def _allocated(work: Callable[[], None]) -> tuple[int, int]:
    """(bytes held after `work` among those that it allocated, most of them held at once)."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
        work()
    events = [e for e in told.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return now, peak


__all__ = ["PARTS", "Setting", "common", "count", "measure"]
