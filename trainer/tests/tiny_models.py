"""Tiny random base models with the topology of the real families, and small sets of images, for tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from visiontrain_trainer.base.rng import uniform
from visiontrain_trainer.compute.imports import import_diffusers

SEED = 7
#: Keys of an image in most plans: without a mask, and not for regularisation.
ORDINARY = {"regularisation": False, "generated": None, "loss_weight": 1, "mask": None, "own": None}


def fill(module: torch.nn.Module, name: str) -> torch.nn.Module:
    """Give every parameter values drawn from its name alone, so that literal numbers in tests hold on every machine."""
    with torch.no_grad():
        for key, parameter in sorted(module.named_parameters()):
            key = key.removeprefix("text_model.")
            drawn = uniform(parameter.shape, SEED, "weights", name, key) - 0.5
            if parameter.dim() > 1:
                parameter.copy_(drawn * 2 * (3 / parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(drawn * 0.1 + (1 if "norm" in key and key.endswith("weight") else 0))
    return module


def make_unet(family: str) -> torch.nn.Module:
    import_diffusers()
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    common: dict[str, Any] = {"sample_size": 8, "layers_per_block": 2, "norm_num_groups": 4}
    if family == "sd15":
        cross = ["CrossAttnDownBlock2D"] * 3
        return UNet2DConditionModel(
            block_out_channels=(8, 8, 16, 16),
            down_block_types=(*cross, "DownBlock2D"),
            up_block_types=("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
            cross_attention_dim=16,
            attention_head_dim=2,
            **common,
        )
    return UNet2DConditionModel(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=[1, 1, 2],
        cross_attention_dim=16 + 24,
        attention_head_dim=[1, 2, 2],
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=8 * 6 + 24,
        **common,
    )


def make_vae(family: str) -> torch.nn.Module:
    import_diffusers()
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=4,
        scaling_factor=0.13025 if family == "sdxl" else 0.18215,
    )


def _text_config(width: int, act: str, vocabulary: int, ids: tuple[int, int]) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "vocab_size": vocabulary,
        "max_position_embeddings": 77,
        "hidden_act": act,
        "projection_dim": width,
        "bos_token_id": ids[0],
        "eos_token_id": ids[1],
        "pad_token_id": ids[1],
    }


def make_tokenizer(folder: Path, pad: str) -> tuple[int, tuple[int, int]]:
    """Write a real CLIP tokenizer over single bytes, without merges. Returns (vocabulary size, (begin, end))."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    letters = [chr(c) for c in range(33, 127)]
    vocabulary = {token: i for i, token in enumerate([*letters, *(f"{c}</w>" for c in letters)])}
    begin, end = len(vocabulary), len(vocabulary) + 1
    vocabulary |= {"<|startoftext|>": begin, "<|endoftext|>": end}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), pad_token=pad, model_max_length=77
    )
    tokenizer.save_pretrained(str(folder))
    return len(vocabulary), (begin, end)


def make_model(folder: Path, family: str, prediction: str = "epsilon") -> Path:
    """Write a diffusers folder with all parts of a model."""
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

    fill(make_unet(family), "unet").save_pretrained(folder / "unet")
    fill(make_vae(family), "vae").save_pretrained(folder / "vae")
    size, ids = make_tokenizer(folder / "tokenizer", "<|endoftext|>")
    config = CLIPTextConfig(**_text_config(16, "quick_gelu", size, ids))
    fill(CLIPTextModel(config), "text_encoder").save_pretrained(folder / "text_encoder")
    kinds = {"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
    kinds |= {"text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}
    if family == "sdxl":
        size, ids = make_tokenizer(folder / "tokenizer_2", "!")
        config = CLIPTextConfig(**_text_config(24, "gelu", size, ids))
        fill(CLIPTextModelWithProjection(config), "text_encoder_2").save_pretrained(folder / "text_encoder_2")
        kinds |= {
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
        }
    (folder / "scheduler").mkdir()
    scheduler = {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": prediction,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
    }
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    kinds["scheduler"] = ["diffusers", "DDIMScheduler"]
    index = {"_class_name": "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline", **kinds}
    if family == "sd15":
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def make_images(folder: Path, count: int = 5) -> list[dict[str, Any]]:
    """Write images of two shapes. Returns them with captions, as a plan lists them."""
    folder.mkdir(parents=True)
    samples = []
    for i in range(count):
        size, bucket = ((70, 64), (64, 64)) if i % 3 else ((64, 100), (64, 96))
        x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
        pixels = np.stack([(x * (i + 1)) % 1, (y * (i + 2)) % 1, (x + y + i / 7) % 1], axis=-1)
        path = folder / f"{i}.png"
        Image.fromarray((pixels * 255).astype(np.uint8)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        samples.append(
            {
                "id": digest[:16],
                "path": path.name,
                "sha256": digest,
                "size": list(size),
                "bucket": list(bucket),
                "repeats": 1 + i % 2,
                "caption": f"zwx, picture {i}, red, blue",
                "validation": False,
            }
        )
    return samples


def make_plan(base: Path, images: Path, shown: list[dict[str, Any]], cache: Path, /, **changes: Any) -> dict[str, Any]:
    """The content of plan.json for a short run on the CPU; `changes` are `section={key: value}`."""
    family = "sdxl" if (base / "text_encoder_2").exists() else "sd15"
    plan: dict[str, Any] = {
        "version": 2,
        "name": "tiny",
        "spec_sha256": "0" * 64,
        "seed": 11,
        "model": {
            "name": "tiny",
            "path": str(base),
            "layout": "diffusers",
            "config_dir": None,
            "family": family,
            "prediction": "epsilon",
            "zero_terminal_snr": False,
            "vae_path": None,
            "flow_shift": 2.5,
            "vae_scaling": None,
            "merge_loras": [],
            "clip_skip": 1,
            "sha256": None,
        },
        "data": {
            "root": str(images),
            "images": shown,
            "crop": "center",
            "flip": False,
            "augment": None,
            "resolution_use": "each",
            "alpha_color": "#ffffff",
            "shuffle_tags": False,
            "keep_tags": 1,
            "caption_dropout": 0,
            "tag_dropout": 0,
            "caption_options": None,
            "masks": None,
            "max_tokens": 75,
        },
        "training": {
            "steps": 6,
            "batch_size": 2,
            "batch_size_at": [],
            "gradient_accumulation": 1,
            "batches_per_epoch": 0,
            "learning_rate": 1e-3,
            "text_encoder_learning_rates": [0, 0] if family == "sdxl" else [0],
            "text_encoder_steps": None,
            "optimizer": "adamw",
            "weight_decay": 0.01,
            "betas": [0.9, 0.999],
            "schedule": "cosine",
            "warmup_steps": 2,
            "cycles": 1,
            "max_grad_norm": 1,
            "rank": 4,
            "alpha": 2,
            "dropout": 0,
            "targets": "all",
            "conv_rank": 0,
            "conv_alpha": 1,
            "loss": "l2",
            "huber_c": 0.1,
            "huber_schedule": "snr",
            "huber_scale": 1,
            "loss_weighting": "min_snr",
            "p2_gamma": 1,
            "scale_v_loss": False,
            "v_like_loss": 0,
            "noise_offset_random": False,
            "noise_offset_adaptive": 0,
            "multires_noise": None,
            "input_perturbation": None,
            "timesteps": None,
            "optimizer_args": None,
            "adapter": "lora",
            "lokr": None,
            "dora": False,
            "rslora": False,
            "lora_plus_ratio": None,
            "rank_dropout": 0,
            "module_dropout": 0,
            "t_lora": None,
            "layers": [],
            "preservation": None,
            "pivotal": None,
            "max_weight_norm": None,
            "ema": None,
            "schedule_args": None,
            "min_snr_gamma": None,
            "noise_offset": 0,
            "init_lora": None,
        },
        "validation": {"every": None, "images": 0, "patience": None, "min_change": 4},
        "samples": {
            "every": 0,
            "prompts": [],
            "shots": None,
            "sampler": "ddim",
            "spacing": "trailing",
            "negative": "",
            "steps": 2,
            "guidance": 4,
            "seed": 1,
            "size": [64, 64],
        },
        "output": {
            "precision": "fp16",
            "metadata": "full",
            "facts": {"modelspec.trigger_phrase": "zwx"},
            "diffusers": False,
            "checkpoint_every": 2,
            "checkpoint_keep": 3,
            "save_every": 0,
            "save_keep": None,
        },
        "resources": {
            "device": "cpu",
            "precision": "fp32",
            "vae_precision": "fp32",
            "gradient_checkpointing": "none",
            "base_precision": "same",
            "text_precision": "same",
            "stream_base": False,
            "attention": "sdpa",
            "channels_last": False,
            "tf32": False,
            "compile": False,
            "deterministic": True,
            "probe": "adjust",
            "counted_memory": None,
            "workers": 0,
            "threads": 1,
            "processes": 1,
            "nodes": 1,
            "cards": [],
            "cache_dir": str(cache),
        },
    }
    for section, values in changes.items():
        plan[section] = {**plan[section], **values} if isinstance(values, dict) else values
    plan["data"]["images"] = [{**ORDINARY, **sample} for sample in plan["data"]["images"]]
    plan["training"]["batches_per_epoch"] = batches_per_epoch(plan)
    return plan


def batches_per_epoch(plan: dict[str, Any]) -> int:
    uses: dict[tuple[int, ...], int] = {}
    others: dict[tuple[int, ...], int] = {}
    for sample in plan["data"]["images"]:
        if not sample["validation"]:
            counts, bucket = others if sample["regularisation"] else uses, tuple(sample["bucket"])
            counts[bucket] = counts.get(bucket, 0) + sample["repeats"]
    if plan["data"]["resolution_use"] == "draw":
        uses = _drawn_uses([s for s in plan["data"]["images"] if not s["validation"] and not s["regularisation"]])
    total, images = sum(uses.values()), sum(others.values())
    for bucket, count in others.items():
        uses[bucket] = uses.get(bucket, 0) + max(1, int(total * count / images + 0.5))
    training, processes = plan["training"], plan["resources"]["processes"]
    sizes = sorted((each["resolution"] ** 2, each["batch_size"]) for each in training["batch_size_at"])
    found = 0
    for bucket, count in uses.items():
        batch = next((size for most, size in sizes if bucket[0] * bucket[1] <= most), training["batch_size"])
        found += -(-count // (batch * processes))
    return found


def _drawn_uses(samples: list[dict[str, Any]]) -> dict[tuple[int, ...], int]:
    """Uses by bucket where the images with the same sizes share these out among their uses."""
    sizes: dict[str, list[tuple[int, ...]]] = {}
    repeats: dict[str, int] = {}
    for sample in samples:
        whole = sample["id"].split("@")[0]
        sizes.setdefault(whole, []).append(tuple(sample["bucket"]))
        repeats[whole] = sample["repeats"]
    uses: dict[tuple[int, ...], int] = {}
    for alike in {tuple(buckets) for buckets in sizes.values()}:
        count = sum(repeats[whole] for whole, buckets in sizes.items() if tuple(buckets) == alike)
        for use in range(count):
            bucket = alike[use % len(alike)]
            uses[bucket] = uses.get(bucket, 0) + 1
    return uses


def to_single_file(folder: Path, path: Path, markers: tuple[str, ...] = ()) -> Path:
    """Write a folder's model as one checkpoint in the original layout. No code is shared with the trainer's reader."""
    from safetensors.torch import load_file

    from tests.original_layout import original_names

    tensors = {}
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        stem = "model" if part.startswith("text") else "diffusion_pytorch_model"
        file = folder / part / f"{stem}.safetensors"
        if file.exists():
            config = json.loads((folder / part / "config.json").read_text())
            sdxl = (folder / "text_encoder_2").exists()
            tensors |= original_names(part, load_file(file), config, sdxl=sdxl)
    tensors |= {name: torch.empty(0) for name in markers}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path
