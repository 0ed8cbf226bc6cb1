"""A model gives the same weights as a folder and as a single file, and models that do not fit are refused clearly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_models import to_single_file
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Model
from visiontrain_trainer.model.models import BaseModel


def model(path: Path, family: str, **changes: Any) -> Model:
    values = {
        "name": "tiny",
        "path": str(path),
        "layout": "diffusers",
        "config_dir": None,
        "family": family,
        "prediction": "epsilon",
        "zero_terminal_snr": False,
        "vae_path": None,
        "merge_loras": [],
        "flow_shift": 2.5,
        "vae_scaling": None,
        "clip_skip": 1,
        "sha256": None,
    }
    return Model(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_single_file_holds_the_same_weights_as_the_folder(tiny: Any, tmp_path: Path, family: str) -> None:
    folder = tiny(family)
    file = to_single_file(folder, tmp_path / "model.safetensors")
    ours = BaseModel(model(folder, family))
    single = BaseModel(model(file, family, layout="single_file", config_dir=str(folder)))
    builders = {"unet": "unet", "vae": "vae"}
    for build in builders:
        a, b = (getattr(m, build)(torch.float32).state_dict() for m in (ours, single))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)
    for name in ours.text_encoders:
        a, b = (m.text_encoder(name, torch.float32).state_dict() for m in (ours, single))
        assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_the_test_writer_agrees_with_diffusers_own_reader(tiny: Any, tmp_path: Path, family: str) -> None:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    folder = tiny(family)
    stored = load_file(to_single_file(folder, tmp_path / "model.safetensors"))
    for part, convert in (("unet", convert_ldm_unet_checkpoint), ("vae", convert_ldm_vae_checkpoint)):
        config = json.loads((folder / part / "config.json").read_text())
        expected = load_file(folder / part / "diffusion_pytorch_model.safetensors")
        got = convert(dict(stored), config)
        assert got.keys() == expected.keys()
        assert all(torch.equal(got[name].reshape(expected[name].shape), expected[name]) for name in expected)


def test_refusals(tiny: Any, tmp_path: Path) -> None:
    sd15, sdxl = tiny("sd15"), tiny("sdxl")
    with pytest.raises(TrainingError, match="SDXL model, run.yaml says SD15"):
        BaseModel(model(sdxl, "sd15"))
    with pytest.raises(TrainingError, match="predicts epsilon, run.yaml says v_prediction"):
        BaseModel(model(sd15, "sd15", prediction="v_prediction"))
    (tmp_path / "model.ckpt").write_bytes(b"x")
    with pytest.raises(TrainingError, match="pickle"):
        BaseModel(model(tmp_path / "model.ckpt", "sd15", layout="single_file", config_dir=str(sd15)))
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(TrainingError, match="not a whole safetensors file"):
        BaseModel(model(tmp_path / "torn.safetensors", "sd15", layout="single_file", config_dir=str(sd15)))
    with pytest.raises(TrainingError, match="no such"):
        BaseModel(model(tmp_path / "nowhere", "sd15"))
    shutil.copytree(sd15, tmp_path / "pickled")
    unet = tmp_path / "pickled" / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.bin")
    with pytest.raises(TrainingError, match="pickle"):
        BaseModel(model(tmp_path / "pickled", "sd15"))


def test_markers_in_a_single_file_decide_the_prediction(tiny: Any, tmp_path: Path) -> None:
    folder = tiny("sdxl")
    file = to_single_file(folder, tmp_path / "v.safetensors", markers=("v_pred", "ztsnr"))
    single = {"layout": "single_file", "config_dir": str(folder)}
    BaseModel(model(file, "sdxl", prediction="v_prediction", zero_terminal_snr=True, **single))
    with pytest.raises(TrainingError, match="predicts v_prediction"):
        BaseModel(model(file, "sdxl", **single))
    with pytest.raises(TrainingError, match="zero terminal SNR"):
        BaseModel(model(file, "sdxl", prediction="v_prediction", **single))


def test_the_sdxl_vae_never_runs_in_fp16_unfixed(tiny: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from visiontrain_trainer.base.files import sha256_file
    from visiontrain_trainer.data import latents

    folder = tiny("sdxl")

    def fixed(vae: Path | None) -> bool:
        return latents.fixed_for_fp16(BaseModel(model(folder, "sdxl", vae_path=None if vae is None else str(vae))))

    other = tmp_path / "vae"
    shutil.copytree(folder / "vae", other)
    assert not fixed(None) and not fixed(other)  # Neither configuration says that fp16 works.
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "force_upcast": False}))
    assert fixed(other)
    (tmp_path / "single").mkdir()
    single = Path(
        shutil.copy(other / "diffusion_pytorch_model.safetensors", tmp_path / "single" / "sdxl_vae.safetensors")
    )
    assert not fixed(single)
    monkeypatch.setattr(latents, "_FIXED", (sha256_file(single),))
    assert fixed(single)


@pytest.mark.parametrize("form", ["folder", "file", "original"])
def test_another_vae_takes_the_place_of_the_bases(form: str, tiny: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder, other = tiny("sd15"), tmp_path / "vae"
    shutil.copytree(folder / "vae", other)
    file = other / "diffusion_pytorch_model.safetensors"
    save_file({name: tensor * 2 for name, tensor in load_file(file).items()}, file)
    path = other if form == "folder" else file
    if form == "original":
        whole = tmp_path / "whole"
        shutil.copytree(folder, whole)
        shutil.copy(file, whole / "vae" / file.name)
        path = to_single_file(whole, tmp_path / "vae.safetensors")
    own, ours = BaseModel(model(folder, "sd15")), BaseModel(model(folder, "sd15", vae_path=str(path)))
    assert own.part("vae").digest() != ours.part("vae").digest()
    assert own.fingerprint() != ours.fingerprint() == BaseModel(ours.plan).fingerprint()
    before, after = (m.vae(torch.float32).state_dict() for m in (own, ours))
    assert all(torch.equal(before[name] * 2, after[name]) for name in before)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_every_tensor_is_put_on_the_device(family: str, tiny: Any) -> None:
    """The device `meta` stands for a card. On a machine without one, a tensor left on the CPU would not be noticed."""
    base, device = BaseModel(model(tiny(family), family)), torch.device("meta")
    encoders = [base.text_encoder(name, torch.bfloat16, device) for name in base.text_encoders]
    for module in (base.unet(torch.bfloat16, device), base.vae(torch.float32, device), *encoders):
        tensors = [*module.parameters(), *module.buffers()]
        assert tensors and all(tensor.device == device for tensor in tensors)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("text_encoder", "num_hidden_layers", 10**8),
        ("text_encoder", "vocab_size", -1),
        ("unet", "layers_per_block", 10**8),
        ("unet", "transformer_layers_per_block", [1, 10**8, 1, 1]),
        ("unet", "block_out_channels", [8] * 10**5),
        ("unet", "down_block_types", ["DownBlock2D"] * 10**5),
        ("vae", "layers_per_block", 1e300),
        ("vae", "layers_per_block", True),
        ("scheduler", "num_train_timesteps", 10**12),
    ],
)
def test_a_configuration_cannot_make_the_build_endless(
    part: str, key: str, value: Any, tiny: Any, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny("sd15"), base)
    file = base / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(TrainingError, match=f"{key} is .*no model of these families has that"):
        opened = BaseModel(model(base, "sd15"))
        build = {"unet": opened.unet, "vae": opened.vae}.get(part)
        _ = build(torch.float32) if build else opened.text_encoder(part, torch.float32)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "text_encoder_2"])
def test_a_weight_that_is_not_finite_is_named_when_it_is_loaded(
    part: str, value: float, tiny: Any, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny("sdxl"), base)
    stem = "model" if part.startswith("text") else "diffusion_pytorch_model"
    file = base / part / f"{stem}.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[len(tensors) // 2]
    tensors[name].flatten()[-1] = value
    save_file(tensors, file)
    opened = BaseModel(model(base, "sdxl"))
    with pytest.raises(TrainingError) as caught:
        _ = (
            getattr(opened, part)(torch.bfloat16)
            if part in ("unet", "vae")
            else opened.text_encoder(part, torch.float32)
        )
    words = name.removeprefix("text_model.")
    assert words in caught.value.reason and "not finite" in caught.value.reason
    assert caught.value.next_steps == ["Download it again, or choose another base model."]


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_part_of_zeros_is_refused_when_it_is_loaded(part: str, tiny: Any, tmp_path: Path) -> None:
    """A download that broke off after the disk had reserved all space leaves such a file. A single matrix may be
    zeros.
    """
    base = tmp_path / "base"
    shutil.copytree(tiny("sd15"), base)
    file = base / part / ("model.safetensors" if part == "text_encoder" else "diffusion_pytorch_model.safetensors")

    def loaded(share: float) -> None:
        tensors = load_file(file)
        matrices = sorted(name for name, tensor in tensors.items() if tensor.ndim > 1)
        for name in matrices[: max(1, int(share * len(matrices)))]:
            tensors[name].zero_()
        save_file(tensors, file)
        opened = BaseModel(model(base, "sd15"))
        build = {"unet": opened.unet, "vae": opened.vae}.get(part)
        _ = build(torch.float32) if build else opened.text_encoder(part, torch.float32)

    loaded(0)
    with pytest.raises(TrainingError, match=f"matrices of the {part} are zeros") as caught:
        loaded(0.5)
    assert caught.value.id == "model/zeros"


def test_large_weights_whose_sum_overflows_are_sound(tiny: Any, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny("sd15"), base)
    file = base / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_out.weight"].fill_(3e38)
    save_file(tensors, file)
    assert float(BaseModel(model(base, "sd15")).unet(torch.float32).conv_out.weight.max()) > 1e38


def test_the_doubled_name_of_playground_v2_is_read(tiny: Any, tmp_path: Path) -> None:
    folder = tiny("sdxl")
    file = to_single_file(folder, tmp_path / "model.safetensors")
    name = "conditioner.embedders.1.model.text_projection"
    tensors = load_file(file)
    tensors[f"{name}.weight.weight"] = tensors.pop(name).T.contiguous()
    save_file(tensors, tmp_path / "doubled.safetensors")
    opened = BaseModel(
        model(tmp_path / "doubled.safetensors", "sdxl", layout="single_file", config_dir=str(folder))
    ).text_encoder("text_encoder_2", torch.float32)
    plain = BaseModel(model(folder, "sdxl")).text_encoder("text_encoder_2", torch.float32)
    assert torch.equal(opened.text_projection.weight, plain.text_projection.weight)


@pytest.mark.parametrize("form", ["merged", "old names"])
def test_what_merges_and_old_programs_leave_behind_changes_no_weight(form: str, tiny: Any, tmp_path: Path) -> None:
    """Broken position ids, copies of the weights and schedules are passed over; `text_model` may lack in the names."""
    folder, clip = tiny("sd15"), "cond_stage_model.transformer."
    tensors = load_file(to_single_file(folder, tmp_path / "model.safetensors"))
    if form == "merged":
        ids = torch.arange(77).half()[None]
        ids[0, 41] = 40.97
        tensors |= {
            clip + "text_model.embeddings.position_ids": ids,
            clip + "visual_projection.weight": torch.rand(4, 4),
            "cond_stage_model.logit_scale": torch.tensor(4.6),
            "alphas_cumprod": torch.rand(1000),
            "model_ema.decay": torch.tensor(0.99),
            "model_ema.diffusion_modeloutbias": torch.zeros(4),
        }
    else:
        tensors = {name.replace(clip + "text_model.", clip): tensor for name, tensor in tensors.items()}
    save_file(tensors, tmp_path / "left.safetensors")
    left = BaseModel(model(tmp_path / "left.safetensors", "sd15", layout="single_file", config_dir=str(folder)))
    plain = BaseModel(model(folder, "sd15"))
    pairs = [
        (left.unet(torch.float32), plain.unet(torch.float32)),
        (left.text_encoder("text_encoder", torch.float32), plain.text_encoder("text_encoder", torch.float32)),
    ]
    for ours, theirs in pairs:
        expected = theirs.state_dict()
        got = ours.state_dict()
        assert got.keys() == expected.keys()
        assert all(torch.equal(got[name], expected[name]) for name in expected)
