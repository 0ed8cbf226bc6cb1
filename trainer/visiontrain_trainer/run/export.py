"""`python -m visiontrain_trainer.run.export RUN REQUEST`: write the LoRA of a checkpoint, without the base model.

REQUEST is JSON (`src/engine/export/export-run.ts` writes it). One line of JSON on stdout is the answer: `files`, or
`error` with its exit code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from visiontrain_trainer.adapter.export import Origin, Written, file_name, make_files, write_file
from visiontrain_trainer.base.errors import TrainerError, TrainingError
from visiontrain_trainer.base.files import Hashed, hold, is_plain, read_regular
from visiontrain_trainer.base.safefile import Piece, pieces
from visiontrain_trainer.contract.plan import Plan, read_plan
from visiontrain_trainer.training import checkpoint

from .saves import name_at, name_of_best

_MOST_BYTES = 1 << 37


@dataclass(frozen=True)
class Request:
    """Which checkpoint: the step, the best, the last, or the mean of the `average` newest (0: of all).

    The best is that of the step `number`, as judging found it, or for 0 the one that validated best.
    """

    kind: Literal["step", "best", "last", "average"]
    number: int
    to: Path
    #: Number format of the file instead of the plan's; None for the plan's.
    precision: Literal["fp32", "bf16", "fp16"] | None
    diffusers: bool
    #: For a run with a moving average: the average or the trained weights; None for those of the run's own files.
    weights: Literal["ema", "raw"] | None = None
    #: The file that a run's embedding is written to, whose name is its trigger in other programs; None for beside the
    #: LoRA.
    embedding: Path | None = None

    def path(self, name: str, kind: str) -> Path:
        """Where the file of a LoRA called `name` in the format `kind` is written."""
        apart = self.embedding if kind == "embedding" else None
        return apart or self.to / file_name(name, kind)


@dataclass(frozen=True)
class Exported:
    """A file of the answer. `made` is False for a file of the same bytes that was there already."""

    written: Written
    made: bool


def export(run: Path, request: Request) -> tuple[list[int], list[Exported]]:
    """Write what is asked for, and return the steps, the newest first, with the files.

    Raises TrainerError, also to replace no file.
    """
    plan = read_plan(run / "plan.json")
    output = replace(
        plan.output,
        precision=request.precision or plan.output.precision,
        diffusers=request.diffusers or plan.output.diffusers,
    )
    plan = replace(plan, output=output)
    found, name = _wanted(run / "checkpoints", plan, request)
    newest = found[0]
    chosen, kind_of_weights = _weights(plan, request)
    name += kind_of_weights
    tensors, origin = mean([chosen(each) for each in found]), _origin(newest)
    files = make_files(plan, tensors, origin)
    there = {kind: _sha256(request.path(name, kind)) for kind in files}
    known = []
    for kind, content in files.items():
        if there[kind] is None:
            continue
        path, hashed = request.path(name, kind), _drained(pieces(*content))
        if there[kind] != hashed.sha256:
            raise TrainingError(
                f"{path}: a file of another content is there, and is not replaced.",
                next_steps=["Export to another folder: add --to FOLDER", "Or move that file away first."],
                id="file/exists",
            )
        known.append(Exported(Written(path, hashed.bytes, hashed.sha256, kind), False))
    missing = [kind for kind in files if there[kind] is None]
    written = [write_file(request.path(name, kind), kind, files[kind]) for kind in missing]
    return [each.step for each in found], [*known, *(Exported(file, True) for file in written)]


def _weights(plan: Plan, request: Request) -> tuple[Callable[[checkpoint.Checkpoint], dict[str, torch.Tensor]], str]:
    """Which weights of a checkpoint are wanted, and what they add to the file's name.

    Raises TrainingError when the request names average or trained weights of a run that keeps no average.
    """
    ema = plan.training.ema
    used = None if ema is None else "raw" if ema.save == "raw" else "ema"
    if request.weights is None or request.weights == used:
        return (lambda found: found.adapter), ""
    if used is None:
        raise TrainingError(
            "This run kept no moving average of its weights, so there is only one kind of them.",
            next_steps=["Leave out --weights, or average checkpoints: --average"],
            id="run/no-export",
        )
    return (lambda found: found.unused), f"-{request.weights}"


def _drained(source: Iterable[Piece]) -> Hashed:
    hashed = Hashed(source)
    for _ in hashed:
        pass
    return hashed


def _wanted(folder: Path, plan: Plan, request: Request) -> tuple[list[checkpoint.Checkpoint], str]:
    """The checkpoints, the newest first, and the name of the LoRA. Raises TrainingError with the steps there are."""
    steps = checkpoint.all_steps(folder)
    if not steps:
        raise TrainingError(
            "There is no checkpoint in this run yet.",
            next_steps=["Ask for one while it trains: press c in `attach`."],
            id="run/no-export",
        )
    if request.kind == "average":
        chosen = [step for step in steps if step > 0][: request.number or None]
        if len(chosen) < 2:
            raise TrainingError(
                "There are fewer than two checkpoints, so there is nothing to average.",
                next_steps=["Keep more of them in the next run: --set output.checkpoint_keep=10"],
                id="run/no-export",
            )
        return [checkpoint.read(folder, step) for step in chosen], f"{plan.name}-average{len(chosen)}"
    if request.kind == "best" and request.number:
        # The name `…-best` belongs to the checkpoint that validated best, which may be another than the one judged
        # best.
        return [checkpoint.read(folder, request.number)], f"{name_of_best(plan)}-judge"
    if request.kind == "best":
        best = checkpoint.read(folder, steps[0]).state["best"]
        if best is None:
            raise TrainingError(
                "No checkpoint of this run was validated, so none is known to be best.",
                [f"Checkpoints: steps {', '.join(map(str, reversed(steps)))}."],
                ["Name a step: --step N, or take the last: --last"],
                id="run/no-export",
            )
        return [checkpoint.read(folder, int(best["step"]))], name_of_best(plan)
    step = steps[0] if request.kind == "last" else request.number
    if step not in steps or step == 0:
        raise TrainingError(
            f"There is no checkpoint of step {step}." if step else "At step 0 nothing was trained yet.",
            [
                f"Checkpoints: steps {', '.join(map(str, reversed(steps)))}.",
                *(f"Its LoRA file is there all the same: {path}" for path in _saved_at(folder.parent, step)),
            ],
            ["Name one of them: --step N", "Keep more of them in the next run: --set output.checkpoint_keep=10"],
            id="run/no-export",
        )
    return [checkpoint.read(folder, step)], name_at(plan, step)


def _saved_at(run: Path, step: int) -> list[str]:
    """LoRA files of a step that the run wrote on its way and kept, below the run."""
    try:
        lines = read_regular(run / "events.jsonl", _MOST_BYTES).splitlines()
        told = [json.loads(line) for line in lines if b'"saved"' in line]
        paths = [str(e["path"]) for e in told if e["type"] == "saved" and e["step"] == step and e["format"] == "kohya"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [path for path in dict.fromkeys(paths) if is_plain(run / path)]


def _origin(found: checkpoint.Checkpoint) -> Origin:
    try:
        facts = found.state["lora"]
        return Origin(dict(facts["alphas"]), dict(facts["unet"]), dict(facts["facts"]))
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{found.path}: the checkpoint is of a version of visiontrain that did not write what an export needs.",
            next_steps=["`visiontrain resume` a run that is not finished: its next checkpoint will do."],
            id="run/no-export",
        ) from error


def mean(each: list[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of weights by name, taken in fp64. Of one, the weights themselves. Raises TrainingError when they differ
    in shape.
    """
    first = each[0]
    if len(each) == 1:
        return dict(first)
    for other in each[1:]:
        if {k: v.shape for k, v in other.items()} != {k: v.shape for k, v in first.items()}:
            raise TrainingError("The checkpoints hold other layers than each other.", id="run/no-export")
    return {name: torch.stack([other[name].double() for other in each]).mean(0).float() for name in first}


def _sha256(path: Path) -> str | None:
    """SHA-256 of the file that lies at `path` already; None where there is none."""
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return _drained([read_regular(path, _MOST_BYTES)]).sha256
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be read ({error.strerror}), and is not replaced.",
            next_steps=["Add --to FOLDER."],
            id="file/exists",
        ) from error


def main(arguments: list[str]) -> int:
    """Answer on stdout; returns the exit code."""
    run, asked = hold(Path(arguments[0])), json.loads(arguments[1])
    request = Request(
        kind=asked["kind"],
        number=int(asked["number"]),
        to=Path(asked["to"]),
        precision=asked["precision"],
        diffusers=bool(asked["diffusers"]),
        weights=asked["weights"],
        embedding=None if asked["embedding"] is None else Path(asked["embedding"]),
    )
    try:
        steps, files = export(run, request)
    except TrainerError as error:
        print(json.dumps({"error": error.as_json()}))
        return error.code
    answer: list[dict[str, Any]] = [
        {
            "path": str(file.written.path),
            "bytes": file.written.bytes,
            "sha256": file.written.sha256,
            "format": file.written.format,
            "made": file.made,
        }
        for file in files
    ]
    print(json.dumps({"step": steps[0], "steps": sorted(steps), "files": answer}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
