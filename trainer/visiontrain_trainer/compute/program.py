"""Common parts of the programs that compute beside a run: lines of JSON on stdout, the last of which tells the end."""

from __future__ import annotations

import contextlib
import json
import os
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from visiontrain_trainer.base.errors import TrainerError, is_out_of_memory
from visiontrain_trainer.base.libraries import cannot_import
from visiontrain_trainer.base.owner import end_with_owner
from visiontrain_trainer.contract.plan import Resources

T = TypeVar("T")


def say(type: str, **payload: Any) -> None:
    """Print one JSON object as a line."""
    print(json.dumps({"type": type, **payload}), flush=True)


def run_and_tell(work: Callable[[], None], explained: Callable[[Exception], TrainerError]) -> int:
    """Do the work, then print `done`, or the error as `explained` words it. Returns the exit code."""
    end_with_owner()
    try:
        work()
    except Exception as error:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        known = explained(error)
        say("error", **known.as_json())
        return known.code
    say("done")
    return 0


def with_torch(resources: Resources, load: Callable[[], T]) -> T:
    """What `load` imports, with torch held to the plan's threads. Raises MachineError for a library that is missing."""
    # OpenMP reads this variable when torch is imported.
    os.environ["OMP_NUM_THREADS"] = str(resources.threads)
    try:
        from .device import prepare_environment

        prepare_environment(resources)
        return load()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise cannot_import(error) from error
