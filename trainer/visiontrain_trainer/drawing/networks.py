"""The base with what is drawn with: the checkpoints of a run in its own adapter, or LoRA files of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from visiontrain_trainer.adapter.applied import LoraFile, Loras, read_lora
from visiontrain_trainer.adapter.lora_read import TEXT_PREFIXES
from visiontrain_trainer.adapter.merged import merge_into
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.control import Unasked
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan, encodes_in_steps
from visiontrain_trainer.data.caption_options import longest_forms, plain_caption
from visiontrain_trainer.data.text import TextEmbeddings
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run.network import make_faster, prepare_unet, unet_storage
from visiontrain_trainer.run.sample import Conditioning
from visiontrain_trainer.run.samples import spoken
from visiontrain_trainer.run.session import make_adapter
from visiontrain_trainer.training import checkpoint

from .job import Job, Look

Said = tuple[Conditioning, Conditioning]


class Told(Events):
    """Events of which only notes are told, in the program's own lines."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__(Path("events.jsonl"), enabled=False)
        self._say_line = say

    def emit(self, type: str, **payload: Any) -> None:
        if type == "note":
            self._say_line("note", **payload)


@dataclass(frozen=True)
class Ground:
    """What both kinds of network stand on."""

    job: Job
    device: Device
    base: BaseModel
    texts: TextEmbeddings
    events: Events

    @property
    def plan(self) -> Plan:
        return self.job.plan

    def unet(self) -> nn.Module:
        storage = unet_storage(self.plan.resources, self.device)
        return self.base.unet(self.device.dtype, self.device.torch, storage)

    def encode(self) -> None:
        """Encode what is drawn and the cache lacks, with the base's own encoders, and drop them again."""
        prompts = [text for shot in self.job.shots for text in (shot.prompt, shot.negative)]
        self.texts.keep_shots(self.job.shots)
        self.texts.prepare(prompts, longest_captions(self.plan), self.events, Unasked(Path("control")))


def longest_captions(plan: Plan) -> set[str]:
    """The captions that decide how many chunks of tokens a run's texts have; none for files."""
    if not plan.data.images:
        return set()
    return {plain_caption(plan.data, sample.caption) for sample in plan.data.images} | longest_forms(plan.data)


class Network(Protocol):
    unet: nn.Module

    def wear(self, index: int) -> None:
        """Put on what the look of this number is drawn with."""

    def said(self, index: int, shot: int) -> Said:
        """What a shot's prompt and negative say to the U-Net with that look."""


class OfRun:
    """The network of a run, built as the run built it, so that its samples come out byte by byte."""

    def __init__(self, ground: Ground, run: Path) -> None:
        plan, self._run, self._job, self._texts = ground.plan, run, ground.job, ground.texts
        merged = merge_into(ground.base, plan)
        self._changed = encodes_in_steps(plan.training)
        if self._changed:
            self._texts.prepare_trained(longest_captions(plan), ground.device.dtype)
        else:
            ground.encode()
        self.unet = ground.unet()
        if merged is not None:
            merged.told(ground.events)
        prepare_unet(self.unet, plan)
        self._adapter = make_adapter(self.unet, ground.base, self._texts, plan)
        make_faster(self.unet, plan, ground.device, ground.events)
        self.unet.eval()
        self._worn: int | None = None

    def wear(self, index: int) -> None:
        look = self._job.looks[index]
        if look.step is not None and look.step != self._worn:
            self._adapter.load(checkpoint.read(self._run / "checkpoints", look.step).adapter)
            self._worn = look.step
        strength = look.strengths[0]
        self._adapter.enable(strength != 0)
        self._adapter.strengthen(strength)

    def said(self, index: int, shot: int) -> Said:
        return spoken(self._texts, self._job.shots[shot], changed=self._changed)


class OfFiles:
    """The base with LoRA files around its layers."""

    def __init__(self, ground: Ground) -> None:
        job, plan = ground.job, ground.plan
        self._job, self._texts = job, ground.texts
        files = [read_lora(source.path) for source in job.loras]
        self._loras = Loras(files, [0.0] * len(files), plan.model.family)
        #: What each prompt says, by look and shot, where the files change the text encoders.
        self._known: dict[tuple[int, int], Said] = {}
        if any(name.startswith(TEXT_PREFIXES) for file in files for name in file.modules):
            self._encode(ground)
        else:
            ground.encode()
        self.unet = ground.unet()
        prepare_unet(self.unet, plan)
        self.unet.eval()
        self._loras.put_around(self.unet, "unet")
        for file in files:
            _tell_unused(file, ground)
            _tell_embedding(file.path, ground)

    def _encode(self, ground: Ground) -> None:
        """All prompts with each look. The encoders are dropped before the U-Net comes."""
        texts, job = ground.texts, self._job
        texts.prepare_trained({""}, ground.device.dtype)
        encoders = zip(ground.base.text_encoders, texts.encoders, strict=True)
        if sum(self._loras.put_around(encoder.module, part) for part, encoder in encoders) == 0:
            texts.unload()
            ground.encode()
            return
        for index in range(len(job.looks)):
            self.wear(index)
            for number, shot in enumerate(job.shots):
                self._known[index, number] = spoken(texts, shot, changed=True)
        texts.unload()

    def wear(self, index: int) -> None:
        look: Look = self._job.looks[index]
        self._loras.strengths[:] = look.strengths

    def said(self, index: int, shot: int) -> Said:
        known = self._known.get((index, shot))
        return spoken(self._texts, self._job.shots[shot], changed=False) if known is None else known


def _tell_embedding(lora: Path, ground: Ground) -> None:
    """Say that a file's embedding is left out: the LoRA alone is half of what was trained."""
    beside = lora.with_name(f"{lora.stem}.embedding.safetensors")
    if beside.is_file():
        ground.events.note(
            f"{lora.name}: the embedding beside it ({beside.name}) is not drawn with. For both, draw from its run: "
            "visiontrain sample RUN",
            "warn",
        )


def _tell_unused(file: LoraFile, ground: Ground) -> None:
    """Raises TrainingError where no layer of a file is one of the base's."""
    left = sorted(file.modules.keys() - file.used)
    if len(left) == len(file.modules):
        raise TrainingError(
            f"{file.path}: none of its layers is one of {ground.plan.model.name} ({left[0]} …).",
            next_steps=[f"visiontrain lora check {file.path} --base MODEL", "Name its own base:  --base MODEL"],
            id="lora/unusable",
        )
    if left:
        ground.events.note(f"{file.path.name}: {len(left)} of its layers fit none of the base's ({left[0]} …).", "warn")
