"""A step of the trainer against a bare loop: the same U-Net's forward, backward and optimiser step on ready tensors.

    python bench/trainer/step.py WORK_FOLDER [--model FOLDER] [--images N] [--rounds N] [--threads N] [--side PIXELS]

The trainer's time includes all that a step of a real run does: batch plan, cache, draws, loss, clipping, checks,
digest, event. The two sides take turns step by step; medians of wall time and of CPU time, and their ratios, are
printed. The bar is a ratio of 1.03, with 100 images and with 100,000. Latents are random, but written and read through
the trainer's own cache. The time to open the session with this cache warm is printed too.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import time
from collections import deque
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from common import TRAINER, make_plan, prepare

#: What the training loop asks of its saves when it reports a step.
NO_SAVES: Any = SimpleNamespace(any_checkpoint=False)


def cached_images(count: int, side: int) -> list[dict[str, Any]]:
    """Square images, as a plan lists them, whose latents exist in the cache alone."""
    hashes = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(count)]
    return [
        {
            "id": digest[:16],
            "path": f"{i:06d}.png",
            "sha256": digest,
            "size": [side, side],
            "bucket": [side, side],
            "repeats": 1,
            "caption": f"zwx, picture {i % 8}",
            "validation": False,
        }
        for i, digest in enumerate(hashes)
    ]


def fill(latents: Any, batches: Any, side: int) -> None:
    """Put random latents into the trainer's cache for every image that has none there."""
    import torch
    from visiontrain_trainer.base import rng

    shape = (4, side // 8, side // 8)
    for use in batches.one_epoch():
        key = latents._key(use.image, batches.view(use))  # noqa: SLF001 - the cache's own name for it
        if not latents._cache._path(key).exists():  # noqa: SLF001
            mean = rng.normal(shape, 0, "bench", use.key).half()
            latents._cache.put(key, {"mean": mean, "logvar": torch.full(shape, -8.0).half()})  # noqa: SLF001


def arguments(text: str | None) -> argparse.ArgumentParser:
    """The options of a measurement of steps; `text` is the module's docstring."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", type=int, default=64)
    return parser


def open_run(given: argparse.Namespace) -> tuple[Any, float]:
    """The session of a run whose latents are all cached, and the seconds that opening it took."""
    from visiontrain_trainer.compute.device import open_device
    from visiontrain_trainer.compute.processes import Processes
    from visiontrain_trainer.contract.control import Control
    from visiontrain_trainer.contract.events import Events
    from visiontrain_trainer.contract.plan import parse_plan
    from visiontrain_trainer.data.batches import BatchSampler
    from visiontrain_trainer.data.latents import Latents
    from visiontrain_trainer.model.models import BaseModel
    from visiontrain_trainer.run.session import open_session

    shown = cached_images(given.images, given.side)
    data = make_plan(
        given.model,
        given.work,
        shown,
        given.work / "cache",
        training={"batch_size": 4, "steps": 100_000, "rank": 16, "alpha": 8, "min_snr_gamma": 5},
        resources={"threads": given.threads},
    )
    run = given.work / "run"
    shutil.rmtree(run, ignore_errors=True)
    plan = parse_plan(data)
    events = Events(prepare(run, data) / "events.jsonl")
    device = open_device(plan.resources, Processes())
    fill(Latents(plan, BaseModel(plan.model), device), BatchSampler(plan), given.side)
    began = time.perf_counter()
    session = open_session(run, plan, events, Control(run / "control"))
    return session, time.perf_counter() - began


def main() -> None:
    given = arguments(__doc__).parse_args()

    import torch
    from visiontrain_trainer.compute.losses import losses
    from visiontrain_trainer.contract.control import REQUESTS
    from visiontrain_trainer.data.batch_builder import model_inputs
    from visiontrain_trainer.run.loop import report
    from visiontrain_trainer.run.progress import Progress

    session, opened = open_run(given)
    adapter, unet = session.adapter, session.unet
    batch = session.train_step._builder.batch(session.batches.step(0)[0])  # noqa: SLF001 - the ready tensors of the bare side
    noisy, target, _ = model_inputs(session.diffusion, batch, torch.float32)
    progress, flight = Progress(), deque()

    def ours() -> None:
        session.processes.agree(session.control.poll(), REQUESTS)
        flight.append(session.train_step.run(progress.step))
        progress.step += 1
        report(session, flight, progress, NO_SAVES)

    def bare() -> None:
        adapter.zero_grad()
        out = unet(noisy, batch.t, encoder_hidden_states=batch.states, return_dict=False)[0]
        losses(out, target).mean().backward()
        session.optimizer.step()

    wall: dict[str, list[float]] = {"ours": [], "bare": []}
    cpu: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(given.rounds + 5):
        for name, side in (("ours", ours), ("bare", bare)):
            began, busy = time.perf_counter(), time.process_time()
            side()
            if number >= 5:
                wall[name].append(time.perf_counter() - began)
                cpu[name].append(time.process_time() - busy)
    session.events.close()
    print(f"opened in {opened:.1f} s")
    for what, times in (("wall", wall), ("cpu", cpu)):
        a, b = median(times["ours"]) * 1e3, median(times["bare"]) * 1e3
        print(f"{what:5} ours {a:8.2f} ms   bare {b:8.2f} ms   ratio {a / b:.3f}   ({given.images} pictures)")


if __name__ == "__main__":
    main()
