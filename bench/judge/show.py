"""The table of the bench: what judge advised beside the truth, and whether its alarm of copies was right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .kinds import Made

#: Points that the advice may lie below the best checkpoint.
BAR = 5.0


def points(row: dict[str, Any]) -> float:
    """Half for what the prompts that call the LoRA got, half for what the others kept; copies count as not drawn."""
    return 0.5 * row["called"] * (1 - row["copied"] / 100) + 0.5 * row["kept"]


def show(wanted: list[Made], folder: Path) -> int:
    print(f"{'run':22} {'points by step':34} {'best':>5} {'advice':>7} {'lacks':>6}  copies: truth  alarm")
    lacking, alarms, judged = [], {True: [], False: []}, 0
    for made in wanted:
        truth = _read(folder / "truth" / f"{made.name}.json")
        judgement = _read(folder / "runs" / made.name / "judge.json")
        if truth is None or judgement is None or judgement["advice"] is None:
            continue
        judged += 1
        each = {int(step): points(row) for step, row in truth.items()}
        best = max(each, key=lambda step: each[step])
        advice = judgement["advice"]["step"]
        lack = None if advice is None else each[best] - each[advice]
        copied = max(row["copied"] for row in truth.values())
        alarm = bool(judgement["advice"]["copying"])
        alarms[made.kind == "copying"].append(alarm)
        if lack is not None:
            lacking.append(lack)
        text = "  ".join(f"{step}:{value:.0f}" for step, value in each.items())
        shown = "none" if advice is None else str(advice)
        print(
            f"{made.name:22} {text:34} {best:>5} {shown:>7} {'' if lack is None else f'{lack:.1f}':>6}"
            f"  {copied:12.0f}%  {'yes' if alarm else 'no'}"
        )
    within = sum(lack <= BAR for lack in lacking)
    print(f"{judged} runs; advice within {BAR:g} points in {within} of {len(lacking)} that got one")
    for copying, found in alarms.items():
        print(f"alarm in {sum(found)} of {len(found)} runs that {'copy' if copying else 'do not copy'}")
    return 0


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None
