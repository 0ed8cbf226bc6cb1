"""A run whose base is read as the wrong kind ends before the first step. Sound bases, and tiny random ones, train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny_models
from tests.conftest import prepare_run, read_events
from tests.pins import plan_of
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod
from visiontrain_trainer.run.base_check import Fit, judge

EMBEDDED = Path(__file__).parents[3] / "presets" / "tiny" / "sd15"


@pytest.mark.parametrize("right", [True, False])
def test_the_embedded_model_as_the_other_kind(right: bool, tmp_path: Path) -> None:
    """The base is a single file, which does not tell its kind of prediction."""
    file = tiny_models.to_single_file(EMBEDDED, tmp_path / "model.safetensors")
    plan = plan_of("embedded sd15", tmp_path)
    plan["model"] |= {"path": str(file), "layout": "single_file", "config_dir": str(EMBEDDED)}
    plan["training"] |= {"steps": 1, "warmup_steps": 0}
    if not right:
        plan["model"]["prediction"] = "v_prediction"
    code = main([str(prepare_run(tmp_path / "run", plan))])
    events = read_events(tmp_path / "run")
    if right:
        assert code == 0
        return
    result = events[-1]
    assert code == 5 and "does not predict v_prediction" in result["reason"]
    assert result["next_steps"] == ["Set model.prediction to epsilon: --set model.prediction=epsilon"]
    assert not [event for event in events if event["type"] in ("start", "step")]


def fit_of(kind: str, *, error: float = 0.5) -> Fit:
    """The fit of a model of a kind whose idea of the image has an error that grows with the noise."""
    diffusion = Diffusion(alphas_cumprod({}, False), "epsilon", torch.device("cpu"))
    generator, fit = torch.Generator().manual_seed(1), Fit()
    for t in (125, 375, 625, 875):
        latents, noise, wrong = (torch.randn(1, 4, 32, 32, generator=generator) for _ in range(3))
        at = torch.tensor([t])
        share = error * float(diffusion.noisy(torch.zeros(1), torch.ones(1), at).flatten()[0])
        seen = latents * (1 - share**2) + wrong * share * (1 - share**2) ** 0.5
        noisy = diffusion.noisy(latents, noise, at)
        signal, part = (
            float(diffusion.noisy(torch.tensor(a), torch.tensor(b), at)) for a, b in ((1.0, 0.0), (0.0, 1.0))
        )
        guessed = (noisy - signal * seen) / part
        said = diffusion.targets(seen, guessed, at) if kind != "noise" else {"noise": torch.randn(1, 4, 32, 32)}
        fit.add(said[kind], diffusion.targets(latents, noise, at), t)
    return fit


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("error", [0.2, 0.4, 0.6])
def test_ranges_of_each_kind(kind: str, error: float) -> None:
    judge(fit_of(kind, error=error), kind, "base", real=True)
    for other in {"epsilon", "v_prediction", "sample", "flow"} - {kind}:
        with pytest.raises(TrainingError):
            judge(fit_of(other, error=error), kind, "base", real=True)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_predictions_of_nothing_are_refused_only_at_the_size_of_a_real_base(kind: str) -> None:
    with pytest.raises(TrainingError, match="predicts nothing of your pictures"):
        judge(fit_of("noise"), kind, "base", real=True)
    judge(fit_of("noise"), kind, "base", real=False)


def test_it_changes_no_byte(train_here: Any, plan_for: Any, monkeypatch: Any) -> None:
    from visiontrain_trainer.run import loop

    plan = plan_for("sdxl", training={"steps": 2, "warmup_steps": 0})
    checked = train_here(plan, "checked")
    monkeypatch.setattr(loop, "check_base", lambda _: None)
    assert train_here(plan, "unchecked").sha256 == checked.sha256
