"""When CUDA graphs are recorded, and what happens when that fails. A stand-in takes the card's place here; test_gpu.py
uses a real one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import read_events
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.training.graphs import Graphs


class Card:
    """Behaves like CUDA: recording a graph computes nothing, and a replay computes from the recorded inputs."""

    def __init__(self) -> None:
        self.written = torch.zeros(3)
        self.recording: Recorded | None = None
        self.recorded: list[Recorded] = []
        self.passes = 0
        self.broken = False
        self.stream = "usual"
        #: Whether a recording has failed, after which PyTorch refuses to free memory.
        self.confused = False
        #: Number of recorded passes, and the number above which a first pass or a recording runs out of memory.
        self.kept, self.room = 0, 100
        self.replaying = self.ends_badly = False

    def need_room(self) -> None:
        if self.kept > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def emptied(self) -> None:
        if self.confused:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")
        self.kept = 0

    def function(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if self.recording is not None:
            self.recording.inputs, self.recording.output = inputs, torch.full((), float("nan"))
            return {"max": self.recording.output}
        self.passes += 1
        self.written += inputs["x"].sum()
        if not self.replaying:
            self.need_room()
        return {"max": inputs["x"].max()}


class Recorded:
    card: Card

    def __init__(self) -> None:
        self.inputs: dict[str, torch.Tensor] = {}
        self.output = torch.zeros(())

    def replay(self) -> None:
        self.card.replaying = True
        self.output.copy_(self.card.function(self.inputs)["max"])
        self.card.replaying = False

    def pool(self) -> tuple[int, int]:
        return 0, 1


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card()
    Recorded.card = card

    @contextlib.contextmanager
    def record(graph: Recorded, **_: Any) -> Iterator[None]:
        if card.broken:
            card.stream, card.confused = "of the record", True
            raise RuntimeError("operation not permitted when stream is capturing")
        card.recording = graph
        try:
            card.need_room()
            yield
        except torch.OutOfMemoryError:
            if card.ends_badly:
                raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904
            raise
        finally:
            card.recording = None
        card.recorded.append(graph)
        card.kept += 1

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recorded)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", card.emptied)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: card.stream)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: setattr(card, "stream", stream))
    return card


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Events]:
    events = Events(tmp_path / "events.jsonl")
    yield events
    events.close()


def test_every_number_comes_from_a_replay(card: Card, events: Events) -> None:
    graphs = Graphs(card.function, [card.written], events)
    assert graphs({"x": torch.tensor([1.0, 2.0])})["max"] == 2
    # The first pass of a shape is undone, so `written` holds only what the replay added.
    assert card.written.tolist() == [3, 3, 3] and card.passes == 2
    first = graphs({"x": torch.tensor([5.0, 4.0])})["max"]
    assert graphs({"x": torch.tensor([0.0, 0.0])})["max"] == 0
    assert first == 5, "an output must not change with the next replay"
    assert card.written.tolist() == [12, 12, 12] and len(card.recorded) == 1


def test_one_graph_is_recorded_for_each_shape(card: Card, events: Events) -> None:
    graphs = Graphs(card.function, [card.written], events)
    for size in (2, 3, 2, 3, 3):
        graphs({"x": torch.ones(size)})
    assert len(card.recorded) == 2
    graphs({"x": torch.ones(2, dtype=torch.float64)})
    assert len(card.recorded) == 3


def test_released_memory_is_recorded_again_without_a_first_pass(card: Card, events: Events) -> None:
    graphs = Graphs(card.function, [card.written], events)
    graphs({"x": torch.ones(2)})
    graphs.release()
    passes = card.passes
    graphs({"x": torch.ones(2)})
    assert len(card.recorded) == 2 and card.passes == passes + 1
    assert card.written.tolist() == [4, 4, 4]


def test_where_nothing_can_be_recorded_passes_are_plain(card: Card, events: Events, tmp_path: Path) -> None:
    card.broken = True
    graphs = Graphs(card.function, [card.written], events)
    for _ in range(3):
        assert graphs({"x": torch.tensor([1.0, 2.0])})["max"] == 2
    assert card.written.tolist() == [9, 9, 9] and not card.recorded and card.stream == "usual"
    (note,) = [event for event in read_events(tmp_path) if event["type"] == "note"]
    assert note["level"] == "warn" and "not permitted when stream is capturing" in note["text"]


@pytest.mark.parametrize("where", ["first pass", "record", "record that ends badly"])
def test_recorded_passes_make_room_for_a_new_shape(where: str, card: Card, events: Events, tmp_path: Path) -> None:
    graphs = Graphs(card.function, [card.written], events)
    # There is room for the recorded passes of two shapes, or for a third shape alone.
    card.ends_badly = where == "record that ends badly"
    if where != "first pass":
        for size in (1, 2, 3):
            graphs({"x": torch.ones(size)})
        graphs.release()
        card.written.zero_()
    card.room = 1
    for size in (1, 2, 3, 1, 3):
        assert graphs({"x": torch.ones(size)})["max"] == 1
    assert card.written.tolist() == [10, 10, 10], "what a pass that broke off had added is gone"
    assert not [event for event in read_events(tmp_path) if event["type"] == "note"]


def test_out_of_memory_in_a_first_pass_is_the_callers(card: Card, events: Events) -> None:
    def full(_: Any) -> Any:
        raise torch.OutOfMemoryError("not enough")

    with pytest.raises(torch.OutOfMemoryError):
        Graphs(full, [card.written], events)({"x": torch.ones(2)})
