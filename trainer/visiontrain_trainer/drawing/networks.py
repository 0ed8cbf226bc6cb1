"""The networks that samples are drawn with: the base with a run's adapter and its checkpoints, or with LoRA files."""

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
from visiontrain_trainer.run.samples import shot_conditions
from visiontrain_trainer.run.session import make_adapter
from visiontrain_trainer.training import checkpoint

from .embeddings import embeddings_of
from .job import Job, Look

Conditions = tuple[Conditioning, Conditioning]


class NoteEvents(Events):
    """Takes the place of a run's events: prints notes as lines of this program, and drops all other events."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__(Path("events.jsonl"), enabled=False)
        self._say_line = say

    def emit(self, type: str, **payload: Any) -> None:
        if type == "note":
            self._say_line("note", **payload)


@dataclass(frozen=True)
class Setup:
    """What both kinds of network are built from."""

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
        """Encode the prompts that the cache lacks with the base's own text encoders, and unload these."""
        prompts = [text for shot in self.job.shots for text in (shot.prompt, shot.negative)]
        self.texts.keep_shots(self.job.shots)
        self.texts.prepare(prompts, longest_captions(self.plan), self.events, Unasked(Path("control")))


def longest_captions(plan: Plan) -> set[str]:
    """The captions by which the number of token chunks of a run's texts is fixed; none for a plan without images."""
    if not plan.data.images:
        return set()
    return {plain_caption(plan.data, image.caption) for image in plan.data.images} | longest_forms(plan.data)


class Network(Protocol):
    unet: nn.Module

    def select(self, index: int) -> None:
        """Load the checkpoint and set the strengths of the look `index`."""

    def conditions(self, index: int, shot: int) -> Conditions:
        """The text conditions of a shot's prompt and negative, with the encoders as the look changes them."""


class RunNetwork:
    """The network of a run, built as the run builds it, so that samples have the same bytes as the run's own."""

    def __init__(self, setup: Setup, run: Path) -> None:
        plan, self._run, self._job, self._texts = setup.plan, run, setup.job, setup.texts
        merged = merge_into(setup.base, plan)
        self._changed = encodes_in_steps(plan.training)
        if self._changed:
            self._texts.prepare_trained(longest_captions(plan), setup.device.dtype)
        else:
            setup.encode()
        self.unet = setup.unet()
        if merged is not None:
            merged.report(setup.events)
        prepare_unet(self.unet, plan)
        self._adapter = make_adapter(self.unet, setup.base, self._texts, plan)
        make_faster(self.unet, plan, setup.device, setup.events)
        self.unet.eval()
        self._loaded: int | None = None

    def select(self, index: int) -> None:
        look = self._job.looks[index]
        if look.step is not None and look.step != self._loaded:
            self._adapter.load(checkpoint.read(self._run / "checkpoints", look.step).adapter)
            self._loaded = look.step
        strength = look.strengths[0]
        self._adapter.enable(strength != 0)
        self._adapter.strengthen(strength)

    def conditions(self, index: int, shot: int) -> Conditions:
        return shot_conditions(self._texts, self._job.shots[shot], changed=self._changed)


class FilesNetwork:
    """The base with LoRA files around its layers."""

    def __init__(self, setup: Setup) -> None:
        job, plan = setup.job, setup.plan
        self._job, self._texts = job, setup.texts
        files = [read_lora(source.path) for source in job.loras]
        self._loras = Loras(files, [0.0] * len(files), plan.model.family)
        #: Each embedding with the number of its file, and whether it acts: at strength 0 it does not.
        self._embeddings = [(i, found, [False]) for i, file in enumerate(files) for found in embeddings_of(file)]
        #: Text conditions by look and shot, where the files change the text encoders.
        self._known: dict[tuple[int, int], Conditions] = {}
        if self._embeddings or any(name.startswith(TEXT_PREFIXES) for file in files for name in file.modules):
            self._encode(setup)
        else:
            setup.encode()
        self.unet = setup.unet()
        prepare_unet(self.unet, plan)
        self.unet.eval()
        self._loras.put_around(self.unet, "unet")
        for file in files:
            _warn_of_unused(file, setup)

    def _encode(self, setup: Setup) -> None:
        """Encode all prompts with each look. The encoders are unloaded before the U-Net is loaded."""
        texts, job = setup.texts, self._job
        texts.prepare_trained({""}, setup.device.dtype)
        encoders = dict(zip(setup.base.text_encoders, texts.encoders, strict=True))
        for index, embedding, acts in self._embeddings:
            embedding.teach(encoders, acts)
            name = self._loras.files[index].path.name
            setup.events.note(f"{name}: drawn with its embedding; write {embedding.word} in the prompt.")
        layers = sum(self._loras.put_around(encoder.module, part) for part, encoder in encoders.items())
        if layers == 0 and not self._embeddings:
            texts.unload()
            setup.encode()
            return
        for index in range(len(job.looks)):
            self.select(index)
            for number, shot in enumerate(job.shots):
                self._known[index, number] = shot_conditions(texts, shot, changed=True)
        texts.unload()

    def select(self, index: int) -> None:
        look: Look = self._job.looks[index]
        self._loras.strengths[:] = look.strengths
        for number, _, acts in self._embeddings:
            acts[0] = look.strengths[number] != 0

    def conditions(self, index: int, shot: int) -> Conditions:
        known = self._known.get((index, shot))
        return shot_conditions(self._texts, self._job.shots[shot], changed=False) if known is None else known


def _warn_of_unused(file: LoraFile, setup: Setup) -> None:
    """Emit a warning for layers of a file that the base lacks. Raises TrainingError where it lacks all of them."""
    left = sorted(file.modules.keys() - file.used)
    if len(left) == len(file.modules):
        raise TrainingError(
            f"{file.path}: none of its layers is one of {setup.plan.model.name} ({left[0]} …).",
            next_steps=[f"visiontrain lora check {file.path} --base MODEL", "Name its own base:  --base MODEL"],
            id="lora/unusable",
        )
    if left:
        setup.events.note(f"{file.path.name}: {len(left)} of its layers fit none of the base's ({left[0]} …).", "warn")
