"""The benchmark for a card runs through on the processor with tiny models, so that it works once there is a card."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_script_for_a_card_runs_through(tmp_path: Path) -> None:
    out = tmp_path / "results.txt"
    script = [str(ROOT / "bench" / "gpu.sh"), "--cpu", "--out", str(out), "--work", str(tmp_path / "work")]
    tools = str(Path(pytest.__file__).parents[1])
    environment = {**os.environ, "PYTHON": sys.executable, "PYTEST_PATH": tools, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    told = out.read_text()
    for words in ("batch 4, plain GEGLU", "base in nf4", "images/s", "small sd15", "ours-attention", "every part ran"):
        assert words in told
    # A program that is missing is named, and its absence is no failure.
    assert "sd-scripts      left out" in told


def test_the_script_names_facts_that_it_could_not_find() -> None:
    done = subprocess.run([str(ROOT / "bench" / "gpu.sh"), "--gpu"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "unknown word --gpu" in done.stderr
