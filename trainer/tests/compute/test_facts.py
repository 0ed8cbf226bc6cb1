"""The facts by which runs are compared tell processors apart that a virtual machine calls by one name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from visiontrain_trainer.compute import facts
from visiontrain_trainer.compute.device import Device

INFO = """processor\t: 0
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R) Processor
stepping\t: 2
flags\t\t: fpu sse avx2 tsc avx512f

processor\t: 1
model name\t: another
"""


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a Linux machine that describe its processor."""
    info, caches = tmp_path / "cpuinfo", tmp_path / "cache"
    info.write_text(INFO)
    for index, (kind, size) in enumerate([("Data", "48K"), ("Instruction", "32K"), ("Unified", "2048K")]):
        (caches / f"index{index}").mkdir(parents=True)
        (caches / f"index{index}" / "type").write_text(f"{kind}\n")
        (caches / f"index{index}" / "size").write_text(f"{size}\n")
    return info, caches


def test_the_processor_is_described_by_all_that_kernels_are_chosen_by(machine: tuple[Path, Path]) -> None:
    name = facts.cpu_model(*machine)
    assert name.startswith("Intel(R) Xeon(R) Processor (6/207/2, caches 48K 2048K, instructions ")


@pytest.mark.parametrize("change", [("207", "143"), ("2\nflags", "8\nflags"), ("avx512f", "avx512f amx_bf16")])
def test_one_name_stands_for_several_processors(machine: tuple[Path, Path], change: tuple[str, str]) -> None:
    here = facts.cpu_model(*machine)
    machine[0].write_text(INFO.replace(*change))
    assert facts.cpu_model(*machine) != here


def test_facts_that_change_no_number_change_no_name(machine: tuple[Path, Path]) -> None:
    here = facts.cpu_model(*machine)
    machine[0].write_text(INFO.replace("fpu sse avx2 tsc avx512f", "avx512f avx2 sse fpu nx"))
    assert facts.cpu_model(*machine) == here


def test_a_machine_that_tells_nothing_has_a_name(tmp_path: Path) -> None:
    name = facts.platform.processor() or facts.platform.machine()
    assert facts.cpu_model(tmp_path / "no", tmp_path / "none") == name


def test_images_encoded_by_another_processor_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(torch.device("cpu"), torch.float32, torch.float32)
    here = facts.encoder_identity(device, torch.float32, "pillow")
    monkeypatch.setattr(facts, "cpu_model", lambda: "another")
    assert facts.encoder_identity(device, torch.float32, "pillow") != here
