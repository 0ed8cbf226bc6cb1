"""plan.json as dataclasses, made from `src/engine/plan/schema.ts` by `npm run docs`: never edited by hand.

What each key means stands there. Nothing is defaulted here. Sizes are (width, height) in pixels.
"""
# fmt: off
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERSION = 2


@dataclass(frozen=True)
class VaeScaling:
    scale: float
    shift: float
    reflect: bool


@dataclass(frozen=True)
class MergeLora:
    path: str
    sha256: str
    strength: float


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    layout: Literal["diffusers", "single_file"]
    config_dir: str | None
    family: Literal["sd15", "sdxl"]
    prediction: Literal["epsilon", "v_prediction", "flow"]
    zero_terminal_snr: bool
    flow_shift: float
    vae_path: str | None
    vae_scaling: VaeScaling | None
    merge_loras: list[MergeLora]
    clip_skip: int
    sha256: str | None


@dataclass(frozen=True)
class Generated:
    prompt: str
    seed: int


@dataclass(frozen=True)
class Mask:
    path: str
    sha256: str
    alpha: bool


@dataclass(frozen=True)
class Augment:
    variations: int
    share: float
    brightness: float
    contrast: float
    saturation: float
    hue: float
    gamma: float
    rotate: float
    zoom: float


@dataclass(frozen=True)
class Own:
    crop: Literal["center", "random"]
    flip: bool
    augment: Augment | None
    shuffle_tags: bool
    keep_tags: int
    caption_dropout: float
    tag_dropout: float


@dataclass(frozen=True)
class PlanImage:
    id: str
    path: str
    sha256: str
    size: tuple[int, int]
    bucket: tuple[int, int]
    repeats: int
    caption: str
    validation: bool
    regularisation: bool
    generated: Generated | None
    loss_weight: float
    mask: Mask | None
    own: Own | None


@dataclass(frozen=True)
class CaptionOptions:
    keep_separator: str
    group_separator: str
    protected: list[str]
    wildcards: bool
    lines: Literal["join", "first", "random"]
    dropout_every_epochs: int


@dataclass(frozen=True)
class Masks:
    outside: float
    normalise: bool
    unmasked_share: float
    focus: bool


@dataclass(frozen=True)
class Data:
    root: str
    images: list[PlanImage]
    crop: Literal["center", "random"]
    flip: bool
    augment: Augment | None
    resolution_use: Literal["each", "draw"]
    alpha_color: str
    shuffle_tags: bool
    keep_tags: int
    caption_dropout: float
    tag_dropout: float
    caption_options: CaptionOptions | None
    masks: Masks | None
    max_tokens: Literal[75, 150, 225]


@dataclass(frozen=True)
class BatchSizeAt:
    resolution: int
    batch_size: int


@dataclass(frozen=True)
class OptimizerArgs:
    eps: float | None
    amsgrad: bool | None
    scale_parameter: bool | None
    clip_threshold: float | None
    decay_rate: float | None
    d0: float | None
    d_coef: float | None
    growth_rate: float | None
    beta3: float | None
    safeguard_warmup: bool | None
    use_bias_correction: bool | None
    schedulefree_c: float | None
    prodigy_steps: int | None


@dataclass(frozen=True)
class ScheduleArgs:
    floor: float
    decay: float
    power: float
    d: float
    stable: float
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Ema:
    decay: float
    every: int
    start: int
    save: Literal["ema", "raw", "both"]


@dataclass(frozen=True)
class Lokr:
    factor: int
    decompose_both: bool
    full: bool


@dataclass(frozen=True)
class TLora:
    min_rank: int
    power: float


@dataclass(frozen=True)
class Layer:
    match: str
    train: bool
    rank: int | None
    alpha: float | None
    rate: float


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
class Preservation:
    class_word: str
    weight: float
    trigger: str


@dataclass(frozen=True)
class Pivotal:
    tokens: int
    initial: str
    learning_rate: float
    word: str
    steps: int | None


@dataclass(frozen=True)
class Training:
    steps: int
    batch_size: int
    batch_size_at: list[BatchSizeAt]
    gradient_accumulation: int
    batches_per_epoch: int
    learning_rate: float
    text_encoder_learning_rates: list[float]
    text_encoder_steps: int | None
    optimizer: Literal["adamw", "adamw8bit", "adafactor", "prodigy", "lion", "came", "adamw_schedulefree", "prodigy_schedulefree"]
    optimizer_args: OptimizerArgs | None
    weight_decay: float
    betas: tuple[float, float]
    schedule: Literal["constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "rex", "warmup_stable_decay", "inverse_sqrt", "one_cycle", "piecewise"]
    schedule_args: ScheduleArgs | None
    warmup_steps: int
    cycles: int
    max_grad_norm: float
    max_weight_norm: float | None
    ema: Ema | None
    rank: int
    alpha: float
    dropout: float
    targets: Literal["all", "attention"]
    conv_rank: int
    conv_alpha: float
    adapter: Literal["lora", "loha", "lokr"]
    lokr: Lokr | None
    dora: bool
    rslora: bool
    lora_plus_ratio: float | None
    rank_dropout: float
    module_dropout: float
    t_lora: TLora | None
    layers: list[Layer]
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
    preservation: Preservation | None
    pivotal: Pivotal | None
    init_lora: str | None


@dataclass(frozen=True)
class Validation:
    every: int | str | None
    images: int
    patience: int | None
    min_change: float


@dataclass(frozen=True)
class Shot:
    prompt: str
    negative: str
    steps: int
    guidance: float
    seed: int
    size: tuple[int, int]
    strength: float
    clip_skip: int | None


@dataclass(frozen=True)
class Samples:
    every: int | str
    prompts: list[str]
    shots: list[Shot] | None
    sampler: Literal["ddim", "euler", "euler_a", "dpmpp_2m"]
    spacing: Literal["normal", "trailing", "karras"]
    negative: str
    steps: int
    guidance: float
    seed: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Output:
    precision: Literal["fp32", "bf16", "fp16"]
    metadata: Literal["full", "minimal", "none"]
    facts: dict[str, str]
    diffusers: bool
    checkpoint_every: int | str
    checkpoint_keep: int
    save_every: int | str
    save_keep: int | None


@dataclass(frozen=True)
class Resources:
    device: str
    precision: Literal["fp32", "bf16", "fp16"]
    vae_precision: Literal["fp32", "bf16", "fp16"]
    gradient_checkpointing: Literal["none", "selective", "full"]
    base_precision: Literal["same", "fp8", "int8", "nf4"]
    text_precision: Literal["same", "fp8", "int8", "nf4"]
    stream_base: bool
    attention: Literal["sdpa", "math"]
    channels_last: bool
    tf32: bool
    compile: bool
    deterministic: bool
    probe: Literal["adjust", "refuse", "off"]
    counted_memory: int | None
    workers: int
    threads: int
    processes: int
    nodes: int
    cards: list[int]
    cache_dir: str


@dataclass(frozen=True)
class Plan:
    version: Literal[2]
    name: str
    spec_sha256: str
    seed: int
    model: Model
    data: Data
    training: Training
    validation: Validation
    samples: Samples
    output: Output
    resources: Resources
