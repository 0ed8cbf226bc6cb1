"""The metadata of a LoRA file: what sd-scripts, LyCORIS and Stability AI's model spec would write of the same run."""

from __future__ import annotations

import json
from importlib import metadata

from visiontrain_trainer.contract.plan import Plan, Training, whole_batch

#: The metadata by which programs recognise a LoRA; `metadata: minimal` keeps only these.
MINIMAL = (
    "ss_v2",
    "ss_base_model_version",
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_network_args",
)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def make_metadata(plan: Plan, steps: int, epochs: int) -> dict[str, str]:
    """The keys `ss_*` (sd-scripts) and `modelspec.*` (Stability AI's model spec) of the run after `steps` steps."""
    versions = {f"visiontrain.{package}": metadata.version(package) for package in ("torch", "diffusers")}
    return {
        **_base_and_network(plan),
        **_lengths(plan, steps, epochs),
        **_optimizer(plan),
        **_loss(plan),
        **_data(plan),
        **_model_spec(plan),
        "visiontrain.spec_sha256": plan.spec_sha256,
        **versions,
    }


def _base_and_network(plan: Plan) -> dict[str, str]:
    training, model = plan.training, plan.model
    sdxl, v = model.family == "sdxl", model.prediction == "v_prediction"
    module, arguments = _network(training)
    out = {
        "ss_v2": "False",
        "ss_base_model_version": "sdxl_base_v1-0" if sdxl else "sd_v1_v" if v else "sd_v1",
        "ss_network_module": module,
        "ss_network_dim": str(training.rank),
        "ss_network_alpha": _number(training.alpha),
        "ss_network_args": json.dumps(arguments, sort_keys=True),
        "ss_network_dropout": str(training.dropout),
        "ss_output_name": plan.name,
        "ss_sd_model_name": model.name,
        "ss_zero_terminal_snr": str(model.zero_terminal_snr),
        "ss_clip_skip": "None" if sdxl else str(model.clip_skip),
    }
    if model.sha256:
        out["ss_new_sd_model_hash"] = model.sha256
    return out


def _lengths(plan: Plan, steps: int, epochs: int) -> dict[str, str]:
    training, images = plan.training, plan.data.images
    return {
        "ss_seed": str(plan.seed),
        "ss_steps": str(steps),
        "ss_max_train_steps": str(training.steps),
        "ss_epoch": str(epochs),
        "ss_num_epochs": str(epochs),
        "ss_num_batches_per_epoch": str(training.batches_per_epoch),
        "ss_num_train_images": str(sum(i.repeats for i in images if not (i.validation or i.regularisation))),
        "ss_num_validation_images": str(sum(i.validation for i in images)),
        "ss_num_reg_images": str(sum(i.regularisation for i in images)),
        "ss_batch_size_per_device": str(training.batch_size),
        "ss_total_batch_size": str(whole_batch(plan) * training.gradient_accumulation),
        "ss_gradient_accumulation_steps": str(training.gradient_accumulation),
    }


def _optimizer(plan: Plan) -> dict[str, str]:
    training, resources = plan.training, plan.resources
    return {
        "ss_gradient_checkpointing": str(resources.gradient_checkpointing != "none"),
        "ss_learning_rate": str(training.learning_rate),
        "ss_unet_lr": str(training.learning_rate),
        "ss_text_encoder_lr": json.dumps(training.text_encoder_learning_rates),
        "ss_optimizer": f"{training.optimizer}(weight_decay={training.weight_decay},betas={list(training.betas)})",
        "ss_lr_scheduler": training.schedule,
        "ss_lr_warmup_steps": str(training.warmup_steps),
        "ss_max_grad_norm": str(training.max_grad_norm),
        "ss_mixed_precision": {"fp32": "no"}.get(resources.precision, resources.precision),
        "ss_full_fp16": "False",
    }


def _data(plan: Plan) -> dict[str, str]:
    data = plan.data
    return {
        "ss_max_token_length": str(data.max_tokens),
        "ss_cache_latents": "True",
        "ss_caption_dropout_rate": str(data.caption_dropout),
        "ss_caption_tag_dropout_rate": str(data.tag_dropout),
        "ss_shuffle_caption": str(data.shuffle_tags),
        "ss_keep_tokens": str(data.keep_tags),
        "ss_flip_aug": str(data.flip),
        "ss_random_crop": str(data.crop == "random"),
    }


def _model_spec(plan: Plan) -> dict[str, str]:
    """Stability AI's model spec (github.com/Stability-AI/ModelSpec)."""
    model = plan.model
    sdxl = model.family == "sdxl"
    out = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora" if sdxl else "stable-diffusion-v1/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models" if sdxl else "diffusers",
        "modelspec.title": plan.name,
        "modelspec.prediction_type": {"v_prediction": "v"}.get(model.prediction, model.prediction),
    }
    if not sdxl:
        out["modelspec.encoder_layer"] = str(model.clip_skip)
    return out


def _network(training: Training) -> tuple[str, dict[str, str]]:
    """The module of sd-scripts or LyCORIS that would make such an adapter, and its arguments."""
    out: dict[str, str] = {}
    if training.conv_rank:
        out = {"conv_dim": str(training.conv_rank), "conv_alpha": _number(training.conv_alpha)}
    if training.rank_dropout:
        out["rank_dropout"] = str(training.rank_dropout)
    if training.module_dropout:
        out["module_dropout"] = str(training.module_dropout)
    if training.lora_plus_ratio is not None:
        out["loraplus_lr_ratio"] = str(training.lora_plus_ratio)
    if training.rslora:
        out["rs_lora"] = "True"
    if training.t_lora is not None:
        out |= {"use_timestep_mask": "True", "min_rank": str(training.t_lora.min_rank)}
        out["alpha_rank_scale"] = _number(training.t_lora.power)
    if training.adapter == "lora" and not training.dora:
        return "networks.lora", out
    out["algo"] = "lora" if training.adapter == "lora" else training.adapter
    if training.dora:
        # LyCORIS' name for lengths of input channels, which is the form that all readers compute alike.
        out |= {"dora_wd": "True", "wd_on_output": "False"}
    if training.adapter == "lokr" and training.lokr is not None:
        out["factor"] = str(training.lokr.factor)
        out |= {"decompose_both": "True"} if training.lokr.decompose_both else {}
        out |= {"full_matrix": "True"} if training.lokr.full else {}
    return "lycoris.kohya", out


def _loss(plan: Plan) -> dict[str, str]:
    """sd-scripts' keys on loss, noise and timesteps. Those of a setting that is off are left out, as there."""
    training = plan.training
    out = {
        "ss_min_snr_gamma": str(training.min_snr_gamma if training.loss_weighting == "min_snr" else None),
        "ss_loss_type": training.loss,
        "ss_noise_offset": str(training.noise_offset),
    }
    if training.loss in ("huber", "smooth_l1"):
        out |= {
            "ss_huber_schedule": training.huber_schedule,
            "ss_huber_c": str(training.huber_c),
            "ss_huber_scale": str(training.huber_scale),
        }
    if training.loss_weighting == "debiased":
        out["ss_debiased_estimation"] = "True"
    if training.multires_noise is not None:
        out["ss_multires_noise_iterations"] = str(training.multires_noise.iterations)
        out["ss_multires_noise_discount"] = str(training.multires_noise.discount)
    if training.noise_offset_adaptive != 0:
        out["ss_adaptive_noise_scale"] = str(training.noise_offset_adaptive)
    if training.noise_offset_random:
        out["ss_noise_offset_random_strength"] = "True"
    if training.input_perturbation is not None:
        out["ss_ip_noise_gamma"] = str(training.input_perturbation.strength)
        out["ss_ip_noise_gamma_random_strength"] = str(training.input_perturbation.random)
    if plan.data.masks is not None:
        out["ss_masked_loss"] = "True"
    if any(s.regularisation for s in plan.data.images):
        out["ss_prior_loss_weight"] = str(next(s.loss_weight for s in plan.data.images if s.regularisation))
    if training.timesteps is not None:
        out["ss_min_timestep"], out["ss_max_timestep"] = str(training.timesteps.min), str(training.timesteps.max)
    if training.max_weight_norm is not None:
        out["ss_scale_weight_norms"] = str(training.max_weight_norm)
    return out
