"""A run whose base is read as the wrong kind ends before the first step. Sound bases, and tiny random ones, train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from visiontrain_trainer.run import base_check, loop
from visiontrain_trainer.run.base_check import Fit, judge
from visiontrain_trainer.run.flow_check import Parts, is_flow
from visiontrain_trainer.training.step import TrainStep

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


DIFFUSION = Diffusion(alphas_cumprod({}, False), "epsilon", torch.device("cpu"))
ZERO_SNR = Diffusion(alphas_cumprod({}, True), "v_prediction", torch.device("cpu"))


def fit_of(
    kind: str,
    *,
    error: float = 0.5,
    image: Callable[[torch.Tensor], torch.Tensor] = lambda x: x,
    diffusion: Diffusion = DIFFUSION,
) -> Fit:
    """Predictions of a kind by a model that knows the image up to an error that grows with the noise."""
    generator, fit = torch.Generator().manual_seed(1), Fit()
    for t in (125, 375, 625, 875):
        latents, noise, wrong = (torch.randn(1, 4, 32, 32, generator=generator) for _ in range(3))
        latents, at = image(latents), torch.tensor([t])
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


KINDS = ["epsilon", "v_prediction"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [0.2, 0.4, 0.6])
def test_ranges_of_each_kind(kind: str, error: float) -> None:
    judge([fit_of(kind, error=error)], kind, "base", real=True)
    # A wrong kind may be missed where the base knows the image badly: refusing a sound base would be worse.
    rare = {"sample", "flow"} if error < 0.5 else set()
    for other in {*KINDS, *rare} - {kind}:
        with pytest.raises(TrainingError):
            judge([fit_of(other, error=error)], kind, "base", real=True)


def parts_of(kind: str, image: Callable[[torch.Tensor], torch.Tensor], error: float) -> tuple[Parts, Parts]:
    """The parts of a prediction of each kind on the straight path, when the image is known up to an error."""
    generator, found = torch.Generator().manual_seed(2), []
    for t in (125, 875):
        latents, noise, wrong = (torch.randn(1, 4, 32, 32, generator=generator) for _ in range(3))
        latents, at = image(latents), torch.tensor([t])
        share = error * t / 1000
        seen = latents * (1 - share**2) + wrong * share * (1 - share**2) ** 0.5
        straight = DIFFUSION.straight(latents, noise, at)
        guessed = (straight - (1 - t / 1000) * seen) / (t / 1000)
        said = DIFFUSION.targets(seen, guessed, at) | {"noise": torch.randn(1, 4, 32, 32)}
        found.append(Parts.of(said[kind][0], latents[0], noise[0]))
    return found[0], found[1]


@pytest.mark.parametrize("error", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "flow", "noise"])
def test_flow_is_told_by_the_parts_of_its_predictions(kind: str, error: float) -> None:
    for image in (lambda x: x, *IMAGES.values()):
        assert is_flow(*parts_of(kind, image, error)) == (kind == "flow")


def test_straight_path_begins_at_the_image_and_goes_to_the_noise() -> None:
    latents, noise = torch.full((2, 4, 2, 2), 3.0), torch.full((2, 4, 2, 2), -1.0)
    path = DIFFUSION.straight(latents, noise, torch.tensor([0, 750]))
    assert path[0].eq(3).all() and path[1].eq(0).all()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("flow", [True, False])
def test_a_base_of_flow_ends_the_run(flow: bool, prediction: str, tmp_path: Path, monkeypatch: Any) -> None:
    """The embedded model stands for a full-size one; its predictions are replaced by those of a base of flow."""
    measured, asked = TrainStep._measure, []

    def replaced(self: TrainStep, *args: Any, **kwargs: Any) -> Any:
        asked.append(bool(kwargs))
        found = measured(self, *args, **kwargs)
        kind = "flow" if flow else prediction
        targets = [DIFFUSION.targets(0.8 * each.batch.latents, each.batch.noise, each.batch.t) for each in found]
        return [replace(each, prediction=target[kind]) for each, target in zip(found, targets, strict=True)]

    monkeypatch.setattr(TrainStep, "_measure", replaced)
    monkeypatch.setattr(base_check, "REAL", 0)
    plan = plan_of("embedded sd15", tmp_path)
    file = tiny_models.to_single_file(EMBEDDED, tmp_path / "model.safetensors")
    plan["model"] |= {"path": str(file), "layout": "single_file", "config_dir": str(EMBEDDED), "prediction": prediction}
    plan["training"] |= {"steps": 1, "warmup_steps": 0}
    code = main([str(prepare_run(tmp_path / "run", plan))])
    result = read_events(tmp_path / "run")[-1]
    assert (code == 5 and "rectified flow" in result["reason"]) if flow else code == 0
    # For a base that predicts well as its own kind, the check for rectified flow makes no pass.
    assert any(asked) == flow


IMAGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "flat grey": lambda x: 0.1 * x,
    "flat drawing": lambda x: torch.ones_like(x) + 0.05 * x,
    "white": lambda x: torch.full_like(x, 2.0),
    "very dark": lambda x: 0.2 * x - 3,
    "loud": lambda x: 4 * x,
    "half empty": lambda x: x * (torch.arange(32) < 16),
    "coarse pixels": lambda x: x[..., ::8, ::8].repeat_interleave(8, -1).repeat_interleave(8, -2),
}


@pytest.mark.parametrize("image", list(IMAGES))
@pytest.mark.parametrize("diffusion", [DIFFUSION, ZERO_SNR])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_base_is_not_refused_for_unusual_images(kind: str, diffusion: Diffusion, image: str) -> None:
    """A base is accepted though it predicts unusual images badly: at the strongest noise not even their brightness."""
    for error in (0.0, 0.4, 0.8):
        judge([fit_of(kind, error=error, image=IMAGES[image], diffusion=diffusion)] * 2, kind, "base", real=True)


@pytest.mark.parametrize("image", [name for name in IMAGES if name != "flat grey"])
def test_the_other_kind_is_refused_on_unusual_images_too(image: str) -> None:
    for kind, other in (KINDS, KINDS[::-1]):
        with pytest.raises(TrainingError, match=f"does not predict {kind}"):
            judge([fit_of(other, error=0.4, image=IMAGES[image])] * 2, kind, "base", real=True)


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_out_of_line_refuses_nothing(kind: str) -> None:
    sound, other = fit_of(kind), fit_of(next(each for each in KINDS if each != kind))
    for odd in (other, fit_of("noise")):
        judge([odd, sound], kind, "base", real=True)
        judge([sound, odd], kind, "base", real=True)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_nothing_are_refused_only_at_the_size_of_a_real_base(kind: str) -> None:
    with pytest.raises(TrainingError, match="predicts nothing of your pictures"):
        judge([fit_of("noise")] * 2, kind, "base", real=True)
    judge([fit_of("noise")] * 2, kind, "base", real=False)


@pytest.mark.parametrize("held_out", [False, True])
def test_it_changes_no_byte_and_costs_no_pass(
    held_out: bool, train_here: Any, plan_for: Any, images: Any, monkeypatch: Any
) -> None:
    samples = [{**s, "validation": held_out and i < 3} for i, s in enumerate(images[1])]
    plan = plan_for("sdxl", data={"images": samples}, training={"steps": 2, "warmup_steps": 0})
    passes: list[int] = []
    measured = TrainStep._measure

    def counted(self: TrainStep, *args: Any) -> Any:
        found = measured(self, *args)
        passes.append(len(found))
        return found

    monkeypatch.setattr(TrainStep, "_measure", counted)
    checked = train_here(plan, "checked")
    count, passes[:] = sum(passes), []
    monkeypatch.setattr(loop, "check_base", lambda _: {})
    unchecked = train_here(plan, "unchecked")
    assert unchecked.sha256 == checked.sha256 and sum(passes) == count > 0
    # A heartbeat on a slow machine uses up a number of `seq`.
    for event in ("validation", "learned"):
        found = [[{**e, "t": None, "seq": None} for e in run.of(event)] for run in (checked, unchecked)]
        assert found[0] == found[1]
