"""Errors as people read them: each is raised by the code that raises it in a run, and kept in test/golden.

`npm run golden` prints them as the command line does. VISIONTRAIN_GOLDEN=1 writes the file anew.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from visiontrain_trainer.__main__ import _unexpected
from visiontrain_trainer.adapter.applied import _unusable
from visiontrain_trainer.adapter.export import _refuse_overflow
from visiontrain_trainer.adapter.targets import check_rules
from visiontrain_trainer.base.bounds import _beyond
from visiontrain_trainer.base.errors import TrainerError, no_memory
from visiontrain_trainer.base.libraries import cannot_import
from visiontrain_trainer.compute import heartbeat
from visiontrain_trainer.compute.device import open_device
from visiontrain_trainer.data.batches import without
from visiontrain_trainer.data.images import load_mask
from visiontrain_trainer.data.latents import Latents, _lost
from visiontrain_trainer.drawing.__main__ import _explained as drawing_failure
from visiontrain_trainer.judging.__main__ import _explained as judging_failure
from visiontrain_trainer.model.filling import Filling, _check_filled, _check_finite, _check_shapes
from visiontrain_trainer.model.weights import TensorFile, refuse_pickle
from visiontrain_trainer.run.base_check import judge
from visiontrain_trainer.run.finish import nothing_learned
from visiontrain_trainer.training import checkpoint
from visiontrain_trainer.training.environment import compare_with_original
from visiontrain_trainer.training.measure import verdict
from visiontrain_trainer.training.optim import _library
from visiontrain_trainer.training.step import TrainStep

from .run.test_base_check import fit_of

GOLDEN = Path(__file__).parents[2] / "test" / "golden" / "trainer-errors.json"


def thrown(error: TrainerError) -> None:
    raise error


def mask_of(folder: Path) -> None:
    Image.fromarray(np.zeros((64, 32), np.uint8)).save(folder / "07-mask.png")
    load_mask(folder / "07-mask.png", (1024, 768), alpha=False)


def changed_environment(folder: Path) -> None:
    (folder / "env.json").write_text('{"verifies": {"run": "fox"}}')
    compare_with_original(folder, {}, SimpleNamespace(emit=lambda *_, **__: None))  # type: ignore[arg-type]


def odd_weights(folder: Path) -> None:
    (folder / "mix.safetensors").write_bytes(b"<!DOCTYPE html><html>")
    TensorFile(folder / "mix.safetensors")


def latents(precision: str) -> Latents:
    cache = Latents.__new__(Latents)
    resources = SimpleNamespace(vae_precision=precision)
    cache._plan = SimpleNamespace(resources=resources)  # type: ignore[assignment]
    cache._device = SimpleNamespace(torch="cpu", vae_dtype=torch.float32)  # type: ignore[assignment]
    cache._cache = SimpleNamespace(get=lambda _: None)  # type: ignore[assignment]
    return cache


def not_finite(_: Path) -> None:
    nan = torch.full((1, 4, 8, 8), float("nan"))
    vae = SimpleNamespace(encode=lambda *_, **__: [SimpleNamespace(mean=nan, logvar=nan)])
    sample = SimpleNamespace(path="07.png")
    latents("fp16")._encode(vae, np.zeros((64, 64, 3), np.uint8), sample)  # type: ignore[arg-type]


def lost_cache(_: Path) -> None:
    cache = latents("fp32")
    cache._key = lambda *_: "key"  # type: ignore[method-assign]
    cache.get(SimpleNamespace(path="07.png"), SimpleNamespace())  # type: ignore[arg-type]


def overflow(_: Path) -> None:
    step = TrainStep.__new__(TrainStep)
    step.scale = SimpleNamespace(value=0.5, overflowed=lambda: None)  # type: ignore[assignment]
    step._events = SimpleNamespace(note=lambda *_: None)  # type: ignore[assignment]
    step._device = SimpleNamespace(dtype=torch.float16, instead_of_fp16=lambda: "bf16")  # type: ignore[assignment]
    step._updated(992, torch.tensor(float("inf")), torch.ones(1))


def no_meeting(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise RuntimeError("wait timeout after 600000ms")

    store = SimpleNamespace(set=lambda *_: None, wait=never, check=lambda keys: keys[0].endswith("/0"))
    monkeypatch.setattr(heartbeat, "_store", lambda _: store)
    heartbeat.wait_for_all(0, 2, timedelta(minutes=10).total_seconds())


def filling() -> Filling:
    one = Filling.__new__(Filling)
    for name, value in {"path": "/models/mix.safetensors", "part": "unet", "chosen_by": "model.base"}.items():
        object.__setattr__(one, name, value)
    return one


def damaged_weights(_: Path) -> None:
    nan = torch.tensor([float("nan")])
    name = "mid_block.attentions.0.proj_in.weight"
    _check_finite(filling(), {name: nan[0]}, lambda _: nan)


def zeros(_: Path) -> None:
    names = ["mid_block.attentions.0.proj_in.weight", "mid_block.attentions.0.proj_out.weight"]
    _check_filled(filling(), {name: torch.zeros(()) for name in names})


def lacking(_: Path) -> None:
    _check_shapes(filling(), {"conv_in.weight": torch.Size([1]), "conv_out.weight": torch.Size([1])}, {})


def learned_nothing(_: Path) -> None:
    raise nothing_learned(verdict({"unet": 0.0}, None, None, held_out=False)["reason"])


def pickled(_: Path) -> None:
    refuse_pickle(Path("/models/mix.ckpt"))


def no_card(_: Path) -> None:
    resources = SimpleNamespace(device="cuda:0")
    open_device(resources, SimpleNamespace(device=lambda name: name, count=1, rank=0))  # type: ignore[arg-type]


def unreadable(_: Path) -> None:
    image = SimpleNamespace(id="1", path="07.png", validation=False, regularisation=False)
    plan = SimpleNamespace(data=SimpleNamespace(images=[image]))
    without(plan, {"1": "is no picture: the file ends in the middle"})  # type: ignore[arg-type]


def layers(_: Path) -> None:
    names = ["lora_unet_down_blocks_0_attentions_0_proj_in", "lora_unet_mid_block_attentions_0_proj_in"]
    check_rules([SimpleNamespace(match="*down_block_0*")], names)  # type: ignore[list-item]


def old_checkpoint(folder: Path) -> None:
    checkpoint.read(folder, 400)


def burnt(_: Path) -> None:
    name = "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"
    _refuse_overflow({name: torch.tensor([float("inf")])}, "fp16")


def disk(_: Path) -> None:
    raise _unexpected(OSError(28, "No space left on device"))


def judging(_: Path) -> None:
    raise judging_failure(MemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))


def drawing(_: Path) -> None:
    raise drawing_failure(MemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))


SAMPLES: dict[str, Callable[..., Any]] = {
    "bug/trainer": lambda _: thrown(_unexpected(KeyError("conv_in"))),
    "dataset/changed": lambda _: thrown(
        _lost("3 of the pictures changed after the run was planned.", "Start the run again with `visiontrain run`.")
    ),
    "dataset/mask": mask_of,
    "dataset/unreadable": unreadable,
    "disk/full": disk,
    "environment/optimizer": lambda _: _library("prodigyopt_not_here", "prodigy"),
    "environment/torch": lambda _: thrown(cannot_import(ImportError("libcudart.so.13: cannot open shared object"))),
    "hardware/device": no_card,
    "judge/memory": judging,
    "lora/unusable": lambda _: thrown(
        _unusable(Path("/loras/fox.safetensors"), "has layers that the base lacks", "Choose a LoRA of its family.")
    ),
    "model/config": lambda _: thrown(_beyond("unet/config.json", "block_out_channels", 10**9, 4096)),
    "model/incomplete": lacking,
    "model/mismatch": lambda _: judge([fit_of("v_prediction", error=0.4)] * 2, "epsilon", "mix", real=True),
    "model/not-finite": damaged_weights,
    "model/not-safetensors": pickled,
    "model/predicts-nothing": lambda _: judge([fit_of("noise")] * 2, "epsilon", "mix", real=True),
    "model/unreadable": odd_weights,
    "model/zeros": zeros,
    "run/no-original": changed_environment,
    "sample/memory": drawing,
    "training/burnt": burnt,
    "training/cache": lost_cache,
    "training/checkpoint": old_checkpoint,
    "training/layers": layers,
    "training/lost-process": lambda _: thrown(heartbeat.lost_process("Process 1", "It has not beaten for 120 s.")),
    "training/memory": lambda _: thrown(
        no_memory(
            "There is not enough memory to train a step.",
            MemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
            "Or use --set training.batch_size=1 in a new run.",
        )
    ),
    "training/not-finite": not_finite,
    "training/nothing-learned": learned_nothing,
    "training/overflow": overflow,
    "training/rendezvous": no_meeting,
}


def told(sample: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The error as JSON, with paths as on a person's machine."""
    arguments = [folder, monkeypatch] if sample is no_meeting else [folder]
    torch.manual_seed(1)
    with pytest.raises(TrainerError) as caught:
        sample(*arguments)
    text = json.dumps(caught.value.as_json(), ensure_ascii=False)
    shown = {str(folder): "/data/foxes", sys.executable: "/home/me/.local/share/visiontrain/envs/cu130/bin/python"}
    shown[" resume`"] = " resume fox`"  # `tell_failure` puts the name of the run in
    for real, instead in shown.items():
        text = text.replace(real, instead)
    told: dict[str, Any] = json.loads(text)
    return told


def test_errors_are_told_as_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISIONTRAIN_PYTHON", raising=False)
    monkeypatch.setattr(torch, "__version__", "2.9.0+cu130")
    found = [told(sample, tmp_path, monkeypatch) for sample in SAMPLES.values()]
    assert [each["id"] for each in found] == list(SAMPLES)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("VISIONTRAIN_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text, "VISIONTRAIN_GOLDEN=1 writes it anew"
