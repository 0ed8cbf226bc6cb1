"""What the bytes of a result may depend on beside the plan: kept with each checkpoint, compared at a resume."""

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

#: Of the facts of the `active` event, those no byte depends on: which of several equal cards it is, what only carries
#: bytes to and fro, what follows from the plan.
_WITHOUT_EFFECT = {"device", "accelerate", "safetensors", "trainable", "layers"}


@dataclass(frozen=True)
class Stretch:
    """Steps of a run after `step`, computed where `facts` held."""

    step: int
    facts: Facts

    def as_json(self) -> dict[str, Any]:
        return {"step": self.step, "facts": dict(self.facts)}


def differences(then: Facts, now: Facts) -> list[dict[str, Any]]:
    """`{fact, was, now}` of each fact that may change a byte and is not the same, by name."""
    names = sorted((set(then) | set(now)) - _WITHOUT_EFFECT)
    return [{"fact": n, "was": then.get(n), "now": now.get(n)} for n in names if then.get(n) != now.get(n)]


def in_words(found: list[dict[str, Any]]) -> str:
    return ", ".join(f"{d['fact'].replace('_', ' ')} was {_word(d['was'])}, is {_word(d['now'])}" for d in found)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not there" if value is None else str(value)


def compare_with_checkpoints(recorded: list[Stretch], now: Facts, step: int, events: Events) -> list[Stretch]:
    """At a resume after `step`: say whether what was trained so far was computed as the rest will be.

    Emits `compared`, and a warning where anything differs. Returns the run's stretches, the one that begins included.
    """
    found: dict[str, dict[str, Any]] = {}
    for stretch in recorded:
        found |= {d["fact"]: d for d in differences(stretch.facts, now)}
    told = [found[name] for name in sorted(found)]
    events.emit("compared", original="checkpoint", step=step, differences=told)
    if told:
        events.note(
            f"Not all of this run is computed alike: {in_words(told)}. It goes on, but the file is not promised to "
            "have the bytes of a run in one piece.",
            "warn",
        )
    if recorded and not differences(recorded[-1].facts, now):
        return recorded
    return [*recorded, Stretch(step, now)]


def compare_with_original(run: Path, now: Facts, events: Events) -> None:
    """In a run that `visiontrain verify` made: say before the first step whether the bytes can be expected to agree.

    What the original used stands in RUN/env.json as `verifies.facts`. Raises TrainingError when that is not readable.
    """
    path = run / "env.json"
    try:
        original = json.loads(read_regular(path, _MOST_BYTES)).get("verifies")
        if original is None:
            return
        told = differences(original["facts"], now)
        events.emit("compared", original=str(original["run"]), step=0, differences=told)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path}: it cannot be read ({error}).", next_steps=["Start `visiontrain verify` again."]
        ) from error
    if told:
        events.note(
            f"{original['run']} was computed otherwise: {in_words(told)}. The same bytes are not promised.", "warn"
        )
