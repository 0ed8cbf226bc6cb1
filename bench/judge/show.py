"""The table of the bench: what judge advises beside the truth, and whether its alarm of copies is right."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .kinds import ROOT, Made

#: Number of points by which the advised checkpoint may be worse than the best one.
BAR = 5.0
#: A run copies, whatever it was made for, when so many of its samples in the truth are copies, in percent.
COPYING = 25.0


def points(row: dict[str, Any]) -> float:
    """One half counts what the prompts that call the LoRA gained, the other what the other prompts kept; copies count
    as not drawn.
    """
    return 0.5 * row["called"] * (1 - row["copied"] / 100) + 0.5 * row["kept"]


def show(wanted: list[Made], folder: Path) -> int:
    print(f"{'run':22} {'points by step':24} {'best':>5} {'advice':>7} {'lacks':>6}  copies: truth  alarm")
    lacking, alarms = [], {True: [], False: []}
    for made in wanted:
        run = folder / "runs" / made.name
        if not (run / "truth.json").exists():
            continue
        truth = json.loads((run / "truth.json").read_text())
        advice = _advice(run)
        each = {int(step): points(row) for step, row in truth.items()}
        best = max(each, key=lambda step: each[step])
        lack = None if advice["step"] is None else each[best] - each[advice["step"]]
        alarm = bool(advice["copying"])
        if lack is not None:
            lacking.append(lack)
        text = "  ".join(f"{step}:{value:.0f}" for step, value in each.items())
        copied = max(row["copied"] for row in truth.values())
        alarms[copied >= COPYING].append(alarm)
        lacks = "" if lack is None else f"{lack:.1f}"
        print(
            f"{made.name:22} {text:24} {best:>5} {advice['step'] or 'none':>7} {lacks:>6}"
            f"  {copied:12.0f}%  {'yes' if alarm else 'no'}"
        )
    print(f"advice within {BAR:g} points in {sum(lack <= BAR for lack in lacking)} of {len(lacking)} runs that got one")
    for copying, found in alarms.items():
        print(f"alarm in {sum(found)} of {len(found)} runs that {'copy' if copying else 'do not copy'}")
    return 0


def _advice(run: Path) -> dict[str, Any]:
    """The scores of a run's samples by the present measures of `judge`."""
    from visiontrain_trainer.contract.plan import read_plan
    from visiontrain_trainer.judging.job import parse_job
    from visiontrain_trainer.judging.measures import Pixels
    from visiontrain_trainer.judging.work import View

    request = json.loads((run / "request.json").read_text())
    job = parse_job(json.dumps({"version": 1, **request}))
    view = View(Pixels(), read_plan(run / "plan.json"))
    rows = [{**row, **view.scores(run, row["samples"], job)} for row in json.loads((run / "rows.json").read_text())]
    asked = ("node", str(ROOT / "bench/judge/advise.mjs"))
    given = json.dumps([{"rows": rows, "request": request}])
    done = subprocess.run(asked, input=given, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)[0]
