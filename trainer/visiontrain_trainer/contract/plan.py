"""Reads plan.json into the dataclasses of `plan_schema.py`. Every key must be there, and no other."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

from .cadence import Cadence
from .plan_schema import (
    Augment,
    CaptionOptions,
    Data,
    Ema,
    InputPerturbation,
    Layer,
    Lokr,
    Mask,
    Masks,
    Model,
    MultiresNoise,
    OptimizerArgs,
    Output,
    Pivotal,
    Plan,
    PlanImage,
    Preservation,
    Resources,
    Samples,
    ScheduleArgs,
    Shot,
    Timesteps,
    TLora,
    Training,
    VaeScaling,
    Validation,
)

__all__ = [
    "Augment",
    "CaptionOptions",
    "Data",
    "Ema",
    "InputPerturbation",
    "Layer",
    "Lokr",
    "Mask",
    "Masks",
    "Model",
    "MultiresNoise",
    "OptimizerArgs",
    "Output",
    "Pivotal",
    "Plan",
    "PlanImage",
    "Preservation",
    "Resources",
    "Samples",
    "ScheduleArgs",
    "Shot",
    "TLora",
    "Timesteps",
    "Training",
    "VaeScaling",
    "Validation",
    "parse_plan",
    "batch_of_one",
    "largest_batch",
    "whole_batch",
    "read_plan",
]


def encodes_in_steps(training: Training) -> bool:
    """Whether captions are encoded in every step, because a text encoder or an embedding is trained."""
    return training.pivotal is not None or any(training.text_encoder_learning_rates)


#: Most bytes of plan.json. A plan of a million images with long captions has fewer.
_MOST_BYTES = 480_000_000
#: The names a run may have. The name becomes part of a file's name, so it must not lead to another folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

T = TypeVar("T")
_hints: dict[type, dict[str, Any]] = {}


def _mismatch(where: str, expected: str, value: object) -> TrainingError:
    shown = json.dumps(value, default=str)
    return TrainingError(
        f"plan.json: {where} must be {expected}, not {shown[:80]}.",
        next_steps=["Start the run again with `visiontrain run`; plan.json is not meant to be written by hand."],
        id="run/unreadable-plan",
    )


def _read_class(kind: type[T], value: object, where: str) -> T:
    if not isinstance(value, dict):
        raise _mismatch(where, "an object", value)
    hints = _hints.setdefault(kind, typing.get_type_hints(kind))
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for problem, keys in (("unknown", set(value) - set(names)), ("missing", set(names) - set(value))):
        if keys:
            raise TrainingError(
                f"plan.json: {problem} key {where + '.' if where else ''}{min(keys)}.",
                ["The plan was written by another version of visiontrain than this trainer."],
                ["Start the run again with `visiontrain run`."],
                id="run/unreadable-plan",
            )
    prefix = f"{where}." if where else ""
    return kind(**{name: _read(hints[name], value[name], prefix + name) for name in names})


def _read(kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911 - one return per kind of type
    if dataclasses.is_dataclass(kind):
        return _read_class(kind, value, where)  # type: ignore[type-var]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if not any(value == a and type(value) is type(a) for a in arguments):
            raise _mismatch(where, "one of " + ", ".join(map(str, arguments)), value)
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [a for a in arguments if a is not type(None)]
        return _read(next((a for a in kinds if a is type(value)), kinds[0]), value, where)
    if origin is list:
        if not isinstance(value, list):
            raise _mismatch(where, "a list", value)
        return [_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(arguments):
            raise _mismatch(where, f"a list of {len(arguments)}", value)
        return tuple(_read(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise _mismatch(where, "an object", value)
        return {key: _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise _mismatch(where, {"str": "text", "int": "a whole number"}.get(kind.__name__, kind.__name__), value)
    return value


def parse_plan(data: object, *, trains: bool = True) -> Plan:
    """Turn decoded JSON into a `Plan`. Raises TrainingError naming the first wrong, unknown or missing key.

    `trains` tells whether the plan is to be trained: only then must it have images.
    """
    plan = _read_class(Plan, data, "")
    if not _NAME.fullmatch(plan.name):
        raise _mismatch("name", "letters, digits, dot, dash and underscore", plan.name)
    for where, every in (
        ("samples.every", plan.samples.every),
        ("output.checkpoint_every", plan.output.checkpoint_every),
        ("output.save_every", plan.output.save_every),
        ("validation.every", plan.validation.every or 0),
    ):
        try:
            Cadence.of(every)
        except ValueError as error:
            raise _mismatch(where, "a number of steps, epochs or minutes", every) from error
    if trains and not plan.data.images:
        raise TrainingError("plan.json: data.images is empty: there is nothing to train on.", id="run/unreadable-plan")
    return plan


def read_plan(path: Path) -> Plan:
    """Read and check RUN/plan.json. Raises TrainingError when it is missing, is not JSON or does not fit."""
    try:
        return parse_plan(json.loads(read_regular(path, _MOST_BYTES)))
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(
            f"{path}: the plan cannot be read ({error}).",
            next_steps=["Start the run again with `visiontrain run`."],
            id="run/unreadable-plan",
        ) from error


def whole_batch(plan: Plan, bucket: tuple[int, int] | None = None) -> int:
    """Images of one forward pass of all processes together: `batch_size` is that of one card.

    For a bucket it is the number of the smallest resolution in `batch_size_at` whose square has as many pixels.
    """
    sizes = sorted(plan.training.batch_size_at, key=lambda each: each.resolution) if bucket else []
    pixels = bucket[0] * bucket[1] if bucket else 0
    size = next((s.batch_size for s in sizes if pixels <= s.resolution**2), plan.training.batch_size)
    return size * plan.resources.processes


def largest_batch(plan: Plan) -> int:
    """Most images of one forward pass on one card."""
    return max([plan.training.batch_size, *(each.batch_size for each in plan.training.batch_size_at)])


def batch_of_one(plan: Plan) -> list[str]:
    """The settings that put one image in each forward pass."""
    return ["training.batch_size=1", *(["training.batch_size_at=[]"] if plan.training.batch_size_at else [])]
