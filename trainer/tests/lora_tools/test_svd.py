"""LoRAs made from every kind by `--rank`, and all rules of choosing ranks, against the dense SVD in fp64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.drawing.test_drawing import BASED, KINDS
from tests.lora_tools.reading import layers_in
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.lora_tools.layers import Dense, Layer
from visiontrain_trainer.lora_tools.merge import merge
from visiontrain_trainer.lora_tools.resize import Rule, resize

Array = np.ndarray
LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "mid_block.resnets.0.conv1"
_DRAW = torch.Generator().manual_seed(5)
WEIGHTS = {
    LINEAR: torch.randn(16, 16, generator=_DRAW) * 0.3,
    CONV: torch.randn(8, 12, 3, 3, generator=_DRAW) * 0.3,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "unet"
    folder.mkdir()
    save_file({f"{name}.weight": weight for name, weight in WEIGHTS.items()}, folder / "model.safetensors")
    return folder / "model.safetensors"


def _file(path: Path, kind: str) -> dict[str, Array]:
    """A file of a kind, and its dense changes by layer."""
    stored, dense = {}, {}
    for name, weight in WEIGHTS.items():
        if weight.dim() == 2 and (kind == "tucker" or kind.endswith("core")):
            continue
        pieces, change = KINDS[kind](weight)
        spelled = f"lora_unet_{name.replace('.', '_')}"
        stored |= {f"{spelled}.{role}": tensor.contiguous() for role, tensor in pieces.items()}
        dense[spelled] = change(torch.tensor(1.0)).double().flatten(1).numpy()
    save_file(stored, path)
    return dense


def _best(change: Array, rank: int) -> tuple[Array, float]:
    """The closest matrix of a rank, and the share of the change that it loses."""
    left, sizes, right = np.linalg.svd(change)
    kept = (left[:, :rank] * sizes[:rank]) @ right[:rank]
    return kept, float(np.sqrt((sizes[rank:] ** 2).sum() / (sizes**2).sum()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_the_lora_closest_to_it(kind: str, base: Path, tmp_path: Path) -> None:
    dense = _file(tmp_path / "a", kind)
    request: dict[str, Any] = {"action": "resize", "sources": [{"path": str(tmp_path / "a")}], "precision": "fp32"}
    if kind.startswith(BASED):
        with pytest.raises(TrainingError, match="depends on the base") as caught:
            run({**request, "rank": 3, "to": str(tmp_path / "none")})
        assert "--base" in caught.value.next_steps[0]
    elif kind not in ("lora", "tucker"):
        with pytest.raises(TrainingError, match="no product of two small matrices") as caught:
            run({**request, "action": "convert", "form": "diffusers", "to": str(tmp_path / "none")})
        assert "--rank" in caught.value.next_steps[0]
    told = run({**request, "rank": 3, "base": [str(base)], "to": str(tmp_path / "small")})
    made = layers_in(tmp_path / "small")
    assert made.keys() == dense.keys() == told["lost"].keys()
    for name, change in dense.items():
        kept, lost = _best(change, 3)
        np.testing.assert_allclose(made[name].delta(), kept, atol=2e-5)
        assert told["lost"][name] == pytest.approx(lost, abs=1e-4)
        assert made[name].kernel == ((12, 3, 3) if "conv" in name else (16,))
    again = run({**request, "rank": 3, "base": [str(base)], "to": str(tmp_path / "again")})
    assert again["sha256"] == told["sha256"]


def test_mixed_kinds_are_merged_exactly_and_then_made_small(base: Path, tmp_path: Path) -> None:
    kinds = ("lora", "loha", "oft", "full difference")
    dense = [_file(tmp_path / kind.replace(" ", "-"), kind) for kind in kinds]
    sources = [{"path": str(tmp_path / kind.replace(" ", "-")), "strength": 0.5} for kind in kinds]
    request = {"action": "merge", "sources": sources, "base": [str(base)], "precision": "fp32"}
    run({**request, "rank": 4, "to": str(tmp_path / "m")})
    for name, layer in layers_in(tmp_path / "m").items():
        kept, _ = _best(sum(each[name] for each in dense) * 0.5, 4)
        np.testing.assert_allclose(layer.delta(), kept, atol=2e-5)
    with pytest.raises(TrainingError, match="--rank|no product"):
        run({**request, "to": str(tmp_path / "n")})


@pytest.mark.parametrize("by", ["fro", "sum", "ratio"])
def test_rules_agree_with_the_dense_svd_at_random_ranks(by: str) -> None:
    draw = np.random.default_rng(["fro", "sum", "ratio"].index(by))
    for _ in range(40):
        kernel = ((int(draw.integers(3, 20)),), (int(draw.integers(1, 5)), 3, 3))[int(draw.integers(2))]
        out, into, rank = int(draw.integers(2, 20)), int(np.prod(kernel)), int(draw.integers(1, 24))
        decay = np.geomspace(1, draw.uniform(0.001, 1), rank)
        up, down = draw.normal(size=(out, rank)) * decay, draw.normal(size=(rank, into))
        layer: Layer | Dense = Layer(down, up, float(draw.uniform(0.5, 8)), kernel)
        if draw.random() < 0.5:
            layer = Dense(layer.delta(), kernel)
        sizes = np.linalg.svd(layer.delta(), compute_uv=False)
        most = int(draw.integers(1, 30))
        keep = float(draw.uniform(1, 50) if by == "ratio" else draw.uniform(0.05, 0.999))
        if by == "ratio":
            wanted = int((sizes >= sizes[0] / keep).sum())
        else:
            power = 1 if by == "sum" else 2
            shares = np.cumsum(sizes**power) / (sizes**power).sum()
            wanted = int((shares < keep**power - 1e-9).sum()) + 1
        done = resize(layer, Rule(most, keep, by))
        assert done.layer.rank == max(1, min(wanted, most, len(sizes), *([rank] if isinstance(layer, Layer) else [])))
        kept, lost = _best(layer.delta(), done.layer.rank)
        np.testing.assert_allclose(done.layer.delta(), kept, atol=1e-6 * sizes[0])
        assert done.lost == pytest.approx(lost, abs=1e-6)


def test_merges_of_random_ranks_are_the_dense_sum() -> None:
    draw = np.random.default_rng(9)
    for _ in range(30):
        kernel = ((7,), (3, 3, 3))[int(draw.integers(2))]
        parts: list[tuple[Layer | Dense, float]] = []
        for _ in range(int(draw.integers(1, 5))):
            rank = int(draw.integers(1, 12))
            down, up = draw.normal(size=(rank, int(np.prod(kernel)))), draw.normal(size=(6, rank))
            layer: Layer | Dense = Layer(down, up, float(draw.uniform(0.1, 9)), kernel)
            parts.append((Dense(layer.delta(), kernel) if draw.random() < 0.3 else layer, float(draw.uniform(-2, 2))))
        whole = sum(layer.delta() * strength for layer, strength in parts)
        np.testing.assert_allclose(merge(parts).delta(), whole, atol=1e-10)
