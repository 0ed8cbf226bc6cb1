"""The norm cap against the dense product."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.run.test_right import open_here
from visiontrain_trainer.base import rng
from visiontrain_trainer.training.norm_cap import cap_norms


@pytest.mark.parametrize("conv_rank", [0, 3])
def test_long_layers_are_shortened_to_the_bound(conv_rank: int, plan_for: Any, tmp_path: Any) -> None:
    session = open_here(tmp_path / "run", plan_for(training={"conv_rank": conv_rank}))
    adapter = session.adapter
    adapter.load({name: 0.2 * rng.normal(t.shape, 1, "test", name) for name, t in adapter.tensors().items()})

    def norms() -> dict[str, float]:
        found = {}
        for layer in adapter.layers["unet"].values():
            product = layer.up.detach().flatten(1).double() @ layer.down.detach().flatten(1).double()
            found[layer.name] = float(product.norm()) * layer.scale
        return found

    before = norms()
    # Between two norms, so that no rounding decides which layers are too long.
    middle = len(before) // 2
    most = sum(sorted(before.values())[middle - 1 : middle + 1]) / 2
    weights = adapter.tensors()
    scaled, mean, largest = cap_norms(adapter, most).tolist()
    after = [min(norm, most) for norm in before.values()]
    assert scaled == sum(norm > most for norm in before.values())
    assert (mean, largest) == pytest.approx((sum(after) / len(after), max(after)), rel=1e-5)
    for name, norm in norms().items():
        assert norm == pytest.approx(min(before[name], most), rel=1e-5)
        factor = min(1.0, most / before[name]) ** 0.5
        for kind in ("down", "up"):
            torch.testing.assert_close(adapter.tensors()[f"{name}.{kind}"], weights[f"{name}.{kind}"] * factor)
    # The layers' weights are still views into the flat buffer that the optimiser steps.
    flat = torch.cat([p.detach().reshape(-1) for p in adapter.parameters("unet")])
    assert torch.equal(flat, adapter.flat["unet"])


def test_each_step_says_what_was_shortened(plan_for: Any, train_here: Any) -> None:
    most = 0.0005
    steps = train_here(plan_for(training={"max_weight_norm": most})).of("step")
    assert all(each["capped"]["largest"] == pytest.approx(most) for each in steps[1:]), steps
    assert all(0 <= each["capped"]["mean"] <= most * 1.0001 for each in steps)
    assert any(each["capped"]["layers"] > 0 for each in steps)
