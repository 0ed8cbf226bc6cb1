"""Dropout of LoRA layers: each layer drops its own channels at the given rate, whatever else is in the pass.

T-LoRA too, which leaves out ranks by the timestep.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from visiontrain_trainer.adapter.dropout import Dropout, ranks_at
from visiontrain_trainer.adapter.layer import Target
from visiontrain_trainer.adapter.lora import LoraLayer
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.plan import TLora

CPU = Device(torch.device("cpu"), torch.float32, torch.float32)
USES = [(0, "a/0", 5), (0, "b/0", 5), (1, "a/0", 5)]


def _draw(dropout: Dropout, uses: list[tuple[int, str, int]] = USES) -> torch.Tensor:
    masks = dropout.draw(uses, CPU)
    assert masks is not None
    return masks


def test_masks_have_their_rate_and_keep_the_mean() -> None:
    dropout = Dropout(0.2, 7)
    dropout.window(60_000)
    masks = _draw(dropout)
    assert set(masks.unique().tolist()) == {0.0, 1.25}
    assert (masks == 0).float().mean() == pytest.approx(0.2, abs=0.01)
    assert masks.mean() == pytest.approx(1, abs=0.01)


def test_a_mask_belongs_to_its_use_and_layer() -> None:
    dropout = Dropout(0.5, 7)
    first, second = dropout.window(500), dropout.window(500)
    masks = _draw(dropout)
    assert len({tuple(row.tolist()) for row in masks}) == len(USES)
    assert not torch.equal(masks[:, first], masks[:, second])
    # A mask does not depend on the other uses or their order, because processes share a pass, and a pass is halved when
    # memory runs out.
    assert torch.equal(_draw(dropout, USES[::-1]), masks.flip(0))
    assert torch.equal(_draw(dropout, USES[1:2]), masks[1:2])
    other = Dropout(0.5, 8)
    other.window(1000)
    assert not torch.equal(_draw(other), masks)


def test_nothing_is_drawn_at_rate_0() -> None:
    dropout = Dropout(0.0, 7)
    dropout.window(8)
    assert dropout.draw(USES, CPU) is None


@pytest.mark.parametrize("base", [torch.nn.Linear(6, 4), torch.nn.Conv2d(6, 4, 3, padding=1)], ids=["linear", "conv"])
def test_layers_drop_their_own_inputs_of_each_image(base: Any) -> None:
    dropout = Dropout(0.5, 7)
    dropout.window(11)
    layer = LoraLayer(base, Target("unet", "layer", "layer", 3, 6), dropout)
    torch.nn.init.normal_(layer.down)
    torch.nn.init.normal_(layer.up)
    is_conv = isinstance(base, torch.nn.Conv2d)
    x = torch.randn(3, 6, 5, 5) if is_conv else torch.randn(3, 7, 6)
    masks = _draw(dropout)[:, 11:]
    kept = x * (masks[:, :, None, None] if is_conv else masks[:, None])
    added = F.conv2d(F.conv2d(kept, layer.down, padding=1), layer.up) if is_conv else kept @ layer.down.T @ layer.up.T
    with dropout.dropping(_draw(dropout)):
        torch.testing.assert_close(layer(x), base(x) + 2 * added)
        with dropout.dropping(None):
            without = layer(x)
    assert torch.equal(without, layer(x)) and not torch.allclose(without, base(x) + 2 * added)
    layer.enabled = False
    with dropout.dropping(_draw(dropout)):
        assert torch.equal(layer(x), base(x))


@pytest.mark.parametrize("checkpointing", ["selective", "full"])
def test_layers_computed_again_drop_the_same(checkpointing: str, train_here: Any, plan_for: Any) -> None:
    def digests(**resources: Any) -> list[str]:
        training = {"dropout": 0.3, "steps": 4, "text_encoder_learning_rates": [1e-3], "conv_rank": 2}
        name = resources.get("gradient_checkpointing", "straight")
        run = train_here(plan_for(training=training, resources=resources), name)
        return [event["digest"] for event in run.of("step")]

    assert digests(gradient_checkpointing=checkpointing) == digests()


def test_t_lora_trains_fewer_ranks_the_stronger_the_noise_is() -> None:
    """The count is the paper's r(t), floor((r − r_min) (T − t) / T) + r_min, and LyCORIS' with its exponent."""
    even, late = TLora(min_rank=4, power=1.0), TLora(min_rank=1, power=2.0)
    assert [ranks_at(even, 64, t, 1000) for t in (0, 1, 500, 999)] == [64, 63, 34, 4]
    assert [ranks_at(late, 64, t, 1000) for t in (0, 500, 999)] == [64, 16, 1]
    # A layer of a smaller rank, set by a layer rule, keeps the ranks that it has.
    assert ranks_at(even, 2, 999, 1000) == 2

    dropout = Dropout(0.0, 7, ranks=0.5)
    dropout.timed = even
    linear, encoder = torch.nn.Linear(6, 4), torch.nn.Linear(6, 4)
    layer = LoraLayer(linear, Target("unet", "layer", "layer", 64, 64), dropout)
    untimed = LoraLayer(encoder, Target("text_encoder", "layer", "layer", 64, 64), dropout)
    torch.nn.init.normal_(layer.down)
    torch.nn.init.normal_(layer.up)
    untimed.start(1, "text_encoder", "layer")
    masks = _draw(dropout, [(0, "a/0", 0), (0, "a/0", 500), (0, "a/0", 999)])
    assert masks.shape[1] == 3 * 64, "ranks of both by chance, those of the U-Net by the timestep too"
    by_chance, timed = masks[:, :64], masks[:, 64:128]
    # The ranks that remain are not scaled up, unlike with dropout by chance.
    assert [int(row.sum()) for row in timed] == [64, 34, 4] and bool((timed[1][:34] == 1).all())
    x = torch.randn(3, 7, 6)
    with dropout.dropping(masks):
        expected = linear(x) + ((x @ layer.down.T) * (by_chance * timed)[:, None]) @ layer.up.T
        torch.testing.assert_close(layer(x), expected)
        assert torch.equal(untimed(x), encoder(x)), "an encoder is asked at no timestep; its change is 0 at the start"
    # Samples, validation and files have all ranks.
    torch.testing.assert_close(layer(x), linear(x) + x @ layer.down.T @ layer.up.T)
