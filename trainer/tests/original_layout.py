"""Names of the original (ldm / sgm) checkpoints, written block by block, apart from the trainer's own mapping."""

from __future__ import annotations

from typing import Any

import torch

Tensors = dict[str, torch.Tensor]
_RESNET = [
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("time_emb_proj", "emb_layers.1"),
    ("conv_shortcut", "skip_connection"),
]


def _unet_prefixes(config: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = [
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("add_embedding.linear_1", "label_emb.0.0"),
        ("add_embedding.linear_2", "label_emb.0.2"),
        ("conv_in", "input_blocks.0.0"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
        ("mid_block.resnets.0", "middle_block.0"),
        ("mid_block.attentions.0", "middle_block.1"),
        ("mid_block.resnets.1", "middle_block.2"),
    ]
    place = 1
    blocks = len(config["block_out_channels"])
    for block, kind in enumerate(config["down_block_types"]):
        for layer in range(2):
            pairs.append((f"down_blocks.{block}.resnets.{layer}", f"input_blocks.{place}.0"))
            if "Cross" in kind:
                pairs.append((f"down_blocks.{block}.attentions.{layer}", f"input_blocks.{place}.1"))
            place += 1
        if block < blocks - 1:
            pairs.append((f"down_blocks.{block}.downsamplers.0.conv", f"input_blocks.{place}.0.op"))
            place += 1
    place = 0
    for block, kind in enumerate(config["up_block_types"]):
        for layer in range(3):
            pairs.append((f"up_blocks.{block}.resnets.{layer}", f"output_blocks.{place}.0"))
            if "Cross" in kind:
                pairs.append((f"up_blocks.{block}.attentions.{layer}", f"output_blocks.{place}.1"))
            if layer == 2 and block < blocks - 1:
                last = 2 if "Cross" in kind else 1
                pairs.append((f"up_blocks.{block}.upsamplers.0", f"output_blocks.{place}.{last}"))
            place += 1
    return pairs


def _unet(tensors: Tensors, config: dict[str, Any]) -> Tensors:
    out = {}
    for name, tensor in tensors.items():
        ours, theirs = next(pair for pair in _unet_prefixes(config) if name.startswith(pair[0] + "."))
        rest = name[len(ours) :]
        if ".resnets." in name:
            for a, b in _RESNET:
                rest = rest.replace(a, b)
        out[f"model.diffusion_model.{theirs}{rest}"] = tensor
    return out


def _vae(tensors: Tensors) -> Tensors:
    out = {}
    for name, tensor in tensors.items():
        attention = ".attentions." in name
        for block in range(4):
            name = name.replace(f"decoder.up_blocks.{block}.resnets.", f"decoder.up.{3 - block}.block.")
            name = name.replace(f"decoder.up_blocks.{block}.upsamplers.0.", f"decoder.up.{3 - block}.upsample.")
            name = name.replace(f"encoder.down_blocks.{block}.resnets.", f"encoder.down.{block}.block.")
            name = name.replace(f"encoder.down_blocks.{block}.downsamplers.0.", f"encoder.down.{block}.downsample.")
        for a, b in [
            ("mid_block.resnets.0.", "mid.block_1."),
            ("mid_block.resnets.1.", "mid.block_2."),
            ("mid_block.attentions.0.", "mid.attn_1."),
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
            ("conv_norm_out", "norm_out"),
            ("conv_shortcut", "nin_shortcut"),
        ]:
            name = name.replace(a, b)
        if attention and tensor.dim() == 2:
            tensor = tensor[:, :, None, None]
        out[f"first_stage_model.{name}"] = tensor
    return out


def _open_clip(tensors: Tensors) -> Tensors:
    prefix, out = "conditioner.embedders.1.model.", {}
    names = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    layers = 1 + max(int(name.split(".")[2]) for name in names if name.startswith("encoder.layers."))
    for i in range(layers):
        ours, theirs = f"encoder.layers.{i}.", f"{prefix}transformer.resblocks.{i}."
        for leaf in ("weight", "bias"):
            parts = [names[f"{ours}self_attn.{x}_proj.{leaf}"] for x in "qkv"]
            out[f"{theirs}attn.in_proj_{leaf}"] = torch.cat(parts)
            for a, b in [
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ]:
                out[f"{theirs}{b}.{leaf}"] = names[f"{ours}{a}.{leaf}"]
    out[f"{prefix}positional_embedding"] = names["embeddings.position_embedding.weight"]
    out[f"{prefix}token_embedding.weight"] = names["embeddings.token_embedding.weight"]
    out[f"{prefix}ln_final.weight"] = names["final_layer_norm.weight"]
    out[f"{prefix}ln_final.bias"] = names["final_layer_norm.bias"]
    out[f"{prefix}text_projection"] = names["text_projection.weight"].T.contiguous()
    out[f"{prefix}logit_scale"] = torch.tensor(4.6)
    return out


def original_names(part: str, tensors: Tensors, config: dict[str, Any], *, sdxl: bool) -> Tensors:
    """The tensors of a part under the names of the original checkpoints."""
    if part == "unet":
        return _unet(tensors, config)
    if part == "vae":
        return _vae(tensors)
    if part == "text_encoder_2":
        return _open_clip(tensors)
    prefix = "conditioner.embedders.0.transformer." if sdxl else "cond_stage_model.transformer."
    return {f"{prefix}text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in tensors.items()}
