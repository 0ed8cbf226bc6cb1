"""The environment that the bytes of a result may depend on: stored in each checkpoint, and compared at a resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular
from visiontrain_trainer.contract.events import Events

Facts = Mapping[str, Any]
_MOST_BYTES = 1 << 24

#: Facts of the `active` event that no byte depends on. They name one of several equal cards, libraries that only move
#: bytes, or numbers that follow from the plan.
_WITHOUT_EFFECT = {"device", "accelerate", "safetensors", "trainable", "layers"}


@dataclass(frozen=True)
class EnvironmentSpan:
    """The steps of a run after `step` that were computed in one environment, which `facts` describes."""

    step: int
    facts: Facts

    def as_json(self) -> dict[str, Any]:
        return {"step": self.step, "facts": dict(self.facts)}


def differences(then: Facts, now: Facts) -> list[dict[str, Any]]:
    """`{fact, was, now}` for each fact that differs and may change a byte, sorted by name."""
    names = sorted((set(then) | set(now)) - _WITHOUT_EFFECT)
    return [{"fact": n, "was": then.get(n), "now": now.get(n)} for n in names if then.get(n) != now.get(n)]


def in_words(found: list[dict[str, Any]]) -> str:
    return ", ".join(f"{d['fact'].replace('_', ' ')} was {_word(d['was'])}, is {_word(d['now'])}" for d in found)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not there" if value is None else str(value)


def compare_with_checkpoints(
    recorded: list[EnvironmentSpan], now: Facts, step: int, events: Events
) -> list[EnvironmentSpan]:
    """Compare the environments of the earlier steps with the present one, at a resume after `step`.

    It emits `compared`, and a warning where anything differs. It returns the run's spans, with the one that begins
    here as the last.
    """
    found: dict[str, dict[str, Any]] = {}
    for span in recorded:
        found |= {d["fact"]: d for d in differences(span.facts, now)}
    differing = [found[name] for name in sorted(found)]
    events.emit("compared", original="checkpoint", step=step, differences=differing)
    if differing:
        events.note(
            f"Not all of this run is computed alike: {in_words(differing)}. It goes on, but the file is not promised "
            "to have the bytes of a run in one piece.",
            "warn",
        )
    if recorded and not differences(recorded[-1].facts, now):
        return recorded
    return [*recorded, EnvironmentSpan(step, now)]


def compare_with_original(run: Path, now: Facts, events: Events) -> None:
    """Compare the original run's environment with the present one, in a run that trains another one again.

    A warning before the first step then tells that the bytes may not agree. RUN/env.json holds the original's facts as
    `verifies.facts`; other runs have none. Raises TrainingError when the file cannot be read, or the base is another
    one, since no byte would agree.
    """
    path = run / "env.json"
    try:
        original = json.loads(read_regular(path, _MOST_BYTES)).get("verifies")
        if original is None:
            return
        differing = differences(original["facts"], now)
        events.emit("compared", original=str(original["run"]), step=0, differences=differing)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path}: it cannot be read ({error}).",
            next_steps=["Start `visiontrain verify` again."],
            id="run/no-original",
        ) from error
    base = next((d for d in differing if d["fact"] == "base_weights" and d["was"] is not None), None)
    if base is not None:
        raise TrainingError(
            f"The base model or its VAE is not the one that {original['run']} was trained on, so nothing was trained.",
            [f"Their weights are {base['was']} there, {base['now']} here."],
            ["Put that model back, or name it for a bundle:  visiontrain run BUNDLE --set model.base=PATH"],
            id="bundle/model",
        )
    if differing:
        events.note(
            f"{original['run']} was computed otherwise: {in_words(differing)}. The same bytes are not promised.", "warn"
        )
