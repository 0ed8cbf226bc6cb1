"""One step of ours against a bare loop: the same U-Net's forward, backward and optimiser step on ready tensors.

    python bench/trainer/step.py WORK_FOLDER [--model FOLDER] [--pictures N] [--rounds N] [--threads N] [--side PIXELS]

Ours counts all that a step of a real run does: batch plan, cache, draws, loss, clipping, checks, digest, event. The
two sides take turns step by step; medians of wall time and of CPU time, and their ratios, are printed. Bar: 1.03.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections import deque
from pathlib import Path
from statistics import median

from common import TRAINER, make_plan, pictures, prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, default=TRAINER.parent / "presets" / "tiny" / "sd15")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", type=int, default=64)
    given = parser.parse_args()

    import torch
    from visiontrain_trainer.control import REQUESTS, Control
    from visiontrain_trainer.events import Events
    from visiontrain_trainer.feed import model_inputs
    from visiontrain_trainer.loop import Progress, report
    from visiontrain_trainer.noise import losses
    from visiontrain_trainer.plan import parse_plan
    from visiontrain_trainer.session import open_session

    shown = pictures(given.work / f"pictures-{given.pictures}", given.pictures, given.side)
    data = make_plan(
        given.model,
        given.work / f"pictures-{given.pictures}",
        shown,
        given.work / "cache",
        training={"batch_size": 4, "steps": 100_000, "rank": 16, "alpha": 8, "min_snr_gamma": 5},
        resources={"threads": given.threads},
    )
    run = given.work / "run"
    shutil.rmtree(run, ignore_errors=True)
    plan = parse_plan(data)
    events = Events(prepare(run, data) / "events.jsonl")
    control = Control(run / "control")
    session = open_session(run, plan, events, control)
    adapter, unet = session.adapter, session.unet
    batch = session.stepper._feed.batch(session.batches.step(0)[0])  # noqa: SLF001 - the ready tensors of the bare side
    noisy, target, _ = model_inputs(session.diffusion, batch, torch.float32)
    progress, flight = Progress(), deque()

    def ours() -> None:
        session.processes.agree(control.poll(), REQUESTS)
        flight.append(session.stepper.run(progress.step))
        progress.step += 1
        report(session, flight, progress, 0)

    def bare() -> None:
        adapter.zero_grad()
        out = unet(noisy, batch.t, encoder_hidden_states=batch.states, return_dict=False)[0]
        losses(out, target, "l2", 1.0).mean().backward()
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
    events.close()
    for what, times in (("wall", wall), ("cpu", cpu)):
        a, b = median(times["ours"]) * 1e3, median(times["bare"]) * 1e3
        print(f"{what:5} ours {a:8.2f} ms   bare {b:8.2f} ms   ratio {a / b:.3f}   ({given.pictures} pictures)")


if __name__ == "__main__":
    main()
