"""Optimisers from their own libraries, and their state as plain files."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.embedding import PARTS
from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.libraries import cannot_import
from visiontrain_trainer.contract.plan import Training

from .came import Came
from .lion import Lion
from .prodigy_schedule_free import ProdigyScheduleFree
from .schedule_free import ScheduleFreeAdamW

#: Optimisers that update each weight without regard to the tensor's shape. They get each part as one flat tensor.
_ELEMENTWISE = ("adamw", "adamw8bit", "prodigy", "lion", "adamw_schedulefree")


class AdamW(torch.optim.AdamW):
    """PyTorch's AdamW without the wrappers that keep it out of torch's compiler, and that import the compiler for it.

    That import takes half as long as importing torch. The wrappers removed here do nothing else, except that the
    wrapper of `step` turned gradients off, which `no_grad` does here. No code here compiles an optimiser.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


def _library(package: str, optimizer: str) -> Any:
    """The module an optimiser comes from. Raises MachineError where it is missing or cannot be imported."""
    try:
        return importlib.import_module(package)
    # A library with compiled parts may raise any exception when they do not fit this machine.
    except Exception as error:
        failure = cannot_import(error, package)
        rate = " --set training.learning_rate=1e-4" if optimizer == "prodigy" else ""
        raise MachineError(
            f"The optimiser {optimizer} comes from {package}. {failure.reason}",
            failure.details,
            [*failure.next_steps, f"Or use --set training.optimizer=adamw{rate} in a new run."],
            id="environment/optimizer",
        ) from error


def make_optimizer(plan: Training, adapter: Adapter) -> torch.optim.Optimizer:
    """The plan's optimiser over the adapter's parts. Raises MachineError when its library is missing."""
    rates = {"unet": plan.learning_rate}
    for index, rate in enumerate(plan.text_encoder_learning_rates):
        rates["text_encoder" if index == 0 else f"text_encoder_{index + 1}"] = rate
    if plan.pivotal is not None:
        rates |= dict.fromkeys(PARTS.values(), plan.pivotal.learning_rate)
    groups = []
    for part in adapter.layers:
        for group in adapter.groups[part]:
            if plan.optimizer in _ELEMENTWISE:
                whole = torch.nn.Parameter(adapter.flat[part][group.window])
                whole.grad = adapter.flat_grad[part][group.window]
                parameters = [whole]
            else:
                parameters = group.parameters
            rate = rates[part] * group.rate
            made = {"params": parameters, "lr": rate, "base_lr": rate, "part": part}
            groups.append(made if group.decays else {**made, "weight_decay": 0.0})
    return _made(plan, groups, next(iter(adapter.flat.values())).device.type)


def _made(plan: Training, groups: list[dict[str, Any]], device: str) -> torch.optim.Optimizer:
    """The plan's optimiser over parameter groups. Raises MachineError when its library is missing."""
    kind, decay, betas = plan.optimizer, plan.weight_decay, plan.betas
    given = {} if plan.optimizer_args is None else dataclasses.asdict(plan.optimizer_args)
    args: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if kind == "adamw":
        return AdamW(groups, betas=betas, weight_decay=decay, fused=device in ("cpu", "cuda"), **args)
    if kind == "adamw8bit":
        bitsandbytes = _library("bitsandbytes", kind)
        return bitsandbytes.optim.AdamW8bit(groups, betas=betas, weight_decay=decay, **args)
    if kind == "prodigy":
        prodigyopt = _library("prodigyopt", kind)
        usual = {"decouple": True, "use_bias_correction": True, "safeguard_warmup": True}
        return prodigyopt.Prodigy(groups, betas=betas, weight_decay=decay, **{**usual, **args})
    if kind == "lion":
        return Lion(groups, betas=betas, weight_decay=decay)
    if kind == "adamw_schedulefree":
        return ScheduleFreeAdamW(groups, betas=betas, weight_decay=decay, **args)
    if kind == "prodigy_schedulefree":
        return ProdigyScheduleFree(groups, betas=betas, weight_decay=decay, **args)
    if kind == "came":
        return Came(groups, betas=(*betas, args.pop("beta3", 0.9999)), weight_decay=decay, **args)
    from transformers.optimization import Adafactor

    usual = {"scale_parameter": False, "relative_step": False, "warmup_init": False}
    return Adafactor(groups, weight_decay=decay, **{**usual, **args})


class Rate(NamedTuple):
    """The U-Net's learning rate in a step, and the rate that is really used: optimisers such as Prodigy find it."""

    set: float
    used: float | None


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> Rate:
    """Set every group's learning rate to its base rate times `factor`. Returns the first group's (the U-Net's) rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    first = optimizer.param_groups[0]
    # Optimisers that find the rate keep it as d. With bias correction, Prodigy's first steps are shortened too.
    used = first["d"] * first["lr"] if "d" in first else None
    if used is not None and first.get("use_bias_correction"):
        (mean, square), done = first["betas"], first["k"] + 1
        used *= (1 - square**done) ** 0.5 / (1 - mean**done)
    return Rate(first["lr"], used)


def rest_parts(plan: Training, adapter: Adapter, step: int) -> set[str]:
    """The text encoders and embeddings whose training has ended before `step`. Sets their gradients to 0."""
    resting: set[str] = set()
    embeddings = set(PARTS.values())
    if plan.text_encoder_steps is not None and step >= plan.text_encoder_steps:
        resting |= adapter.flat_grad.keys() - {"unet"} - embeddings
    if plan.pivotal is not None and plan.pivotal.steps is not None and step >= plan.pivotal.steps:
        resting |= adapter.flat_grad.keys() & embeddings
    for part in resting:
        adapter.flat_grad[part].zero_()
    return resting


@contextmanager
def without(optimizer: torch.optim.Optimizer, resting: set[str]) -> Generator[None]:
    """Inside this context the optimiser lacks the groups of the parts in `resting`, so that they do not change at all.

    A learning rate of 0 would not do: averages and counters of their groups would go on.
    """
    whole = optimizer.param_groups
    if resting:
        optimizer.param_groups = [group for group in whole if group["part"] not in resting]
    try:
        yield
    finally:
        optimizer.param_groups = whole


_TENSOR = "__tensor__"
_TUPLE = "__tuple__"


def state_to_plain(optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The optimiser's state as named tensors and as JSON, in which `{"__tensor__": name}` stands for a tensor."""
    tensors: dict[str, torch.Tensor] = {}

    def plain(value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            tensors[path] = value.detach().to("cpu", copy=True).contiguous()
            return {_TENSOR: path}
        if isinstance(value, dict):
            return {str(key): plain(item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = [plain(item, f"{path}.{index}") for index, item in enumerate(value)]
            return {_TUPLE: items} if isinstance(value, tuple) else items
        return value

    state = optimizer.state_dict()
    values = {"state": plain(state["state"], "state"), "param_groups": plain(state["param_groups"], "groups")}
    return tensors, values


def state_from_plain(
    optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], values: dict[str, Any]
) -> None:
    """Inverse of `state_to_plain` for an optimiser made from the same plan."""

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            if _TENSOR in value:
                return tensors[value[_TENSOR]]
            if _TUPLE in value:
                return tuple(whole(item) for item in value[_TUPLE])
            return {key: whole(item) for key, item in value.items()}
        return [whole(item) for item in value] if isinstance(value, list) else value

    state = {int(number): entry for number, entry in whole(values["state"]).items()}
    optimizer.load_state_dict({"state": state, "param_groups": whole(values["param_groups"])})
