"""The proof that a device computes runs as set-up runs it: by its path, in a Python of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from visiontrain_trainer.compute import prove

SCRIPT = Path(prove.__file__)


def test_the_processor_passes_every_check_but_those_of_cards() -> None:
    done = subprocess.run([sys.executable, "-I", str(SCRIPT), "cpu"], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["check"], line["ok"]) for line in lines] == [("see", True), ("kernel", True), ("backward", True)]
    assert lines[0]["facts"]["torch"] == torch.__version__


def test_a_device_that_is_not_there_ends_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    assert prove.main(["cuda:0"]) == 1
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["check"], line["ok"]) == ("see", False)
    assert "CUDA" in line["error"] or "NVIDIA" in line["error"]


def test_half_precision_is_compared_with_the_processor() -> None:
    for name in ("float16", "bfloat16"):
        prove.half("cpu", name)


@pytest.mark.parametrize("wrong", [lambda t: t + 0.1 * t.abs().max(), lambda t: t * float("nan"), torch.zeros_like])
def test_wrong_numbers_are_a_disagreement(wrong) -> None:  # type: ignore[no-untyped-def]
    right = torch.arange(1.0, 9.0)
    prove._agree(right.clone(), right, prove.FP32_TOLERANCE)
    with pytest.raises(prove.Disagreement):
        prove._agree(wrong(right), right, prove.FP32_TOLERANCE)


def test_only_a_check_that_runs_can_do_without_may_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(prove, "eight_bit", fails)
    assert prove.main(["cpu", "--eight-bit"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ok"] is False
    monkeypatch.setattr(prove, "kernel", fails)
    assert prove.main(["cpu", "--eight-bit"]) == 1
