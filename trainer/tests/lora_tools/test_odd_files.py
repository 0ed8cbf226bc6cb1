"""LoRA files of every kind and age, and broken ones: each action gives the right result, or a sentence with an id."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.lora_tools.reading import layers_in
from visiontrain_trainer.base.errors import TrainerError, TrainingError
from visiontrain_trainer.lora_tools.__main__ import run

Tensors = dict[str, torch.Tensor]
TO_K, TO_OUT = (f"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_{x}" for x in ("k", "out.0"))
KOHYA = "lora_unet_" + TO_K.replace(".", "_")
#: The same layer as the original code names it.
OMI = "input_blocks.1.1.transformer_blocks.0.attn2.to_k"


def _draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.1


DOWN, UP = _draw(4, 768), _draw(8, 4)
DENSE = (UP.double() @ DOWN.double()).numpy()


def _pair(down: str, up: str, **more: torch.Tensor) -> Tensors:
    return {down: DOWN, up: UP, **more}


#: The names of one layer as each program writes them, with the factor on up · down that readers of such files apply.
AGES: dict[str, tuple[Tensors, dict[str, str], float]] = {
    "kohya": (
        _pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight") | {f"{KOHYA}.alpha": torch.tensor(2.0)},
        {},
        0.5,
    ),
    "kohya without alpha": (_pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight"), {}, 1.0),
    "diffusers": (_pair(f"unet.{TO_K}.lora_A.weight", f"unet.{TO_K}.lora_B.weight"), {}, 1.0),
    "diffusers with peft's configuration": (
        _pair(f"unet.{TO_K}.lora_A.weight", f"unet.{TO_K}.lora_B.weight"),
        {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 8, "unet.r": 4})},
        2.0,
    ),
    "rank-stabilised": (
        _pair(f"unet.{TO_K}.lora_A.weight", f"unet.{TO_K}.lora_B.weight"),
        {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 8, "unet.use_rslora": True})},
        4.0,
    ),
    "alpha by layer": (
        _pair(f"unet.{TO_K}.lora_A.weight", f"unet.{TO_K}.lora_B.weight"),
        {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 1, "unet.alpha_pattern": {"attn2.to_k": 12}})},
        3.0,
    ),
    "peft": (
        _pair(f"base_model.model.{TO_K}.lora_A.default.weight", f"base_model.model.{TO_K}.lora_B.default.weight"),
        {},
        1.0,
    ),
    "diffusers of 2023": (_pair(f"unet.{TO_K}.lora.down.weight", f"unet.{TO_K}.lora.up.weight"), {}, 1.0),
    "attention processors": (
        _pair(
            f"unet.{TO_K.replace('.to_k', '.processor.to_k')}_lora.down.weight",
            f"unet.{TO_K.replace('.to_k', '.processor.to_k')}_lora.up.weight",
        ),
        {},
        1.0,
    ),
    "linear layers": (
        _pair(f"unet.{TO_K}.lora_linear_layer.down.weight", f"unet.{TO_K}.lora_linear_layer.up.weight"),
        {},
        1.0,
    ),
    "ComfyUI": (
        _pair(f"diffusion_model.{TO_K}.lora_down.weight", f"diffusion_model.{TO_K}.lora_up.weight"),
        {},
        1.0,
    ),
    "LyCORIS": (_pair(f"lycoris_{KOHYA[5:]}.lora_down.weight", f"lycoris_{KOHYA[5:]}.lora_up.weight"), {}, 1.0),
    "OneTrainer's OMI names": (_pair(f"unet.{OMI}.lora_down.weight", f"unet.{OMI}.lora_up.weight"), {}, 1.0),
    "SimpleTuner's LyCORIS": (
        _pair(f"lycoris_{KOHYA[10:]}.lora_down.weight", f"lycoris_{KOHYA[10:]}.lora_up.weight"),
        {},
        1.0,
    ),
    "SimpleTuner for ComfyUI": (
        _pair(f"diffusion_model.{TO_K}.lora_A.weight", f"diffusion_model.{TO_K}.lora_B.weight")
        | {f"diffusion_model.{TO_K}.alpha": torch.tensor(8.0)},
        {},
        2.0,
    ),
    "the model alone": (_pair(f"{TO_K}.lora_A.weight", f"{TO_K}.lora_B.weight"), {}, 1.0),
    "bfloat16": (
        {n: t.bfloat16() for n, t in _pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight").items()},
        {},
        1.0,
    ),
}


def _request(action: str, *sources: Path, to: Path, **more: Any) -> dict[str, Any]:
    strengths = (1.0, 0.5)
    listed = [{"path": str(path), "strength": s} for path, s in zip(sources, strengths, strict=False)]
    return {"action": action, "sources": listed, "to": str(to), "precision": "fp32", **more}


@pytest.mark.parametrize("age", AGES)
def test_every_age_keeps_its_strength_through_every_action(age: str, tmp_path: Path) -> None:
    stored, metadata, factor = AGES[age]
    source = tmp_path / "a.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, source, metadata)
    loose = 2e-3 if age == "bfloat16" else 1e-6
    plain = run(_request("convert", source, to=tmp_path / "k", form="kohya"))
    named = run(_request("convert", source, to=tmp_path / "d", form="diffusers"))
    small = run(_request("resize", source, to=tmp_path / "r", rank=4))
    both = run(_request("merge", source, source, to=tmp_path / "m"))
    for made, times in ((plain, 1.0), (named, 1.0), (small, 1.0), (both, 1.5)):
        [layer] = layers_in(Path(made["path"])).values()
        np.testing.assert_allclose(layer.delta(), DENSE * factor * times, atol=loose)


def test_ranks_may_differ_by_layer(tmp_path: Path) -> None:
    out = "lora_unet_" + TO_OUT.replace(".", "_")
    more = {f"{out}.lora_down.weight": _draw(2, 8), f"{out}.lora_up.weight": _draw(8, 2)}
    save_file(_pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight") | more, tmp_path / "a")
    made = run(_request("resize", tmp_path / "a", to=tmp_path / "r", rank=3))
    assert made["ranks"] == [2, 3]


def _header(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(change(header) or header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _first(header: dict[str, Any]) -> dict[str, Any]:
    return next(value for name, value in header.items() if name != "__metadata__")


def _twice(content: bytes) -> bytes:
    length = int.from_bytes(content[:8], "little")
    text = content[8 : 8 + length].rstrip()
    text = text[:-1] + b"," + text[1:]
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda c: b"",
    "a few bytes": lambda c: c[:9],
    "cut in the header": lambda c: c[:60],
    "cut in the weights": lambda c: c[:-7],
    "a huge header": lambda c: (1 << 62).to_bytes(8, "little") + c[8:],
    "a header of no JSON": lambda c: c[:8] + b"x" * 20 + c[28:],
    "a deep header": lambda c: (200_000).to_bytes(8, "little") + b"[" * 200_000 + c,
    "a list": lambda c: _header(c, lambda h: [h]),
    "offsets over each other": lambda c: _header(
        c,
        lambda h: (
            [v.update(data_offsets=[0, v["data_offsets"][1] - v["data_offsets"][0]]) for v in h.values()] and None
        ),
    ),
    "an offset below zero": lambda c: _header(c, lambda h: _first(h).update(data_offsets=[-8, 0])),
    "an offset behind the end": lambda c: _header(c, lambda h: _first(h).update(data_offsets=[1 << 40, 1 << 41])),
    "offsets that are text": lambda c: _header(c, lambda h: _first(h).update(data_offsets=["0", "16"])),
    "a shape that lies": lambda c: _header(c, lambda h: _first(h).update(shape=[9999, 9999])),
    "a shape of halves": lambda c: _header(c, lambda h: _first(h).update(shape=[0.5])),
    "a type of another width": lambda c: _header(c, lambda h: _first(h).update(dtype="F64")),
    "an unknown type": lambda c: _header(c, lambda h: _first(h).update(dtype="F128")),
    "a name twice": _twice,
    "no layers": lambda c: _header(c, lambda h: h.clear()),
    "a pickle": lambda c: b"\x80\x04\x95" + c,
    "a zip": lambda c: b"PK\x03\x04" + c,
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_files_are_refused_by_every_action_and_nothing_is_left(how: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    save_file(_pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight"), good)
    bad.write_bytes(BROKEN[how](good.read_bytes()))
    for request in (
        _request("resize", bad, to=tmp_path / "out", rank=2),
        _request("merge", good, bad, to=tmp_path / "out"),
        _request("convert", bad, to=tmp_path / "out"),
    ):
        with pytest.raises(TrainingError) as caught:
            run(request)
        assert caught.value.id == "lora/not-made" and caught.value.reason.endswith(".")
    assert {path.name for path in tmp_path.iterdir()} == {"good.safetensors", "bad.safetensors"}


ODD: dict[str, Tensors] = {
    "one half": {f"{KOHYA}.lora_down.weight": DOWN},
    "an alpha alone": {f"{KOHYA}.alpha": torch.tensor(1.0)},
    "halves of two ranks": {f"{KOHYA}.lora_down.weight": DOWN, f"{KOHYA}.lora_up.weight": _draw(8, 3)},
    "two kinds in a layer": _pair(f"{KOHYA}.lora_down.weight", f"{KOHYA}.lora_up.weight")
    | {f"{KOHYA}.lokr_w1": _draw(1, 24)},
    "a rank of zero": {f"{KOHYA}.lora_down.weight": torch.zeros(0, 768), f"{KOHYA}.lora_up.weight": torch.zeros(8, 0)},
    "single numbers": {f"{KOHYA}.lora_down.weight": torch.tensor(1.0), f"{KOHYA}.lora_up.weight": torch.tensor(1.0)},
    "NaN": {f"{KOHYA}.lora_down.weight": DOWN * float("nan"), f"{KOHYA}.lora_up.weight": UP},
    "infinity": {f"{KOHYA}.lora_down.weight": DOWN, f"{KOHYA}.lora_up.weight": UP + float("inf")},
    "a core that fits nothing": {
        f"{KOHYA}.lora_down.weight": DOWN,
        f"{KOHYA}.lora_up.weight": UP,
        f"{KOHYA}.lora_mid.weight": torch.zeros(2, 3, 3, 3),
    },
    "a stranger": {f"{KOHYA}.lora_down.weight": DOWN, f"{KOHYA}.lora_up.weight": UP, "somewhere.x": UP},
    "an alpha of several numbers": {
        f"{KOHYA}.lora_down.weight": DOWN,
        f"{KOHYA}.lora_up.weight": UP,
        f"{KOHYA}.alpha": torch.ones(3),
    },
    "one layer under two names": {
        f"{KOHYA}.lora_down.weight": DOWN,
        f"{KOHYA}.lora_up.weight": UP,
        f"unet.{TO_K}.lora_A.weight": DOWN,
        f"unet.{TO_K}.lora_B.weight": UP,
    },
    "OFT": {f"{KOHYA}.oft_blocks": torch.zeros(2, 2, 2)},
    "GLoRA": {f"{KOHYA}.a1.weight": UP},
    "(IA)3": {f"{KOHYA}.weight": UP, f"{KOHYA}.on_input": torch.tensor(1)},
    "LoHa": {f"{KOHYA}.hada_w1_a": UP},
    "LoKr": {f"{KOHYA}.lokr_w1": UP},
    "DoRA": {
        f"{KOHYA}.lora_down.weight": DOWN,
        f"{KOHYA}.lora_up.weight": UP,
        f"{KOHYA}.dora_scale": torch.ones(1, 768),
    },
}


@pytest.mark.parametrize("what", ODD)
def test_odd_layers_are_refused_in_a_sentence(what: str, tmp_path: Path) -> None:
    save_file({name: tensor.clone() for name, tensor in ODD[what].items()}, tmp_path / "odd.safetensors")
    for request in (
        _request("resize", tmp_path / "odd.safetensors", to=tmp_path / "out", rank=2),
        _request("convert", tmp_path / "odd.safetensors", to=tmp_path / "out"),
    ):
        with pytest.raises(TrainingError) as caught:
            run(request)
        assert caught.value.id == "lora/not-made" and str(tmp_path / "odd.safetensors") in caught.value.reason
    assert not (tmp_path / "out").exists()


def test_an_alpha_that_the_metadata_lacks_is_not_guessed(tmp_path: Path) -> None:
    metadata = {"lora_adapter_metadata": json.dumps({"unet.alpha_pattern": {"(a+)+$": 3}})}
    save_file(_pair(f"unet.{TO_K}.lora_A.weight", f"unet.{TO_K}.lora_B.weight"), tmp_path / "a", metadata)
    with pytest.raises(TrainingError, match="strength is unknown"):
        layers_in(tmp_path / "a")


def test_flipped_bytes_give_no_other_error(tmp_path: Path) -> None:
    """bench/trainer/lora_fuzz.py does the same for longer."""
    save_file(AGES["kohya"][0], tmp_path / "a", {"ss_seed": "1"})
    content, chance = (tmp_path / "a").read_bytes(), random.Random(4)
    length = int.from_bytes(content[:8], "little")
    for number in range(200):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(8 + length if chance.random() < 0.8 else len(broken))] = chance.randrange(256)
        (tmp_path / "b").write_bytes(broken)
        try:
            run(_request("resize", tmp_path / "b", to=tmp_path / f"out-{number}", rank=2))
        except TrainerError:
            assert not (tmp_path / f"out-{number}").exists()
