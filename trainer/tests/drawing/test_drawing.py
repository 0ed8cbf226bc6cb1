"""Samples on request: a run's own, byte by byte, and the effect of files of every kind, against their formulas."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.tiny_models import make_unet
from visiontrain_trainer.adapter.applied import Loras, read_lora
from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.drawing.job import Job, read_job
from visiontrain_trainer.drawing.work import draw

Tensors = dict[str, torch.Tensor]
SHOT = {"prompt": "zwx, a fox", "negative": "bad", "steps": 2, "guidance": 3.0, "seed": 5, "size": [64, 64]}
SHOT["clip_skip"] = None


def _job(folder: Path, plan: dict[str, Any], **changes: Any) -> Job:
    """A job of one look (a set of LoRAs) and one shot (a prompt and seed), with `changes`, read as the program reads
    it.
    """
    raw: dict[str, Any] = {"version": 1, "plan": plan, "run": None, "loras": [], "to": str(folder), "sheet": None}
    raw |= {"looks": [{"step": None, "strengths": [1.0]}], "shots": [SHOT], "cells": [_cell(0, 0)]}
    return read_job(folder / "job.json", _written(folder, json.dumps(raw | changes)))


def _written(folder: Path, text: str) -> str:
    """Write a job's file; return its SHA-256, which the program is told."""
    (folder / "job.json").write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def _cell(look: int, shot: int) -> dict[str, Any]:
    return {"look": look, "shot": shot, "file": f"{look}-{shot}.png"}


def _say(type: str, **payload: Any) -> None:
    assert type in {"phase", "progress", "sample", "note"}, payload


@pytest.mark.parametrize("text", [False, True])
def test_a_run_and_its_files_draw_the_samples_of_the_run(
    text: bool, train_here: Any, plan_for: Any, tmp_path: Path
) -> None:
    shots = [{**SHOT, "strength": 1.0}, {**SHOT, "prompt": "a house", "seed": 9, "strength": 1.0}]
    samples = {"every": 2, "prompts": [s["prompt"] for s in shots], "shots": shots, "sampler": "euler_a"}
    training = {"steps": 4, "learning_rate": 0.1, "warmup_steps": 0}
    training["text_encoder_learning_rates"] = [0.1] if text else [0.0]
    output = {"checkpoint_every": 2, "save_every": 2, "checkpoint_keep": 9, "precision": "fp32"}
    plan = plan_for("sd15", training=training, samples=samples, output=output)
    run = train_here(plan)
    assert run.code == 0
    wanted = {
        (step, i): (run.folder / "samples" / f"step-{step:06d}-{i}.png").read_bytes() for step in (2, 4) for i in (0, 1)
    }
    assert wanted[2, 0] != wanted[4, 0]
    looks = [{"step": 4, "strengths": [1.0]}, {"step": 2, "strengths": [1.0]}, {"step": 2, "strengths": [0.0]}]
    cells = [_cell(look, shot) for look in range(3) for shot in (0, 1)]
    (tmp_path / "of-run").mkdir()
    draw(_job(tmp_path / "of-run", plan, run=str(run.folder), looks=looks, shots=shots, cells=cells), _say)
    for look, step in ((0, 4), (1, 2)):
        for i in (0, 1):
            assert (tmp_path / "of-run" / f"{look}-{i}.png").read_bytes() == wanted[step, i]
    for i in (0, 1):
        assert _pixels(tmp_path / "of-run" / f"2-{i}.png") == _pixels(run.folder / "samples" / f"base-{i}.png")
    # The LoRA file gives the same samples in a job without the run.
    (tmp_path / "of-file").mkdir()
    lora = {"path": str(run.folder / "output" / "tiny.safetensors"), "name": "tiny"}
    bare = {**plan, "data": {**plan["data"], "images": []}}
    looks = [{"step": None, "strengths": [s]} for s in (1.0, 0.0)]
    cells = [_cell(look, shot) for look in range(2) for shot in (0, 1)]
    draw(_job(tmp_path / "of-file", bare, loras=[lora], looks=looks, shots=shots, cells=cells), _say)
    for i in (0, 1):
        assert (tmp_path / "of-file" / f"0-{i}.png").read_bytes() == wanted[4, i]
        if not text:
            assert _pixels(tmp_path / "of-file" / f"1-{i}.png") == _pixels(run.folder / "samples" / f"base-{i}.png")


def test_a_run_and_its_files_are_drawn_with_the_embedding(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    word = {"word": "zwx", "tokens": 2, "initial": "", "learning_rate": 0.1, "steps": None}
    samples = {"prompts": [SHOT["prompt"]], "shots": [{**SHOT, "strength": 1.0}]}
    plan = plan_for(training={"steps": 2, "pivotal": word}, samples=samples, output={"precision": "fp32"})
    run = train_here(plan)
    (tmp_path / "of-run").mkdir()
    draw(_job(tmp_path / "of-run", plan, run=str(run.folder), looks=[{"step": 2, "strengths": [1.0]}]), _say)
    drawn = (run.folder / "samples" / "step-000002-0.png").read_bytes()
    assert (tmp_path / "of-run" / "0-0.png").read_bytes() == drawn
    own = run.folder / "output" / "tiny.safetensors"
    bare = {**plan, "data": {**plan["data"], "images": []}, "training": {**plan["training"], "pivotal": None}}
    looks = [{"step": None, "strengths": [s]} for s in (1.0, 0.0)]

    def of_file(path: Path, folder: str) -> tuple[bytes, bytes, str]:
        """The samples at strength 1 and 0, and the messages."""
        notes: list[Any] = []
        (tmp_path / folder).mkdir()
        loras, cells = [{"path": str(path), "name": "tiny"}], [_cell(0, 0), _cell(1, 0)]
        job = _job(tmp_path / folder, bare, loras=loras, looks=looks, cells=cells)
        draw(job, lambda type, **payload: notes.append(payload.get("text")))
        first, second = ((tmp_path / folder / f"{i}-0.png").read_bytes() for i in (0, 1))
        return first, second, " ".join(map(str, notes))

    # The files alone give the sample of the run: the embedding lies beside the LoRA.
    with_it, without, notes = of_file(own, "of-file")
    assert with_it == drawn and "drawn with its embedding; write zwx in the prompt" in notes
    assert _pixels(tmp_path / "of-file" / "1-0.png") == _pixels(run.folder / "samples" / "base-0.png")
    # An embedding inside the LoRA file, where other trainers put it, has the same effect.
    stored, vectors = load_file(own), load_file(own.with_name("tiny.embedding.safetensors"))["emb_params"]
    file = tmp_path / "tiny.safetensors"
    save_file({**stored, "bundle_emb.zwx.string_to_param.*": vectors}, file)
    assert of_file(file, "bundled")[:2] == (with_it, without)
    # The LoRA without its embedding has half of what was trained.
    save_file(stored, file)
    assert of_file(file, "alone")[0] != drawn
    beside = file.with_name("tiny.embedding.safetensors")
    for spoiled, reason in ((torch.ones(2, 5), "whose words have"), (torch.full((2, 16), math.nan), "not finite")):
        save_file({"emb_params": spoiled}, beside)
        with pytest.raises(TrainingError) as caught:
            of_file(file, reason)
        assert reason in caught.value.reason
    beside.write_bytes(b"no file of tensors")
    with pytest.raises(TrainingError) as caught:
        of_file(file, "damaged")
    assert "tiny.embedding.safetensors cannot be read" in caught.value.reason


def _pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


LINEAR, CONV = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", "down_blocks.1.resnets.0.conv1"


def _draw(name: str, *shape: int) -> torch.Tensor:
    return (rng.uniform(shape, 3, name) - 0.5) * 0.6


def _lora(weight: torch.Tensor) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    down, up = _draw("d", 2, *weight.shape[1:]), _draw("u", len(weight), 2, *[1] * (weight.dim() - 2))
    change = (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * 1.5
    return {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(3.0)}, lambda s: s * change


def _tucker(weight: torch.Tensor) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    out, into, *kernel = weight.shape
    down, mid, up = _draw("d", 2, into, 1, 1), _draw("m", 2, 2, *kernel), _draw("u", out, 2, 1, 1)
    change = torch.einsum("mnkl,ni,om->oikl", mid, down[:, :, 0, 0], up[:, :, 0, 0]) * 2
    stored = {"lora_down.weight": down, "lora_mid.weight": mid, "lora_up.weight": up, "alpha": torch.tensor(4.0)}
    return stored, lambda s: s * change


def _loha(weight: torch.Tensor, *, core: bool) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    out, into, *kernel = weight.shape
    stored: Tensors = {"alpha": torch.tensor(2.0)}
    halves = []
    for i in "12":
        if core:
            t, a, b = _draw(f"{i}t", 2, 2, *kernel), _draw(f"{i}a", 2, out), _draw(f"{i}b", 2, into)
            stored |= {f"hada_t{i}": t, f"hada_w{i}_a": a, f"hada_w{i}_b": b}
            halves.append(torch.einsum("ijkl,jr,ip->prkl", t, b, a))
        else:
            a, b = _draw(f"{i}a", out, 2), _draw(f"{i}b", 2, weight[0].numel())
            stored |= {f"hada_w{i}_a": a, f"hada_w{i}_b": b}
            halves.append((a @ b).reshape(weight.shape))
    return stored, lambda s: s * halves[0] * halves[1]


def _lokr(weight: torch.Tensor, kind: str) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    out, into, *kernel = weight.shape
    stored: Tensors = {"alpha": torch.tensor(1.0)}
    scale = 1.0 if kind == "whole" else 0.5
    if kind == "both":
        a, b = _draw("w1a", 2, 2), _draw("w1b", 2, 2)
        stored |= {"lokr_w1_a": a, "lokr_w1_b": b}
        first = a @ b
    else:
        stored["lokr_w1"] = first = _draw("w1", 2, 2)
    if kind == "whole":
        stored["lokr_w2"] = second = _draw("w2", out // 2, into // 2, *kernel)
    elif kind == "core":
        t, a, b = _draw("t2", 2, 2, *kernel), _draw("w2a", 2, out // 2), _draw("w2b", 2, into // 2)
        stored |= {"lokr_t2": t, "lokr_w2_a": a, "lokr_w2_b": b}
        second = torch.einsum("ijkl,ip,jr->prkl", t, a, b).contiguous()
    else:
        a, b = _draw("w2a", out // 2, 2), _draw("w2b", 2, into // 2 * max(1, weight[0, 0].numel()))
        stored |= {"lokr_w2_a": a, "lokr_w2_b": b}
        second = (a @ b).reshape(out // 2, into // 2, *kernel)
    change = torch.kron(first.reshape(*first.shape, *[1] * len(kernel)), second) * scale
    return stored, lambda s: s * change


def _dora(weight: torch.Tensor, *, by_output: bool) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    stored, plain = _lora(weight)
    axes = tuple(range(1, weight.dim())) if by_output else (0, *range(2, weight.dim()))
    whole = weight + plain(torch.tensor(1.0))
    lengths = whole.square().sum(axes, keepdim=True).sqrt()
    stored["dora_scale"] = weight.square().sum(axes, keepdim=True).sqrt() * 1.3
    changed = stored["dora_scale"] * whole / lengths
    return stored, lambda s: s * (changed - weight)


def _diff(weight: torch.Tensor) -> tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]:
    change = _draw("diff", *weight.shape)
    return {"diff": change}, lambda s: s * change


def _turns(blocks: torch.Tensor, most: float | None) -> torch.Tensor:
    """Rotations by Cayley's transform, each solved by itself in fp64."""
    skew = (blocks - blocks.mT).double()
    if most is not None:
        skew = skew * min(1.0, most / float(skew.norm()))
    one = torch.eye(blocks.shape[-1], dtype=torch.float64)
    return torch.linalg.solve(one - skew, one + skew, left=False)


def _oft(weight: torch.Tensor, *, rescaled: bool = False, bound: bool = False) -> tuple[Tensors, Any]:
    out = len(weight)
    blocks = _draw("oft", out // 4, 4, 4)
    stored: Tensors = {"oft_blocks": blocks, "alpha": torch.tensor(0.02 if bound else 0.0)}
    turn = torch.block_diag(*_turns(blocks, 0.02 * out if bound else None)).mT
    new = turn @ weight.double().flatten(1)
    if rescaled:
        stored["rescale"] = 1 + _draw("rescale", out, *[1] * (weight.dim() - 1))
        new = new * stored["rescale"].double().reshape(-1, 1)
    change = new.float().reshape(weight.shape) - weight
    return stored, lambda s: s * change


def _boft(weight: torch.Tensor) -> tuple[Tensors, Any]:
    """Each stage is a permutation of the outputs, a rotation in blocks, and the permutation back."""
    out, size, stages = len(weight), 4, 2
    stored: Tensors = {"oft_blocks": _draw("boft", stages, out // size, size, size)}
    new = weight.double().flatten(1)
    for stage, blocks in enumerate(stored["oft_blocks"]):
        half = 2**stage * size // 2
        order = [c * 2 * half + g * half + k for c in range(out // (2 * half)) for k in range(half) for g in range(2)]
        there = torch.eye(out, dtype=torch.float64)[order]
        new = there.mT @ torch.block_diag(*_turns(blocks, None)) @ there @ new
    change = new.float().reshape(weight.shape) - weight
    return stored, lambda s: s * change


def _glora(weight: torch.Tensor, *, old: bool = False) -> tuple[Tensors, Any]:
    out, into, *kernel = weight.shape
    ones = [1] * len(kernel)
    a1, a2 = _draw("a1", into, 2, *ones), _draw("a2", 2, into, *ones)
    b1, b2 = _draw("b1", out, 2, *ones), _draw("b2", 2, into, *kernel)
    change = torch.einsum("oi...,ij->oj...", weight, a1.reshape(into, 2) @ a2.reshape(2, into))
    change = (change + (b1.flatten(1) @ b2.flatten(1)).reshape(weight.shape)) * 1.5
    stored = {"a1.weight": a1, "a2.weight": a2, "b1.weight": b1, "b2.weight": b2}
    if old:
        stored = {"a1.weight": a2, "a2.weight": a1, "b1.weight": b2, "b2.weight": b1}
    return stored | {"alpha": torch.tensor(3.0)}, lambda s: s * change


def _ia3(weight: torch.Tensor, *, on_input: bool) -> tuple[Tensors, Any]:
    axis = 1 if on_input else 0
    numbers = _draw("ia3", weight.shape[axis])
    spread = numbers.reshape([-1 if i == axis else 1 for i in range(weight.dim())])
    stored = numbers.reshape(1, -1, *[1] * (weight.dim() - 2)) if weight.dim() > 2 else numbers
    return {"weight": stored, "on_input": torch.tensor(int(on_input))}, lambda s: s * weight * spread


KINDS: dict[str, Callable[[torch.Tensor], tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]]] = {
    "lora": _lora,
    "tucker": _tucker,
    "loha": lambda w: _loha(w, core=False),
    "loha with a core": lambda w: _loha(w, core=True),
    "lokr": lambda w: _lokr(w, "second"),
    "lokr of two products": lambda w: _lokr(w, "both"),
    "whole lokr": lambda w: _lokr(w, "whole"),
    "lokr with a core": lambda w: _lokr(w, "core"),
    "dora by input": lambda w: _dora(w, by_output=False),
    "dora by output": lambda w: _dora(w, by_output=True),
    "full difference": _diff,
    "oft": _oft,
    "oft rescaled": lambda w: _oft(w, rescaled=True),
    "oft within a bound": lambda w: _oft(w, bound=True),
    "boft": _boft,
    "glora": _glora,
    "glora of the old kind": lambda w: _glora(w, old=True),
    "ia3 of inputs": lambda w: _ia3(w, on_input=True),
    "ia3 of outputs": lambda w: _ia3(w, on_input=False),
}
#: Kinds whose weight change depends on the base's weight.
BASED = ("dora", "oft", "boft", "glora", "ia3")


@pytest.fixture(scope="module")
def unet() -> torch.nn.Module:
    torch.manual_seed(1)
    return make_unet("sd15").eval()


@pytest.mark.parametrize("module", [LINEAR, CONV])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_acts_by_its_formula(kind: str, module: str, unet: Any, tmp_path: Path) -> None:
    base = unet.get_submodule(module)
    if base.weight.dim() == 2 and (kind == "tucker" or kind.endswith("core")):
        pytest.skip("a core is of convolutions")
    with torch.no_grad():
        base.weight.copy_(_draw(f"base {module}", *base.weight.shape))
    stored, change = KINDS[kind](base.weight.detach())
    save_file({f"lora_unet_{module.replace('.', '_')}.{n}": t for n, t in stored.items()}, tmp_path / "a.safetensors")
    files = [read_lora(tmp_path / "a.safetensors"), read_lora(tmp_path / "a.safetensors")]
    strengths = [0.0, 0.0]
    parent, _, leaf = module.rpartition(".")
    try:
        assert Loras(files, strengths, "sd15").put_around(unet, "unet") == 1
        layer = unet.get_submodule(module)
        x = _draw("x", 2, base.weight.shape[1], 5, 5) if base.weight.dim() == 4 else _draw("x", 2, 7, base.in_features)
        assert torch.equal(layer(x), base(x))
        for strength in (1.0, -0.7):
            strengths[0] = strength
            with torch.no_grad():
                weight = base.weight + change(torch.tensor(strength))
                wanted = torch.func.functional_call(base, {"weight": weight, "bias": base.bias}, (x,))
                torch.testing.assert_close(layer(x), wanted, atol=2e-5, rtol=1e-4)
        if not kind.startswith(BASED):
            strengths[:] = [0.5, 0.25]
            weight = base.weight + change(torch.tensor(0.75))
            wanted = torch.func.functional_call(base, {"weight": weight, "bias": base.bias}, (x,))
            torch.testing.assert_close(layer(x), wanted, atol=2e-5, rtol=1e-4)
    finally:
        setattr(unet.get_submodule(parent), leaf, base)


def test_files_that_cannot_be_drawn_with_say_why(plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for()
    name = "lora_unet_" + LINEAR.replace(".", "_")
    wrong: dict[str, Tensors] = {
        "is an OFT of OneTrainer": {f"{name}.oft_R.weight": torch.zeros(2, 6)},
        "does not fit the layer of this base": {f"{name}.oft_blocks": torch.zeros(2, 2, 2)},
        "attn2_to_k does not fit": {f"{name}.diff": torch.zeros(8, 16), f"{name}.diff_b": torch.zeros(2, 2)},
        "weight is .8, 16": {f"{name}.a1.weight": torch.zeros(2, 2)},
        "not finite": {f"{name}.lora_down.weight": torch.full((2, 16), float("nan"))},
        "does not fit the layer": {
            f"{name}.lora_down.weight": torch.zeros(2, 99),
            f"{name}.lora_up.weight": torch.zeros(8, 2),
        },
        "none of its layers": {
            "lora_unet_far_away.lora_down.weight": torch.zeros(2, 8),
            "lora_unet_far_away.lora_up.weight": torch.zeros(8, 2),
        },
        "holds no layer": {"alone": torch.zeros(2)},
    }
    for number, (said, tensors) in enumerate(wrong.items()):
        path = tmp_path / f"{number}.safetensors"
        save_file(tensors, path)
        with pytest.raises(TrainingError, match=said) as caught:
            draw(_job(tmp_path, plan, loras=[{"path": str(path), "name": "x"}]), _say)
        assert caught.value.id == "lora/unusable" and caught.value.next_steps
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "0.safetensors").read_bytes()[:40])
    for path in ("cut.safetensors", "gone.safetensors"):
        with pytest.raises(TrainingError):
            read_lora(tmp_path / path)


def test_the_sheet_holds_every_sample(plan_for: Any, tmp_path: Path) -> None:
    for name, color in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (40, 24), color).save(tmp_path / name)
    sheet = {"file": "sheet.png", "columns": ["fox × 0.5", "fox × 1", "gone"], "rows": ["ein Wort, " * 30]}
    sheet["files"] = [["a.png", "b.png", None]]  # type: ignore[list-item]
    draw(_job(tmp_path, plan_for(), cells=[], sheet=sheet), _say)
    first = (tmp_path / "sheet.png").read_bytes()
    with Image.open(tmp_path / "sheet.png") as image:
        colors = {color for _, color in image.getcolors(1 << 20) or []}
        assert {(255, 0, 0), (0, 0, 255)} <= colors
    draw(_job(tmp_path, plan_for(), cells=[], sheet=sheet), _say)
    assert (tmp_path / "sheet.png").read_bytes() == first


def test_memory_that_runs_out_is_told_by_name(plan_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("visiontrain_trainer.drawing.work.sample_latents", full)
    name = "lora_unet_" + LINEAR.replace(".", "_")
    stored = {f"{name}.{n}": t for n, t in _lora(make_unet("sd15").get_submodule(LINEAR).weight.detach())[0].items()}
    save_file(stored, tmp_path / "a.safetensors")
    with pytest.raises(Exception, match="not enough memory to draw 64 × 64 pixels") as caught:
        draw(_job(tmp_path, plan_for(), loras=[{"path": str(tmp_path / "a.safetensors"), "name": "x"}]), _say)
    assert caught.value.id == "sample/memory" and "--size" in caught.value.next_steps[-1]  # type: ignore[attr-defined]


def test_a_job_that_another_program_changed_is_refused(plan_for: Any, tmp_path: Path) -> None:
    _job(tmp_path, plan_for())
    with pytest.raises(TrainingError, match="cannot be read") as caught:
        read_job(tmp_path / "job.json", hashlib.sha256(b"what was written").hexdigest())
    assert "another program changed it" in caught.value.details[-1]


def test_an_invalid_job_ends_with_a_sentence(plan_for: Any, tmp_path: Path) -> None:
    sha256 = _written(tmp_path, '{"version": 9}')
    command = [sys.executable, "-m", "visiontrain_trainer.drawing", str(tmp_path / "job.json"), sha256]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    told = json.loads(done.stdout)
    assert done.returncode == told["code"] == 5 and told["id"] == "sample/failed"
    with pytest.raises(TrainingError, match="cannot be read"):
        bad = {"file": "../out.png", "columns": [], "rows": [], "files": []}
        _job(tmp_path, plan_for(), sheet=bad)
