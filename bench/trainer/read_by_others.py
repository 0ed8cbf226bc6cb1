"""Layers of every kind of adapter, read by other programs' own code: do they compute the weights that were trained?

    python bench/trainer/read_by_others.py [--comfyui FOLDER] [--forge FOLDER] [--sd-scripts FOLDER] [--lycoris FOLDER]

Each folder is a checkout of the program (LyCORIS: a folder into which `pip install --target` put lycoris-lora, toml and
einops). Their code is run unchanged: ComfyUI's comfy/lora.py and comfy/weight_adapter, Forge's backend/patcher/lora.py
and both of its collections, sd-scripts' networks/lora.py, lycoris/modules. Around ComfyUI's and Forge's code, the
modules that manage a card's memory are replaced by ones that leave tensors where they are.

For each kind of adapter and each kind of layer a layer of random weights is made, written as a run's file holds it, in
fp32, and read by each program at strength 1. The numbers are ‖theirs − ours‖ / ‖ours − base‖ in the merged weight.
Ours is computed by a layer in fp64. The last line of each program is the greatest. "-": it does not read this kind;
"fails": it ends with an error.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import TRAINER, images, make_plan

Tensors = dict[str, torch.Tensor]
#: Reads the tensors of a layer `lora_unet_a`, and returns the merged weight of a copy of the layer; None: not read.
Reader = Callable[[Tensors, torch.nn.Module], torch.Tensor | None]

NAME = "lora_unet_a"
BASES: dict[str, Callable[[], torch.nn.Module]] = {
    "linear": lambda: torch.nn.Linear(48, 72),
    "prime sides": lambda: torch.nn.Linear(23, 37),
    "1×1": lambda: torch.nn.Conv2d(32, 48, 1),
    "3×3": lambda: torch.nn.Conv2d(32, 24, 3, padding=1),
}
KINDS: dict[str, dict[str, Any]] = {
    "LoRA, LoCon": {},
    "rsLoRA": {"rslora": True},
    "T-LoRA": {"t_lora": {"min_rank": 1, "power": 1.0}},
    "DoRA": {"dora": True},
    "LoHa": {"adapter": "loha"},
    "LoKr": {"adapter": "lokr"},
    "LoKr, factor 4": {"adapter": "lokr", "lokr": {"factor": 4, "decompose_both": False, "full": False}},
    "LoKr, both": {"adapter": "lokr", "lokr": {"factor": 6, "decompose_both": True, "full": False}},
    "LoKr, full": {"adapter": "lokr", "lokr": {"factor": -1, "decompose_both": False, "full": True}},
}


def made(kind: str, base: torch.nn.Module, training: Any) -> tuple[Tensors, torch.Tensor]:
    """The tensors of a file that holds the layer, and the merged weight that they stand for, in fp64."""
    from visiontrain_trainer.adapter.adapter import make_layer
    from visiontrain_trainer.adapter.dropout import Dropout
    from visiontrain_trainer.adapter.layer import Target
    from visiontrain_trainer.adapter.lora_format import to_kohya
    from visiontrain_trainer.base.rng import normal

    layer = make_layer(base.requires_grad_(False), Target("unet", "a", NAME, 4, 3.0), Dropout(0, 1), training)
    layer.start(5, "unet", "a")
    for name, weight in layer.weights().items():
        weight.data.add_(0.1 * normal(tuple(weight.shape), 9, f"{kind} {name}"))
    tensors = {f"unet.a.{name}": weight.detach().clone() for name, weight in layer.weights().items()}
    exact = layer.double()
    exact.used = tuple(exact.weights().values())
    stored = to_kohya(tensors, {"unet.a": layer.alpha}, family="sd15", unet_config={}, dtype=torch.float32)
    return stored, dense(exact.base, exact)


def dense(base: torch.nn.Module, call: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The weight by which `call` acts in the place of `base`: what it makes of each unit input, without the bias."""
    weight: torch.Tensor = base.weight
    with torch.no_grad():
        if weight.dim() == 2:
            return (call(torch.eye(weight.shape[1], dtype=weight.dtype)) - base.bias).T
        size = weight.shape[2]
        units = torch.eye(weight[0].numel(), dtype=weight.dtype).view(-1, *weight.shape[1:])
        # A unit at one place of an input as large as the kernel is met by that place of the kernel in the middle.
        middle = size // 2
        y = call(units) - base.bias.view(1, -1, 1, 1)
        return y[:, :, middle, middle].T.reshape(weight.shape)


# -- the readers -------------------------------------------------------------------------------------------------------


def comfyui(folder: Path) -> Reader:
    package = types.ModuleType("comfy")
    package.__path__ = [str(folder / "comfy")]
    sys.modules["comfy"] = package
    stand_in("comfy.model_management", cast_to_device=cast)
    for name in ("model_base", "utils"):
        stand_in(f"comfy.{name}")
    stand_in("comfy.patcher_extension", PatcherInjection=object)
    import comfy.lora as lora

    def read(tensors: Tensors, base: torch.nn.Module) -> torch.Tensor | None:
        patches = lora.load_lora(dict(tensors), {NAME: "a.weight"}, log_missing=True)
        if "a.weight" not in patches:
            return None
        weight = base.weight.detach().clone()
        return lora.calculate_weight([(1.0, patches["a.weight"], 1.0, None, None)], weight, "a.weight")

    return read


def forge(folder: Path) -> Reader:
    sys.path.insert(0, str(folder))
    package = types.ModuleType("backend")
    package.__path__ = [str(folder / "backend")]
    sys.modules["backend"] = package
    package.memory_management = stand_in("backend.memory_management", cast_to_device=cast)
    package.utils = stand_in("backend.utils")
    package.operations = stand_in("backend.operations")
    from backend.patcher import lora

    def read(tensors: Tensors, base: torch.nn.Module) -> torch.Tensor | None:
        patches, left = lora.load_lora(dict(tensors), {NAME: "a.weight"})
        if "a.weight" not in patches or left:
            return None
        weight = base.weight.detach().clone()
        return lora.merge_lora_to_weight([(1.0, patches["a.weight"], 1.0, None, None)], weight, "a.weight")

    return read


def sd_scripts(folder: Path) -> Reader:
    sys.path.insert(0, str(folder))
    stand_in("library.utils", setup_logging=lambda: None)
    stand_in("library.sdxl_original_unet", SdxlUNet2DConditionModel=type("Unused", (), {}))
    from networks import lora

    def read(tensors: Tensors, base: torch.nn.Module) -> torch.Tensor | None:
        of = {key.removeprefix(f"{NAME}."): value for key, value in tensors.items()}
        if set(of) != {"lora_up.weight", "lora_down.weight", "alpha"}:
            return None
        module = lora.LoRAInfModule(NAME, base, 1.0, len(of["lora_down.weight"]), of["alpha"])
        module.merge_to(of, torch.float32, "cpu")
        return base.weight.detach()

    return read


def lycoris(folder: Path) -> Reader:
    sys.path.insert(0, str(folder))
    from lycoris import modules

    def read(tensors: Tensors, base: torch.nn.Module) -> torch.Tensor | None:
        kind, params = modules.get_module(tensors, NAME)
        module = kind and modules.make_module(kind, params, NAME, base)
        if not module:
            return None
        # Its merge_to (4.1.3) multiplies a LoHa and a LoKr by their scale twice, its forward once.
        call = base.forward
        module.apply_to()
        merged = dense(base, base.forward)
        base.forward = call
        return merged

    return read


def stand_in(name: str, **parts: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    for key, part in parts.items():
        setattr(module, key, part)
    sys.modules[name] = module
    parent, _, leaf = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], leaf, module)
    return module


def cast(tensor: torch.Tensor, _device: Any, dtype: torch.dtype, copy: bool = False) -> torch.Tensor:
    return tensor.to(dtype, copy=copy)


READERS: dict[str, Callable[[Path], Reader]] = {
    "comfyui": comfyui,
    "forge": forge,
    "sd-scripts": sd_scripts,
    "lycoris": lycoris,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in READERS:
        parser.add_argument(f"--{name}", type=Path)
    given = vars(parser.parse_args())
    folders = {name: given[name.replace("-", "_")] for name in READERS}
    readers = {name: READERS[name](folder.resolve()) for name, folder in folders.items() if folder}
    if not readers:
        parser.error("no checkout is given")
    from visiontrain_trainer.contract.plan import parse_plan

    logging.disable(logging.WARNING)
    greatest = dict.fromkeys(readers, 0.0)
    print(f"{'adapter':16}{'layer':14}" + "".join(f"{name:>14}" for name in readers))
    with tempfile.TemporaryDirectory() as work:
        for kind, changes in KINDS.items():
            folder = Path(work)
            shown = images(folder / "images", 1, 64)
            plan = make_plan(TRAINER.parent / "presets" / "tiny" / "sd15", folder, shown, folder, training=changes)
            training = parse_plan(plan).training
            for base_name, base in BASES.items():
                row = []
                for name, read in readers.items():
                    torch.manual_seed(3)
                    layer = base()
                    start = layer.weight.detach().double()
                    tensors, ours = made(kind, layer, training)
                    torch.manual_seed(3)
                    try:
                        theirs = read({key: value.clone() for key, value in tensors.items()}, base())
                    except RuntimeError as error:
                        print(f"{name} ends at {kind}, {base_name}: {str(error).splitlines()[0]}", file=sys.stderr)
                        row.append(f"{'fails':>14}")
                        continue
                    if theirs is None:
                        row.append(f"{'-':>14}")
                        continue
                    far = float((theirs.double() - ours).norm() / (ours - start).norm())
                    greatest[name] = max(greatest[name], far)
                    row.append(f"{far:14.1e}")
                print(f"{kind:16}{base_name:14}" + "".join(row), flush=True)
    print(f"{'greatest':30}" + "".join(f"{value:14.1e}" for value in greatest.values()))


if __name__ == "__main__":
    main()
