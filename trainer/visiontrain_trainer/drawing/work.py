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
from visiontrain_trainer.run.sample import SampleContext, decode, sample_latents, save_png, settings_text

from .job import Cell, Job
from .networks import FilesNetwork, Network, NoteEvents, RunNetwork, Setup
from .sheet import make_sheet

Say = Callable[..., None]


def draw(job: Job, say: Say) -> None:
    """Draw what the job wants, with a line of output for each sample.

    Raises TrainerError, and OSError where a file cannot be written.
    """
    plan = job.plan
    say("phase", detail=f"Loading {plan.model.name}")
    if job.cells:
        device = open_device(plan.resources, Processes())
        base = BaseModel(plan.model)
        setup = Setup(job, device, base, TextEmbeddings(plan, base, device), NoteEvents(say))
        network = FilesNetwork(setup) if job.run is None else RunNetwork(setup, job.run)
        drawer = _Drawer(setup, network)
        say("phase", detail="Drawing")
        say("progress", done=0, total=len(job.cells))
        selected: int | None = None
        for number, cell in enumerate(sorted(job.cells, key=lambda cell: (cell.look, cell.shot))):
            if cell.look != selected:
                network.select(cell.look)
                selected = cell.look
            drawer.draw(cell)
            say("sample", look=cell.look, shot=cell.shot, file=cell.file)
            say("progress", done=number + 1, total=len(job.cells))
    if job.sheet is not None:
        make_sheet(job.sheet, job.to)


class _Drawer:
    """Draws samples one by one. The VAE is loaded for the first of them."""

    def __init__(self, setup: Setup, network: Network) -> None:
        self._setup, self._network = setup, network
        self._vae: nn.Module | None = None
        self._scaling = Latents(setup.plan, setup.base, setup.device).scaling

    def draw(self, cell: Cell) -> None:
        job = self._setup.job
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
                id="sample/memory",
            ) from error

    def _draw(self, cell: Cell) -> None:
        setup, job = self._setup, self._setup.job
        plan, device, shot, look = setup.plan, setup.device, job.shots[cell.shot], job.looks[cell.look]
        unet = self._network.unet
        context = SampleContext(
            plan=plan, unet=unet, schedule=setup.base.scheduler_config(), device=device.torch, dtype=device.dtype
        )
        latents = sample_latents(context, shot, self._network.conditions(cell.look, cell.shot))
        if self._vae is None:
            self._vae = setup.base.vae(device.vae_dtype)
        with room_for_the_vae(unet, device):
            self._vae.to(device.torch)
            image = decode(self._vae, latents, self._scaling)
            if device.is_cuda:
                self._vae.to("cpu")
        names = [plan.name] if job.run is not None else [source.name for source in job.loras]
        save_png(image, job.to / cell.file, settings_text(plan, shot, list(zip(names, look.strengths, strict=True))))
