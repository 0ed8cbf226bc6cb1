"""`python -m visiontrain_trainer.judging RUN JOB`: judge checkpoints. Exit codes 0, 3, 5; lines of JSON on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import MachineError, TrainerError, TrainingError, is_out_of_memory, no_memory
from visiontrain_trainer.base.files import hold
from visiontrain_trainer.base.leave import leave
from visiontrain_trainer.compute.program import run_and_tell, say, with_torch

#: Judging without the models that take memory beside the base. Samples are kept, so the command goes on where it was.
_WITHOUT_MODELS = "Or judge without further models:  --likeness pixels --fit none"


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m visiontrain_trainer.judging RUN JOB", file=sys.stderr)
        return 2
    return run_and_tell(lambda: _judge(hold(Path(arguments[0])), arguments[1]), _explained)


def _judge(run: Path, text: str) -> None:
    from visiontrain_trainer.contract.plan import read_plan

    from .job import parse_job

    job, plan = parse_job(text), read_plan(run / "plan.json")
    # A plan may come from another machine: what is encoded goes into the cache of whoever judges.
    cache = os.environ.get("VISIONTRAIN_CACHE_DIR", plan.resources.cache_dir)
    plan = replace(plan, resources=replace(plan.resources, cache_dir=cache))
    with_torch(plan.resources, _work)(run, plan, job, say)


def _work() -> Callable[..., Any]:
    from .work import judge

    return judge


def _explained(error: Exception) -> TrainerError:
    if isinstance(error, TrainerError):
        return error
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if is_out_of_memory(error):
        return no_memory("There is not enough memory to judge.", error, _WITHOUT_MODELS, id="judge/memory")
    if isinstance(error, OSError):
        return MachineError("A file of judging could not be read or written.", [first], id="judge/failed")
    return TrainingError(f"Judging failed unexpectedly: {first}", [type(error).__name__], id="judge/failed")


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
