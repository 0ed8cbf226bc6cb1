"""The LoRA a run goes on from: files of any trainer, of any ranks, into the tensors of this run's adapter.

Names are compared without their dots, as kohya writes them, so that one table serves every trainer's way of writing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.model.ldm_keys import unet_to_ldm

Tensors = dict[str, torch.Tensor]

#: What a tensor's name ends with, by what it is. peft writes the adapter's name, `default`, when it saves by itself.
_ENDINGS = {
    "down": (
        ".lora_down.weight",
        ".lora_A.weight",
        ".lora_A.default.weight",
        ".lora.down.weight",
        ".lora_linear_layer.down.weight",
        "_lora.down.weight",
    ),
    "up": (
        ".lora_up.weight",
        ".lora_B.weight",
        ".lora_B.default.weight",
        ".lora.up.weight",
        ".lora_linear_layer.up.weight",
        "_lora.up.weight",
    ),
    "alpha": (".alpha",),
}
#: Kinds that compute something else than a LoRA, by what their tensors' names hold.
_OTHER_KINDS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "lora_mid": "a LoCon with a Tucker core",
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "oft_": "an OFT",
}
#: The same, by how they end.
_OTHER_ENDINGS = {
    ".on_input": "an (IA)³",
    ".diff": "a file of full differences",
    ".diff_b": "a file of full differences",
}
#: Beginnings of a module's name, by part: kohya's and OneTrainer's, diffusers', peft's own, LyCORIS', ComfyUI's.
_PREFIXES = {
    "unet": ("lora_unet_", "unet_", "base_model_model_", "lycoris_unet_", "lycoris_", "diffusion_model_", ""),
    "text_encoder": ("lora_te_", "lora_te1_", "text_encoder_", "te_", "te1_", "clip_l_", "lycoris_te1_"),
    "text_encoder_2": ("lora_te2_", "text_encoder_2_", "te2_", "clip_g_", "lycoris_te2_"),
}
_PEFT = "lora_adapter_metadata"
#: A pattern of peft's that is a name: nothing else is taken, since any other is run as a regular expression.
_NAME = re.compile(r"[\w.]{1,300}")


@dataclass(frozen=True)
class Wanted:
    """What a run trains: each layer's alpha by its name, the adapter's tensors as it starts anew, and the base."""

    scales: Mapping[str, float]
    own: Tensors
    family: str
    unet_config: Mapping[str, Any]


@dataclass
class Read:
    """The adapter's tensors from a file; what of the file was not used; layers that the file lacks or has smaller."""

    tensors: Tensors = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    padded: list[str] = field(default_factory=list)


class Alphas:
    """Alpha of layers as diffusers writes it beside names that carry none: peft's configuration of each part.

    Keys of `alpha_pattern` are names or ends of names; rank-stabilised scaling as peft has it (arXiv:2312.03732).
    Raises TrainingError for metadata that cannot be read, since without it the strength is unknown.
    """

    def __init__(self, metadata: Mapping[str, str], source: str) -> None:
        self._source = source
        self._config: dict[str, Any] = {}
        self._patterns: dict[str, dict[str, tuple[int, float]]] = {}
        if _PEFT not in metadata:
            return
        try:
            self._config = json.loads(metadata[_PEFT])
            for part in _PREFIXES:
                patterns = self._config.get(f"{part}.alpha_pattern") or {}
                odd = next((key for key in patterns if not _NAME.fullmatch(key)), None)
                if odd is not None:
                    raise ValueError(f"{odd[:80]!r} is no name of a layer")
                self._patterns[part] = {key: (i, float(value)) for i, (key, value) in enumerate(patterns.items())}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._unknown(error) from error

    def of(self, part: str, module: str, rank: int) -> float | None:
        """Alpha of a layer, or None where the file does not say."""
        try:
            # Transformers named the layers of text encoders with `text_model.` in front, and later without it.
            ends = {end for name in (module, f"text_model.{module}") for end in _ends(name)}
            patterns = self._patterns.get(part, {})
            # As peft: the first that fits, in the file's order.
            _, alpha = min((patterns[end] for end in ends if end in patterns), default=(0, None))
            alpha = self._config.get(f"{part}.lora_alpha") if alpha is None else alpha
            stabilised = math.sqrt(rank) if self._config.get(f"{part}.use_rslora") else 1.0
            return None if alpha is None else float(alpha) * stabilised
        except (ValueError, TypeError) as error:
            raise self._unknown(error) from error

    def _unknown(self, error: Exception) -> TrainingError:
        return TrainingError(
            f"{self._source}: its metadata {_PEFT} cannot be read ({error}), so its strength is unknown.",
            next_steps=["Choose another file for training.init_lora."],
        )


def _ends(name: str) -> Iterator[str]:
    """The name, and it without its first parts."""
    parts = name.split(".")
    return (".".join(parts[i:]) for i in range(len(parts)))


def from_file(stored: Tensors, metadata: Mapping[str, str], wanted: Wanted, source: str) -> Read:
    """Read a LoRA of any trainer into the adapter's tensors, so that it computes what it did.

    A layer of a smaller rank is filled up: its `up` with zeros, which adds nothing, and its `down` with the run's own
    first values, so that what was added can learn. One that the file lacks starts anew. `up` is scaled to the adapter's
    alpha; the file's own stands in tensors (`.alpha`) or in its `metadata` (peft's), and is the rank without either.
    Raises TrainingError when a rank is higher than the run's, nothing fits, or the file is of another kind.
    """
    kind = next((kind for name in stored for mark, kind in _OTHER_KINDS.items() if mark in name), None)
    kind = kind or next((kind for name in stored for end, kind in _OTHER_ENDINGS.items() if name.endswith(end)), None)
    if kind:
        raise TrainingError(
            f"{source} is {kind}; only plain LoRA files can be trained further.",
            next_steps=["Leave training.init_lora empty, or choose a LoRA file."],
        )
    alphas, read, used = Alphas(metadata, source), Read(), set()
    modules = _modules(stored)
    for layer, alpha in wanted.scales.items():
        part, module = layer.split(".", 1)
        names = _aliases(part, module, wanted)
        keys = next((modules[name] for name in names if {"down", "up"} <= modules.get(name, {}).keys()), None)
        own = {kind: wanted.own[f"{layer}.{kind}"] for kind in ("down", "up")}
        if keys is None:
            read.lacking.append(layer)
            read.tensors |= {f"{layer}.{kind}": tensor for kind, tensor in own.items()}
            continue
        used |= set(keys.values())
        down, up = (_fitted(stored[keys[kind]], own, kind, f"{source}: {keys[kind]}") for kind in ("down", "up"))
        rank, room = len(down), len(own["down"])
        if up.shape[1] != rank:
            raise TrainingError(f"{source}: {layer} has the ranks {rank} and {up.shape[1]}: the file is damaged.")
        its = float(stored[keys["alpha"]]) if "alpha" in keys else alphas.of(part, module, rank)
        its = rank if its is None else its
        if rank < room:
            read.padded.append(layer)
            down = torch.cat([down, own["down"][rank:]])
            up = torch.cat([up, torch.zeros_like(own["up"][:, rank:])], dim=1)
        read.tensors[f"{layer}.down"] = down
        # Where the ranks are one they fall out: no rounding of theirs.
        read.tensors[f"{layer}.up"] = up * (its / alpha if rank == room else its / rank * room / alpha)
    if len(read.lacking) == len(wanted.scales):
        raise TrainingError(
            f"{source}: none of its layers is one that this run trains.",
            next_steps=["Choose a LoRA of the same base model, or leave training.init_lora empty."],
        )
    read.unused = sorted(set(stored) - used)
    return read


def _modules(stored: Tensors) -> dict[str, dict[str, str]]:
    """Module, as kohya writes it → `down`, `up`, `alpha` → the stored name."""
    found: dict[str, dict[str, str]] = {}
    for name in stored:
        for kind, endings in _ENDINGS.items():
            ending = next((ending for ending in endings if name.endswith(ending)), None)
            if ending is not None:
                # Early diffusers kept them in attention processors.
                module = name.removesuffix(ending).replace(".processor.", ".").replace(".", "_")
                module = f"{module}_0" if module.endswith("_to_out") else module
                found.setdefault(module, {})[kind] = name
                break
    return found


def _aliases(part: str, module: str, wanted: Wanted) -> list[str]:
    """All names of a module, as kohya writes them."""
    if part == "unet":
        names = [module]
        if wanted.family == "sdxl":
            names.insert(0, unet_to_ldm(module, wanted.unet_config))
    else:
        short = module.removeprefix("text_model.")
        names = [f"text_model.{short}", short]
    return [prefix + name.replace(".", "_") for prefix in _PREFIXES[part] for name in names]


def _fitted(value: torch.Tensor, own: Tensors, kind: str, where: str) -> torch.Tensor:
    """A stored weight in fp32 with the run's number of axes. Raises TrainingError when it cannot be of this layer."""
    given, shape = value.float(), own[kind].shape
    axis = 0 if kind == "down" else 1
    rank = given.shape[axis] if given.dim() > axis else 0
    ours = [*shape[:axis], rank, *shape[axis + 1 :]]
    if rank == 0 or given.numel() != math.prod(ours):
        raise TrainingError(
            f"{where} has the shape {list(value.shape)}, the layer of this run {list(shape)}.",
            next_steps=["Choose a LoRA of the same base model."],
        )
    if rank > shape[axis]:
        setting = "training.conv_rank" if own["down"].dim() > 2 and max(own["down"].shape[2:]) > 1 else "training.rank"
        raise TrainingError(
            f"{where} has the rank {rank}, the layer of this run {shape[axis]}.",
            next_steps=[f"Set {setting} to {rank} or more."],
        )
    return given.reshape(ours)
