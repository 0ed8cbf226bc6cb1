"""Before the first step a run imports only what it needs, and imported libraries still behave as usual."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import prepare_run
from tests.pins import plan_of
from visiontrain_trainer.training.optim import AdamW

ROOT = Path(__file__).parents[2]
#: Packages that must not be imported. Each takes at least half as long to import as torch.
HEAVY = {
    *("transformers", "peft", "accelerate", "bitsandbytes", "torchvision", "datasets", "pandas", "scipy", "sklearn"),
    *("sympy", "torch._dynamo", "torch._inductor", "triton", "torch.onnx", "torch.utils.tensorboard"),
}

#: A script that trains as the trainer does, and writes which modules were imported when the first step was reported.
WATCHED = """
import json, sys
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.contract.events import Events

emit = Events.emit

def watched(self, type, **payload):
    emit(self, type, **payload)
    if type == "step" and payload["step"] == 1:
        with open(sys.argv[2], "w") as out:
            json.dump(sorted(sys.modules), out)

Events.emit = watched
sys.exit(main([sys.argv[1]]))
"""

#: A script that opens a session with resources.compile on, and asks torch's compiler what diffusers marked.
COMPILING = """
import sys
from pathlib import Path
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import read_plan
from visiontrain_trainer.run.session import open_session

run = Path(sys.argv[1])
open_session(run, read_plan(run / "plan.json"), Events(run / "events.jsonl"), Control(run / "control"))
from diffusers.models.attention import BasicTransformerBlock
from torch._dynamo import trace_rules

assert trace_rules.is_callable_allowed(BasicTransformerBlock), "not marked"
"""

#: A script that imports the compiler after diffusers was imported without it.
LATER = """
import sys
from visiontrain_trainer.compute.imports import import_diffusers

import_diffusers()
assert "torch._dynamo" not in sys.modules
import torch

assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2, 2]
assert torch._dynamo.utils.counters["frames"]["ok"] == 1
"""


def _python(code: str, *arguments: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _imported(folder: Path, plan: dict[str, Any]) -> set[str]:
    told = folder / "modules.json"
    _python(WATCHED, prepare_run(folder, plan), told)
    return set(json.loads(told.read_text()))


PLANS: dict[str, Callable[[Any, Path], dict[str, Any]]] = {
    "embedded": lambda plan_for, tmp: plan_of("embedded sd15", tmp),
    "sdxl, pictures before the first step": lambda plan_for, tmp: plan_for(
        "sdxl", samples={"every": 2, "prompts": ["zwx"]}, resources={"cache_dir": str(tmp / "cache")}
    ),
    "text encoders in training": lambda plan_for, tmp: plan_for(
        "sdxl", training={"text_encoder_learning_rates": [1e-3, 1e-3]}, resources={"deterministic": False}
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_nothing_heavy_is_imported_before_the_first_step(name: str, plan_for: Any, tmp_path: Path) -> None:
    plan = PLANS[name](plan_for, tmp_path)
    for cache in ("cold", "warm"):
        imported = _imported(tmp_path / cache, plan)
        assert "torch" in imported and not imported & HEAVY
        # When everything is in the cache, the modules that encode are not needed either.
        trained = any(plan["training"]["text_encoder_learning_rates"])
        assert ("visiontrain_trainer.model.clip" in imported) == (cache == "cold" or trained)


def test_compiling_runs_still_tell_the_compiler_what_diffusers_marks(plan_for: Any, tmp_path: Path) -> None:
    _python(COMPILING, prepare_run(tmp_path / "run", plan_for(resources={"compile": True})))


def test_the_compiler_is_whole_when_asked_for_later() -> None:
    _python(LATER)


def test_adamw_equals_that_of_torch_to_the_bit() -> None:
    found = []
    for kind in (torch.optim.AdamW, AdamW):
        weights = [torch.nn.Parameter(torch.linspace(-1, 1, 7)), torch.nn.Parameter(torch.linspace(1, 2, 3))]
        settings = {"betas": (0.9, 0.99), "weight_decay": 0.1, "fused": True}
        optimizer = kind([{"params": weights[:1], "lr": 1e-2}, {"params": weights[1:], "lr": 1e-3}], **settings)
        for step in range(4):
            for weight in weights:
                weight.grad = (weight.detach() * (step + 1)).sin()
            optimizer.step()
            if step == 1:
                state = optimizer.state_dict()
                optimizer = kind([{"params": weights[:1]}, {"params": weights[1:]}], **settings)
                optimizer.load_state_dict(state)
        optimizer.zero_grad()
        assert all(weight.grad is None for weight in weights)
        found.append(torch.cat([weight.detach() for weight in weights]))
    assert torch.equal(*found) and not torch.equal(found[0][:7], torch.linspace(-1, 1, 7))
