"""What the tensors of LoRA files are, by how their names begin and end, as every trainer and library writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: How the names of tensors end, by their role in a layer. Files that peft itself saves hold the adapter's name,
#: `default`. `weight` is only an (IA)³'s, beside its `on_input`.
ENDINGS: Mapping[str, tuple[str, ...]] = {
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
    "mid": (".lora_mid.weight",),
    "magnitude": (
        ".dora_scale",
        ".lora_magnitude_vector",
        ".lora_magnitude_vector.weight",
        ".lora_magnitude_vector.default.weight",
        ".lora_magnitude_vector.default",
        ".lora.magnitude_vector",
    ),
    "diff": (".diff",),
    "diff_b": (".diff_b",),
    "w_norm": (".w_norm",),
    "b_norm": (".b_norm",),
    **{f"hada_w{i}_{x}": (f".hada_w{i}_{x}",) for i in "12" for x in "ab"},
    **{f"hada_t{i}": (f".hada_t{i}",) for i in "12"},
    **{f"lokr_w{i}{x}": (f".lokr_w{i}{x}",) for i in "12" for x in ("", "_a", "_b")},
    "lokr_t2": (".lokr_t2",),
    "oft_blocks": (".oft_blocks",),
    "rescale": (".rescale",),
    **{x: (f".{x}.weight",) for x in ("a1", "a2", "b1", "b2", "bm")},
    "on_input": (".on_input",),
}
#: What the names of tensors contain whose weight change is not computed here, and what such a file is.
UNREAD = {
    "oft_diag": "an OFT of an early LyCORIS",
    ".oft_R": "an OFT of OneTrainer or peft",
    ".boft_": "a BOFT of peft",
    ".ia3_l": "an (IA)³ of peft",
    ".lambda_layer": "a T-LoRA of LyCORIS",
    ".lora_E": "an AdaLoRA",
    ".vera_": "a VeRA",
    ".set_weight": "a file of whole weights",
}
#: What to do with such a file instead.
CURE = "Merge it into its base with the program that made it, and use that base."
#: Prefixes of a module's name, by part, as kohya, OneTrainer (OMI), diffusers, peft, LyCORIS and ComfyUI write them.
#: Dots stand as underscores.
PREFIXES: Mapping[str, tuple[str, ...]] = {
    "text_encoder_2": ("lora_te2_", "text_encoder_2_", "te2_", "clip_g_", "lycoris_te2_"),
    "text_encoder": ("lora_te_", "lora_te1_", "text_encoder_", "te_", "te1_", "clip_l_", "lycoris_te_", "lycoris_te1_"),
    "unet": ("lora_unet_", "unet_", "base_model_model_", "lycoris_unet_", "lycoris_", "diffusion_model_", ""),
}


def unread_kind(names: Iterable[str]) -> str | None:
    """The kind of a file whose weight change is not computed here; None for a file that can be read."""
    return next((kind for name in names for mark, kind in UNREAD.items() if mark in name), None)


def role_of(name: str, names: Iterable[str]) -> tuple[str, str] | None:
    """A tensor's module, as the file spells it, and its role; None for what belongs to no layer. `names` is a set."""
    for role, endings in ENDINGS.items():
        for ending in endings:
            if name.endswith(ending):
                return name[: -len(ending)], role
    module = name.removesuffix(".weight")
    return (module, "weight") if module != name and f"{module}.on_input" in names else None


def flat_name(module: str) -> str:
    """A module in kohya's spelling, underscores for dots, so that one table serves the files of all trainers."""
    # Early versions of diffusers kept LoRA layers in attention processors, which shows in the names.
    name = f"{module}.".replace(".processor.", ".")[:-1].replace(".", "_")
    return f"{name}_0" if name.endswith("_to_out") else name


#: What a layer is made of, by how the roles of its tensors begin. Of two of them no program writes a layer.
_MADE_OF = {
    "LoRA": ("down", "up", "mid"),
    "LoHa": ("hada_",),
    "LoKr": ("lokr_",),
    "full difference": ("diff",),
    "OFT": ("oft_blocks",),
    "GLoRA": ("a1", "a2", "b1", "b2"),
    "(IA)³": ("on_input",),
}


def mixed(roles: Iterable[str]) -> list[str]:
    """The names of the kinds that the tensors of one layer are of, where these are several."""
    own = set(roles) - {"diff_b"}
    found = [kind for kind, marks in _MADE_OF.items() if any(role.startswith(marks) for role in own)]
    return found if len(found) > 1 else []
