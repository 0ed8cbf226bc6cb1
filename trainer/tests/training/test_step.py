"""A pass is fit for CUDA graphs: it reads only its inputs, and changes only its outputs and the gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import read_events
from visiontrain_trainer.training.graphs import Tensors
from visiontrain_trainer.training.passes import Passes


class Standing:
    """Replaces a graph's replay: the pass runs on its own tensors, into which inputs are copied."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._inputs: dict[tuple, Tensors] = {}
        self.calls = self.released = 0
        self.held = False

    def __call__(self, inputs: Tensors) -> Tensors:
        assert not any(tensor.requires_grad for tensor in inputs.values())
        self.calls += 1
        self.held = True
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        own = self._inputs.setdefault(shapes, {name: tensor.clone() for name, tensor in inputs.items()})
        for name, tensor in inputs.items():
            own[name].copy_(tensor)
        adapter = self._passes._adapter
        gradients = {part: flat.data_ptr() for part, flat in adapter.flat_grad.items()}
        with adapter.dropout.dropping(None):
            out = self._passes.backward(own)
        assert gradients == {part: flat.data_ptr() for part, flat in adapter.flat_grad.items()}
        return {name: tensor.clone() for name, tensor in out.items()}

    def release(self) -> bool:
        self.released += 1
        held, self.held = self.held, False
        return held


@pytest.fixture
def standing(monkeypatch: Any) -> list[Standing]:
    """Gives every Passes made from now on a `Standing`, and lists them, the newest last."""
    made: list[Standing] = []
    build = Passes.__init__

    def with_one(self: Passes, *given: Any, **named: Any) -> None:
        build(self, *given, **named)
        made.append(Standing(self))
        self.graphs = made[-1]  # type: ignore[assignment]

    monkeypatch.setattr(Passes, "__init__", with_one)
    return made


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("family", "rates"),
    [("sd15", [0.0]), ("sd15", [1e-3]), ("sdxl", [0.0, 0.0]), ("sdxl", [1e-3, 2e-3]), ("sdxl", [0.0, 1e-3])],
)
def test_a_pass_reads_and_writes_nothing_else(
    family: str, rates: list[float], precision: str, train_here: Any, plan_for: Any, request: pytest.FixtureRequest
) -> None:
    training = {"steps": 4, "dropout": 0.2, "conv_rank": 2, "min_snr_gamma": 5, "gradient_accumulation": 2}
    training["text_encoder_learning_rates"] = rates
    plan = plan_for(family, training=training, resources={"precision": precision})
    plain = train_here(plan, "plain")
    made = request.getfixturevalue("standing")
    assert train_here(plan, "standing").sha256 == plain.sha256
    assert made[-1].calls == 8


def test_text_encoders_that_find_no_memory_get_that_of_the_graphs(
    standing: list[Standing], train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    from visiontrain_trainer.data.text import TextEmbeddings

    plan = plan_for(training={"steps": 4, "batch_size": 2, "text_encoder_learning_rates": [1e-3]})
    straight = train_here(plan, "straight").sha256
    trained = TextEmbeddings.trained
    refused = []

    def refuse(self: TextEmbeddings, *given: Any) -> Any:
        if standing[-1].calls == 2 and standing[-1].held:
            refused.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return trained(self, *given)

    monkeypatch.setattr(TextEmbeddings, "trained", refuse)
    run = train_here(plan, "tight")
    assert run.sha256 == straight and len(refused) == 1
    assert not [event for event in read_events(tmp_path / "tight") if event["type"] == "note"]
