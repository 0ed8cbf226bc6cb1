"""Resizing and merging against the dense matrices, names in both directions, number formats against torch's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.lora_tools.reading import layers_in
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools import modules
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.lora_tools.layers import Layer
from visiontrain_trainer.lora_tools.merge import merge
from visiontrain_trainer.lora_tools.modules import parts_of, tables
from visiontrain_trainer.lora_tools.names import kohya_names
from visiontrain_trainer.lora_tools.resize import Rule, resize
from visiontrain_trainer.lora_tools.tensors import Stored, encoded
from visiontrain_trainer.model.ldm_keys import unet_to_ldm

ATTN = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
CONV = "lora_unet_down_blocks_0_resnets_0_conv1"


def layer(rank: int, seed: int, kernel: tuple[int, ...] = (12,), alpha: float = 3.0) -> Layer:
    rng = np.random.default_rng(seed)
    return Layer(rng.normal(size=(rank, int(np.prod(kernel)))), rng.normal(size=(10, rank)), alpha, kernel)


def tensors(rank: int, seed: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return (torch.randn(shape, generator=generator) * 0.1).to(dtype)

    return {
        f"{ATTN}.lora_down.weight": draw(rank, 768),
        f"{ATTN}.lora_up.weight": draw(8, rank),
        f"{ATTN}.alpha": torch.tensor(2.0).to(dtype),
        f"{CONV}.lora_down.weight": draw(rank, 6, 3, 3),
        f"{CONV}.lora_up.weight": draw(5, rank, 1, 1),
        f"{CONV}.alpha": torch.tensor(2.0).to(dtype),
    }


@pytest.mark.parametrize(("rank", "kernel"), [(1, (12,)), (4, (12,)), (6, (3, 2, 2)), (10, (3, 1, 1)), (14, (12,))])
def test_full_rank_keeps_the_weight_change(rank: int, kernel: tuple[int, ...]) -> None:
    old = layer(rank, seed=rank, kernel=kernel)
    new = resize(old, Rule(rank))
    np.testing.assert_allclose(new.layer.delta(), old.delta(), atol=1e-10)
    assert new.lost == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_smaller_rank_loses_only_what_no_matrix_of_that_rank_can_keep(rank: int) -> None:
    old = layer(8, seed=3)
    dense = old.delta()
    sizes = np.linalg.svd(dense, compute_uv=False)
    new = resize(old, Rule(rank))
    assert new.layer.rank == rank
    tail = np.sqrt((sizes[rank:] ** 2).sum())
    assert np.linalg.norm(dense - new.layer.delta()) == pytest.approx(tail, rel=1e-9)
    assert new.lost == pytest.approx(tail / np.linalg.norm(dense), rel=1e-9)
    assert new.layer.alpha / rank == pytest.approx(old.alpha / old.rank)


@pytest.mark.parametrize("by", ["fro", "sum", "ratio"])
def test_rules_choose_the_least_rank_that_suffices(by: str) -> None:
    old = layer(8, seed=5)
    sizes = np.linalg.svd(old.delta(), compute_uv=False)[:8]
    keep = 2.0 if by == "ratio" else 0.9
    wanted = {
        "fro": next(n for n in range(1, 9) if (sizes[:n] ** 2).sum() >= 0.81 * (sizes**2).sum()),
        "sum": next(n for n in range(1, 9) if sizes[:n].sum() >= 0.9 * sizes.sum()),
        "ratio": int((sizes >= sizes[0] / 2).sum()),
    }[by]
    assert resize(old, Rule(8, keep, by)).layer.rank == wanted
    assert resize(old, Rule(1, keep, by)).layer.rank == 1


def test_a_layer_of_zeros_stays_one() -> None:
    zero = Layer(np.ones((3, 12)), np.zeros((10, 3)), 3.0, (12,))
    assert not resize(zero, Rule(2, 0.9)).layer.delta().any()


def test_a_merge_is_the_sum() -> None:
    parts = [(layer(4, 1), 0.7), (layer(2, 2, alpha=8), -0.4), (layer(1, 3), 1.5)]
    merged = merge(parts)
    assert merged.rank == 7
    np.testing.assert_allclose(merged.delta(), sum(each.delta() * s for each, s in parts), atol=1e-12)
    with pytest.raises(TrainingError, match="different base models"):
        merge([(layer(4, 1), 1), (layer(4, 1, kernel=(13,)), 1)])


def test_a_tucker_core_is_multiplied_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    down, mid, up = (torch.tensor(rng.normal(size=s)).float() for s in ((3, 6, 1, 1), (3, 3, 3, 3), (5, 3, 1, 1)))
    name = CONV
    save_file(
        {f"{name}.lora_down.weight": down, f"{name}.lora_mid.weight": mid, f"{name}.lora_up.weight": up}, tmp_path / "t"
    )
    dense = torch.einsum("mnkl,ni,om->oikl", mid, down[:, :, 0, 0], up[:, :, 0, 0])
    np.testing.assert_allclose(layers_in(tmp_path / "t")[name].delta(), dense.reshape(5, -1), atol=1e-5)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_number_formats_are_read_as_torch_reads_them(tmp_path: Path, dtype: torch.dtype) -> None:
    values = torch.linspace(-3, 3, 97).to(dtype)
    save_file({"x": values}, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(Stored(tmp_path / "x.safetensors").array("x"), values.double().numpy())


def test_number_formats_are_rounded_as_torch_rounds_them() -> None:
    values = torch.randn(5000, generator=torch.Generator().manual_seed(1))
    for name, dtype in (("BF16", torch.bfloat16), ("F16", torch.float16), ("F32", torch.float32)):
        assert encoded(values.double().numpy(), name) == values.to(dtype).view(torch.uint8).numpy().tobytes()
    with pytest.raises(OverflowError):
        encoded(np.array([1e6]), "F16")


def test_files_are_made_with_the_same_bytes_and_replace_none(tmp_path: Path) -> None:
    save_file(tensors(8, 1, torch.bfloat16), tmp_path / "a.safetensors", {"ss_seed": "7", "sshs_model_hash": "old"})
    request = {"action": "resize", "sources": [{"path": str(tmp_path / "a.safetensors")}], "rank": 4}
    first = run({**request, "to": str(tmp_path / "b.safetensors")})
    again = run({**request, "to": str(tmp_path / "c.safetensors")})
    assert first["sha256"] == again["sha256"] and first["ranks"] == [4]
    made = load_file(tmp_path / "b.safetensors")
    assert made[f"{CONV}.lora_down.weight"].shape == (4, 6, 3, 3)
    assert made[f"{ATTN}.lora_down.weight"].dtype == torch.bfloat16
    content = (tmp_path / "b.safetensors").read_bytes()
    facts = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert (facts["ss_seed"], facts["ss_network_dim"]) == ("7", "4") and facts["sshs_model_hash"] != "old"
    with pytest.raises(TrainingError, match="is there already"):
        run({**request, "to": str(tmp_path / "b.safetensors")})


def test_a_merge_of_files_of_two_trainers(tmp_path: Path) -> None:
    save_file(tensors(4, 1), tmp_path / "a.safetensors")
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    other = {f"{name}.lora_A.weight": torch.randn(3, 768), f"{name}.lora_B.weight": torch.randn(8, 3)}
    save_file(other, tmp_path / "b.safetensors")
    sources = [{"path": str(tmp_path / f"{n}.safetensors"), "strength": s} for n, s in (("a", 0.5), ("b", 2.0))]
    run({"action": "merge", "sources": sources, "to": str(tmp_path / "m.safetensors"), "precision": "fp32"})
    made = layers_in(tmp_path / "m.safetensors")
    a = layers_in(tmp_path / "a.safetensors")
    b = other[f"{name}.lora_B.weight"].double() @ other[f"{name}.lora_A.weight"].double()
    np.testing.assert_allclose(made[ATTN].delta(), a[ATTN].delta() * 0.5 + 2 * b.numpy(), atol=1e-4)
    np.testing.assert_allclose(made[CONV].delta(), a[CONV].delta() * 0.5, atol=1e-6)


MARKS = [("oft_diag", "an early LyCORIS"), ("oft_R.weight", "OneTrainer or peft"), ("set_weight", "whole weights")]


@pytest.mark.parametrize(("mark", "kind"), MARKS)
def test_kinds_that_cannot_be_computed_are_refused_by_name(tmp_path: Path, mark: str, kind: str) -> None:
    save_file({f"{ATTN}.{mark}": torch.zeros(2, 2)}, tmp_path / "x.safetensors")
    request = {"action": "resize", "sources": [{"path": str(tmp_path / "x.safetensors")}], "rank": 4}
    with pytest.raises(TrainingError, match=kind) as caught:
        run({**request, "to": str(tmp_path / "out")})
    assert "the program that made it" in caught.value.next_steps[0]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    save_file(tensors(4, 1), tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-10])
    (tmp_path / "short").write_bytes(content[:5])
    save_file({f"{ATTN}.alpha": torch.tensor(float("nan"))}, tmp_path / "nan")
    for name in ("cut", "short", "nan"):
        with pytest.raises(TrainingError):
            layers_in(tmp_path / name)


_SDXL = {"layers_per_block": 2, "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}


def test_names_go_there_and_back(tmp_path: Path) -> None:
    for name in (
        "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_out.0",
        "up_blocks.0.attentions.2.transformer_blocks.9.ff.net.0.proj",
        "up_blocks.1.upsamplers.0.conv",
        "down_blocks.0.downsamplers.0.conv",
        "mid_block.resnets.1.time_emb_proj",
        "up_blocks.2.resnets.0.conv_shortcut",
        "mid_block.attentions.0.proj_in",
    ):
        flat = "lora_unet_" + unet_to_ldm(name, _SDXL).replace(".", "_")
        assert parts_of(flat) == ("unet", name)
        assert parts_of("lora_unet_" + name.replace(".", "_")) == ("unet", name)
    ours, theirs = tables()
    for family in ([4, 2, [1, 1, 1, 0], 1], [3, 2, [0, 2, 10], 10]):
        for name, original in modules._unet(*family):  # noqa: SLF001
            assert ours[name.replace(".", "_")] == theirs[original.replace(".", "_")] == name
    clip = "encoder.layers.11.self_attn.q_proj"
    assert parts_of("lora_te2_text_model_encoder_layers_11_self_attn_q_proj") == ("text_encoder_2", clip)
    with pytest.raises(TrainingError, match="no layer of SD"):
        parts_of("lora_unet_double_blocks_0_img_attn_qkv")
    save_file(tensors(4, 1), tmp_path / "a.safetensors")
    source = [{"path": str(tmp_path / "a.safetensors")}]
    run({"action": "convert", "sources": source, "to": str(tmp_path / "d"), "form": "diffusers", "precision": "fp32"})
    named = layers_in(tmp_path / "d")
    names = kohya_names({module: each.kernel for module, each in named.items()})
    back = {names[module]: each for module, each in named.items()}
    for module, each in layers_in(tmp_path / "a.safetensors").items():
        np.testing.assert_allclose(back[module].delta(), each.delta(), atol=1e-6)


def test_torch_is_not_loaded() -> None:
    code = "import sys, visiontrain_trainer.lora_tools.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
