"""Run a training script unchanged, with the time of every optimiser step written to a file.

python bench/trainer/stamped.py STAMPS SCRIPT [argument ...]
"""

from __future__ import annotations

import runpy
import sys
import time

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


def fit_torchvision() -> object:
    """Declare two operators that torchvision looks for at import, where its build is for another torch than ours.

    PyPI's torchvision is built for CUDA. Only its picture transforms are used, which are plain Python.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


if __name__ == "__main__":
    stamps = open(sys.argv[1], "w", buffering=1)  # noqa: SIM115 - open as long as the process
    keep = fit_torchvision()
    register_optimizer_step_post_hook(lambda *_: stamps.write(f"{time.time():.6f}\n"))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
