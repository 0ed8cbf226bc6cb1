"""Makes a run of the bench in this process: trained, drawn and compared with the truth, on one thread.

A run by the command line would load torch four times, and sample and measure what no stage here reads.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import kinds
from .kinds import ROOT, TRIGGER, Made, data_name, judged, spec_of, write_data

SEEDS = 2


def make(made: Made, folder: Path) -> None:
    """Makes everything of a run in FOLDER/runs/NAME; files that exist are not made again."""
    run = folder / "runs" / made.name
    if not (run / "rows.json").exists():
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        _plan(made, run, folder)
        _train(run)
        _draw(run, folder / "base" / data_name(made))
    target = run / "truth.json"
    if not target.exists():
        from .truth import measure

        target.write_text(json.dumps(measure(made, run, folder / "data" / data_name(made)), indent=1))


def _plan(made: Made, run: Path, folder: Path) -> None:
    """plan.json and judge's request, made by the program itself."""
    trained, held = write_data(made, folder / "data" / data_name(made))
    spec = run / "run.yaml"
    # A JSON document is also YAML.
    spec.write_text(json.dumps(spec_of(made, trained, held), indent=1))
    shown = _program("node", str(ROOT / "bin" / "visiontrain"), "run", str(spec), "--dry-run", "--json", "--no-input")
    (run / "plan.json").write_text(json.dumps(json.loads(shown)["plan"], indent=1))
    steps = ",".join(map(str, judged(made)))
    asked = ("node", str(ROOT / "bench/judge/ask.mjs"), TRIGGER[made.subject], steps, str(SEEDS))
    (run / "request.json").write_text(_program(*asked, given=shown))


def _program(*command: str, given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _train(run: Path) -> None:
    from visiontrain_trainer.contract.control import Control
    from visiontrain_trainer.contract.events import Events
    from visiontrain_trainer.contract.plan import read_plan
    from visiontrain_trainer.run import finish, loop

    # No part of the bench reads the loss of each image.
    finish.measure_images = lambda *_: None
    plan = read_plan(run / "plan.json")
    plan = replace(plan, samples=replace(plan.samples, prompts=[], shots=None))
    events = Events(run / "events.jsonl")
    try:
        loop.train(run, plan, events, Control(run / "control"))
    finally:
        events.close()


def _draw(run: Path, base: Path) -> None:
    """The rows of the judgement. The base model's samples are the same for all runs on a data set."""
    from visiontrain_trainer.contract.plan import read_plan
    from visiontrain_trainer.judging.job import FOLDER, parse_job
    from visiontrain_trainer.judging.work import judge

    rows: list[dict[str, Any]] = []
    text = json.dumps({"version": 1, **json.loads((run / "request.json").read_text())})
    if base.exists():
        shutil.copytree(base, run / FOLDER)
    judge(run, read_plan(run / "plan.json"), parse_job(text), lambda type, **told: rows.append({"type": type, **told}))
    base.mkdir(parents=True, exist_ok=True)
    for path in (run / FOLDER).glob("base-*.png"):
        shutil.copyfile(path, base / path.name)
    (run / "rows.json").write_text(json.dumps([row for row in rows if row.pop("type") == "row"], indent=1))


def main(arguments: list[str]) -> None:
    folder, *names = arguments
    # The pipeline of the truth is imported whole before the trainer imports a part of the library.
    import diffusers.loaders.peft  # noqa: F401
    import torch
    from diffusers import StableDiffusionPipeline  # noqa: F401

    torch.set_num_threads(1)
    for made in kinds.RUNS:
        if not names or made.name in names:
            make(made, Path(folder))
            print(made.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
