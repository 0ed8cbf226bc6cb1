"""Names of the same module in diffusers and in the original (ldm / sgm) layout, for SD1.5 and SDXL.

U-Net names serve both reading single-file checkpoints and writing SDXL LoRA files (`lora_unet_input_blocks_…`).
Source of the correspondence: the block structure of both implementations; checked against real checkpoints' keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_TOP = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_BLOCK = re.compile(
    r"(?P<part>down|up|mid)_blocks?(?:\.(?P<block>\d+))?\.(?P<kind>resnets|attentions|downsamplers|upsamplers)"
    r"\.(?P<index>\d+)\.(?P<rest>.+)"
)


def unet_to_ldm(name: str, config: Mapping[str, Any]) -> str:
    """Original-layout name (without `model.diffusion_model.`) of a U-Net module or parameter in diffusers layout.

    `config` is the U-Net's configuration. Raises KeyError for a name that the layout does not have.
    """
    for ours, theirs in _TOP.items():
        if name == ours or name.startswith(ours + "."):
            return theirs + name[len(ours) :]
    match = _BLOCK.fullmatch(name)
    if match is None:
        raise KeyError(name)
    part, kind, index, rest = match["part"], match["kind"], int(match["index"]), match["rest"]
    if kind == "resnets":
        head, _, tail = rest.partition(".")
        rest = _RESNET[head] + (f".{tail}" if tail else "")
    layers = config["layers_per_block"]
    if part == "mid":
        return f"middle_block.{2 * index if kind == 'resnets' else 1}.{rest}"
    block = int(match["block"])
    if part == "down":
        if kind == "downsamplers":
            return f"input_blocks.{(layers + 1) * (block + 1)}.0.{rest.replace('conv', 'op', 1)}"
        return f"input_blocks.{(layers + 1) * block + index + 1}.{0 if kind == 'resnets' else 1}.{rest}"
    if kind == "upsamplers":
        place = 2 if "Attn" in config["up_block_types"][block] else 1
        return f"output_blocks.{(layers + 1) * block + layers}.{place}.{rest}"
    return f"output_blocks.{(layers + 1) * block + index}.{0 if kind == 'resnets' else 1}.{rest}"


_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def vae_to_ldm(name: str, config: Mapping[str, Any]) -> str:
    """Original-layout name of a VAE parameter in diffusers layout (without `first_stage_model.`)."""
    blocks = len(config["block_out_channels"])
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{blocks - 1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    match = re.match(r"(.*)mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)(.*)", name)
    if match:
        name = f"{match[1]}mid.attn_1.{_VAE_ATTENTION[match[2]]}{match[3]}"
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


_OPEN_CLIP = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def open_clip_to_hf(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """SDXL's second text encoder: its OpenCLIP parameters under the names that transformers gives them.

    `weights` has OpenCLIP's names, without the prefix `conditioner.embedders.1.model.`.
    """
    out: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        layer = re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+?)\.?(weight|bias|in_proj_weight|in_proj_bias)", name)
        if layer is not None:
            number, module, leaf = layer.groups()
            prefix = f"text_model.encoder.layers.{number}."
            if leaf.startswith("in_proj"):
                for part, piece in zip("qkv", value.chunk(3), strict=True):
                    out[f"{prefix}self_attn.{part}_proj.{leaf.removeprefix('in_proj_')}"] = piece
            else:
                out[f"{prefix}{_OPEN_CLIP[module]}.{leaf}"] = value
        elif name == "positional_embedding":
            out["text_model.embeddings.position_embedding.weight"] = value
        elif name == "token_embedding.weight":
            out["text_model.embeddings.token_embedding.weight"] = value
        elif name.startswith("ln_final."):
            out["text_model.final_layer_norm." + name.removeprefix("ln_final.")] = value
        elif name == "text_projection":
            out["text_projection.weight"] = value.T.contiguous()
        # The file of Playground v2 holds this tensor under both names.
        elif name in ("text_projection.weight", "text_projection.weight.weight"):
            out["text_projection.weight"] = value
    return out
