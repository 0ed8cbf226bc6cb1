"""Failures are named, and never silent. What was trained is saved, and numbers that are not finite never are."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import prepare_run, read_events
from tests.run.test_exact import TRAINER, _stop_after
from visiontrain_trainer.__main__ import _less_memory, main
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data import latents
from visiontrain_trainer.model.models import BaseModel


def huge(base: Path, folder: Path, part: str, tensor: str) -> Path:
    """A copy of a base model in which one tensor holds finite numbers that are too large to compute with."""
    shutil.copytree(base, folder)
    file = folder / part / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors[tensor].fill_(1e37)
    save_file(tensors, file)
    return folder


def test_not_a_number_before_anything_was_learned_is_no_fault_of_the_rate(
    plan_for: Any, tiny: Any, tmp_path: Path
) -> None:
    broken = huge(tiny("sd15"), tmp_path / "broken", "unet", "conv_out.weight")
    folder = prepare_run(tmp_path / "run", plan_for(model={"path": str(broken)}))
    assert main([str(folder)]) == 5
    result = read_events(folder)[-1]
    assert result["reason"].startswith("Step 1: the loss of ") and ".png is not a finite number" in result["reason"]
    assert result["next_steps"] == ["Choose another base model."]
    assert not any("rate" in text for text in result["details"])
    # Nothing was saved that a resume could start from.
    assert not list((folder / "checkpoints").iterdir()) and not list((folder / "output").iterdir())


def test_not_a_number_stops_the_run_and_saves_nothing(plan_for: Any, tmp_path: Path) -> None:
    training = {"learning_rate": 1e30, "warmup_steps": 0, "schedule": "constant", "weight_decay": 0}
    folder = prepare_run(tmp_path / "run", plan_for(training=training))
    assert main([str(folder)]) == 5
    result = read_events(folder)[-1]
    assert result["reason"].startswith("Step 2: ") and " is not a finite number" in result["reason"]
    # The command names the run's own run.yaml, because the folder where it is typed may have another run.yaml.
    assert any(f"visiontrain run {folder}/run.yaml --set training.learning_rate=" in s for s in result["next_steps"])
    assert not list((folder / "output").iterdir())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_latents_that_are_not_finite_name_the_image(precision: str, plan_for: Any, tiny: Any, tmp_path: Path) -> None:
    broken = huge(tiny("sd15"), tmp_path / "broken", "vae", "quant_conv.weight")
    resources = {"vae_precision": precision}
    folder = prepare_run(tmp_path / "run", plan_for(model={"path": str(broken)}, resources=resources))
    assert main([str(folder)]) == 5
    result = read_events(folder)[-1]
    assert ".png: the VAE gave numbers that are not finite" in result["reason"]
    # A setting that the run already has is not advised.
    assert ("Set resources.vae_precision to fp32." in result["next_steps"]) == (precision != "fp32")


@pytest.mark.parametrize(
    ("changes", "advised"),
    [
        ({}, {"training.batch_size", "gradient_checkpointing"}),
        ({"training": {"batch_size": 1}}, {"gradient_checkpointing"}),
        ({"training": {"batch_size": 1}, "resources": {"gradient_checkpointing": "full"}}, set()),
    ],
)
def test_settings_that_are_on_already_are_not_advised(changes: Any, advised: set[str], plan_for: Any) -> None:
    cures = " ".join(_less_memory("train", parse_plan(plan_for(**changes))))
    assert {word for word in ("training.batch_size", "gradient_checkpointing") if word in cures} == advised


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"resources": {"device": "cuda:0"}}, 3, "no NVIDIA card"),
        ({"data": {"root": "/nowhere"}, "resources": {"cache_dir": "fresh"}}, 5, "the picture is gone"),
        ({"training": {"init_lora": "/nowhere.safetensors"}}, 5, "is not there"),
        ({"training": {"init_lora": "/nowhere.pt"}}, 5, "pickle"),
        ({"family": "sdxl", "resources": {"vae_precision": "fp16"}}, 5, "overflows in fp16"),
    ],
)
def test_clear_sentences(changes: Any, code: int, reason: str, plan_for: Any, tmp_path: Path) -> None:
    changes = copy.deepcopy(changes)
    if changes.get("resources", {}).get("cache_dir"):
        changes["resources"]["cache_dir"] = str(tmp_path / "fresh")
    folder = prepare_run(tmp_path / "run", plan_for(changes.pop("family", "sd15"), **changes))
    assert main([str(folder)]) == code
    result = read_events(folder)[-1]
    assert (result["type"], result["status"], result["code"]) == ("result", "failed", code)
    assert reason in result["reason"] and result["next_steps"]


@pytest.mark.parametrize(
    ("part", "reason", "step"),
    [
        ("vae", ".png: there is not enough memory to encode it at 64×64.", "vae_precision"),
        ("unet", "There is not enough memory to load the model.", "resources.precision"),
    ],
)
def test_memory_that_runs_out_before_the_first_step(
    part: str, reason: str, step: str, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    build = getattr(BaseModel, part)

    def narrow(*arguments: Any) -> torch.nn.Module:
        if part == "unet":
            torch.empty(1 << 48)
        module = build(*arguments)
        monkeypatch.setattr(module, "encode", lambda *_, **__: torch.empty(1 << 48))
        return module

    monkeypatch.setattr(BaseModel, part, narrow)
    folder = prepare_run(tmp_path / "run", plan_for(resources={"cache_dir": str(tmp_path / "fresh")}))
    assert main([str(folder)]) == 3
    result = read_events(folder)[-1]
    assert result["reason"].endswith(reason) and any(step in text for text in result["next_steps"])
    assert "allocate" in result["details"][0]


@pytest.mark.parametrize(("optimizer", "package"), [("prodigy", "prodigyopt"), ("adamw8bit", "bitsandbytes")])
def test_a_missing_optimizer_library_is_named(
    optimizer: str, package: str, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    folder = prepare_run(tmp_path / "run", plan_for(training={"optimizer": optimizer}))
    assert main([str(folder)]) == 3
    assert f"comes from {package}. Python lacks {package}" in read_events(folder)[-1]["reason"]


def test_an_optimizer_library_that_breaks_on_import_is_named_with_its_own_message(
    plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    broken = tmp_path / "libraries" / "bitsandbytes"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('libbitsandbytes_cpu.so: undefined symbol: zwx')")
    monkeypatch.syspath_prepend(str(broken.parent))
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    monkeypatch.delenv("VISIONTRAIN_PYTHON", raising=False)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    folder = prepare_run(tmp_path / "run", plan_for(training={"optimizer": "adamw8bit"}))
    assert main([str(folder)]) == 3
    result = read_events(folder)[-1]
    assert "Python cannot import bitsandbytes (libbitsandbytes_cpu.so: undefined symbol: zwx)" in result["reason"]
    assert result["details"] == [sys.executable]
    assert result["next_steps"][:-1] == ["Renew the environment with `visiontrain setup --force`."]
    assert "--set training.optimizer=adamw " in result["next_steps"][-1]


def test_compile_without_a_compiler_is_said_before_the_first_step(plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(training={"steps": 1, "warmup_steps": 0}, resources={"compile": True})
    folder = prepare_run(tmp_path / "run", plan)
    # The run has its own process, because torch remembers in a process which compilers exist and what it compiled.
    away = {"CXX": str(tmp_path / "no-compiler"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor")}
    done = subprocess.run(
        [sys.executable, "-m", "visiontrain_trainer", str(folder)],
        env={**os.environ, **away, "PYTHONPATH": str(TRAINER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = read_events(folder)
    warned = [e for e in events if e["type"] == "note" and e["text"].startswith("resources.compile: ")]
    assert len(warned) == 1 and warned[0]["level"] == "warn" and "run uncompiled" in warned[0]["text"]
    active = next(e for e in events if e["type"] == "active")
    assert active["facts"]["compile"] is False
    order = [e["type"] for e in events]
    assert events.index(warned[0]) < order.index("active") < order.index("step")


def test_an_invalid_plan(tmp_path: Path) -> None:
    folder = prepare_run(tmp_path / "run", {})
    assert main([str(folder)]) == 5
    assert "missing key" in read_events(folder)[-1]["reason"]
    (folder / "plan.json").write_text("{")
    assert main([str(folder)]) == 5


def test_changed_image_is_refused(plan_for: Any, images: Any, tmp_path: Path) -> None:
    changed = tmp_path / "pictures"
    shutil.copytree(images[0], changed)
    with (changed / "2.png").open("ab") as file:
        file.write(b"x")
    plan = plan_for(data={"root": str(changed)}, resources={"cache_dir": str(tmp_path / "cache")})
    folder = prepare_run(tmp_path / "run", plan)
    assert main([str(folder)]) == 5
    assert "2.png: the picture changed" in read_events(folder)[-1]["reason"]


def damage(folder: Path, shown: list[dict[str, Any]], hurt: list[int]) -> None:
    """Change a byte in the middle of the pixels of some images, and put the changed hashes into the plan."""
    for i in hurt:
        path = folder / shown[i]["path"]
        data = bytearray(path.read_bytes())
        at = data.index(b"IDAT") + 8
        data[at] ^= 0xFF
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        shown[i] |= {"sha256": digest, "id": digest[:16]}


@pytest.mark.parametrize("changes", [{}, {"crop": "random", "flip": True}])
def test_images_that_cannot_be_decoded_are_left_out(
    changes: Any, train_here: Any, plan_for: Any, images: Any, tmp_path: Path
) -> None:
    """All bad images are named at once, and the run equals one without them: rerun, resumed, and with workers."""
    folder = tmp_path / "pictures"
    shutil.copytree(images[0], folder)
    shown = copy.deepcopy(images[1])
    damage(folder, shown, [1, 3])
    hurt = plan_for(data={"root": str(folder), "images": shown, **changes})
    sound = plan_for(data={"root": str(folder), "images": [shown[i] for i in (0, 2, 4)], **changes})
    first = train_here(hurt, "first")
    notes = [note["text"] for note in first.of("note") if "left out" in note["text"]]
    assert len(notes) == 2 and all(f"{i}.png cannot be read (" in notes[i // 2] for i in (1, 3))
    assert train_here(sound, "sound").sha256 == first.sha256
    again = {**hurt, "resources": {**hurt["resources"], "workers": 2, "cache_dir": str(tmp_path / "cold")}}
    assert _stop_after(prepare_run(tmp_path / "cut", again), again, 3) == 75
    assert train_here(again, "cut").sha256 == first.sha256


def test_only_images_that_cannot_be_decoded(plan_for: Any, images: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(images[0], folder)
    shown = copy.deepcopy(images[1])
    damage(folder, shown, list(range(len(shown))))
    run = prepare_run(tmp_path / "run", plan_for(data={"root": str(folder), "images": shown}))
    assert main([str(run)]) == 5
    result = read_events(run)[-1]
    assert result["reason"] == "None of the pictures to train on can be read." and len(result["details"]) == len(shown)


def test_all_images_that_are_gone_are_named_at_once(plan_for: Any, images: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    shutil.copytree(images[0], folder)
    (folder / "1.png").unlink()
    (folder / "3.png").write_bytes(b"another")
    plan = plan_for(data={"root": str(folder)}, resources={"cache_dir": str(tmp_path / "cache")})
    run = prepare_run(tmp_path / "run", plan)
    assert main([str(run)]) == 5
    result = read_events(run)[-1]
    assert "1.png: the picture is gone" in result["reason"]
    assert "3.png: the picture changed" in result["details"][0]


def test_memory_that_runs_out_while_decoding_names_the_image(
    plan_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(latents, "read_image", no_room)
    plan = plan_for(resources={"cache_dir": str(tmp_path / "cache")})
    assert main([str(prepare_run(tmp_path / "run", plan))]) == 3
    assert ".png: there is not enough memory to open it at" in read_events(tmp_path / "run")[-1]["reason"]


def test_damaged_cache_entries_are_made_again(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    plan = plan_for(resources={"cache_dir": str(tmp_path / "cache")})
    first = train_here(plan, "first")
    entries = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert len(entries) == 5 + 6  # The cache holds five images, their captions and the empty caption.
    for number, entry in enumerate(entries):
        content = entry.read_bytes()
        entry.write_bytes(content[:-3] if number % 2 else content[:-1] + bytes([content[-1] ^ 1]))
    assert train_here(plan, "second").sha256 == first.sha256


def _at_step(step: int, act: Any, monkeypatch: Any) -> None:
    """Call `act(stepper)` right after the gradients of step `step` are computed."""
    from visiontrain_trainer.training.step import TrainStep

    gradients = TrainStep._gradients
    seen: list[int] = []

    def meddled(self: Any, passes: Any) -> torch.Tensor:
        each = gradients(self, passes)
        seen.append(1)
        if len(seen) == step:
            act(self)
        return each

    monkeypatch.setattr(TrainStep, "_gradients", meddled)


@pytest.mark.parametrize(("part", "word"), [("unet", "U-Net"), ("text_encoder", "text encoder")])
def test_a_gradient_that_is_not_finite_stops_the_run(
    part: str, word: str, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    _at_step(3, lambda stepper: stepper._adapter.flat_grad[part][5].fill_(float("nan")), monkeypatch)
    plan = plan_for(training={"text_encoder_learning_rates": [1e-3]}, output={"checkpoint_every": 1})
    folder = prepare_run(tmp_path / "run", plan)
    assert main([str(folder)]) == 5
    events = read_events(folder)
    assert events[-1]["reason"].startswith(f"Step 3: a gradient of the {word} is not a finite number")
    assert [e["step"] for e in events if e["type"] == "checkpoint"] == [1, 2]
    assert any("A resume from the last checkpoint" in s for s in events[-1]["next_steps"])
    assert not list((folder / "output").iterdir())


@pytest.mark.parametrize("step", [3, 6])
@pytest.mark.parametrize(("part", "word"), [("unet", "U-Net (down_blocks.0"), ("text_encoder", "text encoder (")])
def test_a_weight_that_is_not_finite_stops_the_run_at_its_step(
    part: str, word: str, step: int, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """The update overflows although loss and gradients are finite. After the last step, no later loss would show it."""
    _at_step(step, lambda stepper: stepper._adapter.flat[part][5].fill_(float("inf")), monkeypatch)
    folder = prepare_run(tmp_path / "run", plan_for(training={"text_encoder_learning_rates": [1e-3]}))
    assert main([str(folder)]) == 5
    events = read_events(folder)
    result = events[-1]
    assert result["reason"].startswith(f"Step {step}: a weight of the LoRA in the {word}")
    assert "is not a finite number" in result["reason"]
    assert any("learning rate" in cause for cause in result["details"])
    assert any("learning_rate" in cure for cure in result["next_steps"])
    assert [e["step"] for e in events if e["type"] == "step"] == list(range(1, step))
    assert [e["step"] for e in events if e["type"] == "checkpoint"] == list(range(2, step, 2))
    assert not list((folder / "output").iterdir())


def test_a_damaged_lora_to_go_on_from_is_refused(train_here: Any, plan_for: Any, tmp_path: Path) -> None:
    first = train_here(plan_for(training={"steps": 1}), "first")
    tensors = load_file(first.folder / first.of("output")[0]["path"])
    name = next(n for n in tensors if n.endswith("mid_block_attentions_0_proj_in.lora_up.weight"))
    tensors[name][0] = float("nan")
    damaged = tmp_path / "damaged.safetensors"
    save_file(tensors, damaged)
    with pytest.raises(TrainingError, match=r"damaged\.safetensors: .* not finite \(unet\.mid_block"):
        train_here(plan_for(training={"init_lora": str(damaged)}), "second")


def test_a_lora_that_learned_nothing_fails(train_here: Any, plan_for: Any) -> None:
    run = train_here(plan_for(training={"learning_rate": 1e-30}))
    assert run.code == 5
    assert run.of("learned")[0]["verdict"] == "nothing"
    assert "did not move" in run.events[-1]["reason"]


def test_plan_roundtrip_is_strict_about_lists(plan_for: Any) -> None:
    plan = plan_for()
    plan["training"]["betas"] = [0.9]
    with pytest.raises(TrainingError, match=r"training\.betas must be a list of 2"):
        parse_plan(plan)
