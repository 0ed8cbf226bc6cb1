"""Writes the model in the forms people use: a diffusers folder and one file in SD1.5's layout; and models for tests."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from . import text, unet, vae
from .unet import SCHEDULER

TOKENIZER_FILES = ("vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json")


def sd15(
    autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, encoder: CLIPTextModel, model: UNet2DConditionModel,
    tokenizer_files: Path, out: Path, prediction: str = "epsilon",
) -> None:  # fmt: skip
    """Write the diffusers folder, in float16; `tokenizer_files` is the folder the tokenizer was read from."""
    told = {**SCHEDULER, "prediction_type": prediction, "skip_prk_steps": True}
    scheduler = PNDMScheduler(**{k: v for k, v in told.items() if k != "clip_sample"})
    pipeline = StableDiffusionPipeline(
        vae=autoencoder, text_encoder=encoder, tokenizer=tokenizer, unet=model, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(out)
    pipeline.to(dtype=torch.float32)
    # SD1.5's own file has this key too: it is no setting of PNDM, but a DDIM scheduler made from the file needs it.
    path = out / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "clip_sample": False}, indent=2) + "\n")
    _tidy(out, {"tokenizer": tokenizer_files})


def _tidy(out: Path, tokenizers: dict[str, Path]) -> None:
    """Make the folder load in old and new releases of transformers alike, and name no path of this machine.

    Tokenizers get the files that every release reads. Weights of text encoders get the prefix that SD1.5's own have.
    The configuration says float32, because newer releases would otherwise load text encoders as float16 beside a
    float32 U-Net.
    """
    for name, source in tokenizers.items():
        shutil.rmtree(out / name)
        (out / name).mkdir()
        for file in TOKENIZER_FILES:
            shutil.copyfile(source / file, out / name / file)
    for folder in out.glob("text_encoder*"):
        weights = load_file(folder / "model.safetensors")
        named = {
            k if k.startswith(("text_model.", "text_projection")) else f"text_model.{k}": v for k, v in weights.items()
        }
        save_file(named, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "dtype": "float32"}, indent=2) + "\n")
    for path in out.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.suffix == ".json" and "_name_or_path" in (content := path.read_text()):
            config = json.loads(content)
            config.pop("_name_or_path", None)
            path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
           "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}  # fmt: skip


def unet_key(key: str) -> str:
    """The original name of a U-Net weight, for four levels of two layers a block as in SD1.5.

    >>> unet_key("down_blocks.1.attentions.0.proj_in.weight")
    'model.diffusion_model.input_blocks.4.1.proj_in.weight'
    """
    fixed = {"conv_in.": "input_blocks.0.0.", "conv_norm_out.": "out.0.", "conv_out.": "out.2.",
             "time_embedding.linear_1.": "time_embed.0.", "time_embedding.linear_2.": "time_embed.2."}  # fmt: skip
    for new, old in fixed.items():
        if key.startswith(new):
            return "model.diffusion_model." + old + key[len(new) :]
    match = re.fullmatch(r"(down_blocks|up_blocks|mid_block)\.(?:(\d)\.)?(\w+)\.(\d)\.(.+)", key)
    if match is None:
        raise KeyError(f"no original name is known for {key}")
    side, level, kind, index, rest = match[1], int(match[2] or 0), match[3], int(match[4]), match[5]
    if side == "mid_block":
        place = f"middle_block.{1 if kind == 'attentions' else 2 * index}"
    elif side == "down_blocks":
        place = f"input_blocks.{3 * level + 3}.0" if kind == "downsamplers" else f"input_blocks.{3 * level + index + 1}"
        place += "" if kind == "downsamplers" else f".{int(kind == 'attentions')}"
    elif kind == "upsamplers":
        place = f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}"
    else:
        place = f"output_blocks.{3 * level + index}.{int(kind == 'attentions')}"
    if kind == "resnets":
        part, _, tail = rest.partition(".")
        rest = f"{_RESNET[part]}.{tail}"
    elif side == "down_blocks" and kind == "downsamplers":
        rest = rest.replace("conv.", "op.")
    return f"model.diffusion_model.{place}.{rest}"


def vae_key(key: str) -> str:
    """The original name of an autoencoder weight, for four levels.

    >>> vae_key("decoder.up_blocks.0.resnets.1.conv_shortcut.weight")
    'first_stage_model.decoder.up.3.block.1.nin_shortcut.weight'
    """
    key = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", key)
    key = re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.", lambda m: f"up.{3 - int(m[1])}.upsample.", key)
    key = re.sub(r"mid_block\.resnets\.(\d)\.", lambda m: f"mid.block_{int(m[1]) + 1}.", key)
    names = {"mid_block.attentions.0.group_norm": "mid.attn_1.norm", "mid_block.attentions.0.to_q": "mid.attn_1.q",
             "mid_block.attentions.0.to_k": "mid.attn_1.k", "mid_block.attentions.0.to_v": "mid.attn_1.v",
             "mid_block.attentions.0.to_out.0": "mid.attn_1.proj_out", "conv_norm_out": "norm_out",
             "conv_shortcut": "nin_shortcut"}  # fmt: skip
    for new, old in names.items():
        key = key.replace(new, old)
    return "first_stage_model." + key


def single_file(folder: Path, out: Path) -> None:
    """Write the folder's weights as one file in the key layout of the original SD1.5 checkpoints."""
    weights: dict[str, torch.Tensor] = {}
    for key, value in load_file(folder / "unet" / "diffusion_pytorch_model.safetensors").items():
        weights[unet_key(key)] = value
    for key, value in load_file(folder / "vae" / "diffusion_pytorch_model.safetensors").items():
        name = vae_key(key)
        # The original layout stores the attention's linear layers as 1x1 convolutions.
        weights[name] = value[..., None, None] if "attn_1" in name and value.ndim == 2 else value
    for key, value in load_file(folder / "text_encoder" / "model.safetensors").items():
        weights["cond_stage_model.transformer." + key] = value
    part = out.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in weights.items()}, part, {"format": "pt"})
    part.replace(out)


def v_twin(out: Path, tokenizer_files: Path, seed: int = 0) -> None:
    """Write a v-prediction model of the same form, with RANDOM weights: for tests of code paths, not for samples."""
    torch.manual_seed(seed)
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_files)
    sd15(vae.build(), tokenizer, text.build(tokenizer), unet.build(), tokenizer_files, out, "v_prediction")


def sdxl_twin(out: Path, tokenizer_files: Path, seed: int = 0) -> None:
    """Write a model of SDXL's form, with RANDOM weights: its two text encoders, time ids and attention layout."""
    torch.manual_seed(seed)
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_files)

    def config(width: int, layers: int, act: str) -> CLIPTextConfig:
        return CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
            num_attention_heads=2, max_position_embeddings=77, hidden_act=act, projection_dim=width,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip

    model = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10), attention_head_dim=(2, 4, 4), use_linear_projection=True,
        cross_attention_dim=64 + 32, norm_num_groups=8, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + 32,
    )  # fmt: skip
    autoencoder = vae.build()
    autoencoder.register_to_config(scaling_factor=0.13025, force_upcast=True)
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder, text_encoder=CLIPTextModel(config(64, 12, "quick_gelu")),
        text_encoder_2=CLIPTextModelWithProjection(config(32, 32, "gelu")), tokenizer=tokenizer,
        tokenizer_2=tokenizer, unet=model, scheduler=scheduler, add_watermarker=False,
    )  # fmt: skip
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(out)
    _tidy(out, {"tokenizer": tokenizer_files, "tokenizer_2": tokenizer_files})
