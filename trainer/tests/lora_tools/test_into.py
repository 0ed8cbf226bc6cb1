"""LoRAs merged into a single-file checkpoint against the dense formula, and the layers of a LoRA that fit a base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.drawing.test_drawing import KINDS
from tests.tiny_models import to_single_file
from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.lora_tools.__main__ import run

#: Layers in kohya's names, with the tensor of the single file, which the names of a LoRA do not give.
LAYERS = {
    "sd15": {
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k": (
            "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
        ),
        "lora_unet_mid_block_resnets_0_conv1": "model.diffusion_model.middle_block.0.in_layers.2.weight",
        "lora_te_text_model_encoder_layers_1_mlp_fc1": (
            "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc1.weight"
        ),
    },
    "sdxl": {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k": (
            "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
        ),
        "lora_te2_text_model_encoder_layers_1_self_attn_k_proj": (
            "conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight"
        ),
    },
}


def _lora(path: Path, base: dict[str, torch.Tensor], family: str, kind: str) -> dict[str, torch.Tensor]:
    """A LoRA of a kind for each of the layers, and for each tensor the change that it adds at strength 0.5."""
    stored, added = {}, {}
    for module, tensor in LAYERS[family].items():
        weight = base[tensor]
        third = tensor.endswith("in_proj_weight")
        part = weight.chunk(3)[1] if third else weight
        own = "lora" if part.dim() == 2 and kind.endswith("core") else kind
        pieces, change = KINDS[own](part)
        stored |= {f"{module}.{role}": piece.contiguous().clone() for role, piece in pieces.items()}
        whole = torch.zeros_like(weight)
        (whole.chunk(3)[1] if third else whole).copy_(change(torch.tensor(0.5)))
        added[tensor] = whole
    save_file(stored, path)
    return added


def _into(base: Path, lora: Path, to: Path, **more: Any) -> dict[str, Any]:
    return run(
        {
            "action": "into",
            "base": [str(base)],
            "sources": [{"path": str(lora), "strength": 0.5}],
            "to": str(to),
            **more,
        }
    )


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("sd15", "lora"),
        ("sd15", "loha with a core"),
        ("sd15", "whole lokr"),
        ("sd15", "dora by input"),
        ("sd15", "oft rescaled"),
        ("sdxl", "oft within a bound"),
        ("sd15", "boft"),
        ("sdxl", "glora"),
        ("sd15", "ia3 of inputs"),
        ("sdxl", "lora"),
    ],
)
def test_the_checkpoint_has_the_dense_sum_and_nothing_else_changes(
    family: str, kind: str, tiny: Any, tmp_path: Path
) -> None:
    base = to_single_file(tiny(family), tmp_path / "base.safetensors")
    before = load_file(base)
    added = _lora(tmp_path / "lora.safetensors", before, family, kind)
    told = _into(base, tmp_path / "lora.safetensors", tmp_path / "out.safetensors")
    after = load_file(tmp_path / "out.safetensors")
    assert after.keys() == before.keys() and told["changed"] == len(added) and told["left"] == []
    for name, tensor in after.items():
        if name in added:
            assert added[name].abs().max() > 1e-5
            torch.testing.assert_close(tensor, before[name] + added[name], atol=1e-6, rtol=1e-5)
        else:
            assert torch.equal(tensor, before[name]), name
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert json.loads(file.metadata()["modelspec.merged_from"]) == [{"name": "lora.safetensors", "strength": 0.5}]
    again = _into(base, tmp_path / "lora.safetensors", tmp_path / "again.safetensors")
    assert again["sha256"] == told["sha256"]
    half = _into(base, tmp_path / "lora.safetensors", tmp_path / "half.safetensors", precision="bf16")
    for name, tensor in load_file(half["path"]).items():
        torch.testing.assert_close(tensor, after[name].bfloat16() if after[name].is_floating_point() else after[name])


def _folder(tiny: Any, to: Path) -> Path:
    """A diffusers folder with all that such folders have: shards, a variant, links, and weights in other formats."""
    shutil.copytree(tiny("sd15"), to)
    [unet] = (to / "unet").glob("*.safetensors")
    weights = load_file(unet)
    save_file({name: tensor.half() for name, tensor in weights.items()}, unet.with_suffix(".fp16.safetensors"))
    names, shards = sorted(weights), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        shards[number] = f"{unet.stem}-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, to / "unet" / shards[number])
    weight_map = {name: shards[1 + index % 2] for index, name in enumerate(names)}
    size = sum(tensor.nbytes for tensor in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (to / "unet" / f"{unet.name}.index.json").write_text(json.dumps(index))
    unet.unlink()
    (to / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (to / "whole.safetensors").write_bytes(b"")
    real = to.parent / "config-blob"
    (to / "unet" / "config.json").rename(real)
    (to / "unet" / "config.json").symlink_to(real)
    return to


def test_a_diffusers_folder_is_written_anew_with_its_shards_and_variants(tiny: Any, tmp_path: Path) -> None:
    base = _folder(tiny, tmp_path / "base")
    shards = sorted((base / "unet").glob("*-of-*.safetensors"))
    before = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
    text = load_file(next((base / "text_encoder").glob("*.safetensors")))
    linear = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    fc1 = "encoder.layers.1.mlp.fc1"
    pieces, change = KINDS["oft"](before[f"{linear}.weight"])
    stored = {f"lora_unet_{linear.replace('.', '_')}.{role}": tensor for role, tensor in pieces.items()}
    spelled = next(name for name in text if name.endswith(f"{fc1}.weight"))
    diff = torch.full_like(text[spelled], 0.01)
    bias = torch.full_like(text[spelled.replace("weight", "bias")], 0.5)
    stored |= {
        f"lora_te_text_model_{fc1.replace('.', '_')}.{role}": t for role, t in (("diff", diff), ("diff_b", bias))
    }
    save_file(stored, tmp_path / "lora.safetensors")
    told = _into(base, tmp_path / "lora.safetensors", tmp_path / "new")
    made = tmp_path / "new"
    assert told["left"] == [] and sorted(told["omitted"]) == ["unet/diffusion_pytorch_model.bin", "whole.safetensors"]
    # The U-Net's layer in its shard and in the variant; the text encoder's weight and bias.
    assert told["changed"] == 4
    after = {name: tensor for shard in shards for name, tensor in load_file(made / "unet" / shard.name).items()}
    wanted = before[f"{linear}.weight"] + change(torch.tensor(0.5))
    torch.testing.assert_close(after[f"{linear}.weight"], wanted, atol=1e-6, rtol=1e-5)
    assert all(torch.equal(after[name], before[name]) for name in before if name != f"{linear}.weight")
    [variant] = (made / "unet").glob("*.fp16.safetensors")
    half = load_file(variant)[f"{linear}.weight"]
    assert half.dtype == torch.float16 and (half.float() - wanted).abs().max() < 2e-3
    new_text = load_file(next((made / "text_encoder").glob("*.safetensors")))
    torch.testing.assert_close(new_text[spelled], text[spelled] + 0.005)
    name = spelled.replace("weight", "bias")
    torch.testing.assert_close(new_text[name], text[name] + 0.25)
    assert (made / "model_index.json").read_bytes() == (base / "model_index.json").read_bytes()
    assert (made / "unet" / "config.json").is_file() and not (made / "unet" / "config.json").is_symlink()
    assert {each["path"] for each in told["files"]} == {str(path) for path in made.rglob("*.safetensors")}
    short = _into(base, tmp_path / "lora.safetensors", tmp_path / "short", precision="bf16")
    index = json.loads(next((tmp_path / "short" / "unet").glob("*.index.json")).read_bytes())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes // 2 for tensor in before.values())
    assert len(short["files"]) == len(told["files"])
    with pytest.raises(TrainingError, match="is there already"):
        _into(base, tmp_path / "lora.safetensors", made)


def test_a_folder_that_cannot_be_made_leaves_nothing(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lora(tmp_path / "lora.safetensors", load_file(to_single_file(tiny("sd15"), tmp_path / "one")), "sd15", "lora")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(MachineError, match="No space left"):
        _into(tiny("sd15"), tmp_path / "lora.safetensors", tmp_path / "out" / "new")
    assert list((tmp_path / "out").iterdir()) == []


def test_layers_that_fit_a_base_are_named(tiny: Any, tmp_path: Path) -> None:
    base = to_single_file(tiny("sd15"), tmp_path / "base.safetensors")
    _lora(tmp_path / "lora.safetensors", load_file(base), "sd15", "lora")
    folder = tiny("sd15")
    parts = [str(p) for p in (*folder.glob("unet/*.safetensors"), *folder.glob("text_encoder/*.safetensors"))]
    stored = load_file(tmp_path / "lora.safetensors")
    first, *_ = LAYERS["sd15"]
    stored["lora_unet_far_away.lora_down.weight"] = torch.zeros(1, 4)
    stored["lora_unet_far_away.lora_up.weight"] = torch.zeros(4, 1)
    stored[f"{first}.lora_down.weight"] = torch.zeros(2, 99)
    save_file(stored, tmp_path / "odd.safetensors")
    for files in ([str(base)], parts):
        sources = [{"path": str(tmp_path / "lora.safetensors")}]
        told = run({"action": "fit", "base": files, "sources": sources})
        assert told["missing"] == told["unfit"] == []
        assert told["parts"]["unet"]["fits"] == 2 and told["parts"]["text_encoder"]["fits"] == 1
        odd = run({"action": "fit", "base": files, "sources": [{"path": str(tmp_path / "odd.safetensors")}]})
        assert odd["missing"] == ["lora_unet_far_away"]
        assert [(each["module"], each["has"][1]) for each in odd["unfit"]] == [(first, 99)]


def test_a_merge_that_is_refused_leaves_no_file(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = to_single_file(tiny("sd15"), tmp_path / "base.safetensors")
    stranger = {"lora_unet_x.lora_down.weight": torch.zeros(1, 4), "lora_unet_x.lora_up.weight": torch.zeros(4, 1)}
    save_file(stranger, tmp_path / "strange.safetensors")
    with pytest.raises(TrainingError, match="none of its layers"):
        _into(base, tmp_path / "strange.safetensors", tmp_path / "out")
    before = load_file(base)
    _lora(tmp_path / "lora.safetensors", before, "sd15", "lora")
    huge = {
        name: tensor * (1e6 if name.endswith("up.weight") else 1)
        for name, tensor in load_file(tmp_path / "lora.safetensors").items()
    }
    save_file(huge, tmp_path / "huge.safetensors")
    with pytest.raises(TrainingError, match="too large"):
        _into(base, tmp_path / "huge.safetensors", tmp_path / "out", precision="fp16")
    (tmp_path / "cut.safetensors").write_bytes(base.read_bytes()[:-99])
    with pytest.raises(TrainingError, match="no sound safetensors"):
        _into(tmp_path / "cut.safetensors", tmp_path / "lora.safetensors", tmp_path / "out")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(MachineError, match="its disk has"):
        _into(base, tmp_path / "lora.safetensors", tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
