"""Draws the samples of a job one by one, look by look, and the sheet of all of them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from visiontrain_trainer.base.errors import TrainingError, is_out_of_memory, no_memory
from visiontrain_trainer.compute.device import open_device
from visiontrain_trainer.compute.processes import Processes
from visiontrain_trainer.data.latents import Latents
from visiontrain_trainer.data.text import TextEmbeddings
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run.aside import room_for_the_vae
from visiontrain_trainer.run.sample import Artist, decode, sample_latents, save_png, settings_text

from .job import Cell, Job
from .networks import Ground, Network, OfFiles, OfRun, Told
from .sheet import make_sheet

Say = Callable[..., None]


def draw(job: Job, say: Say) -> None:
    """Say a line for each sample that is made. Raises TrainerError, and OSError where a file cannot be written."""
    plan = job.plan
    say("phase", detail=f"Loading {plan.model.name}")
    if job.cells:
        device = open_device(plan.resources, Processes())
        base = BaseModel(plan.model)
        ground = Ground(job, device, base, TextEmbeddings(plan, base, device), Told(say))
        network = OfFiles(ground) if job.run is None else OfRun(ground, job.run)
        easel = _Easel(ground, network)
        say("phase", detail="Drawing")
        say("progress", done=0, total=len(job.cells))
        worn: int | None = None
        for number, cell in enumerate(sorted(job.cells, key=lambda cell: (cell.look, cell.shot))):
            if cell.look != worn:
                network.wear(cell.look)
                worn = cell.look
            easel.draw(cell)
            say("sample", look=cell.look, shot=cell.shot, file=cell.file)
            say("progress", done=number + 1, total=len(job.cells))
    if job.sheet is not None:
        make_sheet(job.sheet, job.to)


class _Easel:
    """Draws one sample. The VAE is loaded for the first."""

    def __init__(self, ground: Ground, network: Network) -> None:
        self._ground, self._network = ground, network
        self._vae: nn.Module | None = None
        self._scaling = Latents(ground.plan, ground.base, ground.device).scaling

    def draw(self, cell: Cell) -> None:
        job = self._ground.job
        shot = job.shots[cell.shot]
        try:
            self._draw(cell)
        except ValueError as error:
            raise TrainingError(
                f"{shot.prompt!r} cannot be drawn: {error}.",
                [f"Strengths: {', '.join(f'{s:g}' for s in job.looks[cell.look].strengths)}."],
                ["Draw it with lower strengths, or with --precision fp32."],
                id="training/not-finite",
            ) from error
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            width, height = shot.size
            smaller = f"{max(64, width // 16 * 8)}x{max(64, height // 16 * 8)}"
            raise no_memory(
                f"There is not enough memory to draw {width} × {height} pixels; what was drawn before is kept.",
                error,
                f"Draw smaller:  --size {smaller}",
            ) from error

    def _draw(self, cell: Cell) -> None:
        ground, job = self._ground, self._ground.job
        plan, device, shot, look = ground.plan, ground.device, job.shots[cell.shot], job.looks[cell.look]
        unet = self._network.unet
        artist = Artist(
            plan=plan, unet=unet, schedule=ground.base.scheduler_config(), device=device.torch, dtype=device.dtype
        )
        latents = sample_latents(artist, shot, self._network.said(cell.look, cell.shot))
        if self._vae is None:
            self._vae = ground.base.vae(device.vae_dtype)
        with room_for_the_vae(unet, device):
            self._vae.to(device.torch)
            image = decode(self._vae, latents, self._scaling)
            if device.is_cuda:
                self._vae.to("cpu")
        names = [plan.name] if job.run is not None else [source.name for source in job.loras]
        save_png(image, job.to / cell.file, settings_text(plan, shot, list(zip(names, look.strengths, strict=True))))
