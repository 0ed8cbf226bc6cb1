"""Signals ask for a stop while a run goes on; after the run the earlier handlers are back. A hung test is ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import prepare_run
from tests.run.test_exact import TRAINER
from tiny_base import data
from visiontrain_trainer.__main__ import main
from visiontrain_trainer.contract.control import Control

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def test_a_signal_asks_for_a_stop_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    control = Control(tmp_path)
    with control.listening():
        assert control.poll() == set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert control.poll() == {"stop"}
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_run_leaves_no_handler_behind(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    folder = prepare_run(tmp_path / "run", {})
    assert main([str(folder)]) == 5  # an empty plan
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_workers_that_draw_can_be_ended_whatever_the_process_made_of_its_signals(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert data.images_of(tmp_path, "grammar", 4).shape == (4, data.SIDE, data.SIDE, 3)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert multiprocessing.active_children() == []


def test_a_test_that_hangs_is_ended_with_its_stack(tmp_path: Path) -> None:
    file = tmp_path / "test_hangs.py"
    file.write_text("import threading\n\ndef test_waits_for_ever():\n    threading.Event().wait()\n")
    # The test run has the project's own settings, except for a shorter time limit.
    settings = ["-c", str(TRAINER / "pyproject.toml"), "--rootdir", str(tmp_path), "-o", "faulthandler_timeout=1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *settings, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "test_waits_for_ever" in done.stderr
