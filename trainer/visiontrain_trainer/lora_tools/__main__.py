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

from .bases import Base, fit
from .checkpoint import merge_into_file, merge_into_folder
from .into import Part
from .make import make
from .measure import Measured, compare, norms
from .tensors import Array, pieces


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked for and return the answer. Raises TrainingError, also to replace no file."""
    paths = [Path(source["path"]) for source in request["sources"]]
    base = [Path(path) for path in request.get("base") or []]
    if request["action"] == "norms":
        return {"files": [norms(path, Base(base) if base else None) for path in paths]}
    if request["action"] == "diff":
        return compare(paths[0], paths[1], Base(base) if base else None)
    if request["action"] == "fit":
        return fit(paths[0], base)
    to = Path(request["to"])
    if to.exists():
        raise TrainingError(f"{to} is there already.", next_steps=["Choose another name:  -o FILE"], id="file/exists")
    if request["action"] == "into":
        strengths = [float(source["strength"]) for source in request["sources"]]
        parts = [Part(Measured(path), strength) for path, strength in zip(paths, strengths, strict=True)]
        merge_into = merge_into_folder if base[0].is_dir() else merge_into_file
        return _written(to, lambda: merge_into(base[0], parts, to, request.get("precision")))
    made = make(request)
    facts = {"lost": made.lost, "left": made.left, "ranks": sorted({layer.rank for layer in made.layers.values()})}
    return facts | _write(to, made.tensors(request.get("form", "kohya")), made.metadata, made.dtype)


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
        cure = ["Free some disk space, or choose another place:  -o FILE"]
        raise MachineError(f"{to} cannot be written ({error.strerror}).", [], cure, id="disk/write-failed") from error


def main() -> None:
    try:
        answer = run(json.loads(sys.argv[1]))
    except Exception as error:
        answer = {"error": _explained(error).as_json()}
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
