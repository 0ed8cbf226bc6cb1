"""Run a training script unchanged, with the time of every optimiser step written to a file.

python bench/trainer/stamped.py STAMPS SCRIPT [argument ...]

On a card, the peaks of allocated and of reserved bytes so far are written too.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


def fit_torchvision() -> object:
    """Declare two operators that torchvision looks for at import, where it was built for another version of torch.

    PyPI's torchvision is built for CUDA. The scripts use only its image transforms, which are plain Python.
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
    stamps = Path(sys.argv[1]).open("w", buffering=1)  # noqa: SIM115 - open as long as the process
    keep = fit_torchvision()

    def stamp(*_: object) -> None:
        memory = (
            (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()) if torch.cuda.is_available() else ()
        )
        stamps.write(" ".join([f"{time.time():.6f}", *map(str, memory)]) + "\n")

    register_optimizer_step_post_hook(stamp)
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
