"""The layers of a LoRA file, all at once."""

from __future__ import annotations

from pathlib import Path

from visiontrain_trainer.lora_tools.layers import Dense, File, Layer, layer_of


def layers_in(path: Path) -> dict[str, Layer | Dense]:
    file = File(path)
    return {module: layer_of(file, module, None) for module in file.groups}
