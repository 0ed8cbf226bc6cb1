"""LoHa, LoKr and DoRA compute their papers' formulas, and readers built on the shapes alone read the same change."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from tests.run.test_right import open_here
from visiontrain_trainer.adapter.adapter import Adapter, make_layer
from visiontrain_trainer.adapter.dropout import Dropout
from visiontrain_trainer.adapter.layer import AdapterLayer, Target
from visiontrain_trainer.adapter.lokr import factors
from visiontrain_trainer.adapter.lora_format import to_kohya
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.rng import normal
from visiontrain_trainer.contract.plan import parse_plan

BASES: dict[str, Any] = {
    "linear": lambda: torch.nn.Linear(12, 18),
    "prime sides": lambda: torch.nn.Linear(7, 13),
    "1×1": lambda: torch.nn.Conv2d(8, 12, 1),
    "3×3": lambda: torch.nn.Conv2d(8, 6, 3, padding=1, stride=2),
}
KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "loha": {"adapter": "loha"},
    "lokr": {"adapter": "lokr"},
    "lokr, factor": {"adapter": "lokr", "lokr": {"factor": 4, "decompose_both": False, "full": False}},
    "lokr, full": {"adapter": "lokr", "lokr": {"factor": -1, "decompose_both": False, "full": True}},
    "lokr, both": {"adapter": "lokr", "lokr": {"factor": 6, "decompose_both": True, "full": False}},
    "dora": {"dora": True},
}


def _layer(kind: str, base: str, plan_for: Any, *, rank: int = 1, drawn: bool = True) -> AdapterLayer:
    torch.manual_seed(3)
    training = parse_plan(plan_for(training=KINDS[kind])).training
    module = BASES[base]().double().requires_grad_(False)
    layer = make_layer(module, Target("unet", "a", "lora_unet_a", rank, 3.0), Dropout(0, 1), training).double()
    layer.start(5, "unet", "a")
    if drawn:
        for name, weight in layer.weights().items():
            weight.data.add_(0.3 * normal(weight.shape, 9, name).double())
    layer.used = tuple(layer.weights().values())
    return layer


def _read(stored: dict[str, torch.Tensor], name: str, weight: torch.Tensor) -> torch.Tensor:
    """The new weight of a layer of a file, from its tensors alone, as ComfyUI, Forge and A1111 compute it."""
    of = {key.removeprefix(f"{name}."): value.double() for key, value in stored.items() if key.startswith(f"{name}.")}
    alpha = of.pop("alpha")
    if "lora_up.weight" in of:
        up, down = of["lora_up.weight"], of["lora_down.weight"]
        change = up.flatten(1) @ down.flatten(1) * alpha / len(down)
    elif "hada_w1_a" in of:
        change = (of["hada_w1_a"] @ of["hada_w1_b"]) * (of["hada_w2_a"] @ of["hada_w2_b"])
        change = change * alpha / len(of["hada_w1_b"])
    else:
        scale = torch.tensor(1.0)
        if "lokr_w1" not in of:
            scale = alpha / len(of["lokr_w1_b"])
            of["lokr_w1"] = of["lokr_w1_a"] @ of["lokr_w1_b"]
        if "lokr_w2" not in of:
            scale = alpha / len(of["lokr_w2_b"])
            of["lokr_w2"] = of["lokr_w2_a"] @ of["lokr_w2_b"]
        w1 = of["lokr_w1"][:, :, None, None] if of["lokr_w2"].dim() == 4 else of["lokr_w1"]
        change = torch.kron(w1, of["lokr_w2"]) * scale
    whole = weight + change.reshape(weight.shape)
    if "dora_scale" in of:
        lengths = whole.transpose(0, 1).reshape(whole.shape[1], -1).norm(dim=1, keepdim=True)
        lengths = lengths.reshape(whole.shape[1], *[1] * (whole.dim() - 1)).transpose(0, 1)
        assert of["dora_scale"].shape == lengths.shape and of["dora_scale"].shape[0] != weight.shape[0]
        whole = whole * (of["dora_scale"] / lengths)
    return whole


def _apply(layer: AdapterLayer, weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    base = layer.base
    if isinstance(base, torch.nn.Conv2d):
        return F.conv2d(x, weight, base.bias, base.stride, base.padding)
    return F.linear(x, weight, base.bias)


def _input(layer: AdapterLayer) -> torch.Tensor:
    shape = (2, layer.sides[1], 5, 5) if layer.is_conv else (2, 3, layer.sides[1])
    return normal(shape, 1, "x").double().requires_grad_()


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", KINDS)
def test_forward_gradients_and_file(kind: str, base: str, plan_for: Any) -> None:
    layer = _layer(kind, base, plan_for)
    x, weights = _input(layer), layer.weights()
    y = layer(x)
    grown = normal(tuple(y.shape), 2, "grad").double()
    found = torch.autograd.grad((y * grown).sum(), [x, *weights.values()])
    # This is the dense formula: the change is formed, and autograd goes through it. ‖V‖ of a DoRA is a constant
    # (§4.3).
    if kind == "dora":
        down, up, magnitude = weights.values()
        whole = layer.base.weight + layer.scale * (up.flatten(1) @ down.flatten(1)).view(layer.base.weight.shape)
        axes = (0, *range(2, whole.dim()))
        dense = magnitude * whole / whole.square().sum(axes, keepdim=True).sqrt().detach()
    else:
        dense = layer.base.weight + layer.change(dict(weights))
    expected = _apply(layer, dense, x)
    # The lengths of a DoRA are computed in fp32 from the fp32 weights of a run.
    near = {"rtol": 1e-6, "atol": 1e-7} if kind == "dora" else {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(y, expected, **near)
    by_hand = torch.autograd.grad((expected * grown).sum(), [x, *weights.values()])
    for mine, theirs in zip(found, by_hand, strict=True):
        torch.testing.assert_close(mine, theirs, **near)
    tensors = {f"unet.a.{name}": weight.detach() for name, weight in weights.items()}
    stored = to_kohya(tensors, {"unet.a": layer.alpha}, family="sd15", unet_config={}, dtype=torch.float64)
    torch.testing.assert_close(_read(stored, "lora_unet_a", layer.base.weight), dense.detach(), **near)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", KINDS)
def test_training_starts_at_the_base(kind: str, base: str, plan_for: Any) -> None:
    layer = _layer(kind, base, plan_for, drawn=False).float()
    layer.used = tuple(layer.weights().values())
    x = _input(layer).float()
    assert torch.equal(layer(x), layer.base(x))


@pytest.mark.parametrize("kind", KINDS)
def test_norms_and_the_change_since_the_start(kind: str, plan_for: Any) -> None:
    layer = _layer(kind, "3×3", plan_for)
    now = {name: weight.detach().clone() for name, weight in layer.weights().items()}
    then = {name: weight * 0.5 for name, weight in now.items()}
    dense = (layer.change(now) - layer.change(then)).square().sum()
    assert layer.squared_change(now, then) == pytest.approx(float(dense), rel=1e-9)
    before = float(layer.norm())
    if kind != "dora":
        assert before == pytest.approx(float(layer.change(now).norm()), rel=1e-9)
    layer.cap(before / 3)
    assert float(layer.norm()) == pytest.approx(before / 3, rel=1e-9)
    layer.cap(before)
    assert float(layer.norm()) == pytest.approx(before / 3, rel=1e-9)


@pytest.mark.parametrize(
    ("side", "factor", "expected"),
    [(1280, -1, (32, 40)), (320, 8, (8, 40)), (77, 8, (7, 11)), (13, -1, (1, 13)), (6, 4, (2, 3)), (16, 16, (1, 16))],
)
def test_sides_are_split_as_lycoris_splits_them(side: int, factor: int, expected: tuple[int, int]) -> None:
    assert factors(side, factor) == expected


def test_the_weights_of_a_lokr_are_counted_by_formula(plan_for: Any) -> None:
    layer = _layer("lokr", "linear", plan_for)
    # 12 = 3 · 4 and 18 = 3 · 6: W1 3 × 3, W2 of rank 1 as 6 × 1 and 1 × 4.
    assert {name: tuple(weight.shape) for name, weight in layer.weights().items()} == {
        "lokr_w1": (3, 3),
        "lokr_w2_a": (6, 1),
        "lokr_w2_b": (1, 4),
    }


@pytest.mark.parametrize("kind", ["loha", "lokr", "dora"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_writes_what_it_learned(kind: str, precision: str, plan_for: Any, train_here: Any) -> None:
    """Every layer of the file is there, and bf16 keeps a DoRA's lengths in fp32."""
    training = {**KINDS[kind], "steps": 2, "warmup_steps": 0, "conv_rank": 2, "text_encoder_learning_rates": [1e-3]}
    plan = plan_for(training=training, resources={"precision": precision}, output={"precision": "fp32"})
    run = train_here(plan, f"{kind}-{precision}")
    assert run.code == 0 and run.of("learned")[0]["weight_change"]["unet.up"] > 0
    stored = load_file(run.folder / run.of("output")[0]["path"])
    layers = {name.split(".")[0] for name in stored}
    assert len(layers) == run.of("active")[0]["facts"]["layers"]
    ends = {"loha": "hada_w2_a", "lokr": "alpha", "dora": "dora_scale"}
    assert sum(name.endswith(f".{ends[kind]}") for name in stored) == len(layers)
    assert (
        sum(tensor.numel() for name, tensor in stored.items() if not name.endswith("alpha"))
        == (run.of("active")[0]["facts"]["trainable"])
    )
    assert all(torch.isfinite(tensor).all() for tensor in stored.values())
    if kind == "dora":
        shapes = {tensor.dim() for name, tensor in stored.items() if name.endswith("dora_scale")}
        assert shapes == {2, 4}


def test_a_trained_dora_is_read_as_it_was_trained(plan_for: Any, tmp_path: Any) -> None:
    session = open_here(tmp_path / "run", plan_for(training={"dora": True, "conv_rank": 2, "learning_rate": 0.01}))
    for step in range(2):
        session.train_step.run(step)
    scales = {layer.name: layer.alpha for layer in session.adapter.layers["unet"].values()}
    stored = to_kohya(session.adapter.tensors(), scales, family="sd15", unet_config={}, dtype=torch.float32)
    for name, layer in session.adapter.layers["unet"].items():
        shape = (2, layer.sides[1], 6, 6) if layer.is_conv else (2, layer.sides[1])
        x = normal(shape, 3, name)
        whole = _read(stored, "lora_unet_" + name.replace(".", "_"), layer.base.weight.detach().double())
        base = layer.base
        y = F.conv2d(x.double(), whole, base.bias.double(), base.stride, base.padding) if layer.is_conv else None
        y = F.linear(x.double(), whole, None if base.bias is None else base.bias.double()) if y is None else y
        torch.testing.assert_close(layer(x).detach().double(), y, rtol=1e-4, atol=1e-5)


def _rules(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"train": True, "rank": None, "alpha": None, "rate": 1, **rule} for rule in rules]


def test_rules_choose_layers_ranks_and_rates(plan_for: Any, tmp_path: Any) -> None:
    rules = _rules(
        {"match": "*", "train": False},
        {"match": "cross_attention", "rank": 2, "alpha": 1, "rate": 0.5},
        {"match": "mid_block_*_attn2_to_q", "rank": 3},
    )
    session = open_here(tmp_path / "run", plan_for(training={"layers": rules, "lora_plus_ratio": 4}))
    layers = session.adapter.layers["unet"]
    assert layers and all(".attn2.to_" in name for name in layers)
    for name, layer in layers.items():
        last = name.startswith("mid_block.") and name.endswith("to_q")
        assert (layer.rank, layer.alpha, layer.rate) == ((3, 2, 1) if last else (2, 1, 0.5))
    rates = {group["lr"] for group in session.optimizer.param_groups}
    assert rates == {1e-3, 4e-3, 0.5e-3, 2e-3}
    whole = sum(parameter.numel() for group in session.optimizer.param_groups for parameter in group["params"])
    assert whole == session.adapter.flat["unet"].numel()


def test_a_rate_of_half_moves_half(plan_for: Any, tmp_path: Any) -> None:
    def moved(rate: float) -> dict[str, torch.Tensor]:
        rules = _rules({"match": "*_attn1_*", "rate": rate})
        training = {"layers": rules, "weight_decay": 0, "warmup_steps": 0, "max_grad_norm": 0}
        session = open_here(tmp_path / str(rate), plan_for(training=training))
        before = session.adapter.tensors()
        session.train_step.run(0)
        return {name: tensor - before[name] for name, tensor in session.adapter.tensors().items()}

    whole, half = moved(1), moved(0.5)
    for name, change in whole.items():
        torch.testing.assert_close(half[name], change * (0.5 if ".attn1." in name else 1), rtol=1e-3, atol=1e-7)


def test_a_rule_for_no_layer_is_refused_with_near_names(plan_for: Any, tmp_path: Any) -> None:
    with pytest.raises(TrainingError, match="no layer that could be trained") as error:
        open_here(tmp_path / "run", plan_for(training={"layers": _rules({"match": "input_blocks_99_*"})}))
    assert any("lora_unet_" in line for line in error.value.details)


@pytest.mark.parametrize("pattern", ["style", "b-lora-content", "b-lora-style", "attention", "feedforward"])
def test_named_sets_are_in_sdxl(pattern: str, plan_for: Any, tiny: Any) -> None:
    from tests.tiny_models import make_unet

    training = parse_plan(
        plan_for(training={"layers": _rules({"match": "*", "train": False}, {"match": pattern})})
    ).training
    assert Adapter({"unet": make_unet("sdxl")}, training, 1).layers["unet"]


def test_rank_stabilised_files_say_what_they_are(plan_for: Any, tmp_path: Any) -> None:
    session = open_here(tmp_path / "run", plan_for(training={"rslora": True, "rank": 9, "alpha": 2}))
    layer = next(iter(session.adapter.layers["unet"].values()))
    assert layer.scale == pytest.approx(2 / math.sqrt(9)) and layer.alpha / layer.rank == pytest.approx(layer.scale)


def test_ranks_and_layers_are_dropped_for_each_image(plan_for: Any) -> None:
    from visiontrain_trainer.compute.device import Device

    training = parse_plan(plan_for()).training
    dropout = Dropout(0, 7, ranks=0.5, modules=0.3)
    base = torch.nn.Linear(6, 4).requires_grad_(False)
    layer = make_layer(base, Target("unet", "a", "a", 8, 8.0), dropout, training)
    layer.start(1, "unet", "a")
    torch.nn.init.normal_(layer.up)
    layer.used = tuple(layer.weights().values())
    uses = [(0, f"{i}/0", 0) for i in range(200)]
    masks = dropout.draw(uses, Device(torch.device("cpu"), torch.float32, torch.float32))
    assert masks is not None and masks.shape == (200, 9)
    x = torch.randn(200, 3, 6)
    with dropout.dropping(masks):
        found = layer(x) - base(x)
    whole, ranks = masks[:, 0], masks[:, 1:]
    assert set(whole.unique().tolist()) == {0.0, 1.0} and set(ranks.unique().tolist()) == {0.0, 2.0}
    expected = ((x @ layer.down.T) * ranks[:, None]) @ layer.up.T * whole[:, None, None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
