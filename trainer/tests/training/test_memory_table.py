"""The committed table of counted peaks: today's code takes no more, and the CPU's allocator agrees."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(scope="module")
def memory_table() -> Any:
    sys.path.insert(0, str(BENCH / "trainer"))
    try:
        import memory_table

        yield memory_table
    finally:
        sys.path.remove(str(BENCH / "trainer"))


ROW = "small sd15 full"


def test_a_peak_has_not_grown_and_the_allocator_agrees(memory_table: Any, tmp_path: Path, monkeypatch: Any) -> None:
    setting = dict(memory_table._rows())[ROW]
    counted = memory_table.count(setting)
    assert sum(counted[part] for part in memory_table.PARTS) == counted["total"]
    assert memory_table.measure(setting) == pytest.approx(counted["total"], rel=memory_table.NEAR)
    monkeypatch.setattr(memory_table, "count", lambda _: counted)
    assert memory_table.check(ROW) == 0
    # A growth of 4 % would be reported.
    table = json.loads(memory_table.TABLE.read_text())
    table[ROW]["total"] = int(counted["total"] / 1.04)
    (tmp_path / "table.json").write_text(json.dumps(table))
    monkeypatch.setattr(memory_table, "TABLE", tmp_path / "table.json")
    assert memory_table.check(ROW) == 1
