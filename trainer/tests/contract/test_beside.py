import json
import threading
import time
from pathlib import Path

from visiontrain_trainer.contract import events as module
from visiontrain_trainer.contract.beside import Beside
from visiontrain_trainer.contract.events import Events


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_writes_the_supervisors_data_and_takes_it_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    control = tmp_path / "control"
    control.mkdir()
    events = Events(tmp_path / "events.jsonl")
    events.emit("phase", phase="train")
    told = [{"type": "metric", "step": 3, "hook": "on_sample", "values": {"clip": 0.5}}, {"type": "exit", "code": 0}]
    (control / "new").write_text(json.dumps(told))
    (control / "new").rename(control / "told")
    while (control / "told").exists():
        time.sleep(0.01)
    time.sleep(0.05)
    events.close()
    assert [(line["seq"], line["type"]) for line in lines(tmp_path / "events.jsonl")] == [(1, "phase"), (2, "metric")]
    assert lines(tmp_path / "events.jsonl")[1]["values"] == {"clip": 0.5}


def test_takes_nothing_but_plain_files_with_json(tmp_path):
    beside = Beside(tmp_path, {})
    assert beside.take() == []
    (tmp_path / "elsewhere").write_text('[{"type": "note", "text": "x"}]')
    (tmp_path / "told").symlink_to(tmp_path / "elsewhere")
    assert beside.take() == []
    (tmp_path / "told").unlink()
    for text in ("{", "[1]", '{"type": "note"}', "[" * 100_000):
        (tmp_path / "told").write_text(text)
        assert beside.take() == []


def test_waits_after_the_events_that_hooks_must_handle_and_no_others(tmp_path):
    beside = Beside(tmp_path, {"VISIONTRAIN_WAIT_AFTER": "checkpoint,saved", "VISIONTRAIN_WAIT_SECONDS": "60"})
    beside.wait_after("step", 1)
    (tmp_path / "handled").write_text("6")
    waiting = threading.Thread(target=beside.wait_after, args=("checkpoint", 7))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    (tmp_path / "handled").write_text("7")
    waiting.join(10)
    assert not waiting.is_alive()


def test_goes_on_when_the_supervisor_is_gone(tmp_path):
    Beside(tmp_path, {"VISIONTRAIN_WAIT_AFTER": "saved", "VISIONTRAIN_WAIT_SECONDS": "0"}).wait_after("saved", 7)
    Beside(tmp_path, {"VISIONTRAIN_WAIT_AFTER": "saved", "VISIONTRAIN_WAIT_SECONDS": "x"}).wait_after("saved", 7)
