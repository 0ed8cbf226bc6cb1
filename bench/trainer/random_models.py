"""Writes full-size SD1.5 and SDXL with random weights, in the real models' exact layouts, for measuring only.

python bench/trainer/random_models.py sd15|sdxl FOLDER [--single-file FILE] [--device cuda]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2] / "trainer"))

from tests.original_layout import original_names  # noqa: E402
from tests.tiny_models import make_tokenizer  # noqa: E402
from visiontrain_trainer.compute.imports import import_diffusers  # noqa: E402

SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


#: The number of tensors, and of weights in them, in each part of the published models.
SIZES = {
    ("sd15", "unet"): (686, 859_520_964),
    ("sdxl", "unet"): (1680, 2_567_463_684),
    ("sd15", "vae"): (248, 83_653_863),
    ("sdxl", "vae"): (248, 83_653_863),
    ("sd15", "text_encoder"): (196, 123_060_480),
    ("sdxl", "text_encoder"): (196, 123_060_480),
    ("sdxl", "text_encoder_2"): (517, 694_659_840),
}


def text_config(width: int, layers: int, heads: int, act: str) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": 49408,
        "max_position_embeddings": 77,
        "hidden_act": act,
        "projection_dim": width,
        "bos_token_id": 188,
        "eos_token_id": 189,
    }


#: TEXT is SD1.5's text encoder, which is also SDXL's first; SECOND_TEXT is SDXL's second.
TEXT = text_config(768, 12, 12, "quick_gelu")
SECOND_TEXT = text_config(1280, 32, 20, "gelu")


def modules(family: str) -> dict[str, torch.nn.Module]:
    """The model's parts, on the meta device."""
    import_diffusers()
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

    with torch.device("meta"):
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            scaling_factor=0.18215 if family == "sd15" else 0.13025,
        )
        first = CLIPTextModel(CLIPTextConfig(**TEXT))
        if family == "sd15":
            unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
            return {"unet": unet, "vae": vae, "text_encoder": first}
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=[1, 2, 10],
            attention_head_dim=[5, 10, 20],
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
        second = CLIPTextModelWithProjection(CLIPTextConfig(**SECOND_TEXT))
    return {"unet": unet, "vae": vae, "text_encoder": first, "text_encoder_2": second}


def random_weights(module: torch.nn.Module, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Random fp16 weights whose size keeps activations near one. They differ between kinds of devices."""
    generator = torch.Generator(device).manual_seed(0)
    out = {}
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1:
            spread = (1 / parameter[0].numel()) ** 0.5
            out[name] = (
                (torch.rand(parameter.shape, generator=generator, device=device) - 0.5).mul_(spread).half().cpu()
            )
        else:
            out[name] = torch.full(parameter.shape, float("norm" in name and name.endswith("weight"))).half()
    return out


def bystanders(family: str) -> dict[str, torch.Tensor]:
    """Tensors that published single files hold beside weights: the first text encoder's position ids, and for SD1.5 the
    noise schedule.
    """
    prefix = "conditioner.embedders.0" if family == "sdxl" else "cond_stage_model"
    out = {f"{prefix}.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    if family == "sd15":
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        out |= {"betas": betas.float(), "alphas_cumprod": torch.cumprod(1 - betas, 0).float()}
        out |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(0, dtype=torch.int32)}
    return out


def build(family: str, folder: Path, single: Path | None, device: str = "cpu") -> None:
    everything = bystanders(family)
    for part, module in modules(family).items():
        weights = random_weights(module, device)
        size = len(weights), sum(tensor.numel() for tensor in weights.values())
        if size != SIZES[family, part]:
            sys.exit(f"{family} {part}: {size} tensors and numbers, not {SIZES[family, part]}")
        (folder / part).mkdir(parents=True, exist_ok=True)
        stem = "model" if part.startswith("text") else "diffusion_pytorch_model"
        save_file(weights, folder / part / f"{stem}.safetensors")
        config = dict(module.config) if isinstance(module.config, dict) else module.config.to_dict()
        config = {k: v for k, v in config.items() if not k.startswith("_")}
        if part.startswith("text"):
            config["architectures"] = [type(module).__name__]
        else:
            config["_class_name"] = type(module).__name__
        (folder / part / "config.json").write_text(json.dumps(config))
        if single:
            everything |= original_names(part, weights, config, sdxl=family == "sdxl")
    make_tokenizer(folder / "tokenizer", "<|endoftext|>")
    kinds = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
    kinds |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    if family == "sdxl":
        make_tokenizer(folder / "tokenizer_2", "!")
        kinds["text_encoder_2"] = ["transformers", "CLIPTextModelWithProjection"]
        kinds["tokenizer_2"] = ["transformers", "CLIPTokenizer"]
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    kinds["scheduler"] = ["diffusers", "DDIMScheduler"]
    index = {"_class_name": "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline", **kinds}
    if family == "sd15":
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))
    if single:
        save_file({name: tensor.contiguous() for name, tensor in everything.items()}, single)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=["sd15", "sdxl"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--single-file", type=Path)
    parser.add_argument("--device", default="cpu", help="where the numbers are drawn: cuda is faster")
    given = parser.parse_args()
    build(given.family, given.folder, given.single_file, given.device)
