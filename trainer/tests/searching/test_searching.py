"""The search with the real Optuna. Skipped where `setup --optuna` has not installed it beside the environment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from visiontrain_trainer.searching.__main__ import next_trials, report

pytest.importorskip("optuna")

AXES: list[dict[str, Any]] = [
    {"key": "training.learning_rate", "range": [1e-6, 1e-2], "log": True, "whole": False, "values": []},
    {"key": "training.rank", "range": [4, 64], "log": True, "whole": True, "values": []},
    {"key": "training.betas", "range": None, "log": False, "whole": False, "values": [[0.9, 0.99], [0.9, 0.999]]},
]


def question(path: Path, **more: Any) -> dict[str, Any]:
    common = {"storage": str(path), "seed": 7, "startup": 4, "higher": False, "axes": AXES, "count": 30, "results": []}
    return {**common, **more}


def loss(values: dict[str, Any]) -> float:
    return (math.log10(values["training.learning_rate"]) + 4) ** 2 + abs(math.log2(values["training.rank"] / 16))


def run(path: Path, trials: int, results: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    results = results or []
    found: list[dict[str, Any]] = []
    for _ in range(trials):
        found = next_trials(question(path, results=results))["trials"]
        results = [
            {"trial": t["number"], "state": "complete", "value": loss(t["values"])}
            for t in found
            if t["state"] == "open"
        ]
    return next_trials(question(path, results=results, count=trials))["trials"]


def test_choices_depend_on_seed_and_values_alone_and_improve(tmp_path: Path) -> None:
    trials = run(tmp_path / "a", 30)
    assert [t["state"] for t in trials] == ["complete"] * 30
    assert [t["values"] for t in run(tmp_path / "b", 30)] == [t["values"] for t in trials]
    losses = [t["value"] for t in trials]
    assert sum(losses[20:]) < 0.7 * sum(losses[:10]), "the last ten runs are much better than the first"
    for values in (t["values"] for t in trials):
        assert 1e-6 <= values["training.learning_rate"] <= 1e-2
        assert values["training.rank"] in range(4, 65)
        assert values["training.betas"] in AXES[2]["values"]
    assert len({t["values"]["training.learning_rate"] for t in trials}) == 30


def test_a_process_that_was_killed_costs_nothing(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 8)
    path = tmp_path / "cut"
    run(path, 4)
    open_trial = next_trials(question(path))["trials"][-1]
    # Asked again without a value, the same trial is still the open one.
    assert next_trials(question(path))["trials"][-1] == open_trial
    with path.open("ab") as file:
        file.write(b'{"op_code": 5, "worker')
    results = [{"trial": open_trial["number"], "state": "complete", "value": loss(open_trial["values"])}]
    # A new process sends results again that the study holds already.
    next_trials(question(path, results=results))
    again = next_trials(question(path, results=results))["trials"]
    assert [t["values"] for t in again[:5]] == [t["values"] for t in whole[:5]]
    assert again[-1]["state"] == "open"


def test_a_failed_run_counts_and_is_not_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "study"
    (first,) = next_trials(question(path))["trials"]
    results = [{"trial": first["number"], "state": "failed"}]
    second = next_trials(question(path, results=results))["trials"]
    assert [t["state"] for t in second] == ["failed", "open"]
    results = [{"trial": second[1]["number"], "state": "complete", "value": float("nan")}]
    third = next_trials(question(path, results=results))["trials"]
    assert [t["state"] for t in third] == ["failed", "failed", "open"]


def test_a_run_is_ended_when_half_of_those_before_it_were_better_at_that_step(tmp_path: Path) -> None:
    path = tmp_path / "study"
    results: list[dict[str, Any]] = []
    for i in range(4):
        trial = next_trials(question(path, results=results))["trials"][-1]
        for step in (5, 10):
            answer = report(question(path, trial=trial["number"], step=step, value=1 + i / step))
            assert answer == {"prune": False}, "nothing is ended before there are runs to compare with"
        results = [{"trial": trial["number"], "state": "complete", "value": 1 + i / 10}]
    good = next_trials(question(path, results=results))["trials"][-1]["number"]
    assert report(question(path, trial=good, step=5, value=1.1)) == {"prune": False}
    results = [{"trial": good, "state": "complete", "value": 1.0}]
    bad = next_trials(question(path, results=results))["trials"][-1]["number"]
    assert report(question(path, trial=bad, step=5, value=2.0)) == {"prune": True}
    assert report(question(path, trial=bad, step=10, value=0.1)) == {"prune": True}, "it stays ended"
    assert next_trials(question(path))["trials"][bad]["state"] == "pruned"


def test_values_not_reported_during_a_run_are_known_after_it(tmp_path: Path) -> None:
    path = tmp_path / "study"
    results: list[dict[str, Any]] = []
    for i in range(4):
        trial = next_trials(question(path, results=results))["trials"][-1]["number"]
        report(question(path, trial=trial, step=5, value=1.0 + i))
        steps = [[5, 1.0 + i], [10, 0.5 + i]]
        results = [{"trial": trial, "state": "complete", "value": 0.5 + i, "steps": steps}]
    bad = next_trials(question(path, results=results))["trials"][-1]["number"]
    assert report(question(path, trial=bad, step=5, value=2.4)) == {"prune": False}
    assert report(question(path, trial=bad, step=10, value=2.3)) == {"prune": True}, "the others had 0.5 to 3.5 there"


def test_several_runs_are_open_at_once_and_differ(tmp_path: Path) -> None:
    path = tmp_path / "study"
    first = next_trials(question(path, open=3))["trials"]
    assert [t["state"] for t in first] == ["open"] * 3
    assert len({t["values"]["training.learning_rate"] for t in first}) == 3
    assert next_trials(question(path, open=3))["trials"] == first
    results = [{"trial": 1, "state": "complete", "value": 1.0}]
    after = next_trials(question(path, open=3, results=results, count=4))["trials"]
    assert [t["state"] for t in after] == ["open", "complete", "open", "open"]
    results = [{"trial": trial, "state": "complete", "value": 1.0} for trial in (0, 2, 3)]
    over = next_trials(question(path, open=3, results=results, count=4))["trials"]
    assert [t["state"] for t in over] == ["complete"] * 4
