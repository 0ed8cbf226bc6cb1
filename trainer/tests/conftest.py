"""Fixtures: tiny models and images that are made once a session, and the trainer run in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", OMP_NUM_THREADS="1")
# Only test_gpu.py uses a card, and only when asked to, so that all other tests compute the same on every machine.
os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("VISIONTRAIN_TEST_CARD", "")
os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

# diffusers is imported whole before the trainer imports only a part of it: tests use stock pipelines, which need peft.
import diffusers.loaders.peft  # noqa: F401
import hypothesis
import pytest
import torch

from tests import tiny_models
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan

torch.set_num_threads(1)
# No test of properties fails because the machine does other work: neither an example nor its making has a time limit.
hypothesis.settings.register_profile("no clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("no clock")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a family's tiny model, which is made once a session."""
    root, made = tmp_path_factory.mktemp("models"), {}

    def get(family: str) -> Path:
        if family not in made:
            made[family] = tiny_models.make_model(root / family, family)
        return made[family]

    return get


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("data") / "pictures"
    return folder, tiny_models.make_images(folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def plan_for(tiny: Any, images: Any, cache: Path) -> Callable[..., dict[str, Any]]:
    def make(family: str = "sd15", /, **changes: Any) -> dict[str, Any]:
        return tiny_models.make_plan(tiny(family), images[0], images[1], cache, **changes)

    return make


class Run:
    """A run folder after training in this process."""

    def __init__(self, folder: Path, code: int) -> None:
        self.folder, self.code = folder, code
        self.events = read_events(folder)

    def of(self, type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == type]

    @property
    def sha256(self) -> str:
        return self.of("output")[0]["sha256"]


def read_events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def prepare_run(folder: Path, plan: dict[str, Any]) -> Path:
    for name in ("control", "checkpoints", "samples", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


@pytest.fixture
def train_here(tmp_path: Path) -> Callable[..., Run]:
    """Trains in this process: `train_here(plan, name)`. Called again with the same name, it resumes that run."""

    def run(plan: dict[str, Any], name: str = "run") -> Run:
        from visiontrain_trainer.run.loop import train

        folder = prepare_run(tmp_path / name, plan)
        events = Events(folder / "events.jsonl")
        try:
            code = train(folder, parse_plan(plan), events, Control(folder / "control"))
        finally:
            events.close()
        return Run(folder, code)

    return run
