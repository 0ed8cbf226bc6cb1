"""The loss of sd-scripts, by its own code, beside the one here: same settings, same numbers at every timestep?

    python bench/trainer/losses_by_others.py SD_SCRIPTS_FOLDER

The folder is a checkout of github.com/kohya-ss/sd-scripts; its code is run unchanged: library/custom_train_functions.py
whole, and of library/train_util.py, whose imports need half of its environment, the two functions of the loss.

Each line is a kind of loss or a weighting. For every timestep of 0 to 999 a prediction and a target of random numbers
give the loss of one image, and its gradient by the prediction. The numbers are the greatest |ours − theirs| / |theirs|
of the losses, and ‖ours − theirs‖ / ‖theirs‖ of the gradients. A schedule of zero terminal SNR ends at timestep 998:
at 999 sd-scripts divides by zero.
"""

from __future__ import annotations

import argparse
import ast
import logging
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import TRAINER, make_plan

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
SHAPE = (4, 6, 6)
#: What is compared: the settings here, and sd-scripts' own names for the same.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "l2": ({}, {}),
    "l1": ({"loss": "l1"}, {"loss_type": "l1"}),
    "huber, snr": ({"loss": "huber"}, {"loss_type": "huber"}),
    "huber, exponential": (
        {"loss": "huber", "huber_schedule": "exponential", "huber_scale": 1.5},
        {"loss_type": "huber", "huber_schedule": "exponential", "huber_scale": 1.5},
    ),
    "huber, constant": (
        {"loss": "huber", "huber_schedule": "constant", "huber_c": 0.2},
        {"loss_type": "huber", "huber_schedule": "constant", "huber_c": 0.2},
    ),
    "smooth_l1, snr": ({"loss": "smooth_l1"}, {"loss_type": "smooth_l1"}),
    "min_snr 5": ({"loss_weighting": "min_snr", "min_snr_gamma": 5}, {"min_snr_gamma": 5}),
    "min_snr 1": ({"loss_weighting": "min_snr", "min_snr_gamma": 1}, {"min_snr_gamma": 1}),
    "debiased": ({"loss_weighting": "debiased"}, {"debiased_estimation_loss": True}),
    "scale_v_loss": ({"scale_v_loss": True}, {"scale_v_pred_loss_like_noise_pred": True}),
    "v_like_loss 0.5": ({"v_like_loss": 0.5}, {"v_pred_like_loss": 0.5}),
}
#: Settings that only bases of one prediction have.
ONLY = {"scale_v_loss": "v_prediction", "v_like_loss 0.5": "epsilon"}


def theirs(folder: Path, product: torch.Tensor, settings: dict[str, Any], prediction: str) -> Loss:
    """The loss of one image as train_network.py of sd-scripts puts it together, in its order."""
    sys.path.insert(0, str(folder))
    utils = types.ModuleType("library.utils")
    utils.setup_logging = lambda: None  # type: ignore[attr-defined]
    sys.modules["library.utils"] = utils
    from library import custom_train_functions as custom

    given = {"loss_type": "l2", "huber_schedule": "snr", "huber_c": 0.1, "huber_scale": 1.0, **settings}
    functions = cut(folder / "library" / "train_util.py", "conditional_loss", "get_huber_threshold_if_needed")
    v = prediction == "v_prediction"
    scheduler = types.SimpleNamespace(
        alphas_cumprod=product.float(), config=types.SimpleNamespace(num_train_timesteps=len(product))
    )
    custom.prepare_scheduler_for_custom_training(scheduler, "cpu")

    def loss(predicted: torch.Tensor, target: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        c = functions["get_huber_threshold_if_needed"](types.SimpleNamespace(**given), t, scheduler)
        each = functions["conditional_loss"](predicted, target, given["loss_type"], "none", c).mean([1, 2, 3])
        if "min_snr_gamma" in given:
            each = custom.apply_snr_weight(each, t, scheduler, given["min_snr_gamma"], v)
        if "scale_v_pred_loss_like_noise_pred" in given:
            each = custom.scale_v_prediction_loss_like_noise_prediction(each, t, scheduler)
        if "v_pred_like_loss" in given:
            each = custom.add_v_prediction_like_loss(each, t, scheduler, given["v_pred_like_loss"])
        if "debiased_estimation_loss" in given:
            each = custom.apply_debiased_estimation(each, t, scheduler, v)
        return each

    return loss


def cut(path: Path, *names: str) -> dict[str, Any]:
    """Functions of a file by name, compiled without the rest of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    space: dict[str, Any] = {"torch": torch, "math": __import__("math"), "Optional": __import__("typing").Optional}
    exec(compile(tree, str(path), "exec"), space)
    return space


def ours(product: torch.Tensor, settings: dict[str, Any], prediction: str) -> Loss:
    from visiontrain_trainer.compute.losses import huber_c, loss_weights, losses
    from visiontrain_trainer.compute.noise import Diffusion
    from visiontrain_trainer.contract.plan import parse_plan

    given = {"loss_weighting": "none", "min_snr_gamma": None, **settings}
    sample = {"id": "a", "path": "a.png", "sha256": "0" * 64, "size": [64, 64], "bucket": [64, 64], "repeats": 1}
    shown = [{**sample, "caption": "a", "validation": False}]
    plan = make_plan(TRAINER.parent / "presets" / "tiny" / "sd15", Path(), shown, Path(), training=given)
    training = parse_plan(plan).training
    diffusion = Diffusion(product, prediction, torch.device("cpu"))

    def loss(predicted: torch.Tensor, target: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        each = losses(predicted, target, training.loss, huber_c(training, diffusion, t))
        weights = loss_weights(training, diffusion, t)
        return each if weights is None else each * weights

    return loss


def with_gradient(loss: Loss, product: torch.Tensor, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    t = torch.arange(last)
    predicted = torch.randn((last, *SHAPE), generator=generator).requires_grad_()
    target = torch.randn((last, *SHAPE), generator=generator)
    each = loss(predicted, target, t)
    (gradient,) = torch.autograd.grad(each.sum(), predicted)
    return each.detach().double(), gradient.double()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    from visiontrain_trainer.compute.noise import alphas_cumprod

    logging.disable(logging.WARNING)
    print(f"{'schedule':12}{'base':14}{'setting':22}{'loss':>10}{'gradient':>10}")
    for zero in (False, True):
        product = alphas_cumprod({}, zero)
        last = len(product) - int(zero)
        for prediction in ("epsilon", "v_prediction"):
            for name, (mine, other) in CASES.items():
                if ONLY.get(name, prediction) != prediction:
                    continue
                a, da = with_gradient(ours(product, mine, prediction), product, last)
                b, db = with_gradient(theirs(folder, product, other, prediction), product, last)
                far = float(((a - b).abs() / b.abs()).max())
                print(
                    f"{'zero SNR' if zero else 'plain':12}{prediction:14}{name:22}{far:10.1e}"
                    f"{float((da - db).norm() / db.norm()):10.1e}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
