"""Names of modules as kohya and diffusers write them, for SD 1.5 and SDXL.

kohya puts underscores for dots, and names the layers of SDXL's U-Net as the original code does. The way back is a table
of all modules that a LoRA may have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

from visiontrain_trainer.base.errors import TrainingError

from .roles import PREFIXES, flat_name

_ATTENTION = [f"attn{i}.to_{x}" for i in (1, 2) for x in ("q", "k", "v", "out.0")] + ["ff.net.0.proj", "ff.net.2"]
_RESNET = {
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def _inside(block: str, kind: str, depth: int) -> Iterator[tuple[str, str]]:
    """(diffusers, original) names below an attention or a residual block."""
    if kind == "resnets":
        yield from _RESNET.items()
        return
    yield from (("proj_in", "proj_in"), ("proj_out", "proj_out"))
    for i in range(depth):
        for name in _ATTENTION:
            yield f"transformer_blocks.{i}.{name}", f"transformer_blocks.{i}.{name}"


def _unet(blocks: int, layers: int, depths: list[int], middle: int) -> Iterator[tuple[str, str]]:
    """(diffusers, original) names of a U-Net's modules. A depth of 0 has no attention."""
    for block in range(blocks):
        for i in range(layers):
            place = (layers + 1) * block + i + 1
            for kind, slot in (("resnets", 0), ("attentions", 1)):
                for ours, theirs in _inside("down", kind, depths[block]):
                    yield f"down_blocks.{block}.{kind}.{i}.{ours}", f"input_blocks.{place}.{slot}.{theirs}"
        place = (layers + 1) * (block + 1)
        yield f"down_blocks.{block}.downsamplers.0.conv", f"input_blocks.{place}.0.op"
        up = list(reversed(depths))[block]
        for i in range(layers + 1):
            place = (layers + 1) * block + i
            for kind, slot in (("resnets", 0), ("attentions", 1)):
                for ours, theirs in _inside("up", kind, up):
                    yield f"up_blocks.{block}.{kind}.{i}.{ours}", f"output_blocks.{place}.{slot}.{theirs}"
        place = (layers + 1) * block + layers
        yield f"up_blocks.{block}.upsamplers.0.conv", f"output_blocks.{place}.{2 if up else 1}.conv"
    for i in (0, 1):
        for ours, theirs in _RESNET.items():
            yield f"mid_block.resnets.{i}.{ours}", f"middle_block.{2 * i}.{theirs}"
    for ours, theirs in _inside("mid", "attentions", middle):
        yield f"mid_block.attentions.0.{ours}", f"middle_block.1.{theirs}"
    yield "conv_in", "input_blocks.0.0"
    yield "conv_out", "out.2"
    yield "time_embedding.linear_1", "time_embed.0"
    yield "time_embedding.linear_2", "time_embed.2"
    yield "add_embedding.linear_1", "label_emb.0.0"
    yield "add_embedding.linear_2", "label_emb.0.2"


@cache
def tables() -> tuple[dict[str, str], dict[str, str]]:
    """Diffusers' names by flat diffusers name, and by flat original name.

    The two families number their blocks alike, so that one table serves both; SDXL's names come last.
    """
    pairs = [*_unet(4, 2, [1, 1, 1, 0], 1), *_unet(3, 2, [0, 2, 10], 10)]
    return (
        {ours.replace(".", "_"): ours for ours, _ in pairs},
        {theirs.replace(".", "_"): ours for ours, theirs in pairs},
    )


@cache
def unet_pairs(sdxl: bool) -> dict[str, str]:
    """Diffusers' names of a U-Net's layers by those of the original code."""
    pairs = _unet(3, 2, [0, 2, 10], 10) if sdxl else _unet(4, 2, [1, 1, 1, 0], 1)
    return {theirs: ours for ours, theirs in pairs}


_CLIP = re.compile(r"(?:text_model_)?encoder_layers_(\d+)_(self_attn|mlp)_(q_proj|k_proj|v_proj|out_proj|fc1|fc2)")


@lru_cache(1 << 15)
def parts_of(module: str) -> tuple[str, str]:
    """Part (`unet`, `text_encoder`, `text_encoder_2`) and diffusers' name of a module in any spelling.

    Raises TrainingError when no SD 1.5 or SDXL model has it.
    """
    name = flat_name(module)
    ours, original = tables()
    for part, prefixes in PREFIXES.items():
        for prefix in prefixes:
            if not name.startswith(prefix):
                continue
            rest = name[len(prefix) :]
            if part == "unet":
                found = ours.get(rest) or original.get(rest)
                if found is not None:
                    return part, found
            elif (text := _CLIP.fullmatch(rest)) is not None:
                return part, f"encoder.layers.{text[1]}.{text[2]}.{text[3]}"
    raise TrainingError(
        f"{module} is no layer of SD 1.5 or SDXL, so its name cannot be converted.",
        next_steps=["visiontrain lora inspect shows which base model a file is for."],
        id="lora/not-made",
    )


def canonical(module: str) -> str:
    """The canonical name of a module, as `unet.down_blocks.0…`; for other families the file's own, with underscores."""
    try:
        part, name = parts_of(module)
    except TrainingError:
        return module.replace(".", "_")
    return f"{part}.{name}"


def by_name(path: Path, modules: Iterable[str]) -> dict[str, str]:
    """The modules of a file by their canonical name. Raises TrainingError where two are the same layer."""
    found: dict[str, str] = {}
    for module in modules:
        name = canonical(module)
        if name in found:
            raise TrainingError(
                f"{path}: {module} and {found[name]} are the same layer.",
                next_steps=["Programs read one of the two. Use a file with one name for each layer."],
                id="lora/not-made",
            )
        found[name] = module
    return found
