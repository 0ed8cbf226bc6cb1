"""plan.json as strict dataclasses: the mirror of `src/engine/plan/schema.ts`. Nothing is defaulted here."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import read_regular

VERSION = 1
#: Most bytes of plan.json. A plan of a million images with long captions has fewer.
_MOST_BYTES = 480_000_000
#: The names a run may have. The name becomes part of a file's name, so it must not lead to another folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Precision = Literal["fp32", "bf16", "fp16"]
Size = tuple[int, int]


@dataclass(frozen=True)
class Sample:
    """One image of the dataset. `size` and `bucket` are (width, height) in pixels; `path` is below the data root."""

    id: str
    path: str
    sha256: str
    size: Size
    bucket: Size
    repeats: int
    caption: str
    validation: bool


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    layout: Literal["diffusers", "single_file"]
    config_dir: str | None
    family: Literal["sd15", "sdxl"]
    prediction: Literal["epsilon", "v_prediction"]
    zero_terminal_snr: bool
    vae_path: str | None
    clip_skip: int
    sha256: str | None


@dataclass(frozen=True)
class Data:
    root: str
    samples: list[Sample]
    crop: Literal["center", "random"]
    flip: bool
    alpha_color: str
    shuffle_tags: bool
    keep_tags: int
    caption_dropout: float
    tag_dropout: float
    max_tokens: Literal[75, 150, 225]


@dataclass(frozen=True)
class ScheduleArgs:
    floor: float
    decay: float
    power: float
    d: float
    stable: float
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class MultiresNoise:
    iterations: int
    discount: float


@dataclass(frozen=True)
class InputPerturbation:
    strength: float
    random: bool


@dataclass(frozen=True)
class Timesteps:
    min: int
    max: int
    distribution: Literal["uniform", "logit_normal", "sigmoid", "cosine", "heavy_tail"]
    bias: float
    weight: float
    spread: bool


@dataclass(frozen=True)
class Training:
    steps: int
    batch_size: int
    gradient_accumulation: int
    batches_per_epoch: int
    learning_rate: float
    text_encoder_learning_rates: list[float]
    optimizer: Literal["adamw", "adamw8bit", "adafactor", "prodigy"]
    weight_decay: float
    betas: tuple[float, float]
    schedule: Literal[
        "constant",
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "rex",
        "warmup_stable_decay",
        "inverse_sqrt",
        "one_cycle",
        "piecewise",
    ]
    schedule_args: ScheduleArgs | None
    warmup_steps: int
    cycles: int
    max_grad_norm: float
    max_weight_norm: float | None
    rank: int
    alpha: float
    dropout: float
    targets: Literal["all", "attention"]
    conv_rank: int
    conv_alpha: float
    loss: Literal["l2", "l1", "huber", "smooth_l1"]
    huber_c: float
    huber_schedule: Literal["snr", "exponential", "constant"]
    huber_scale: float
    loss_weighting: Literal["min_snr", "soft_min_snr", "debiased", "p2", "none"]
    min_snr_gamma: float | None
    p2_gamma: float
    scale_v_loss: bool
    v_like_loss: float
    noise_offset: float
    noise_offset_random: bool
    noise_offset_adaptive: float
    multires_noise: MultiresNoise | None
    input_perturbation: InputPerturbation | None
    timesteps: Timesteps | None
    init_lora: str | None


@dataclass(frozen=True)
class Samples:
    every: int
    prompts: list[str]
    negative: str
    steps: int
    guidance: float
    seed: int
    size: Size


@dataclass(frozen=True)
class Output:
    precision: Precision
    metadata: Literal["full", "minimal", "none"]
    facts: dict[str, str]
    diffusers: bool
    checkpoint_every: int
    checkpoint_keep: int


@dataclass(frozen=True)
class Resources:
    device: str
    precision: Precision
    vae_precision: Precision
    gradient_checkpointing: Literal["none", "selective", "full"]
    attention: Literal["sdpa", "math"]
    channels_last: bool
    tf32: bool
    compile: bool
    deterministic: bool
    workers: int
    threads: int
    cache_dir: str


@dataclass(frozen=True)
class Plan:
    version: Literal[1]
    name: str
    spec_sha256: str
    seed: int
    model: Model
    data: Data
    training: Training
    samples: Samples
    output: Output
    resources: Resources


T = TypeVar("T")
_hints: dict[type, dict[str, Any]] = {}


def _mismatch(where: str, expected: str, value: object) -> TrainingError:
    shown = json.dumps(value, default=str)
    return TrainingError(
        f"plan.json: {where} must be {expected}, not {shown[:80]}.",
        next_steps=["Start the run again with `visiontrain run`; plan.json is not meant to be written by hand."],
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
        if value is None:
            return None
        return _read(next(a for a in arguments if a is not type(None)), value, where)
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


def parse_plan(data: object) -> Plan:
    """Turn decoded JSON into a `Plan`. Raises TrainingError naming the first wrong, unknown or missing key."""
    plan = _read_class(Plan, data, "")
    if not _NAME.fullmatch(plan.name):
        raise _mismatch("name", "letters, digits, dot, dash and underscore", plan.name)
    if not plan.data.samples:
        raise TrainingError("plan.json: data.samples is empty: there is nothing to train on.")
    return plan


def read_plan(path: Path) -> Plan:
    """Read and check RUN/plan.json. Raises TrainingError when it is missing, is not JSON or does not fit."""
    try:
        return parse_plan(json.loads(read_regular(path, _MOST_BYTES)))
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(
            f"{path}: the plan cannot be read ({error}).",
            next_steps=["Start the run again with `visiontrain run`."],
        ) from error
