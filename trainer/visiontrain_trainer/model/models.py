"""The base model: a diffusers folder or a single-file checkpoint, read offline. A part is read only when it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visiontrain_trainer.base.bounds import check_bounds
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.compute.imports import import_diffusers
from visiontrain_trainer.contract.plan import Model

from . import ldm_keys
from .filling import PLAIN, Filling, Where, fill
from .frozen import Storage
from .weights import Part, TensorFile, part_in_folder, refuse_pickle

_CPU = torch.device("cpu")
TEXT_PREFIXES = {
    "sd15": ["cond_stage_model.transformer."],
    "sdxl": ["conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."],
}


def _json(path: Path) -> dict[str, Any]:
    """A model's configuration file. Raises TrainingError when it cannot be read, or a number is out of bounds."""
    try:
        config = json.loads(path.read_text())
        if not isinstance(config, dict):
            raise ValueError("it is no mapping of keys to values")
        check_bounds(config, str(path))
        return config
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(
            f"{path}: the configuration cannot be read ({error}).",
            next_steps=["A single-file checkpoint needs its companion files: `visiontrain models pull` fetches them."],
            id="model/config",
        ) from error


#: Takes the part, the weight's name, the weight and the part's configuration, and returns what is used in its place.
Change = Callable[..., torch.Tensor]


class BaseModel:
    """Finds the parts of the base model (U-Net, VAE, text encoders) and builds them. Opening it reads headers only.

    Raises TrainingError when the files are not a model that the plan's family, prediction and noise schedule describe.
    """

    def __init__(self, plan: Model) -> None:
        self.plan = plan
        #: Changes the weights of a part while it is built: LoRAs that are merged into the base.
        self.change: Change | None = None
        #: A text for each change, which the fingerprint takes in.
        self.changed_by: list[str] = []
        path = Path(plan.path)
        refuse_pickle(path)
        self._file: TensorFile | None = None
        if plan.layout == "single_file":
            if plan.config_dir is None:
                raise TrainingError(
                    f"{path}: a single-file checkpoint needs configuration and tokenizer files beside it.",
                    next_steps=["Fetch them with `visiontrain models pull`, or use the diffusers folder of the model."],
                    id="model/incomplete",
                )
            self._file = TensorFile(path)
            self.configs = Path(plan.config_dir)
        else:
            if not path.is_dir():
                raise TrainingError(
                    f"{path}: no such folder.", next_steps=["Check model.base in run.yaml."], id="model/none"
                )
            self.configs = path
        self._check()

    # -- what the base is ------------------------------------------------------------------------------------------

    def _check(self) -> None:
        unet, single = self.part("unet"), self._file is not None
        probe = "label_emb.0.0.weight" if single else "add_embedding.linear_1.weight"
        family = "sdxl" if unet.shape(probe) is not None else "sd15"
        if not unet:
            raise TrainingError(
                f"{self.plan.path}: holds no U-Net: this is not a Stable Diffusion 1.5 or XL model.",
                next_steps=["Choose a base model: visiontrain models list"],
                id="model/not-supported",
            )
        first = unet.shape("input_blocks.0.0.weight" if single else "conv_in.weight") or (0, 0)
        proj = unet.shape("input_blocks.1.1.proj_in.weight" if single else "down_blocks.0.attentions.0.proj_in.weight")
        if first[1:2] != (4,):
            raise TrainingError(
                f"{self.plan.path}: its U-Net takes {first[1] if len(first) > 1 else '?'} channels, not 4 "
                "(an inpainting or other special model).",
                next_steps=["Train on the plain version of the model."],
                id="model/not-supported",
            )
        if family == "sd15" and proj is not None and len(proj) == 2:
            raise TrainingError(
                f"{self.plan.path}: this is a Stable Diffusion 2 model, which is not supported.",
                next_steps=["Use an SD1.5 or SDXL base."],
                id="model/not-supported",
            )
        if family != self.plan.family:
            raise TrainingError(
                f"{self.plan.path}: the file is an {family.upper()} model, run.yaml says {self.plan.family.upper()}.",
                next_steps=[f"Set model.family to {family} in run.yaml."],
                id="model/mismatch",
            )
        marked = self._marked_prediction()
        if marked is not None and marked != self.plan.prediction:
            raise TrainingError(
                f"{self.plan.path}: the model predicts {marked}, run.yaml says {self.plan.prediction}.",
                ["Training the wrong one gives no error and a LoRA of noise."],
                [f"Set model.prediction to {marked} in run.yaml."],
                id="model/mismatch",
            )
        if self._file is not None and "ztsnr" in self._file.tensors and not self.plan.zero_terminal_snr:
            raise TrainingError(
                f"{self.plan.path}: the model was made with zero terminal SNR, run.yaml says otherwise.",
                next_steps=["Set model.zero_terminal_snr to true in run.yaml."],
                id="model/mismatch",
            )

    def _marked_prediction(self) -> str | None:
        if self._file is not None:
            return "v_prediction" if "v_pred" in self._file.tensors else None
        config = self.scheduler_config()
        named = config.get("prediction_type") if config else None
        # Folders of models of rectified flow often have the default scheduler of the program that wrote them, which
        # says ε whatever the model predicts.
        return None if self.plan.prediction == "flow" and named == "epsilon" else named

    def scheduler_config(self) -> dict[str, Any]:
        path = self.configs / "scheduler" / "scheduler_config.json"
        return _json(path) if path.is_file() else {}

    @property
    def text_encoders(self) -> list[str]:
        return ["text_encoder", "text_encoder_2"] if self.plan.family == "sdxl" else ["text_encoder"]

    def config(self, part: str) -> dict[str, Any]:
        if part == "vae" and self.plan.vae_path is not None:
            path = Path(self.plan.vae_path)
            own = (path if path.is_dir() else path.parent) / "config.json"
            if own.is_file():
                return _json(own)
        return _json(self.configs / part / "config.json")

    def tokenizer_dir(self, encoder: str) -> Path:
        return self.configs / encoder.replace("text_encoder", "tokenizer")

    # -- its tensors -----------------------------------------------------------------------------------------------

    def part(self, name: str) -> Part:
        """Tensors of `unet`, `vae`, `text_encoder` or `text_encoder_2`, named as stored."""
        if name == "vae" and self.plan.vae_path is not None:
            path = Path(self.plan.vae_path)
            if path.is_dir():
                return part_in_folder(path, "diffusion_pytorch_model")
            file = TensorFile(path)
            prefix = "first_stage_model." if any(n.startswith("first_stage_model.") for n in file.tensors) else ""
            return Part([file], prefix)
        if self._file is None:
            stem = "model" if name.startswith("text_encoder") else "diffusion_pytorch_model"
            return part_in_folder(self.configs / name, stem)
        if name == "unet":
            return Part([self._file], "model.diffusion_model.")
        if name == "vae":
            return Part([self._file], "first_stage_model.")
        return Part([self._file], TEXT_PREFIXES[self.plan.family][self.text_encoders.index(name)])

    def fingerprint(self) -> str:
        """16 hex digits that tell this base (its VAE included) from others, without a hash of the whole file."""
        parts = "".join(self.part(name).fingerprint() for name in ("unet", "vae", *self.text_encoders))
        return hashlib.sha256((parts + "".join(self.changed_by)).encode()).hexdigest()[:16]

    def _named(self, name: str, wanted: list[str], config: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Tensors of a part under the names of diffusers and transformers; `wanted` lists the module's names."""
        part = self.part(name)
        stored = set(part.names)
        weights = part.read()
        translate: Callable[[str, dict[str, Any]], str] | None = None
        if name == "unet" and "input_blocks.0.0.weight" in stored:
            translate = ldm_keys.unet_to_ldm
        elif name == "vae" and "encoder.down.0.block.0.conv1.weight" in stored:
            translate = ldm_keys.vae_to_ldm
        elif name == "text_encoder_2" and "positional_embedding" in stored:
            weights = ldm_keys.open_clip_to_hf(weights)
        if translate is not None:
            weights = {n: weights[t] for n in wanted if (t := translate(n, config)) in weights}
        if name == "vae":
            weights = {_current_vae_name(n): w for n, w in weights.items()}
        return weights

    def _fill(self, name: str, module: nn.Module, config: dict[str, Any], where: Where) -> nn.Module:
        own = self.plan.vae_path if name == "vae" else None
        weights = self._named(name, list(module.state_dict()), config)
        change = None if self.change is None or name == "vae" else partial(self.change, name, config=config)
        filling = Filling(
            name,
            self.plan.path if own is None else own,
            "model.vae" if own is not None else "base model",
            weights,
            change,
        )
        return fill(module, filling, where)

    # -- its modules -----------------------------------------------------------------------------------------------

    def unet(self, dtype: torch.dtype, device: torch.device = _CPU, storage: Storage = PLAIN) -> nn.Module:
        import_diffusers()
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

        config = self.config("unet")
        with torch.device("meta"):
            module = UNet2DConditionModel.from_config(config)
        return self._fill("unet", module, dict(module.config), Where(dtype, device, storage))

    def vae(self, dtype: torch.dtype, device: torch.device = _CPU) -> nn.Module:
        import_diffusers()
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

        with torch.device("meta"):
            module = AutoencoderKL.from_config(self.config("vae"))
        if self.plan.vae_scaling is not None and self.plan.vae_scaling.reflect:
            for layer in module.modules():
                if isinstance(layer, nn.Conv2d) and any(layer.padding):
                    layer.padding_mode = "reflect"
        return self._fill("vae", module, dict(module.config), Where(dtype, device))

    def text_encoder(
        self, name: str, dtype: torch.dtype, device: torch.device = _CPU, storage: Storage = PLAIN
    ) -> nn.Module:
        from .clip import ClipText, ClipTextWithProjection

        config = self.config(name)
        with torch.device("meta"):
            module = (ClipTextWithProjection if name == "text_encoder_2" else ClipText)(config)
        return self._fill(name, module, config, Where(dtype, device, storage))


def _current_vae_name(name: str) -> str:
    """Today's name of a VAE tensor. Early versions of diffusers named the attention query, key, value, proj_attn."""
    if ".attentions." in name:
        for old, new in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")):
            name = name.replace(f".{old}.", f".{new}.")
    return name
