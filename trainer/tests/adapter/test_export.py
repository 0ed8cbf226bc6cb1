"""The LoRA file: its names, its strength, its metadata, and what stock diffusers makes of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.export import Origin, make_files
from visiontrain_trainer.adapter.lora_read import Wanted, from_file
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.lora_tools.alphas import Alphas
from visiontrain_trainer.model.ldm_keys import unet_to_ldm
from visiontrain_trainer.model.models import BaseModel

RATES = {"sd15": [1e-3], "sdxl": [1e-3, 1e-3]}


def adapted(plan_data: dict[str, Any], checkpoint: Path) -> torch.nn.Module:
    """The U-Net as in training: the trainer's own LoRA layers with the checkpoint's fp32 weights."""
    plan = parse_plan(plan_data)
    unet = BaseModel(plan.model).unet(torch.float32)
    adapter = Adapter({"unet": unet}, plan.training, plan.seed)
    adapter.load(load_file(checkpoint / "adapter.safetensors"))
    return unet


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("form", ["kohya", "diffusers"])
def test_stock_load_lora_weights_gives_the_unet_of_training(
    family: str, form: str, train_here: Any, plan_for: Any, tiny: Any
) -> None:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    plan = plan_for(
        family,
        training={"steps": 2, "learning_rate": 0.05, "conv_rank": 2, "conv_alpha": 1.5},
        output={"precision": "fp32", "diffusers": True},
    )
    run = train_here(plan)
    file = next(run.folder / e["path"] for e in run.of("output") if e["format"] == form)
    kind = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    pipeline = kind.from_pretrained(tiny(family), local_files_only=True)
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8, 8)
    inputs: dict[str, Any] = {"encoder_hidden_states": torch.randn(2, 77, 40 if family == "sdxl" else 16)}
    if family == "sdxl":
        inputs["added_cond_kwargs"] = {"text_embeds": torch.randn(2, 24), "time_ids": torch.full((2, 6), 64.0)}
    ours = adapted(plan, run.folder / "checkpoints" / "step-000002")
    with torch.no_grad():
        plain = pipeline.unet(x, 500, **inputs).sample
        expected = ours(x, 500, **inputs).sample
        pipeline.load_lora_weights(file)
        got = pipeline.unet(x, 500, **inputs).sample
    assert (expected - plain).abs().max() > 1e-2
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_names_are_those_of_sd_scripts(family: str, train_here: Any, plan_for: Any) -> None:
    training = {"steps": 1, "conv_rank": 3, "conv_alpha": 1.5, "text_encoder_learning_rates": RATES[family]}
    run = train_here(plan_for(family, training=training))
    stored = load_file(run.folder / run.of("output")[0]["path"])
    modules = {name.split(".", 1)[0] for name in stored}
    assert {name.split(".", 1)[1] for name in stored} == {"lora_down.weight", "lora_up.weight", "alpha"}
    strengths = {m: (stored[f"{m}.lora_down.weight"].shape, float(stored[f"{m}.alpha"])) for m in modules}
    spatial = {m for m, (shape, _) in strengths.items() if shape[2:] == (3, 3)}
    assert {(strengths[m][0][0], strengths[m][1]) for m in spatial} == {(3, 1.5)}
    assert {(strengths[m][0][0], strengths[m][1]) for m in modules - spatial} == {(4, 2)}
    prefixes = {"lora_unet", "lora_te"} if family == "sd15" else {"lora_unet", "lora_te1", "lora_te2"}
    assert {"_".join(m.split("_")[:2]) for m in modules} == prefixes
    if family == "sd15":
        wanted = [
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
            "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_ff_net_0_proj",
            "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_out_0",
            "lora_unet_mid_block_attentions_0_proj_in",
            "lora_unet_mid_block_resnets_1_time_emb_proj",
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
            "lora_te_text_model_encoder_layers_2_mlp_fc2",
        ]
        convolutions = ["down_blocks_1_downsamplers_0_conv", "up_blocks_3_resnets_0_conv1"]
        points = ["up_blocks_3_resnets_0_conv_shortcut"]
    else:
        wanted = [
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
            "lora_unet_input_blocks_8_1_transformer_blocks_1_ff_net_2",
            "lora_unet_middle_block_1_proj_out",
            "lora_unet_middle_block_2_emb_layers_1",
            "lora_unet_output_blocks_0_1_transformer_blocks_0_attn2_to_out_0",
            "lora_unet_output_blocks_5_1_proj_in",
            "lora_te1_text_model_encoder_layers_0_self_attn_k_proj",
            "lora_te2_text_model_encoder_layers_2_mlp_fc1",
        ]
        convolutions = ["input_blocks_3_0_op", "output_blocks_2_0_in_layers_2"]
        points = ["output_blocks_2_0_skip_connection"]
    assert set(wanted) | {f"lora_unet_{n}" for n in points} <= modules - spatial
    assert {f"lora_unet_{n}" for n in convolutions} <= spatial


@pytest.mark.parametrize(
    ("name", "original"),
    [
        (
            "down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_k",
            "input_blocks.8.1.transformer_blocks.9.attn2.to_k",
        ),
        ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
        ("up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"),
        ("up_blocks.2.resnets.1.conv_shortcut", "output_blocks.7.0.skip_connection"),
        ("mid_block.resnets.1.conv2", "middle_block.2.out_layers.3"),
        ("mid_block.attentions.0.proj_in", "middle_block.1.proj_in"),
        ("add_embedding.linear_2", "label_emb.0.2"),
    ],
)
def test_sgm_names_of_real_sdxl(name: str, original: str) -> None:
    kinds = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]
    assert unet_to_ldm(name, {"layers_per_block": 2, "up_block_types": kinds}) == original


def test_metadata_and_hashes(train_here: Any, plan_for: Any) -> None:
    plan = plan_for(training={"steps": 1}, output={"facts": {"ss_tag_frequency": "{}", "ss_output_name": "other"}})
    run = train_here(plan)
    output = run.of("output")[0]
    content = (run.folder / output["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == output["sha256"]
    length = int.from_bytes(content[:8], "little")
    with safe_open(run.folder / output["path"], framework="pt") as file:
        facts = file.metadata()
    assert facts["sshs_model_hash"] == hashlib.sha256(content[8 + length :]).hexdigest()
    assert len(facts["sshs_legacy_hash"]) == 8
    assert facts["ss_output_name"] == "other"  # The plan's facts replace computed ones.
    assert facts["ss_base_model_version"] == "sd_v1" and facts["ss_network_module"] == "networks.lora"
    assert (facts["ss_network_dim"], facts["ss_network_alpha"]) == ("4", "2")
    assert facts["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert all(isinstance(value, str) for value in facts.values())
    assert not any("date" in name or name.endswith("_at") for name in facts)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_16_bit_files_hold_the_fp32_weights_rounded_once(
    family: str, precision: str, dtype: torch.dtype, train_here: Any, plan_for: Any, tiny: Any
) -> None:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    training = {"steps": 2, "learning_rate": 0.05, "conv_rank": 2, "text_encoder_learning_rates": RATES[family]}
    runs = {
        p: train_here(plan_for(family, training=training, output={"precision": p, "diffusers": True}), p)
        for p in ("fp32", precision)
    }
    files = {p: {e["format"]: run.folder / e["path"] for e in run.of("output")} for p, run in runs.items()}
    for form in ("kohya", "diffusers"):
        whole, rounded = load_file(files["fp32"][form]), load_file(files[precision][form])
        assert whole.keys() == rounded.keys()
        for name, tensor in whole.items():
            assert (tensor.dtype, rounded[name].dtype) == (torch.float32, dtype)
            assert torch.equal(rounded[name], tensor.to(dtype)), name
        # Some weight was really rounded: fp32 weights under a 16-bit label would pass the assertions above.
        assert any(not torch.equal(rounded[name].float(), tensor) for name, tensor in whole.items())
        content = files[precision][form].read_bytes()
        payload = content[8 + int.from_bytes(content[:8], "little") :]
        assert len(payload) == 2 * sum(tensor.numel() for tensor in whole.values())
        with safe_open(files[precision][form], framework="pt") as file:
            assert file.metadata()["sshs_model_hash"] == hashlib.sha256(payload).hexdigest()

    kind = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8, 8)
    inputs: dict[str, Any] = {"encoder_hidden_states": torch.randn(2, 77, 40 if family == "sdxl" else 16)}
    if family == "sdxl":
        inputs["added_cond_kwargs"] = {"text_embeds": torch.randn(2, 24), "time_ids": torch.full((2, 6), 64.0)}

    def output(file: Path | None) -> torch.Tensor:
        pipeline = kind.from_pretrained(tiny(family), local_files_only=True)
        if file is not None:
            pipeline.load_lora_weights(file)
        with torch.no_grad():
            return pipeline.unet(x, 500, **inputs).sample

    plain, whole_output = output(None), output(files["fp32"]["kohya"])
    effect = (whole_output - plain).norm()
    for form in ("kohya", "diffusers"):
        # Rounding moves every weight by up to half a unit in the last place: 2^-9 for bf16, 2^-12 for fp16.
        off = (output(files[precision][form]) - whole_output).norm() / effect
        assert off < (0.02 if precision == "bf16" else 0.003)
        assert off > 0


def test_a_weight_too_large_for_the_file_is_refused(plan_for: Any) -> None:
    plan = parse_plan(plan_for())
    tensors = {"unet.mid_block.attentions.0.proj_in.down": torch.ones(4, 8)}
    tensors["unet.mid_block.attentions.0.proj_in.up"] = torch.full((8, 4), 7e4)
    scales = {"unet.mid_block.attentions.0.proj_in": 2.0}
    with pytest.raises(TrainingError, match=r"proj_in\.lora_up\.weight has a weight too large for a file in fp16"):
        make_files(plan, tensors, Origin.of(scales, {}, {}))


@pytest.mark.parametrize(("level", "count"), [("minimal", 9), ("none", 0)])
def test_less_metadata(level: str, count: int, train_here: Any, plan_for: Any) -> None:
    run = train_here(plan_for(training={"steps": 1}, output={"metadata": level}))
    header = (run.folder / run.of("output")[0]["path"]).read_bytes()
    facts = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")]).get("__metadata__", {})
    assert len(facts) == count


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("form", ["kohya", "diffusers"])
def test_going_on_from_our_own_file(family: str, form: str, train_here: Any, plan_for: Any) -> None:
    rates = {"text_encoder_learning_rates": RATES[family]}
    output = {"precision": "fp32", "diffusers": True}
    convolutions = {"conv_rank": 2, "conv_alpha": 1.5}
    first = train_here(plan_for(family, training={"steps": 2, **convolutions, **rates}, output=output), "first")
    file = next(first.folder / e["path"] for e in first.of("output") if e["format"] == form)
    again = {"steps": 1, "learning_rate": 1e-30, "alpha": 3, "init_lora": str(file), "weight_decay": 0, "conv_rank": 2}
    again["text_encoder_learning_rates"] = [1e-30] * len(RATES[family])
    plan = plan_for(family, training=again, output=output)
    second = train_here(plan, "second")
    assert second.code == 5  # The rate is so low that nothing is learned, so the file is unchanged.
    a = load_file(first.folder / first.of("output")[1]["path"])
    b = load_file(second.folder / second.of("output")[1]["path"])
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("rslora", [False, True])
def test_going_on_from_a_file_of_diffusers_own(
    rslora: bool, train_here: Any, plan_for: Any, tiny: Any, tmp_path: Path
) -> None:
    """A diffusers file has no alpha tensors. Alpha stands in its metadata, and the weights' scale depends on it."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig, get_peft_model_state_dict

    pipeline = StableDiffusionPipeline.from_pretrained(tiny("sd15"), local_files_only=True)
    unet = pipeline.unet
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    pattern = {"attn1.to_q": 12}
    torch.manual_seed(0)
    unet.add_adapter(
        LoraConfig(
            r=4, lora_alpha=1, alpha_pattern=pattern, use_rslora=rslora, init_lora_weights=False, target_modules=targets
        )
    )
    pipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(unet)),
        unet_lora_adapter_metadata=unet.peft_config["default"].to_dict(),
    )
    file = tmp_path / "pytorch_lora_weights.safetensors"
    data = plan_for(training={"steps": 1, "learning_rate": 1e-30, "targets": "attention", "init_lora": str(file)})
    run = train_here(data)
    assert run.code == 5  # The rate is so low that nothing is learned, so the weights are unchanged.
    ours = adapted(data, run.folder / "checkpoints" / "step-000001")
    x, states = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 16)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, 500, states).sample, unet(x, 500, states).sample, atol=2e-5, rtol=1e-4)
        unet.disable_adapters()
        assert (ours(x, 500, states).sample - unet(x, 500, states).sample).abs().max() > 1e-2


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"unet.lora_alpha": "strong"}',
        '{"unet.alpha_pattern": {"(": 1}}',
        '{"unet.alpha_pattern": {"a": {}}}',
        # Matching this key as a regular expression would never end.
        json.dumps({"unet.alpha_pattern": {r"(\w+[\w.]*)+X": 1}}),
        "[" * 100_000,
    ],
)
def test_metadata_that_makes_no_sense_is_refused(text: str) -> None:
    layer = "unet." + "down_blocks." * 8 + "to_k"
    own = {f"{layer}.down": torch.ones(2, 3), f"{layer}.up": torch.ones(3, 2)}
    tensors = {f"{layer}.lora_A.weight": torch.ones(2, 3), f"{layer}.lora_B.weight": torch.ones(3, 2)}
    with pytest.raises(TrainingError, match="its strength is unknown"):
        wanted = Wanted({layer: 2.0}, own, "sd15", {})
        from_file(tensors, {"lora_adapter_metadata": text}, wanted, "x.safetensors")


@pytest.mark.parametrize("key", ["text_model.encoder.layers.0.mlp.fc1", "encoder.layers.0.mlp.fc1", "layers.0.mlp.fc1"])
def test_alpha_of_a_text_encoders_layer_by_any_of_its_names(key: str) -> None:
    """Newer transformers dropped `text_model.` from these names, but files keep the names they were written with."""
    config = {"text_encoder.lora_alpha": 1, "text_encoder.alpha_pattern": {key: 6}}
    metadata = {"lora_adapter_metadata": json.dumps(config)}
    alphas = Alphas(metadata, "x.safetensors")
    for module in ("encoder.layers.0.mlp.fc1", "text_model.encoder.layers.0.mlp.fc1"):
        assert alphas.of("text_encoder", module, 2) == 6
    assert alphas.of("text_encoder", "encoder.layers.1.mlp.fc1", 2) == 1
