"""`python -m visiontrain_trainer.lora_tools REQUEST`: resize, merge or convert LoRA files.

REQUEST is JSON (`src/engine/lora/tools.ts` writes it). One line of JSON on stdout is the answer: the file with what was
done to its layers, or `error` with its exit code.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, TrainingError
from visiontrain_trainer.base.files import write_atomic

from .layers import Layer, Lora, load, tensors_of
from .merge import merge
from .names import to_diffusers, to_kohya
from .resize import Rule, resize
from .tensors import FORMATS, Array, pieces

#: Metadata of a source that no longer holds of what is made of it.
_STALE = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256")


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked for and return the answer. Raises TrainerError, also to replace no file."""
    to = Path(request["to"])
    if to.exists():
        raise TrainingError(f"{to} is there already.", next_steps=["Choose another name:  -o FILE"], id="file/exists")
    loras = [load(Path(source["path"])) for source in request["sources"]]
    layers, metadata, lost = _made(request, loras)
    precision = request.get("precision")
    dtype = FORMATS[precision] if precision else loras[0].dtype if loras[0].dtype in FORMATS.values() else "F16"
    form = request.get("form", "kohya")
    tensors = to_diffusers(layers) if form == "diffusers" else tensors_of(to_kohya(layers))
    return {"lost": lost, "ranks": sorted({layer.rank for layer in layers.values()})} | _write(
        to, tensors, metadata, dtype
    )


def _made(request: Mapping[str, Any], loras: list[Lora]) -> tuple[dict[str, Layer], dict[str, str], dict[str, float]]:
    """The layers, the metadata and the lost part of each layer that was resized."""
    layers, metadata = loras[0].layers, dict(loras[0].metadata)
    lost: dict[str, float] = {}
    for key in _STALE:
        metadata.pop(key, None)
    if request["action"] == "merge":
        strengths = [float(source["strength"]) for source in request["sources"]]
        spelled = [to_kohya(lora.layers) for lora in loras]
        modules = sorted({module for each in spelled for module in each})
        layers = {
            module: merge([(each[module], s) for each, s in zip(spelled, strengths, strict=True) if module in each])
            for module in modules
        }
        sources = [{"name": Path(s["path"]).name, "strength": s["strength"]} for s in request["sources"]]
        metadata = {key: value for key, value in metadata.items() if key.startswith(("ss_base", "modelspec.arch"))}
        metadata["modelspec.merged_from"] = json.dumps(sources, ensure_ascii=False)
    if request.get("rank") is not None:
        rule = Rule(int(request["rank"]), request.get("keep"), request.get("by") or "fro")
        resized = {module: resize(layer, rule) for module, layer in layers.items()}
        layers = {module: done.layer for module, done in resized.items()}
        lost = {module: done.lost for module, done in resized.items()}
    ranks = {layer.rank for layer in layers.values()}
    metadata["ss_network_dim"] = str(max(ranks)) if len(ranks) == 1 else "Dynamic"
    alphas = {layer.alpha for layer in layers.values()}
    metadata["ss_network_alpha"] = f"{max(alphas):g}" if len(alphas) == 1 else "Dynamic"
    return layers, metadata, lost


def _write(to: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str], dtype: str) -> dict[str, Any]:
    try:
        content = b"".join(pieces(tensors, metadata, dtype))
        write_atomic(to, content)
    except OverflowError as error:
        raise TrainingError(
            f"{to}: {error}.", next_steps=["Write it with --precision fp32."], id="lora/not-made"
        ) from error
    except OSError as error:
        raise MachineError(f"{to} cannot be written ({error.strerror}).", id="disk/write-failed") from error
    return {"path": str(to), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def main() -> None:
    try:
        answer = run(json.loads(sys.argv[1]))
    except TrainerError as error:
        answer = {"error": error.told()}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
