"""The moving average of the weights: its formula, what a run does with it, and that training does not notice it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import prepare_run
from tests.run.test_exact import _kill_and_go_on, _stop_after
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Ema as EmaPlan
from visiontrain_trainer.run.export import Request, export
from visiontrain_trainer.training.ema import Ema


class _Adapter(SimpleNamespace):
    """The attributes of an adapter that the average uses."""

    def refresh(self) -> None: ...

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: flat.clone() for name, flat in self.flat.items()}

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        for name, flat in self.flat.items():
            flat.copy_(tensors[name])


def _averaged(plan: EmaPlan, weights: list[torch.Tensor]) -> tuple[Ema, _Adapter]:
    """`weights` are those before the first step, and after each."""
    adapter = _Adapter(flat={"unet": weights[0].clone()})
    ema = Ema(plan, adapter)
    for step, after in enumerate(weights[1:], 1):
        adapter.flat["unet"].copy_(after)
        ema.after(step)
    return ema, adapter


@pytest.mark.parametrize(
    ("decay", "every", "start", "ramp"),
    [(0.9, 1, 0, True), (0.99, 3, 0, True), (0.5, 1, 7, True), (0.9, 2, 40, True), (0.9, 1, 0, False)],
)
def test_it_equals_the_formula(decay: float, every: int, start: int, ramp: bool) -> None:
    """Compared with a slow average in fp64 that keeps every weight; constant weights stay what they are."""
    draw = np.random.default_rng(3)
    slope = draw.normal(size=50) * ramp
    each = [draw.normal(size=50)]
    each += [each[0] + slope * step for step in range(1, 31)]
    ema, adapter = _averaged(EmaPlan(decay, every, start, "ema"), [torch.tensor(w, dtype=torch.float32) for w in each])
    # The weight of each step in the average: the share that its update took in, times the shares that later ones kept.
    shares = {min(start, 30): 1.0}
    for number, step in enumerate((s for s in range(start + 1, 31) if (s - start) % every == 0), 1):
        stays = min(decay, (1 + number) / (10 + number))
        shares = {known: share * stays for known, share in shares.items()} | {step: 1 - stays}
    assert sum(shares.values()) == pytest.approx(1)
    expected = sum(share * each[step] for step, share in shares.items())
    with ema.in_use(), ema.in_use():
        np.testing.assert_allclose(adapter.flat["unet"].numpy(), expected, rtol=2e-5, atol=2e-5)
        assert torch.equal(ema.unused_tensors()["unet"], torch.tensor(each[-1], dtype=torch.float32))
    assert torch.equal(adapter.flat["unet"], torch.tensor(each[-1], dtype=torch.float32))


@pytest.mark.parametrize("save", ["ema", "raw"])
def test_a_checkpoint_restores_both(save: Any) -> None:
    weights = [torch.randn(9, generator=torch.Generator().manual_seed(i)) for i in range(5)]
    ema, adapter = _averaged(EmaPlan(0.9, 1, 0, save), weights)
    with ema.in_use():
        used, unused = adapter.tensors(), ema.unused_tensors()
    again, fresh = _averaged(EmaPlan(0.9, 1, 0, save), weights[:1])
    again.restore(used, unused, ema.updates)
    for one, flat in ((ema, adapter), (again, fresh)):
        flat.flat["unet"].copy_(flat.flat["unet"] * 1.5)
        one.after(5)
    assert torch.equal(fresh.flat["unet"], adapter.flat["unet"])
    assert torch.equal(again.unused_tensors()["unet"], ema.unused_tensors()["unet"])


def _hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.safetensors"))}


def _request(to: Path, step: int, weights: Any = None) -> Request:
    return Request("step", step, to, None, False, weights)


@pytest.fixture
def plan(plan_for: Any, images: Any) -> Any:
    def make(save: str | None) -> dict[str, Any]:
        data = {"images": [{**sample, "validation": i == 0} for i, sample in enumerate(images[1])]}
        ema = None if save is None else {"decay": 0.9, "every": 1, "start": 1, "save": save}
        training = {"learning_rate": 0.05, "schedule": "constant", "warmup_steps": 0, "ema": ema}
        return plan_for(data=data, training=training, output={"checkpoint_every": 2, "save_every": 2, "save_keep": 1})

    return make


def test_a_run_with_an_average(plan: Any, train_here: Any, tmp_path: Path) -> None:
    """Training is the same as without; files, validation and exports have the wanted weights; a stop changes none."""
    bare, both = train_here(plan(None), "bare"), train_here(plan("both"), "both")
    assert [e["digest"] for e in both.of("step")] == [e["digest"] for e in bare.of("step")]
    made = _hashes(both.folder / "output")
    kept = {f"tiny-step00000004{kind}.safetensors" for kind in ("", "-raw")}
    assert set(made) - {"tiny-best.safetensors", "tiny-best-raw.safetensors"} == {
        *kept,
        "tiny.safetensors",
        "tiny-raw.safetensors",
    }
    raw, average = (load_file(both.folder / "output" / f"tiny{kind}.safetensors") for kind in ("-raw", ""))
    plain = load_file(bare.folder / "output" / "tiny.safetensors")
    assert all(torch.equal(raw[name], tensor) for name, tensor in plain.items())
    assert any(not torch.equal(average[name], tensor) for name, tensor in plain.items())
    for event, other in zip(both.of("validation")[1:], bare.of("validation")[1:], strict=True):
        assert event["other"] == {"weights": "raw", "loss": other["loss"], "stderr": other["stderr"]}
        assert event["loss"] != other["loss"] and "other" not in other
    raw_run = train_here(plan("raw"), "raw")
    assert [e["loss"] for e in raw_run.of("validation")] == [e["loss"] for e in bare.of("validation")]
    assert [e.get("other") for e in raw_run.of("validation")[1:]] == [
        {"weights": "ema", "loss": e["loss"], "stderr": e["stderr"]} for e in both.of("validation")[1:]
    ]

    for weights in (None, "raw"):
        export(both.folder, _request(tmp_path / "exported", 4, weights))
    assert _hashes(tmp_path / "exported") == {name: made[name] for name in kept}
    with pytest.raises(TrainingError, match="no moving average"):
        export(bare.folder, _request(tmp_path / "none", 4, "ema"))

    # A run that was killed in the middle resumes from a checkpoint, which holds both weights, to the same files.
    cut = prepare_run(tmp_path / "cut", plan("both"))
    _kill_and_go_on(cut, [8])
    again = _hashes(cut / "output")
    assert {name: again[name] for name in made} == made

    # A stop between two saves leaves a file of both weights, which exports give as well, and the run then makes the
    # same files.
    stopped = prepare_run(tmp_path / "stopped", plan("both"))
    assert _stop_after(stopped, plan("both"), 3) == 75
    # A stop removes none of the files before it.
    at_stop = {name: made for name, made in _hashes(stopped / "output").items() if "step00000003" in name}
    assert set(at_stop) == {f"tiny-step00000003{kind}.safetensors" for kind in ("", "-raw")}
    for weights in (None, "raw"):
        export(stopped, _request(tmp_path / "of stop", 3, weights))
    assert _hashes(tmp_path / "of stop") == at_stop
    assert train_here(plan("both"), "stopped").code == 0
    again = _hashes(stopped / "output")
    assert {name: again[name] for name in made} == made
