"""Gradients and the first update of each adapter beside LyCORIS' code, and weights of the loss beside OneTrainer's.

    python bench/trainer/updates_by_others.py [--lycoris DIR] [--onetrainer DIR] [--prodigy DIR] [--write FILE]

The folders are those that hold `lycoris/`, `modules/` and `prodigyplus/`: fetch the repositories or packages; nothing
of theirs is in this one. The same weights are put into both, one input goes through, the same gradient comes back, and
AdamW makes one step. CPU, fp32. What files are read as, and what sd-scripts makes of losses: `read_by_others.py` and
`losses_by_others.py`.
"""

from __future__ import annotations

import argparse
import ast
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "trainer"))

from visiontrain_trainer.adapter.dora import DoraLayer  # noqa: E402
from visiontrain_trainer.adapter.dropout import Dropout, ranks_at  # noqa: E402
from visiontrain_trainer.adapter.layer import AdapterLayer, Target  # noqa: E402
from visiontrain_trainer.adapter.loha import LohaLayer  # noqa: E402
from visiontrain_trainer.adapter.lokr import LokrLayer  # noqa: E402
from visiontrain_trainer.adapter.lora import LoraLayer  # noqa: E402
from visiontrain_trainer.base import rng  # noqa: E402
from visiontrain_trainer.compute.device import Device  # noqa: E402
from visiontrain_trainer.compute.losses import loss_weights  # noqa: E402
from visiontrain_trainer.compute.noise import Diffusion, alphas_cumprod  # noqa: E402
from visiontrain_trainer.contract.plan import Lokr, TLora  # noqa: E402
from visiontrain_trainer.training.prodigy_schedule_free import ProdigyScheduleFree  # noqa: E402

Row = tuple[str, str, float, str]
CPU = Device(torch.device("cpu"), torch.float32, torch.float32)
STEPS = torch.tensor([0, 1, 10, 120, 500, 870, 999])
#: A relative distance up to this is rounding of fp32.
ALIKE = 2e-5


def method(path: Path, owner: str, name: str) -> Callable[..., torch.Tensor]:
    """A method of a class of theirs as a function."""
    tree = ast.parse(path.read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner)
    node = next(n for n in found.body if isinstance(n, ast.FunctionDef) and n.name == name)
    node.returns, node.decorator_list = None, []
    for argument in node.args.args:
        argument.annotation = None
    space: dict[str, Any] = {"torch": torch}
    exec(compile(ast.Module([node], []), str(path), "exec"), space)  # noqa: S102
    return space[name]


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, as a share of the largest of theirs."""
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max().clamp(min=1e-30))


def training(**changes: Any) -> Any:
    """The settings that the formulas read."""
    usual = {"loss": "l2", "huber_c": 0.1, "huber_schedule": "snr", "huber_scale": 1.0, "loss_weighting": "none"}
    usual |= {"min_snr_gamma": 5.0, "p2_gamma": 1.0, "scale_v_loss": False, "v_like_loss": 0.0}
    return types.SimpleNamespace(**{**usual, **changes})


def schedule() -> tuple[torch.Tensor, Any]:
    product = alphas_cumprod({}, False)
    alphas = product.float()
    theirs = types.SimpleNamespace(
        alphas_cumprod=alphas,
        all_snr=alphas / (1 - alphas),
        config=types.SimpleNamespace(num_train_timesteps=1000),
    )
    return product, theirs


def beside_onetrainer(folder: Path) -> Iterator[Row]:
    path = folder / "modules" / "modelSetup" / "mixin" / "ModelSetupDiffusionLossMixin.py"
    product, scheduler = schedule()
    cls = "ModelSetupDiffusionLossMixin"
    itself = types.SimpleNamespace()
    for prediction in ("epsilon", "v_prediction"):
        diffusion, v = Diffusion(product, prediction, torch.device("cpu")), prediction == "v_prediction"
        device = torch.device("cpu")
        # Their method asks for the ratio by a name that Python makes of the class; here it is a function of its own.
        setattr(itself, "__snr", lambda steps, _: scheduler.all_snr[steps].clone())
        asked = [
            ("min-SNR 5", {"loss_weighting": "min_snr"}, ("__min_snr_weight", STEPS, 5.0, v, device)),
            ("debiased", {"loss_weighting": "debiased"}, ("__debiased_estimation_weight", STEPS, v, device)),
        ]
        if not v:
            asked.append(("P2 1", {"loss_weighting": "p2"}, ("__p2_loss_weight", STEPS, 1.0, v, device)))
        for name, settings, (called, *arguments) in asked:
            theirs = method(path, cls, called)(itself, *arguments)
            ours = loss_weights(training(**settings), diffusion, STEPS)
            assert ours is not None
            apart = v and name == "debiased"
            note = "theirs is 1/√(SNR + 1) for velocity, sd-scripts' and ours 1/(SNR + 1)" if apart else ""
            yield "OneTrainer", f"weight {name}, {prediction}", distance(ours, theirs), note


def layers() -> Iterator[tuple[str, nn.Module, torch.Tensor]]:
    """A linear layer, a 1×1 and a 3×3 convolution of the base, with an input."""
    for name, module, shape in (
        ("linear", nn.Linear(24, 40), (3, 5, 24)),
        ("1×1", nn.Conv2d(24, 40, 1), (2, 24, 6, 6)),
        ("3×3", nn.Conv2d(24, 40, 3, padding=1), (2, 24, 6, 6)),
    ):
        module.requires_grad_(False)
        for key, weight in module.named_parameters():
            weight.copy_(rng.normal(weight.shape, 2, name, key) * 0.2)
        yield name, module, rng.normal(shape, 2, name, "input")


def ours_of(kind: str, base: nn.Module, full: bool) -> AdapterLayer:
    target, dropout = Target("unet", "layer", "lora_unet_layer", 2, 1.0), Dropout(0.0, 1)
    if kind == "lokr":
        return LokrLayer(base, target, dropout, Lokr(factor=-1, decompose_both=False, full=full))
    return {"loha": LohaLayer, "locon": LoraLayer, "dora": DoraLayer}[kind](base, target, dropout)


def theirs_of(lycoris: Any, kind: str, base: nn.Module, full: bool) -> nn.Module:
    common = {"lora_dim": 2, "alpha": 1.0}
    if kind == "lokr":
        return lycoris.LokrModule("layer", base, 1.0, factor=-1, full_matrix=full, **common)
    if kind == "loha":
        return lycoris.LohaModule("layer", base, 1.0, **common)
    dora = {"weight_decompose": True, "wd_on_out": False} if kind == "dora" else {}
    return lycoris.LoConModule("layer", base, 1.0, **common, **dora)


#: Our names of weights by theirs.
NAMES = {"lora_down.weight": "down", "lora_up.weight": "up", "dora_scale": "magnitude"}


def beside_lycoris(folder: Path) -> Iterator[Row]:
    # Only their BOFT uses einops and only their presets toml, which are not compared with.
    sys.modules.setdefault("einops", types.SimpleNamespace(rearrange=None))  # type: ignore[arg-type]
    sys.modules.setdefault("toml", types.ModuleType("toml"))
    sys.path.insert(0, str(folder))
    import lycoris

    for kind, full in (("locon", False), ("loha", False), ("lokr", False), ("lokr", True), ("dora", False)):
        for name, base, x in layers():
            ours = ours_of(kind, base, full)
            ours.start(1, "unet", "layer")
            # Theirs puts itself in the place of the base's forward; ours wraps it, so each has a base of its own.
            own = type(base)(
                24, 40, **({} if name == "linear" else {"kernel_size": int(name[0]), "padding": int(name[0]) // 2})
            )
            own.load_state_dict(base.state_dict())
            theirs = theirs_of(lycoris, kind, own, full)
            weights = dict(theirs.named_parameters())
            mine = ours.weights()
            pairs = []
            for key, weight in weights.items():
                which = NAMES.get(key, key)
                if which not in mine:
                    which = next(n for n in mine if n.rpartition(".")[2] in (which, key))
                drawn = rng.normal(weight.shape, 3, kind, key) * 0.3
                if which == "magnitude":
                    drawn = weight.detach() * (1 + 0.1 * drawn)
                weight.data.copy_(drawn)
                mine[which].data.copy_(drawn.reshape(mine[which].shape))
                pairs.append((which, mine[which], weight))
            here, there = (x.clone().requires_grad_() for _ in "ab")
            made, wanted = ours(here), theirs(there)
            title = f"{kind}{' full' if full else ''}, {name}"
            yield "LyCORIS", f"{title}: output", distance(made, wanted), ""
            grad = rng.normal(made.shape, 4, "grad")
            made.backward(grad)
            wanted.backward(grad)
            assert here.grad is not None and there.grad is not None
            yield "LyCORIS", f"{title}: gradient of the input", distance(here.grad, there.grad), ""
            for which, one, other in pairs:
                assert one.grad is not None and other.grad is not None
                apart = distance(one.grad.reshape(other.grad.shape), other.grad)
                note = ""
                if kind == "dora" and apart > ALIKE:
                    note = "theirs differentiates the norm too, ours holds it constant as the paper's §4.3 does"
                yield "LyCORIS", f"{title}: gradient of {which}", apart, note
            moved = []
            for weights_of in ([one for _, one, _ in pairs], [other for _, _, other in pairs]):
                before = [w.detach().clone() for w in weights_of]
                torch.optim.AdamW(weights_of, lr=1e-3, weight_decay=0.01).step()
                moved.append(torch.cat([(w.detach() - b).reshape(-1) for w, b in zip(weights_of, before, strict=True)]))
            share = float((moved[0] - moved[1]).abs().gt(1e-6).float().mean())
            note = "as their gradients" if kind == "dora" else ""
            yield "LyCORIS", f"{title}: first update, share of weights apart", share, note
    yield from beside_t_lora()


def beside_t_lora() -> Iterator[Row]:
    """The ranks that are trained at each timestep, and a pass with their mask: LyCORIS' has no start to take away."""
    from lycoris.modules.tlora import TLoraModule, compute_timestep_mask, set_timestep_mask

    for least, power in ((1, 1.0), (4, 2.0), (8, 0.5)):
        plan = TLora(min_rank=least, power=power)
        found = torch.tensor([ranks_at(plan, 64, t, 1000) for t in range(1000)])
        wanted = torch.stack([compute_timestep_mask(t, 1000, 64, least, power).sum() for t in range(1000)])
        yield "LyCORIS", f"t-lora, ranks at 1000 timesteps, from {least}, power {power:g}", distance(found, wanted), ""
    for name, base, x in layers():
        if name == "3×3":
            continue
        dropout = Dropout(0.0, 1)
        dropout.timed = TLora(min_rank=2, power=1.0)
        ours = LoraLayer(base, Target("unet", "layer", "lora_unet_layer", 8, 4.0), dropout)
        own = type(base)(24, 40, **({} if name == "linear" else {"kernel_size": 1}))
        own.load_state_dict(base.state_dict())
        theirs = TLoraModule("layer", own, 1.0, lora_dim=8, alpha=4.0, bypass_mode=True)
        with torch.no_grad():
            # Without what it takes away and with λ 1, theirs is a LoRA.
            theirs.base_lambda.zero_()
            theirs.lambda_layer.fill_(1.0)
            theirs.q_layer.weight.copy_(rng.normal(theirs.q_layer.weight.shape, 7, name, "q"))
            theirs.p_layer.weight.copy_(rng.normal(theirs.p_layer.weight.shape, 7, name, "p"))
            ours.down.copy_(theirs.q_layer.weight.reshape(ours.down.shape))
            ours.up.copy_(theirs.p_layer.weight.reshape(ours.up.shape))
        masks = dropout.draw([(0, str(i), 600) for i in range(len(x))], CPU)
        set_timestep_mask(compute_timestep_mask(600, 1000, 8, 2, 1.0))
        with dropout.dropping(masks):
            made = ours(x)
        wanted = own(x) + theirs.bypass_forward_diff(x)
        yield "LyCORIS", f"t-lora, {name}: output at timestep 600", distance(made, wanted), ""
        grad = rng.normal(made.shape, 8, name)
        made.backward(grad)
        wanted.backward(grad)
        for which, one, other in (
            ("down", ours.down, theirs.q_layer.weight),
            ("up", ours.up, theirs.p_layer.weight),
        ):
            assert one.grad is not None and other.grad is not None
            far = distance(one.grad.reshape(other.shape), other.grad)
            yield "LyCORIS", f"t-lora, {name}: gradient of {which}", far, ""


def beside_prodigy_plus(folder: Path) -> Iterator[Row]:
    """50 steps on weights of a LoRA's shapes, towards a goal, so that both estimates grow."""
    sys.path.insert(0, str(folder))
    from prodigyplus import ProdigyPlusScheduleFree

    shapes = {"down": (8, 320), "up": (320, 8), "convolution": (8, 64, 3, 3)}
    bf16 = "theirs rounds its start and sums to bf16"
    for title, options, precise in (
        ("whole moment, fp32 state", {"factored": False}, True),
        ("whole moment", {"factored": False}, False),
        ("usual", {}, False),
    ):
        start = {name: rng.normal(shape, 5, name) * (0.0 if name == "up" else 0.05) for name, shape in shapes.items()}
        ours, theirs = ([nn.Parameter(w.clone()) for w in start.values()] for _ in "ab")
        one = ProdigyScheduleFree([{"params": ours, "lr": 1.0}], betas=(0.9, 0.99), weight_decay=0.01)
        other = ProdigyPlusScheduleFree(theirs, lr=1.0, betas=(0.9, 0.99), weight_decay=0.01, **options)
        for step in range(50):
            for optimizer, weights in ((one, ours), (other, theirs)):
                for name, weight in zip(shapes, weights, strict=True):
                    weight.grad = weight.detach() - 0.1 + rng.normal(weight.shape, 6, name, step) * 0.02
                if precise and optimizer is other and step == 0:
                    for weight in theirs:
                        state = other.initialise_state(weight, other.param_groups[0])
                        state["p0"] = other.get_sliced_tensor(weight).detach().clone()
                        state["s"] = state["s"].float()
                optimizer.step()
        why = (
            "" if precise else bf16 if options else f"{bf16}, and divides rows of a tall matrix's moment by themselves"
        )
        found, wanted = one.param_groups[0]["d"], other.param_groups[0]["d"]
        yield "Prodigy+", f"{title}: rate found after 50 steps ({wanted:.2e})", abs(found / wanted - 1), why
        for name, mine, their in zip(shapes, ours, theirs, strict=True):
            yield "Prodigy+", f"{title}: {name} after 50 steps", distance(mine, their), why
        one.to_average()
        other.eval()
        for name, mine, their in zip(shapes, ours, theirs, strict=True):
            yield "Prodigy+", f"{title}: average of {name}", distance(mine, their), why


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    for name in ("lycoris", "onetrainer", "prodigy"):
        ask.add_argument(f"--{name}", type=Path)
    ask.add_argument("--write", type=Path)
    given = ask.parse_args()
    torch.manual_seed(0)
    rows: list[Row] = []
    for folder, compare in (
        (given.onetrainer, beside_onetrainer),
        (given.lycoris, beside_lycoris),
        (given.prodigy, beside_prodigy_plus),
    ):
        if folder is not None:
            rows += compare(folder)
    lines = [f"PyTorch {torch.__version__}, CPU. Distance: largest difference ÷ largest value of theirs.", ""]
    for who, what, far, why in rows:
        said = "alike" if far <= ALIKE else f"APART  ({why})" if why else "APART"
        lines.append(f"{who:<11} {what:<58} {far:8.1e}  {said}")
    alike = sum(far <= ALIKE for _, _, far, _ in rows)
    lines += ["", f"{alike} of {len(rows)} alike."]
    print("\n".join(lines))
    if given.write is not None:
        given.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
