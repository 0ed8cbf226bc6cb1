"""`python -m visiontrain_trainer RUN_DIR`: train what RUN_DIR/plan.json says. Exit codes 0, 3, 5, 75."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from .base.errors import STOPPED, MachineError, Stopped, TakenOver, TrainerError, is_out_of_memory, no_memory
from .base.files import hold
from .base.leave import leave
from .base.libraries import cannot_import
from .contract.control import Control
from .contract.events import Events
from .contract.failure import is_first, tell_failure
from .contract.plan import Plan, largest_batch, read_plan

#: What memory was wanted for in each phase. Steps and sample images raise errors with a reason of their own.
_WANTED = {
    "load": "load the model",
    "cache": "encode pictures and captions",
    "train": "go on training",
    "export": "write the LoRA",
}


def _less_memory(phase: str, plan: Plan | None) -> list[str]:
    """Next steps that make `phase` take less memory. Settings that already take the least are left out."""
    if phase == "export":
        return ["Then go on with `visiontrain resume`."]
    if plan is None:
        return []
    cures = []
    if phase == "load" and plan.resources.precision == "fp32":
        cures.append("Or set resources.precision to bf16 or fp16: half of what fp32 takes.")
    if phase == "cache" and plan.resources.vae_precision == "fp32":
        cures.append("Or set resources.vae_precision to bf16: half of what fp32 takes.")
    if phase == "train":
        if largest_batch(plan) > 1:
            at = " and training.batch_size_at" if plan.training.batch_size_at else ""
            cures.append(f"Or lower training.batch_size{at}.")
        if plan.resources.gradient_checkpointing != "full":
            cures.append("Or set resources.gradient_checkpointing to full.")
    return cures


def main(arguments: list[str]) -> int:
    """Run the trainer in RUN_DIR; the last event before it returns is `result`."""
    if len(arguments) != 1:
        print("usage: python -m visiontrain_trainer RUN_DIR", file=sys.stderr)
        return 2
    run = hold(Path(arguments[0]))
    try:
        events = Events(run / "events.jsonl", enabled=is_first())
    except MachineError as error:
        print(error.reason, file=sys.stderr)
        return error.code
    control = Control(run / "control")
    with control.listening():
        return _result(run, events, control)


def _result(run: Path, events: Events, control: Control) -> int:
    """Do what RUN_DIR/plan.json says, end with the event `result`, and return the exit code."""
    plan = None
    try:
        plan = _in_our_cache(read_plan(run / "plan.json"))
        events.emit("phase", phase="load", detail=plan.model.name)
        code = _train(run, plan, events, control)
    except TakenOver:
        code = STOPPED
        print("A later attempt of this run has begun: this one ends.", file=sys.stderr)
    except Stopped:
        code = STOPPED
        events.emit(
            "result",
            status="stopped",
            code=code,
            step=0,
            reason="Stopped on request before training began.",
            next_steps=[f"Go on with `visiontrain resume {run.resolve().name}`."],
        )
    except Exception as error:
        _into_the_log()
        if is_out_of_memory(error):
            cures = _less_memory(events.phase, plan)
            error = no_memory(f"There is not enough memory to {_WANTED[events.phase]}.", error, *cures)
        if not isinstance(error, TrainerError):
            error = _unexpected(error)
        tell_failure(run, events, error)
        return error.code
    finally:
        events.close()
    # Where several processes train, their launcher takes any other code for a crash and kills those still at work.
    return 0 if os.environ.get("WORLD_SIZE", "1") != "1" else code


def _in_our_cache(plan: Plan) -> Plan:
    """The plan with the cache folder of the person who starts it: a plan may come from another machine.

    The place of the cache changes no byte of the result.
    """
    folder = os.environ.get("VISIONTRAIN_CACHE_DIR")
    return replace(plan, resources=replace(plan.resources, cache_dir=folder)) if folder else plan


def _train(run: Path, plan: Plan, events: Events, control: Control) -> int:
    # OpenMP reads this variable when torch is imported. Its threads spin while they wait, which is three times faster
    # than sleeping on a machine that does nothing else (measured: 0.40 against 1.34 s a step). On a busy machine, fewer
    # threads help.
    os.environ["OMP_NUM_THREADS"] = str(plan.resources.threads)
    try:
        from .compute.device import prepare_environment

        prepare_environment(plan.resources)
        from .run.loop import train
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # A library may raise any exception while it is imported.
        raise cannot_import(error) from error

    return train(run, plan, events, control)


def _into_the_log() -> None:
    """Print the traceback of the exception being handled to trainer.log, unless the disk is full."""
    with contextlib.suppress(OSError):
        traceback.print_exc()
        sys.stderr.flush()


def _unexpected(error: Exception) -> TrainerError:
    """The TrainerError for an exception that no code foresaw; its traceback is in trainer.log."""
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    if isinstance(error, ImportError):
        return cannot_import(error)
    if isinstance(error, OSError) and error.errno in (28, 122):
        return MachineError(
            "The disk is full.", [first], ["Free some space, then `visiontrain resume`."], id="disk/full"
        )
    return TrainerError(
        f"The trainer failed unexpectedly: {first}",
        [type(error).__name__],
        ["trainer.log in the run folder has the whole story."],
        id="bug/trainer",
    )


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
