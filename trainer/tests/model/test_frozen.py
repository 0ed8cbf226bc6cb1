"""Packed weights: the plain formula with the unpacked weight, to the bit, and nothing unpacked is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from visiontrain_trainer.adapter.dora import DoraLayer
from visiontrain_trainer.adapter.dropout import Dropout
from visiontrain_trainer.adapter.layer import Target
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.model.frozen import Storage, count_weights, frozen_layers
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.model.packing import PACKINGS
from visiontrain_trainer.model.stream import Stream

KINDS = ("fp8", "int8", "nf4")
LAYERS = {
    "linear": lambda: nn.Linear(96, 40),
    "linear without bias": lambda: nn.Linear(96, 40, bias=False),
    "convolution": lambda: nn.Conv2d(6, 10, 3, stride=2, padding=1),
    "1×1 convolution": lambda: nn.Conv2d(6, 10, 1),
}


def _pair(name: str, kind: str, dtype: torch.dtype, **how: Any) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    """A frozen layer, a plain one with its unpacked weight, and an input for both."""
    torch.manual_seed(3)
    root = nn.Sequential(LAYERS[name]()).to(dtype).requires_grad_(False)
    shape = (2, 7, 96) if name.startswith("linear") else (2, 6, 9, 9)
    plain = root[0]
    Storage(kind, **how).keep(root, "0", plain.weight.detach().clone(), dtype)
    with torch.no_grad():
        plain.weight.copy_(root[0].weight)
    return root[0], plain, torch.randn(shape, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["same", *KINDS])
@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradient_are_those_of_the_plain_layer(name: str, kind: str, dtype: torch.dtype) -> None:
    layer, plain, x = _pair(name, kind, dtype)
    found = []
    for module in (layer, plain):
        given = x.clone().requires_grad_()
        y = module(given)
        y.square().sum().backward()
        found.append((y.detach(), given.grad))
    (y, of_x), (expected, of_expected) = found
    assert torch.equal(y, expected)
    assert of_expected is not None and torch.equal(of_x, of_expected)


def test_convolutions_keep_the_layout_of_channels_last() -> None:
    for kind in KINDS:
        layer, plain, x = _pair("convolution", kind, torch.float32, channels_last=True)
        x = x.to(memory_format=torch.channels_last)
        torch.testing.assert_close(layer(x), plain(x))


@pytest.mark.parametrize(("kind", "most"), [("fp8", 0.030), ("int8", 0.012), ("nf4", 0.105)])
def test_weights_are_as_near_as_their_bits_allow(kind: str, most: float) -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 1024)
    # A row with one outlier has a scale of its own, and so do small rows.
    weight[3, 5], weight[7] = 300.0, weight[7] * 1e-4
    packed = PACKINGS[kind].pack(weight, torch.float32)
    back = PACKINGS[kind].unpack(packed, weight.shape, torch.float32)
    rows = (back - weight).norm(dim=1) / weight.norm(dim=1)
    others = [i for i in range(64) if i != 3]
    assert most / 4 < rows[others].mean() < most and rows[others].max() < 1.3 * most
    assert abs(back[3, 5] / 300 - 1) < 1e-6


@pytest.mark.parametrize(("kind", "bits"), [("fp8", 8), ("int8", 8), ("nf4", 4.5)])
def test_packed_weights_take_their_bits(kind: str, bits: float) -> None:
    packed = PACKINGS[kind].pack(torch.randn(256, 1024), torch.bfloat16)
    size = sum(tensor.numel() * tensor.element_size() for name, tensor in packed.items() if name != "pairs")
    assert size * 8 == pytest.approx(256 * 1024 * bits, rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_and_odd_sizes_come_back(kind: str) -> None:
    weight = torch.zeros(3, 7)
    weight[1, 2] = -0.5
    packed = PACKINGS[kind].pack(weight, torch.float32)
    assert torch.equal(PACKINGS[kind].unpack(packed, weight.shape, torch.float32), weight)


@pytest.mark.parametrize("name", LAYERS)
def test_nothing_is_kept_for_the_backward_pass(name: str) -> None:
    layer, plain, x = _pair(name, "nf4", torch.float32)
    kept: dict[str, list[int]] = {"frozen": [], "plain": []}
    for which, module in (("frozen", layer), ("plain", plain)):
        sizes = kept[which]

        def remember(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor):
            module(x.clone().requires_grad_())
    assert kept["frozen"] == [] and kept["plain"]


def test_dora_measures_the_unpacked_weight() -> None:
    frozen, plain, x = _pair("linear", "nf4", torch.float32)
    target = Target("unet", "0", "lora_unet_0", 4, 4.0)
    outs = []
    for base in (frozen, plain):
        layer = DoraLayer(base, target, Dropout(0.0, 0))
        layer.start(0, "unet", "0")
        with torch.no_grad():
            layer.up.fill_(0.1)
        outs.append(layer(x))
    assert torch.equal(outs[0], outs[1])
    whole = F.linear(x, plain.weight, plain.bias)
    assert not torch.allclose(outs[0], whole)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_unet_is_packed_but_for_its_ends_and_embeddings(family: str, plan_for: Any) -> None:
    base = BaseModel(parse_plan(plan_for(family)).model)
    plain = base.unet(torch.float32)
    packed = base.unet(torch.float32, torch.device("cpu"), Storage("int8"))
    assert count_weights(packed) == count_weights(plain)
    names = {name for name, module in plain.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))}
    left = {name for name in names if not hasattr(packed.get_submodule(name), "_packing")}
    assert {name.split(".")[0] for name in left} <= {"conv_in", "conv_out", "time_embedding", "add_embedding"}
    assert len(left) < len(names) / 10 and len([*frozen_layers(packed)]) == len(names) - len(left)
    for name in left:
        assert torch.equal(packed.get_submodule(name).weight, plain.get_submodule(name).weight)


def test_a_stream_holds_two_layers_and_fetches_the_next_before_it_is_asked_for() -> None:
    torch.manual_seed(0)
    stream = Stream(torch.device("cpu"))
    weights = [torch.randn(5, 3 + i) for i in range(4)]
    slots = [stream.put({"data": weight, "scale": weight[:, :1] * 2}) for weight in weights]
    order = [0, 1, 2, 3, 3, 2, 1, 0]
    for turn in range(3):
        before, late = stream.copies, stream.late
        for number in order:
            found = stream.get(slots[number])
            assert torch.equal(found["data"], weights[number])
            assert torch.equal(found["scale"], weights[number][:, :1] * 2)
        # Where the forward pass turns into the backward pass, the two layers are on the device already. Once the order
        # is known, no layer is waited for.
        assert stream.copies - before == (4 if turn else 6)
        assert turn < 2 or stream.late == late
    assert len(stream._buffers) == 2 and stream.host_bytes == sum(len(slot.host) for slot in slots)
    assert len(stream._buffers[0]) == max(len(slot.host) for slot in slots)


def test_a_wrong_guess_costs_a_copy_and_no_number() -> None:
    stream = Stream(torch.device("cpu"))
    weights = [torch.full((4,), float(i)) for i in range(5)]
    slots = [stream.put({"data": weight}) for weight in weights]
    drawn = torch.randint(5, (200,), generator=torch.Generator().manual_seed(1)).tolist()
    assert all(torch.equal(stream.get(slots[i])["data"], weights[i]) for i in drawn)


def test_a_weight_that_is_used_after_the_next_came_is_an_error_and_not_a_wrong_gradient() -> None:
    """Autograd refuses a tensor that it kept from a buffer, because the buffer has been overwritten since."""
    stream = Stream(torch.device("cpu"))
    slots = [stream.put({"data": torch.full((2, 2), float(i))}) for i in range(3)]
    x = torch.ones(2, 2, requires_grad=True)
    y = x @ stream.get(slots[0])["data"]
    for slot in slots[1:]:
        stream.get(slot)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
