"""Every setting alone, and pairs of them, gives the same bytes twice, the second time through a stop and a resume.

A setting stands here once, and several of one task stand together: each test trains three times. With workers, which
only fill the caches, pairs of settings and data train in `test_pairs_exact.py`.
"""

from __future__ import annotations

import random
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.run.test_exact import _stop_after
from visiontrain_trainer.contract.plan_schema import OptimizerArgs, Training

EVEN = {"min": 0, "max": 1000, "distribution": "uniform", "bias": 0, "weight": 0, "spread": False}
#: A setting by name: what it changes in the section `training` of the plan.
SETTINGS: dict[str, dict[str, Any]] = {
    "l1": {"loss": "l1"},
    "huber by SNR": {"loss": "huber", "huber_c": 0.2},
    "smooth l1": {"loss": "smooth_l1", "huber_schedule": "exponential", "huber_scale": 2},
    "soft min-SNR": {"loss_weighting": "soft_min_snr", "min_snr_gamma": 5},
    "debiased": {"loss_weighting": "debiased", "scale_v_loss": True},
    "p2 and v-like": {"loss_weighting": "p2", "p2_gamma": 0.5, "v_like_loss": 0.2},
    "multi-resolution noise": {"multires_noise": {"iterations": 6, "discount": 0.3}},
    "random and adaptive offset": {
        "noise_offset": 0.1,
        "noise_offset_random": True,
        "noise_offset_adaptive": 0.05,
    },
    "perturbation": {"input_perturbation": {"strength": 0.1, "random": True}},
    "spread timesteps": {"timesteps": {**EVEN, "min": 100, "spread": True}},
    "logit-normal timesteps": {"timesteps": {**EVEN, "distribution": "logit_normal", "bias": 0.5}},
    "batch by resolution": {"batch_size_at": [{"resolution": 128, "batch_size": 3}]},
    "norm cap": {"max_weight_norm": 0.0005},
    "rex": {
        "schedule": "rex",
        "schedule_args": {"floor": 0.1, "decay": 1, "power": 1, "d": 0.5, "stable": 0.7, "points": []},
    },
    "loha": {"adapter": "loha"},
    "lokr": {"adapter": "lokr", "lokr": {"factor": 4, "decompose_both": True, "full": False}},
    "dora": {"dora": True},
    "rsLoRA, LoRA+, rules": {
        "rslora": True,
        "lora_plus_ratio": 4,
        "layers": [{"match": "*_attn1_*", "train": True, "rank": 2, "alpha": None, "rate": 0.5}],
    },
    "rank and module dropout": {"rank_dropout": 0.2, "module_dropout": 0.1},
    "t-lora": {"t_lora": {"min_rank": 1, "power": 1.5}},
    "plain numbers": {
        "optimizer": "adamw",
        "rank": 2,
        "alpha": 4,
        "conv_rank": 2,
        "conv_alpha": 2,
        "targets": "attention",
        "dropout": 0.1,
        "batch_size": 1,
        "weight_decay": 0.1,
        "betas": [0.8, 0.99],
        "max_grad_norm": 0,
        "optimizer_args": dict.fromkeys(argument.name for argument in fields(OptimizerArgs)) | {"amsgrad": True},
    },
    "adafactor": {"optimizer": "adafactor"},
    "prodigy": {"optimizer": "prodigy", "learning_rate": 1},
    "schedule-free": {"optimizer": "adamw_schedulefree"},
    "prodigy schedule-free": {"optimizer": "prodigy_schedulefree", "learning_rate": 1},
    "pivotal": {"pivotal": {"word": "zwx", "tokens": 3, "initial": "a toy", "learning_rate": 0.01, "steps": 2}},
    "preservation": {"preservation": {"trigger": "zwx", "class_word": "a toy", "weight": 1}},
}
#: Settings that need another base, by their names: the changes in the section `model` of the plan.
OF_BASES: dict[str, dict[str, Any]] = {
    "rectified flow, a VAE of its own scale": {
        "prediction": "flow",
        "flow_shift": 3.0,
        "vae_scaling": {"scale": 0.14, "shift": -0.47, "reflect": True},
    },
}
#: Keys of the plan's section `training` that another test carries through a stop, with its file.
ELSEWHERE = {
    "init_lora": "test_settings_exact.py",
    "ema": "../training/test_ema.py",
    "gradient_accumulation": "test_pairs_exact.py",
    "text_encoder_learning_rates": "test_pairs_exact.py",
    "text_encoder_steps": "test_pairs_exact.py",
    "cycles": "test_pairs_exact.py",
}
#: Keys that every run has, and so every test here: the number of steps and the warm-up.
ALWAYS = {"steps", "warmup_steps", "batches_per_epoch"}
SHORT: dict[str, Any] = {"steps": 3, "warmup_steps": 1, "schedule": "constant"}
#: The last step of a run without any of the settings, once it was computed.
_plain: list[dict[str, Any]] = []
SCHEDULE_FREE = ("schedule-free", "prodigy schedule-free")
#: Settings that exclude each other: run.yaml refuses them together.
EXCLUSIVE = {
    *(frozenset((kind, other)) for kind in SCHEDULE_FREE for other in ("rex", "norm cap")),
    *(frozenset((kind, "rsLoRA, LoRA+, rules")) for kind in ("prodigy", "prodigy schedule-free")),
    *(frozenset((kind, "pivotal")) for kind in ("prodigy", "prodigy schedule-free", "preservation")),
    frozenset(("multi-resolution noise", "random and adaptive offset")),
    *(frozenset((kind, other)) for kind in ("loha", "lokr") for other in ("rank and module dropout", "t-lora", "dora")),
}


def _pairs(count: int) -> list[tuple[str, str]]:
    """Pairs drawn with a fixed seed whose settings may be combined."""
    draw, found = random.Random(30), []
    while len(found) < count:
        first, second = draw.sample(list(SETTINGS), 2)
        clash = set(SETTINGS[first]) & set(SETTINGS[second])
        if not clash and frozenset((first, second)) not in EXCLUSIVE:
            found.append((first, second))
    return found


def test_every_key_of_training_is_in_the_list() -> None:
    """A new key of the plan's section `training` needs a setting here, or the name of the test that carries it."""
    named = {key for changes in SETTINGS.values() for key in changes}
    keys = {field.name for field in fields(Training)}
    assert keys == named | set(ELSEWHERE) | ALWAYS
    assert not named & set(ELSEWHERE) and not (named | set(ELSEWHERE)) & ALWAYS
    for key, file in ELSEWHERE.items():
        assert f'"{key}"' in (Path(__file__).parent / file).read_text(), key


@pytest.mark.parametrize("names", [*[(name,) for name in [*SETTINGS, *OF_BASES]], *_pairs(3)], ids=" + ".join)
def test_the_same_bytes_through_a_stop(names: tuple[str, ...], train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    training, model = dict(SHORT), {}
    for name in names:
        training |= SETTINGS.get(name, {})
        model |= OF_BASES.get(name, {})
    plan = plan_for(training=training, model=model, output={"checkpoint_every": 0})
    whole = _the_same(plan, train_here, tmp_path)
    # The setting has an effect: the first update already differs from that of a run without it.
    if _plain == []:
        _plain.append(train_here(plan_for(training=SHORT, output={"checkpoint_every": 0}), "plain").of("step")[-1])
    assert whole.of("step")[-1]["digest"] != _plain[0]["digest"]


def test_going_on_from_a_file(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    first = train_here(plan_for(training=SHORT, output={"checkpoint_every": 0}), "first")
    file = next((first.folder / "output").glob("*.safetensors"))
    plan = plan_for(training={**SHORT, "init_lora": str(file)}, output={"checkpoint_every": 0})
    assert _the_same(plan, train_here, tmp_path).sha256 != first.sha256


def _the_same(plan: dict[str, Any], train_here: Any, tmp_path: Path) -> Any:
    """Train in one go, and with a stop after the first step; both files have the same bytes. Returns the first run."""
    whole = train_here(plan, "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 1) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256
    return whole
