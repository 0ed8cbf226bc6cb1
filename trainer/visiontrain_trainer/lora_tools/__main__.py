"""`python -m visiontrain_trainer.lora_tools REQUEST`: resize, merge, convert, measure or compare LoRA files.

REQUEST is JSON (`src/engine/lora/tools.ts` writes it). One line of JSON on stdout is the answer: the file with what was
done to its layers, or `error` with its exit code.
"""

from __future__ import annotations

import hashlib
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, TrainingError
from visiontrain_trainer.base.files import write_atomic

from .alphas import PEFT
from .bases import fit
from .into import Part, merge_into
from .layers import Layer, Lora, load, tensors_of
from .measure import Measured, compare, norms
from .merge import merge
from .names import to_diffusers, to_kohya
from .resize import Rule, resize
from .tensors import FORMATS, Array, pieces

#: Metadata of a source that no longer holds of what is made of it.
_STALE = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256", PEFT)


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked for and return the answer. Raises TrainerError, also to replace no file."""
    if request["action"] == "norms":
        return {"files": [norms(Path(source["path"])) for source in request["sources"]]}
    if request["action"] == "diff":
        return compare(*(Path(source["path"]) for source in request["sources"]))
    if request["action"] == "fit":
        return fit(Path(request["sources"][0]["path"]), [Path(path) for path in request["base"]])
    to = Path(request["to"])
    if to.exists():
        raise TrainingError(f"{to} is there already.", next_steps=["Choose another name:  -o FILE"], id="file/exists")
    if request["action"] == "into":
        parts = [Part(Measured(Path(s["path"])), float(s["strength"])) for s in request["sources"]]
        return _written(to, lambda: merge_into(Path(request["base"][0]), parts, to, request.get("precision")))
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
    def write() -> dict[str, Any]:
        content = b"".join(pieces(tensors, metadata, dtype))
        write_atomic(to, content)
        return {"path": str(to), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    return _written(to, write)


def _written(to: Path, write: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `write` returns. Raises TrainingError or MachineError that name the file which could not be written."""
    try:
        return write()
    except OverflowError as error:
        raise TrainingError(
            f"{to}: {error}.", next_steps=["Write it with --precision fp32."], id="lora/not-made"
        ) from error
    except OSError as error:
        raise MachineError(f"{to} cannot be written ({error.strerror}).", id="disk/write-failed") from error


def main() -> None:
    try:
        answer = run(json.loads(sys.argv[1]))
    except Exception as error:
        answer = {"error": _explained(error).told()}
    print(json.dumps(answer))


def _explained(error: Exception) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    traceback.print_exc()
    if isinstance(error, MemoryError):
        cure = ["Close what else uses that memory."]
        return MachineError("There is not enough memory for these files.", [str(error)], cure, id="training/memory")
    first = str(error).strip().split("\n")[0][:300]
    return TrainingError(
        "The tensors of a file do not fit together.", [f"{type(error).__name__}: {first}"], id="lora/not-made"
    )


if __name__ == "__main__":
    main()
