"""Chooses the settings of the next run of a search with Optuna, from what the runs before it came to.

    python -m visiontrain_trainer.searching < question.json

The answer is one line of JSON. The study is Optuna's own journal, a file in the workspace, and nothing else is kept: a
process that is killed leaves the study as it was. What is chosen depends on the seed and the results of runs alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

NAME = "visiontrain"


class JournalLock:
    """Optuna's lock on its journal, held by the kernel: it ends with its process, and no other waits for a dead one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: int | None = None

    def acquire(self) -> bool:
        import fcntl

        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.file, fcntl.LOCK_EX)
        # A process that was killed while it wrote has left half a line, to which the next one would be joined.
        end = self.path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self.file, end)
        return True

    def release(self) -> None:
        if self.file is not None:
            os.close(self.file)
        self.file = None


def storage_of(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    if os.name == "nt":
        return JournalStorage(JournalFileBackend(str(path)))
    lock = JournalLock(path)
    lock.acquire()
    lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock_obj=cast(Any, lock)))


def seed_of(seed: int, trial: int) -> int:
    """The seed of a trial's random draws. Each trial is chosen by a new process, so each needs a seed of its own."""
    return int.from_bytes(hashlib.sha256(f"search {seed} {trial}".encode()).digest()[:4], "big")


def study_of(question: dict[str, Any], trial: int) -> Any:
    """The study, which is made if it is not there. `trial` is the number of the trial that is chosen next."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=seed_of(question["seed"], trial),
        n_startup_trials=question["startup"],
        # Runs that go on at the same time are kept apart. One after another they are chosen as they always were.
        constant_liar=question.get("open", 1) > 1,
    )
    return optuna.create_study(
        storage=storage_of(Path(question["storage"])),
        study_name=NAME,
        load_if_exists=True,
        direction="maximize" if question["higher"] else "minimize",
        sampler=sampler,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=question["startup"]),
    )


def asked(study: Any, axes: list[dict[str, Any]]) -> None:
    """Choose one more trial. A value of a list of choices is stored as JSON, because Optuna takes no lists."""
    trial = study.ask()
    for axis in axes:
        key = axis["key"]
        if axis["range"] is None:
            trial.suggest_categorical(key, [json.dumps(value) for value in axis["values"]])
            continue
        low, high = axis["range"]
        if axis["whole"]:
            trial.suggest_int(key, int(low), int(high), log=axis["log"])
        else:
            trial.suggest_float(key, float(low), float(high), log=axis["log"])


def values_of(trial: Any, axes: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings of a trial, numbers of a range to three digits, as a person would type them."""
    values = {}
    for axis in axes:
        value = trial.params[axis["key"]]
        if axis["range"] is None:
            value = json.loads(value)
        elif not axis["whole"]:
            value = min(max(float(f"{value:.3g}"), axis["range"][0]), axis["range"][1])
        values[axis["key"]] = value
    return values


def whole_trials(study: Any, axes: list[dict[str, Any]]) -> list[Any]:
    """All trials with settings. One whose process was killed while it chose lacks some, and is marked as failed."""
    import optuna

    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        is_open = trial.state == optuna.trial.TrialState.RUNNING
        if is_open and any(axis["key"] not in trial.params for axis in axes):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return [trial for trial in study.get_trials(deepcopy=False) if all(axis["key"] in trial.params for axis in axes)]


def report_late(study: Any, one: dict[str, Any]) -> None:
    """Stores the values during a finished trial that were not reported while it ran."""
    import optuna

    for trial in study.get_trials(deepcopy=False):
        if trial.number == one["trial"] and trial.state == optuna.trial.TrialState.RUNNING:
            known = trial.intermediate_values
            open_trial = optuna.trial.Trial(study, trial._trial_id)
            for step, value in one["steps"]:
                if step not in known:
                    open_trial.report(value, step)


def tell(study: Any, results: list[dict[str, Any]]) -> None:
    """Write the results of runs into the study. A trial that has a result already stays as it is."""
    import optuna

    states = {"complete": optuna.trial.TrialState.COMPLETE, "failed": optuna.trial.TrialState.FAIL}
    for one in results:
        value = one.get("value")
        if one.get("steps"):
            report_late(study, one)
        state = states[one["state"]]
        if state == optuna.trial.TrialState.COMPLETE and not math.isfinite(value):
            state = optuna.trial.TrialState.FAIL
        study.tell(
            one["trial"],
            value if state == optuna.trial.TrialState.COMPLETE else None,
            state=state,
            skip_if_finished=True,
        )


def next_trials(question: dict[str, Any]) -> dict[str, Any]:
    """Stores the results of trials, and asks for new ones until as many are open as may be, or the count is reached."""
    import optuna

    axes = question["axes"]
    study = study_of(question, 0)
    tell(study, question["results"])
    trials = whole_trials(study, axes)

    def is_open(trial: Any) -> bool:
        return bool(trial.state == optuna.trial.TrialState.RUNNING)

    while sum(map(is_open, trials)) < question.get("open", 1) and len(trials) < question["count"]:
        if len(trials) > 0:
            study = study_of(question, len(trials))
        asked(study, axes)
        trials = whole_trials(study, axes)
    words = {"RUNNING": "open", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return {
        "trials": [
            {
                "number": trial.number,
                "state": words.get(trial.state.name, "failed"),
                "values": values_of(trial, axes),
                "value": trial.value if trial.state.name == "COMPLETE" else None,
            }
            for trial in trials
        ]
    }


def report(question: dict[str, Any]) -> dict[str, Any]:
    """Write down an intermediate value, and answer whether more than half of the earlier trials were better there."""
    import optuna

    study = study_of(question, 0)
    (found,) = [trial for trial in study.get_trials(deepcopy=False) if trial.number == question["trial"]]
    if found.state != optuna.trial.TrialState.RUNNING:
        return {"prune": found.state == optuna.trial.TrialState.PRUNED}
    trial = optuna.trial.Trial(study, found._trial_id)
    trial.report(question["value"], question["step"])
    if not trial.should_prune():
        return {"prune": False}
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return {"prune": True}


@contextmanager
def quiet() -> Iterator[int]:
    """What packages print goes to stderr; the answer alone goes to stdout, by the descriptor that is given."""
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        yield answers
    finally:
        os.close(answers)


def main() -> int:
    question = json.load(sys.stdin)
    with quiet() as answers:
        answer = {"next": next_trials, "report": report}[question["action"]](question)
        os.write(answers, json.dumps(answer).encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
