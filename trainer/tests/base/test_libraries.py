"""A library that cannot be imported is reported as such, with a cure that fits the Python in use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import prepare_run
from visiontrain_trainer.base.libraries import renewal

ROOT = Path(__file__).parents[2]
#: The type of the fixture `plan_for`.
Plans = Callable[..., dict[str, Any]]


def _train(run: Path, broken: dict[str, str], **variables: str) -> dict:
    """Train in `run` with the `broken` packages (code by name) in front of the real ones. Returns the last event."""
    packages = run.parent / "site-packages"
    for name, code in broken.items():
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text(code)
    path = os.pathsep.join([str(packages), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "visiontrain_trainer", str(run)], cwd=ROOT, env=environment, capture_output=True
    )
    result = json.loads((run / "events.jsonl").read_text().splitlines()[-1])
    assert done.returncode == result["code"]
    return result


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("torch", "raise ImportError('libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent')"),
        ("torch", "raise OSError('libcudart.so.13: cannot open shared object file')"),
        ("numpy", "raise RuntimeError('built for another numpy')"),
    ],
)
def test_a_broken_library_is_named_with_the_python_it_is_in(
    tmp_path: Path, plan_for: Plans, name: str, code: str
) -> None:
    """The cure is for the Python that was given. Setting up visiontrain's own environment would change nothing."""
    run = prepare_run(tmp_path / "run", plan_for())
    result = _train(run, {name: code}, VISIONTRAIN_PYTHON="/my env/python")
    assert result["code"] == 3
    assert result["reason"].startswith(f"Python cannot import {name} (")
    assert f"'/my env/python' -m pip install --force-reinstall {name}" in result["next_steps"]
    assert "setup --force" not in str(result["next_steps"])


def test_our_own_environment_is_renewed(tmp_path: Path, plan_for: Plans) -> None:
    """The cure needs --force: without it, `setup` finds everything in order and does nothing."""
    run = prepare_run(tmp_path / "run", plan_for())
    result = _train(run, {"torch": "raise ImportError('broken')"}, VISIONTRAIN_PYTHON="", LD_LIBRARY_PATH="/lib")
    assert result["next_steps"] == ["Renew the environment with `visiontrain setup --force`."]


def test_variables_of_the_loader_are_named_where_its_words_are(tmp_path: Path, plan_for: Plans) -> None:
    """The cure names the interpreter itself, because VISIONTRAIN_PYTHON may be a script that sets these variables."""
    run = prepare_run(tmp_path / "run", plan_for())
    code = """raise ImportError("libc10.so: version `GLIBCXX_3.4.21' not found")"""
    result = _train(run, {"torch": code}, VISIONTRAIN_PYTHON="/wrapper", LD_LIBRARY_PATH="/opt/old", LD_PRELOAD="")
    assert "LD_LIBRARY_PATH may put other libraries" in result["next_steps"][0]
    without = f"env -u LD_LIBRARY_PATH VISIONTRAIN_PYTHON={sys.executable} visiontrain resume {run.name}"
    assert result["next_steps"][1] == f"`{without}`"


def test_an_optimiser_that_cannot_be_imported_is_no_bug(tmp_path: Path, plan_for: Plans) -> None:
    """A broken library of an optimiser is a fault of the machine, whatever exception it raises."""
    run = prepare_run(tmp_path / "run", plan_for(training={"optimizer": "adamw8bit"}))
    code = "raise RuntimeError('CUDA Setup failed despite GPU being available')"
    result = _train(run, {"bitsandbytes": code}, VISIONTRAIN_PYTHON="")
    assert result["code"] == 3
    assert result["reason"].startswith("The optimiser adamw8bit comes from bitsandbytes. Python cannot import bitsandb")


def test_an_environment_that_is_not_ours_is_never_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that PyTorch does not see is such a case: `setup --force` would leave the person's Python as it is."""
    monkeypatch.setenv("VISIONTRAIN_PYTHON", "/my/python")
    assert "VISIONTRAIN_PYTHON" in renewal("PyTorch")
    assert "--force" not in renewal("PyTorch")
    monkeypatch.delenv("VISIONTRAIN_PYTHON")
    assert renewal("PyTorch") == "Renew PyTorch with `visiontrain setup --force`."
