"""LoRAs merged into the base: the weights equal the formula in fp64, and a run on them gives the same bytes again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import prepare_run, read_events
from tests.drawing.test_drawing import KINDS
from tests.run.test_exact import _stop_after
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.adapter.merged import merge_into
from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.model.ldm_keys import unet_to_ldm
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.training.checkpoint import name_of

Tensors = dict[str, torch.Tensor]
LINEAR, CONV = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", "down_blocks.1.resnets.0.conv1"


def _draw(name: str, *shape: int) -> torch.Tensor:
    return (rng.uniform(shape, 5, name) - 0.5) * 0.2


def _lora(name: str, weight: torch.Tensor, alpha: float = 3.0) -> tuple[Tensors, torch.Tensor]:
    down, up = _draw("down", 2, *weight.shape[1:]), _draw("up", len(weight), 2, *[1] * (weight.dim() - 2))
    change = up.double().flatten(1) @ down.double().flatten(1) * alpha / 2
    stored = {".lora_down.weight": down, ".lora_up.weight": up, ".alpha": torch.tensor(alpha)}
    return {name + end: tensor for end, tensor in stored.items()}, change.reshape(weight.shape)


def _loha(name: str, weight: torch.Tensor) -> tuple[Tensors, torch.Tensor]:
    width = weight[0].numel()
    a, b = ([_draw(f"{i}a", len(weight), 3), _draw(f"{i}b", 3, width)] for i in (1, 2))
    change = (a[0].double() @ a[1].double()) * (b[0].double() @ b[1].double()) * 1.5 / 3
    pieces = {"hada_w1_a": a[0], "hada_w1_b": a[1], "hada_w2_a": b[0], "hada_w2_b": b[1], "alpha": torch.tensor(1.5)}
    return {f"{name}.{kind}": tensor for kind, tensor in pieces.items()}, change.reshape(weight.shape)


def _lokr(name: str, weight: torch.Tensor, *, whole: bool) -> tuple[Tensors, torch.Tensor]:
    """w1 ⊗ w2, entry by entry: W[o, i] = w1[o ÷ p, i ÷ q] · w2[o mod p, i mod q]."""
    out, inner, kernel = len(weight), weight.shape[1], weight.shape[2:]
    first = _draw("w1", 2, 2)
    pieces = {"lokr_w1": first, "alpha": torch.tensor(1.0)}
    if whole:
        second = pieces["lokr_w2"] = _draw("w2", out // 2, inner // 2, *kernel)
    else:
        a, b = _draw("w2a", out // 2, 2), _draw("w2b", 2, inner // 2 * kernel.numel())
        pieces |= {"lokr_w2_a": a, "lokr_w2_b": b}
        second = (a.double() @ b.double()).reshape(out // 2, inner // 2, *kernel)
    change = torch.zeros(weight.shape, dtype=torch.float64)
    for o in range(out):
        for i in range(inner):
            change[o, i] = first[o // (out // 2), i // (inner // 2)].double() * second[o % (out // 2), i % (inner // 2)]
    scale = 1.0 if whole else 1.0 / 2
    return {f"{name}.{kind}": tensor for kind, tensor in pieces.items()}, change * scale


def _file(path: Path, stored: Tensors, strength: float = 1.0) -> dict[str, Any]:
    save_file(stored, str(path))
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "strength": strength}


@pytest.mark.parametrize(("family", "module"), [("sd15", LINEAR), ("sdxl", CONV)])
@pytest.mark.parametrize("kind", ["lora", "loha", "lokr", "whole lokr"])
def test_weights_are_those_of_the_formula(kind: str, module: str, family: str, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(family)
    plain = BaseModel(parse_plan(plan).model).unet(torch.float32)
    weight = plain.get_submodule(module).weight
    kohya = unet_to_ldm(module, dict(plain.config)) if family == "sdxl" else module
    name = "lora_unet_" + kohya.replace(".", "_")
    stored, change = (
        _lora(name, weight)
        if kind == "lora"
        else _loha(name, weight)
        if kind == "loha"
        else _lokr(name, weight, whole=kind != "lokr")
    )
    plan["model"]["merge_loras"] = [_file(tmp_path / "a.safetensors", stored, 0.7)] * 2
    parsed = parse_plan(plan)
    base = BaseModel(parsed.model)
    before = base.fingerprint()
    assert merge_into(base, parsed) is not None and base.fingerprint() != before
    for part, tensor in base.unet(torch.float32).state_dict().items():
        wanted = plain.state_dict()[part].double()
        if part == f"{module}.weight":
            wanted = wanted + 2 * 0.7 * change
            assert (tensor - plain.state_dict()[part]).abs().max() > 1e-4
        torch.testing.assert_close(tensor.double(), wanted, atol=1e-7, rtol=1e-6)


def _texts(plan: dict[str, Any]) -> Tensors:
    """A LoRA of the first text encoder and of one layer of the U-Net."""
    parsed = parse_plan(plan)
    base = BaseModel(parsed.model)
    encoder, unet = base.text_encoder("text_encoder", torch.float32), base.unet(torch.float32)
    module = next(n for n, m in encoder.named_modules() if n.endswith("layers.1.self_attn.q_proj"))
    short = module if module.startswith("text_model") else f"text_model.{module}"
    name = "lora_te_" + short.replace(".", "_")
    stored, _ = _lora(name, encoder.get_submodule(module).weight, 40.0)
    return stored | _lora("lora_unet_" + LINEAR.replace(".", "_"), unet.get_submodule(LINEAR).weight, 40.0)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_merged_by_its_formula(kind: str, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for("sd15")
    plain = BaseModel(parse_plan(plan).model).unet(torch.float32)
    stored, wanted = {}, {}
    for module in (LINEAR, CONV):
        weight = plain.get_submodule(module).weight.detach()
        if weight.dim() == 2 and (kind == "tucker" or kind.endswith("core")):
            continue
        pieces, change = KINDS[kind](weight)
        spelled = f"lora_unet_{module.replace('.', '_')}"
        stored |= {f"{spelled}.{role}": tensor.contiguous().clone() for role, tensor in pieces.items()}
        wanted[f"{module}.weight"] = weight + change(torch.tensor(0.7))
    norm = "down_blocks.1.resnets.0.norm1"
    stored |= {
        f"lora_unet_{norm.replace('.', '_')}.{x}_norm": _draw(x, plain.get_submodule(norm).bias.numel()) for x in "wb"
    }
    stored[f"lora_unet_{CONV.replace('.', '_')}.diff_b"] = _draw("bias", len(plain.get_submodule(CONV).bias))
    own = dict(plain.named_parameters())
    wanted[f"{CONV}.bias"] = own[f"{CONV}.bias"] + 0.7 * stored[f"lora_unet_{CONV.replace('.', '_')}.diff_b"]
    for side, x in (("weight", "w"), ("bias", "b")):
        wanted[f"{norm}.{side}"] = own[f"{norm}.{side}"] + 0.7 * stored[f"lora_unet_{norm.replace('.', '_')}.{x}_norm"]
    plan["model"]["merge_loras"] = [_file(tmp_path / "a.safetensors", stored, 0.7)]
    parsed = parse_plan(plan)
    base = BaseModel(parsed.model)
    assert merge_into(base, parsed) is not None
    for name, weight in base.unet(torch.float32).named_parameters():
        torch.testing.assert_close(weight.detach(), wanted.get(name, own[name]).detach(), atol=1e-5, rtol=1e-4)


def test_a_run_on_merged_loras_is_the_same_through_a_stop(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(training={"steps": 3, "warmup_steps": 0}, output={"checkpoint_every": 0})
    plain = train_here(plan, "plain")
    plan["model"]["merge_loras"] = [_file(tmp_path / "old.safetensors", _texts(plan), 1.0)]
    whole = train_here(plan, "whole")
    assert whole.code == 0
    assert any("merged old.safetensors at 1: 1 layers of the U-Net" in note["text"] for note in whole.of("note"))
    assert [step["loss"] for step in whole.of("step")] != [step["loss"] for step in plain.of("step")]
    (tmp_path / "cut" / "control").mkdir(parents=True)
    assert _stop_after(tmp_path / "cut", plan, 1) == 75
    assert train_here(plan, "cut").sha256 == whole.sha256
    # The LoRA also changes the text encoder, whose states are cached apart from those of the plain base.
    only_text = {name: tensor for name, tensor in _texts(plan_for()).items() if name.startswith("lora_te_")}
    plan["model"]["merge_loras"] = [_file(tmp_path / "text.safetensors", only_text)]
    texts = train_here(plan, "texts")
    assert texts.of("step")[0]["loss"] != plain.of("step")[0]["loss"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(path.read_bytes() + b" "), "changed after the run was planned"),
    ],
)
def test_a_file_that_is_gone_or_changed_ends_the_run(spoil: Any, said: str, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for()
    plan["model"]["merge_loras"] = [_file(tmp_path / "a.safetensors", _texts(plan))]
    spoil(tmp_path / "a.safetensors")
    assert main([str(prepare_run(tmp_path / "run", plan))]) == 5
    assert said in read_events(tmp_path / "run")[-1]["reason"]


def test_layers_of_another_base_end_the_run(plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for()
    strange = {
        "lora_unet_far_away.lora_down.weight": torch.zeros(2, 8),
        "lora_unet_far_away.lora_up.weight": torch.zeros(8, 2),
    }
    plan["model"]["merge_loras"] = [_file(tmp_path / "a.safetensors", strange)]
    assert main([str(prepare_run(tmp_path / "run", plan))]) == 5
    assert "none of its layers is one of this base's U-Net" in read_events(tmp_path / "run")[-1]["reason"]


def test_text_encoders_stop_training_after_their_steps(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    """After its last step a text encoder keeps its weights bit by bit, with weight decay and every optimiser."""
    for optimizer in ("adamw", "adamw_schedulefree"):
        both = {"steps": 4, "warmup_steps": 0, "schedule": "constant", "weight_decay": 0.1}
        both |= {"text_encoder_learning_rates": [1e-3], "optimizer": optimizer, "text_encoder_steps": 2}
        plan = plan_for(training=both, output={"checkpoint_every": 1, "checkpoint_keep": 10, "precision": "fp32"})
        whole = train_here(plan, optimizer)
        assert whole.code == 0
        (tmp_path / f"{optimizer}-cut" / "control").mkdir(parents=True)
        assert _stop_after(tmp_path / f"{optimizer}-cut", plan, 3) == 75
        assert train_here(plan, f"{optimizer}-cut").sha256 == whole.sha256
        folder = tmp_path / optimizer / "checkpoints"
        kept = [load_file(folder / name_of(step) / "adapter.safetensors") for step in (2, 4)]
        text, unet = ([n for n in kept[0] if n.startswith(part)] for part in ("text", "unet"))
        assert text and all(torch.equal(kept[0][n], kept[1][n]) for n in text)
        assert any(not torch.equal(kept[0][n], kept[1][n]) for n in unet)
