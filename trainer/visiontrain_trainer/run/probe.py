"""Two steps before the first, on a card: whether memory suffices, what a step takes of it, and how long it lasts.

A run that is too large for its card would otherwise say so when the largest bucket comes, which may be hours later. The
steps are the run's own, on its largest batch, with an optimiser that is thrown away. Every weight is put back, every
random draw is keyed, so that no byte of the result changes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from visiontrain_trainer.base.errors import MachineError, is_out_of_memory
from visiontrain_trainer.base.files import read_regular, write_atomic
from visiontrain_trainer.compute.device import Device, give_back_memory
from visiontrain_trainer.contract.plan import largest_batch
from visiontrain_trainer.data.batches import ImageUse
from visiontrain_trainer.model.frozen import count_weights
from visiontrain_trainer.training.optim import make_optimizer

from .base_check import REAL
from .session import Session

#: By how much a step may take more memory than was counted; `src/engine/events/probe.ts` has it too.
APART = 0.1
#: Set to "cpu" to try steps on a processor too, where memory is that of the process: for tests of other programs.
SWITCH = "VISIONTRAIN_PROBE"
_MOST_BYTES = 4096
#: Settings that neither memory nor the time of a step depends on.
_WITHOUT_EFFECT = {
    "training": ("steps", "warmup_steps", "batches_per_epoch", "cycles", "schedule", "schedule_args"),
    "resources": ("cache_dir", "workers", "probe", "counted_memory"),
}


@dataclass(frozen=True)
class Probed:
    """What a step takes: the peak of tensors in bytes, and the seconds of the second of two steps."""

    memory: int
    seconds: float


class CardMeter:
    """Measures work on the device by the numbers of its allocator."""

    def __init__(self, device: Device) -> None:
        self._device = device

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        self._device.forget_peak()
        yield
        self.wait()

    def wait(self) -> None:
        """Return when the device has done all that it was given."""
        if self._device.is_cuda:
            torch.cuda.synchronize(self._device.torch)

    @property
    def peak(self) -> int:
        """Most bytes of tensors since `measuring` was entered."""
        return self._device.memory()


def meter_for(device: Device) -> CardMeter | None:
    """The meter for steps on the device; None where no steps are tried before a run."""
    return CardMeter(device) if device.is_cuda or os.environ.get(SWITCH) == "cpu" else None


def probe(session: Session) -> None:
    """Try two steps, tell what they came to, and leave the session as it was but for the images in one pass.

    Raises MachineError where not even one image fits, or where the plan wants the run refused.
    """
    plan = session.plan
    meter = meter_for(session.device)
    # Each of several processes would have to find the same in the cache, and to run out of memory at the same pass.
    if meter is None or plan.resources.probe == "off" or session.processes.count > 1:
        return
    passes = session.batches.largest()
    remembered = Path(plan.resources.cache_dir) / "probes" / f"{_key(session, passes)}.json"
    known = _read(remembered)
    found = known or _measured(session, passes, meter)
    whole = session.train_step.micro_batch == largest_batch(plan)
    if known is None and whole:
        # Only what fitted is remembered: what did not may fit another time, when nothing else uses the card.
        _write(remembered, found)
    counted = plan.resources.counted_memory if count_weights(session.unet) >= REAL else None
    session.events.emit(
        "probe",
        memory=found.memory,
        counted=counted,
        seconds_per_step=round(found.seconds, 4),
        images=min(session.train_step.micro_batch, max(map(len, passes))),
        known=known is not None,
    )
    if plan.resources.probe == "refuse" and counted and found.memory > counted * (1 + APART):
        raise _refused(
            session,
            f"A step takes {found.memory / 1e9:.1f} GB of the card's memory, and {counted / 1e9:.1f} GB were counted.",
            [],
        )


def _measured(session: Session, passes: list[list[ImageUse]], meter: CardMeter) -> Probed:
    """The measurement, with fewer images in a pass where the plan allows it and memory does not suffice."""
    session.events.emit("phase", phase="load", detail="trying two steps, for memory and time")
    step = session.train_step
    while True:
        try:
            return _two_steps(session, passes, meter)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).split("\n")[0]
        # Memory is freed only after the except block: inside it, the traceback keeps the failed pass's tensors alive.
        give_back_memory()
        if session.plan.resources.probe == "refuse":
            raise _refused(session, "A step does not fit the memory of the device.", [reason])
        step.take_fewer(0, max(map(len, passes)), reason)


def _two_steps(session: Session, passes: list[list[ImageUse]], meter: CardMeter) -> Probed:
    step, adapter = session.train_step, session.adapter
    before = {part: flat.to("cpu", copy=True) for part, flat in adapter.flat.items()}
    optimizer = make_optimizer(session.plan.training, adapter)
    try:
        with meter.measuring():
            step.rehearse(passes, optimizer)
            meter.wait()
            began = time.perf_counter()
            step.rehearse(passes, optimizer)
            meter.wait()
            seconds = time.perf_counter() - began
        return Probed(meter.peak, seconds)
    finally:
        with torch.no_grad():
            for part, flat in adapter.flat.items():
                flat.copy_(before[part])
        adapter.refresh()
        adapter.zero_grad()
        del optimizer
        step.release()
        session.device.forget_peak()


def _refused(session: Session, sentence: str, details: list[str]) -> MachineError:
    step = session.train_step
    return MachineError(
        sentence,
        [*details, "resources.probe is refuse: no step was trained."],
        [*step.less_memory(step.micro_batch), "Or take what fits: --set resources.probe=adjust"],
        id="training/memory",
    )


def _key(session: Session, passes: list[list[ImageUse]]) -> str:
    """A name for all that memory and time depend on: the plan's settings, the largest batch, card and libraries."""
    plan, device = session.plan, session.device
    settings = {
        section: {
            name: value
            for name, value in dataclasses.asdict(getattr(plan, section)).items()
            if name not in _WITHOUT_EFFECT[section]
        }
        for section in _WITHOUT_EFFECT
    }
    batch = [len(passes[0]), *passes[0][0].image.bucket, plan.data.max_tokens, plan.data.masks is not None]
    card = torch.cuda.get_device_properties(device.torch).total_memory if device.is_cuda else 0
    text = json.dumps([settings, batch, card, session.facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: Path) -> Probed | None:
    try:
        known = json.loads(read_regular(path, _MOST_BYTES))
        return Probed(int(known["memory"]), float(known["seconds"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _write(path: Path, found: Probed) -> None:
    # A cache that cannot be written costs the next run two steps.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(dataclasses.asdict(found)).encode(), durable=False)
