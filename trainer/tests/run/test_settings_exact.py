"""Every setting alone, and pairs of them, gives the same bytes twice, the second time through a stop and a resume."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.run.test_exact import _stop_after

EVEN = {"min": 0, "max": 1000, "distribution": "uniform", "bias": 0, "weight": 0, "spread": False}
#: A setting by name: what it changes in the section `training` of the plan.
SETTINGS: dict[str, dict[str, Any]] = {
    "l1": {"loss": "l1"},
    "huber by SNR": {"loss": "huber"},
    "smooth l1": {"loss": "smooth_l1", "huber_schedule": "exponential"},
    "soft min-SNR": {"loss_weighting": "soft_min_snr", "min_snr_gamma": 5},
    "debiased": {"loss_weighting": "debiased"},
    "p2 and v-like": {"loss_weighting": "p2", "v_like_loss": 0.2},
    "multi-resolution noise": {"multires_noise": {"iterations": 6, "discount": 0.3}},
    "random and adaptive offset": {
        "noise_offset": 0.1,
        "noise_offset_random": True,
        "noise_offset_adaptive": 0.05,
    },
    "perturbation": {"input_perturbation": {"strength": 0.1, "random": True}},
    "spread timesteps": {"timesteps": {**EVEN, "min": 100, "spread": True}},
    "logit-normal timesteps": {"timesteps": {**EVEN, "distribution": "logit_normal", "bias": 0.5}},
    "norm cap": {"max_weight_norm": 0.0005},
    "rex": {"schedule": "rex"},
    "loha": {"adapter": "loha"},
    "lokr": {"adapter": "lokr"},
    "dora": {"dora": True},
    "rsLoRA, LoRA+, rules": {
        "rslora": True,
        "lora_plus_ratio": 4,
        "layers": [{"match": "*_attn1_*", "train": True, "rank": 2, "alpha": None, "rate": 0.5}],
    },
    "rank and module dropout": {"rank_dropout": 0.2, "module_dropout": 0.1},
    "t-lora": {"t_lora": {"min_rank": 1, "power": 1.5}},
    "schedule-free": {"optimizer": "adamw_schedulefree"},
    "prodigy schedule-free": {"optimizer": "prodigy_schedulefree", "learning_rate": 1},
    "preservation": {"preservation": {"trigger": "zwx", "class_word": "a toy", "weight": 1}},
}
SHORT: dict[str, Any] = {"steps": 3, "warmup_steps": 1, "schedule": "constant"}
#: The last step of a run without any of the settings, once it is known.
_plain: list[dict[str, Any]] = []
#: Settings that exclude each other: run.yaml refuses them together.
EXCLUSIVE = {
    *(frozenset((kind, other)) for kind in ("schedule-free", "prodigy schedule-free") for other in ("rex", "norm cap")),
    frozenset(("prodigy schedule-free", "rsLoRA, LoRA+, rules")),
    frozenset(("multi-resolution noise", "random and adaptive offset")),
    *(frozenset((kind, other)) for kind in ("loha", "lokr") for other in ("rank and module dropout", "t-lora")),
    *(frozenset((kind, "dora")) for kind in ("loha", "lokr")),
}


def _pairs(count: int) -> list[tuple[str, str]]:
    """Pairs drawn with a fixed seed, whose settings may stand together."""
    draw, found = random.Random(30), []
    while len(found) < count:
        first, second = draw.sample(list(SETTINGS), 2)
        clash = set(SETTINGS[first]) & set(SETTINGS[second])
        if not clash and frozenset((first, second)) not in EXCLUSIVE:
            found.append((first, second))
    return found


@pytest.mark.parametrize("names", [*[(name,) for name in SETTINGS], *_pairs(3)], ids=" + ".join)
def test_the_same_bytes_through_a_stop(names: tuple[str, ...], train_here: Any, plan_for: Any, tmp_path: Any) -> None:
    training = dict(SHORT)
    for name in names:
        training |= SETTINGS[name]
    plan = plan_for(training=training, output={"checkpoint_every": 0})
    whole = train_here(plan, "whole")
    assert whole.code == 0
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 1) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256
    # The setting is not without effect: the first update already differs from that of a run without it.
    if _plain == []:
        _plain.append(train_here(plan_for(training=SHORT, output={"checkpoint_every": 0}), "plain").of("step")[-1])
    assert whole.of("step")[-1]["digest"] != _plain[0]["digest"]
