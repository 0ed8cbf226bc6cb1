"""When memory runs out, a run goes on with fewer images at once, or says what to change. No learned step is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import prepare_run, read_events
from tests.run.test_exact import _stop_after
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.base.errors import is_out_of_memory
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.data.scaling import Scaling
from visiontrain_trainer.model.models import BaseModel
from visiontrain_trainer.run import sample
from visiontrain_trainer.training.optim import AdamW
from visiontrain_trainer.training.step import TrainStep


def _of_a_card() -> None:
    raise torch.OutOfMemoryError("not enough")


def _of_a_cpu() -> None:
    """Raise PyTorch's own error by asking for more memory than any machine has."""
    torch.empty(1 << 48)


@pytest.mark.parametrize(
    ("words", "memory"),
    [
        ("MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 1.2 GB)", True),
        ("CUDA error: out of memory", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUDA error: device-side assert triggered", False),
    ],
)
def test_what_pytorch_says_of_memory_without_a_class(words: str, memory: bool) -> None:
    assert is_out_of_memory(RuntimeError(words)) is memory


@pytest.mark.parametrize("run_out", [_of_a_card, _of_a_cpu])
def test_out_of_memory_goes_on_with_smaller_batches(
    run_out: Any, train_here: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """A CPU has no memory limit that a test could reach, so the U-Net itself refuses batches of more than one image."""
    plan = plan_for(training={"batch_size": 4, "gradient_accumulation": 2, "steps": 4}, output={"checkpoint_every": 0})
    free = train_here(plan, "free")
    build = BaseModel.unet

    def narrow(self: BaseModel, *where: Any) -> torch.nn.Module:
        unet = build(self, *where)

        def refuse(module: Any, inputs: Any) -> None:
            if len(inputs[0]) > 1:
                run_out()

        unet.register_forward_pre_hook(refuse)
        return unet

    monkeypatch.setattr(BaseModel, "unet", narrow)
    prepare_run(tmp_path / "tight", plan)
    assert _stop_after(tmp_path / "tight", plan, 2) == 75
    tight = train_here(plan, "tight")
    assert tight.code == 0
    assert [e["loss"] for e in tight.of("step")] == pytest.approx([e["loss"] for e in free.of("step")], rel=1e-4)
    warned = [e["text"] for e in tight.of("note") if e["level"] == "warn"]
    # The checkpoint records the smaller batch, so the resumed run does not run out of memory again.
    assert "2 pictures at once" in warned[0] and "1 pictures at once" in warned[1] and len(warned) == 2


@pytest.mark.parametrize("most", [1, 0])
def test_out_of_memory_while_validating_loses_no_step(
    most: int, train_here: Any, plan_for: Any, images: Any, monkeypatch: Any
) -> None:
    """With room for one image, images are measured one by one; with none the run goes on without a measurement."""
    samples = [{**s, "validation": i == 0} for i, s in enumerate(images[1])]
    plan = plan_for(data={"images": samples}, output={"checkpoint_every": 2, "facts": {}})
    free = train_here(plan, "free")
    measured = TrainStep._measure

    def narrow(self: TrainStep, use: Any, steps: list[int], draw: int, size: int) -> list[float]:
        if size > most:
            _of_a_card()
        return measured(self, use, steps, draw, size)

    monkeypatch.setattr(TrainStep, "_measure", narrow)
    tight = train_here(plan, "tight")
    assert tight.code == 0 and tight.sha256 == free.sha256
    assert [e["step"] for e in tight.of("checkpoint")] == [e["step"] for e in free.of("checkpoint")]
    losses = [[e["loss"] for e in run.of("validation")] for run in (free, tight)]
    warned = [e["text"] for e in tight.of("note") if e["level"] == "warn"]
    if most:
        assert losses[1] == pytest.approx(losses[0], rel=1e-5) and not warned
    else:
        assert not losses[1] and "not enough memory to validate" in warned[0]
        assert tight.of("learned")[0]["verdict"] == "unknown"


def test_out_of_memory_in_the_first_update_is_tried_again(train_here: Any, plan_for: Any, monkeypatch: Any) -> None:
    free = train_here(plan_for(), "free")
    step, refused = AdamW.step, []

    def once(self: AdamW) -> None:
        if not refused:
            refused.append(True)
            # AdamW fails in the middle, when it has made one of its two state tensors for the first weights.
            weights = self.param_groups[0]["params"][0]
            self.state[weights]["exp_avg"] = torch.zeros_like(weights)
            _of_a_card()
        step(self)

    monkeypatch.setattr(AdamW, "step", once)
    assert train_here(plan_for(), "tight").sha256 == free.sha256 and refused


@pytest.mark.parametrize("run_out", [_of_a_card, _of_a_cpu])
def test_a_sample_too_large_to_decode_whole_is_decoded_in_tiles(run_out: Any, plan_for: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sample, "TILE", 64)
    base = Path(__file__).parents[3] / "presets" / "tiny" / "sd15"
    vae = BaseModel(parse_plan(plan_for(model={"path": str(base)})).model).vae(torch.float32)
    x, y = torch.meshgrid(torch.linspace(-1, 1, 128), torch.linspace(-1, 1, 96), indexing="ij")
    with torch.no_grad():
        latents = vae.encode(torch.stack([x, y, x * y])[None]).latent_dist.mean
    whole = np.asarray(sample.decode(vae, latents, Scaling(1.0)), dtype=float)
    sizes: list[int] = []

    def refuse(module: Any, inputs: Any) -> None:
        sizes.append(max(inputs[0].shape[-2:]))
        if sizes[-1] > 8:
            run_out()

    vae.decoder.register_forward_pre_hook(refuse)
    for _ in range(2):
        tiled = np.asarray(sample.decode(vae, latents, Scaling(1.0)), dtype=float)
        assert tiled.shape == whole.shape == (128, 96, 3)
        # Both are the same image, up to small differences, because a tile does not see the pixels around it.
        assert np.corrcoef(tiled.ravel(), whole.ravel())[0, 1] > 0.95
    # The whole image is tried once. From then on the VAE decodes in tiles at once.
    assert sizes.count(16) == 1 and max(sizes[1:]) == 8


@pytest.mark.parametrize("run_out", [_of_a_card, _of_a_cpu])
def test_out_of_memory_with_one_image_says_what_to_change(
    run_out: Any, plan_for: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("visiontrain_trainer.training.passes.model_inputs", lambda *_: run_out())
    folder = prepare_run(tmp_path / "run", plan_for())
    assert main([str(folder)]) == 3
    result = read_events(folder)[-1]
    assert (result["reason"], result["id"]) == ("Step 1: the device has not enough memory.", "training/memory")
    assert any("gradient_checkpointing" in step for step in result["next_steps"])


def test_out_of_memory_advises_no_setting_that_is_on_already(plan_for: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("visiontrain_trainer.training.passes.model_inputs", lambda *_: _of_a_cpu())
    plan = plan_for(
        training={"batch_size": 1, "text_encoder_learning_rates": [0.0]}, resources={"gradient_checkpointing": "full"}
    )
    folder = prepare_run(tmp_path / "run", plan)
    assert main([str(folder)]) == 3
    advice = " ".join(read_events(folder)[-1]["next_steps"])
    assert "dataset.resolution" in advice
    assert not any(word in advice for word in ("gradient_checkpointing", "batch_size", "text_encoder"))


@pytest.mark.parametrize(
    ("kind", "computes", "advised"), [("cpu", True, "fp32"), ("cuda", False, "fp32"), ("cuda", True, "bf16")]
)
def test_an_overflow_of_fp16_advises_a_format_the_device_computes(
    kind: str, computes: bool, advised: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: computes)
    assert Device(torch.device(kind), torch.float16, torch.float32).instead_of_fp16() == advised


def test_another_failure_of_a_step_is_not_taken_for_memory(train_here: Any, plan_for: Any, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("visiontrain_trainer.training.passes.model_inputs", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train_here(plan_for())
