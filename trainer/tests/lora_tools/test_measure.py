"""Lengths and distances of LoRA files against the dense weight changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.drawing.test_drawing import BASED, KINDS
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.lora_tools.measure import block_of, compare, norms

LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "mid_block.resnets.0.conv1"


_DRAW = torch.Generator().manual_seed(7)
WEIGHTS = {
    LINEAR: torch.randn(16, 16, generator=_DRAW) * 0.3,
    CONV: torch.randn(8, 12, 3, 3, generator=_DRAW) * 0.3,
}


def _file(path: Path, kind: str, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """A file of a kind with a linear layer and a convolution; the dense changes by block."""
    stored, dense = {}, {}
    for name, weight in WEIGHTS.items():
        if weight.dim() == 2 and (kind == "tucker" or kind.endswith("core")):
            continue
        pieces, change = KINDS[kind](weight)
        pieces = {
            role: tensor * (1 + seed * 0.1 if role.endswith(("up.weight", "diff", "w2")) else 1)
            for role, tensor in pieces.items()
        }
        factor = 1 + seed * 0.1
        stored |= {f"lora_unet_{name.replace('.', '_')}.{role}": tensor.contiguous() for role, tensor in pieces.items()}
        dense[block_of(f"unet.{name}")] = change(torch.tensor(1.0)) * factor
    save_file(stored, path)
    return dense


class _Base:
    """A base with the weights for which `_file` made its layers."""

    def weight(self, layer: str) -> np.ndarray:
        return WEIGHTS[layer.removeprefix("unet.")].double().numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_those_of_the_dense_change(kind: str, tmp_path: Path) -> None:
    dense = _file(tmp_path / "a", kind)
    if kind.startswith(BASED) and "dora" not in kind:
        assert len(norms(tmp_path / "a")["unmeasured"]) == 2
    told = norms(tmp_path / "a", _Base())
    assert told["unmeasured"] == []
    for block in told["blocks"]:
        assert block["norm"] == pytest.approx(float(dense[block["block"]].norm()), rel=1e-5)
    assert told["whole"] == pytest.approx(float(torch.stack([d.norm() for d in dense.values()]).norm()), rel=1e-5)


@pytest.mark.parametrize("kinds", [("lora", "lora"), ("lora", "whole lokr"), ("loha", "full difference")])
def test_two_files_are_compared_by_their_dense_changes(kinds: tuple[str, str], tmp_path: Path) -> None:
    a, b = _file(tmp_path / "a", kinds[0]), _file(tmp_path / "b", kinds[1], seed=1 if kinds[0] == kinds[1] else 0)
    told = compare(tmp_path / "a", tmp_path / "b")
    assert told["only_first"] == told["only_second"] == told["not_compared"] == []
    one, other = (torch.cat([each[block].flatten() for block in sorted(a)]).double() for each in (a, b))
    assert told["whole"]["distance"] == pytest.approx(float((one - other).norm() / one.norm()), rel=1e-4)
    assert told["whole"]["cosine"] == pytest.approx(float(one @ other / one.norm() / other.norm()), abs=1e-5)


def test_a_file_is_no_distance_from_itself_under_other_names(tmp_path: Path) -> None:
    _file(tmp_path / "a", "lora")
    run(
        {
            "action": "convert",
            "sources": [{"path": str(tmp_path / "a")}],
            "to": str(tmp_path / "b"),
            "form": "diffusers",
            "precision": "fp32",
        }
    )
    told = compare(tmp_path / "a", tmp_path / "b")
    assert told["whole"]["distance"] < 1e-6 and told["whole"]["cosine"] == pytest.approx(1)
    assert [block["layers"] for block in told["blocks"]] == [1, 1]


def test_layers_of_one_file_alone_are_named(tmp_path: Path) -> None:
    _file(tmp_path / "a", "lora")
    _file(tmp_path / "b", "tucker")
    told = compare(tmp_path / "a", tmp_path / "b")
    assert told["only_first"] == [f"unet.{LINEAR}"] and told["only_second"] == []
    assert told["not_compared"] == [] and told["blocks"][0]["block"] == "mid_block"


def test_a_dora_is_measured_without_its_lengths_and_an_oft_not_at_all(tmp_path: Path) -> None:
    _file(tmp_path / "a", "dora by input")
    _file(tmp_path / "b", "lora")
    assert norms(tmp_path / "a")["whole"] == pytest.approx(norms(tmp_path / "b")["whole"])
    name = f"lora_unet_{LINEAR.replace('.', '_')}"
    save_file({f"{name}.oft_blocks": torch.zeros(2, 2, 2)}, tmp_path / "oft")
    assert norms(tmp_path / "oft") == {"path": str(tmp_path / "oft"), "whole": 0.0, "blocks": [], "unmeasured": [name]}
    assert np.isfinite(norms(tmp_path / "b")["whole"])


def test_a_half_that_is_a_single_number_is_not_measured(tmp_path: Path) -> None:
    """bench/trainer/lora_fuzz.py found this case."""
    name = f"lora_unet_{LINEAR.replace('.', '_')}"
    stored = {f"{name}.lora_down.weight": torch.tensor(1.0), f"{name}.lora_up.weight": torch.zeros(8, 2)}
    save_file(stored, tmp_path / "a")
    assert norms(tmp_path / "a")["unmeasured"] == [name]
