"""Makes the samples of each row and scores them: the base model first, then each checkpoint at each strength."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import is_plain
from visiontrain_trainer.compute.timesteps import bounds
from visiontrain_trainer.contract.control import Unasked
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import Plan, PlanImage, Shot
from visiontrain_trainer.contract.shots import all_shots
from visiontrain_trainer.data.images import load_image
from visiontrain_trainer.run.sample import SampleContext, decode, parameters, sample_latents, save_png
from visiontrain_trainer.run.sample_file import is_sample, open_sample
from visiontrain_trainer.run.samples import conditions
from visiontrain_trainer.run.session import Session, open_session
from visiontrain_trainer.training import checkpoint
from visiontrain_trainer.training.measure import Validation, differences, levels, measure, paired, validation_uses

from .job import FOLDER, Job
from .measures import Fit, Measure, Pixels, mirrored, open_fit, open_measure
from .scores import Drawn, References, scored, scores

#: Most training images that samples are compared with.
MOST_COMPARED = 512
#: Longest side in pixels of the thumbnail of a training image.
SHOWN = 512

Say = Callable[..., None]


@dataclass(frozen=True)
class Row:
    """A row of the table: a checkpoint at a strength. Step 0 with strength 0 is the base model alone."""

    step: int
    strength: float

    def name(self, prompt: int, seed: int) -> str:
        """Path of a sample below the run folder."""
        who = f"step-{self.step:06d}-x{self.strength:g}" if self.step else "base"
        return f"{FOLDER}/{who}-{prompt}-{seed}.png"


def judge(run: Path, plan: Plan, job: Job, say: Say) -> None:
    """Make and score the samples of each row, and print a line for it. Samples that exist already are not made again.

    Raises TrainerError.
    """
    rows = [Row(0, 0.0), *(Row(step, strength) for step in job.steps for strength in job.strengths)]
    each = len(job.prompts) * len(job.seeds)
    session = _open(run, plan, job)
    studio, panel = Studio(session), Panel(plan, job, session.device.torch)
    say("progress", done=0, total=len(rows) * each)
    before: Validation | None = None
    for index, row in enumerate(rows):
        _take(session, row)
        validation = _validate(session)
        if index == 0:
            before = validation
        paths = studio.draw(row, _shots(plan, job))
        change = _change(before, validation) if row.step and before and validation else None
        say(
            "row",
            step=row.step,
            strength=row.strength,
            validation=None if validation is None else validation.as_event(),
            change=change,
            samples=paths,
            **panel.scores(run, paths),
        )
        say("progress", done=(index + 1) * each, total=len(rows) * each)


def _change(before: Validation, after: Validation) -> dict[str, Any]:
    """How far the loss moved: its mean, the error, and each difference by picture and draw of noise."""
    value, stderr = paired(before.each, after.each)
    return {"value": value, "stderr": stderr, "each": differences(before.each, after.each)}


def _open(run: Path, plan: Plan, job: Job) -> Session:
    """A session of the run that writes no event, and whose prompts are those of the job."""
    shots = [shot for each in _shots(plan, job) for shot in each]
    samples = replace(plan.samples, prompts=[shot.prompt for shot in shots], shots=shots)
    plan = replace(plan, samples=samples, validation=replace(plan.validation, images=0))
    return open_session(run, plan, Events(run / "events.jsonl", enabled=False), Unasked(run / "control"))


def _shots(plan: Plan, job: Job) -> list[list[Shot]]:
    """The shots of each prompt, one for each seed. A prompt of the plan keeps its own size, steps and guidance."""
    own = all_shots(plan.samples)
    [usual] = all_shots(replace(plan.samples, shots=None, prompts=[""]))
    bases = [usual if p.shot is None else own[p.shot] for p in job.prompts]
    return [
        [replace(base, prompt=p.text, negative=p.negative, seed=seed) for seed in job.seeds]
        for p, base in zip(job.prompts, bases, strict=True)
    ]


class Panel:
    """All measures of the samples of a row. The first row that `scores` gets must be that of the base model."""

    def __init__(self, plan: Plan, job: Job, device: torch.device) -> None:
        threads = plan.resources.threads
        self._job, self._plan = job, plan
        self._places = {image.path: place for place, image in enumerate(plan.data.images)}
        self._eye = View(open_measure(job.likeness, device, threads), plan)
        # A measure that cannot find copies is used for likeness alone; the built-in one does the rest.
        self._copies = self._eye if self._eye.measure.tells_copies else View(Pixels(), plan)
        self._fit = open_fit(job.fit, device, threads)

    def scores(self, run: Path, paths: list[list[str]]) -> dict[str, Any]:
        found = self._eye.scores(run, paths, self._job)
        if self._copies is not self._eye:
            found = {**self._copies.scores(run, paths, self._job), "likeness": found["likeness"]}
        self._show(run, found["neighbours"])
        return {**found, "fit": None if self._fit is None else _fits(self._fit, run, paths, self._job)}

    def _show(self, run: Path, neighbours: list[list[dict[str, Any]]] | None) -> None:
        """Write a thumbnail of each nearest training image beside the samples: viewers may lack the data set."""
        for neighbour in (one for each in neighbours or [] for one in each):
            place = self._places[neighbour["image"]]
            neighbour["shown"] = f"{FOLDER}/image-{place:05d}.png"
            path = run / neighbour["shown"]
            if not is_plain(path):
                [image] = _opened_images(self._plan, [self._plan.data.images[place]])
                image.thumbnail((SHOWN, SHOWN))
                save_png(image, path, "")


class View:
    """One measure with its features of the training images and of the base model's samples."""

    def __init__(self, measure: Measure, plan: Plan) -> None:
        self.measure = measure
        self._references = _references(plan, measure)
        self._base: np.ndarray | None = None

    def scores(self, run: Path, paths: list[list[str]], job: Job) -> dict[str, Any]:
        drawn = np.array([[self.measure.features(image) for image in _opened(run, each)] for each in paths])
        if self._base is None:
            self._base = drawn
        triggers, images = [p.trigger for p in job.prompts], [p.image for p in job.prompts]
        return scores(Drawn(drawn, self._base, triggers, images, paths), self._references)


def _opened(run: Path, paths: list[str]) -> Iterator[Image.Image]:
    for path in paths:
        image = open_sample(run / path)
        if image is None:
            raise TrainingError(f"{path}: the sample was changed while it was judged.", id="judge/failed")
        yield image


def _fits(fit: Fit, run: Path, paths: list[list[str]], job: Job) -> dict[str, Any] | None:
    """How well the samples fit their prompts; None where no prompt can be scored."""
    found: list[list[float]] = []
    for prompt, each in zip(job.prompts, paths, strict=True):
        values = [fit.of(image, prompt.text) for image in _opened(run, each)]
        known = [value for value in values if value is not None]
        # Whether there is a score depends on the prompt alone, so every row leaves out the same prompts.
        if len(known) == len(values):
            found.append(known)
    return scored(np.array(found)) if found else None


def _references(plan: Plan, eye: Measure) -> References:
    own = [image for image in plan.data.images if not image.regularisation]
    trained = [image for image in own if not image.validation][:MOST_COMPARED]
    held = [image for image in own if image.validation][:MOST_COMPARED]
    paths = [image.path for image in trained]
    plain = [_features_of(plan, images, eye.features) for images in (trained, held)]
    flipped = partial(mirrored, eye.features)
    turned = [_features_of(plan, images, flipped) for images in (trained, held)] if plan.data.flip else []
    return References(
        trained=plain[0],
        trained_paths=paths,
        held_out=plain[1],
        held_out_paths=[image.path for image in held],
        mirrored=(turned[0], turned[1]) if turned else None,
        alike=eye.alike,
    )


def _features_of(plan: Plan, images: list[PlanImage], of: Callable[[Image.Image], np.ndarray]) -> np.ndarray:
    return np.array([of(pixels) for pixels in _opened_images(plan, images)])


def _opened_images(plan: Plan, images: list[PlanImage]) -> Iterator[Image.Image]:
    """The pixels of images at their bucket's size, cropped in the middle."""
    root, color = Path(plan.data.root), plan.data.alpha_color
    for image in images:
        yield Image.fromarray(load_image(root / image.path, image.size, image.bucket, color=color, crop=-1))


def _take(session: Session, row: Row) -> None:
    """Put the weights of a row into the network."""
    if row.step:
        session.adapter.load(checkpoint.read(session.run / "checkpoints", row.step).adapter)
    session.adapter.enable(row.step > 0)
    session.adapter.strengthen(row.strength if row.step else 1.0)


def _validate(session: Session) -> Validation | None:
    uses, held_out = validation_uses(session.batches)
    if not held_out:
        return None
    at = levels(bounds(session.plan.training.timesteps, session.diffusion.steps))
    return measure(uses, at, session.train_step.losses_at)


class Studio:
    """Draws the samples of rows. The VAE is loaded for the first one that is not there yet."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._vae: nn.Module | None = None

    def draw(self, row: Row, shots: list[list[Shot]]) -> list[list[str]]:
        """Paths of the samples below the run, by prompt and seed. What is judged is always what these files hold."""
        session = self._session
        session.train_step.release()
        session.unet.eval()
        paths = [[row.name(prompt, shot.seed) for shot in each] for prompt, each in enumerate(shots)]
        for each, names in zip(shots, paths, strict=True):
            for shot, name in zip(each, names, strict=True):
                if not is_sample(session.run / name, shot.size):
                    self._draw(replace(shot, strength=row.strength), session.run / name, adapter=row.step > 0)
        return paths

    def _draw(self, shot: Shot, path: Path, *, adapter: bool) -> None:
        session = self._session
        device = session.device
        context = SampleContext(
            plan=session.plan,
            unet=session.unet,
            schedule=session.base.scheduler_config(),
            device=device.torch,
            dtype=device.dtype,
        )
        latents = sample_latents(context, shot, conditions(session, shot))
        if self._vae is None:
            self._vae = session.base.vae(device.vae_dtype).to(device.torch)
        image = decode(self._vae, latents, session.latents.scaling)
        save_png(image, path, parameters(session.plan, shot, adapter=adapter))
