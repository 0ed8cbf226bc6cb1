"""How long a save holds training up: by no more than the copy of weights and optimiser to the host.

    python bench/trainer/save_hold_up.py WORK_FOLDER [--model FOLDER] [--rounds N] [--threads N] [--side PIXELS]

Each round makes a step, and then saves a checkpoint and a LoRA file as a run does; the copy to the host is also made
alone. A save waits for the one before, so each is over before the next begins. Printed are medians of wall time, with
the tenth and the ninetieth of a hundred, and of the CPU time of the thread that trains, which counts on a machine that
does other things: a step with nothing beside it, the save until training goes on, the copy alone, the next step while
the files are written, and the writing from the save to its end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median, quantiles

from step import NO_SAVES, arguments, open_run


def main() -> None:
    given = arguments(__doc__).parse_args()

    from visiontrain_trainer.run.loop import report
    from visiontrain_trainer.run.progress import Progress
    from visiontrain_trainer.run.save import Save, save
    from visiontrain_trainer.run.saves import Saves, name_at
    from visiontrain_trainer.training.optim import state_to_plain
    from visiontrain_trainer.training.writer import Writer

    session, _ = open_run(given)
    progress, flight = Progress(), deque()
    kept = []

    def step() -> None:
        flight.append(session.train_step.run(progress.step))
        progress.step += 1
        report(session, flight, progress, NO_SAVES)

    def copy() -> None:
        kept[:] = [session.adapter.tensors(), state_to_plain(session.optimizer)]

    names = ("step", "save", "copy", "step beside", "writing")
    wall: dict[str, list[float]] = {name: [] for name in names}
    busy: dict[str, list[float]] = {name: [] for name in names}

    def timed(name: str, work: Callable[[], None]) -> None:
        began, before = time.perf_counter(), time.thread_time()
        work()
        wall[name].append((time.perf_counter() - began) * 1e3)
        busy[name].append((time.thread_time() - before) * 1e3)

    def save_now() -> None:
        save(session, progress, saves, Save(validated=False, lora=name_at(session.plan, progress.step)))

    def save_and_step() -> None:
        timed("save", save_now)
        timed("step beside", step)
        saves.wait()

    with Writer() as writer:
        saves = Saves(session, writer)
        for _ in range(given.rounds + 3):
            timed("step", step)
            timed("copy", copy)
            kept.clear()
            timed("writing", save_and_step)
    session.events.close()
    for name in names:
        spread = quantiles(wall[name][3:], n=10)
        shown = f"{name:12} wall {median(wall[name][3:]):9.2f} ms ({spread[0]:.2f} to {spread[-1]:.2f})"
        print(f"{shown:50} cpu {median(busy[name][3:]):9.2f} ms")
    for what, times in (("wall", wall), ("cpu", busy)):
        times_copy = median(times["save"][3:]) / median(times["copy"][3:])
        print(f"a save holds training up for {times_copy:.2f} times the copy to the host ({what})")


if __name__ == "__main__":
    main()
