"""LoRA files of every kind and age through every function that reads their weights ("door"), with the right outcome at
each.

`test/fixtures/lora-doors.json` holds the files and the outcomes; `test/engine/lora/doors.test.ts` holds the doors that
read headers alone to it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_models import make_plan, make_unet
from visiontrain_trainer.adapter.adapter import Adapter
from visiontrain_trainer.adapter.applied import Loras, read_lora
from visiontrain_trainer.base.errors import TrainerError, TrainingError
from visiontrain_trainer.contract.events import Events
from visiontrain_trainer.contract.plan import parse_plan
from visiontrain_trainer.lora_tools.__main__ import run
from visiontrain_trainer.run.init_lora import start_from

Header = dict[str, Any]
FILES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "test" / "fixtures" / "lora-doors.json").read_text(encoding="utf-8")
)
WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}


def _whole(header: Header, payload: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload


def _lie(content: bytes, change: Mapping[str, Any]) -> bytes:
    """The file with another header, whose first tensor has these facts."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    next(value for name, value in header.items() if name != "__metadata__").update(change)
    return _whole(header, content[start:])


SPOILS: dict[str, Callable[[bytes], bytes]] = {
    "cut in the header": lambda c: c[:60],
    "cut in the weights": lambda c: c[:-7],
    "a huge header": lambda c: (1 << 62).to_bytes(8, "little") + c[8:],
    "a header of no JSON": lambda c: c[:8] + b"x" * 20 + c[28:],
    "a shape that lies": lambda c: _lie(c, {"shape": [9999, 9999]}),
    "offsets over each other": lambda c: _lie(c, {"data_offsets": [8, 8 + 4 * 32]}),
    "an unknown type": lambda c: _lie(c, {"dtype": "F128"}),
    "a pickle": lambda c: b"\x80\x04\x95\x00" + c,
    "empty": lambda c: b"",
    "a web page": lambda c: b"<!DOCTYPE html><html>" + b" " * 600 + b"</html>",
}


def made(file: Mapping[str, Any]) -> bytes:
    end, header = 0, {"__metadata__": file.get("metadata", {})}
    dtype = file.get("dtype", "F32")
    for name, shape in file["tensors"].items():
        size = WIDTHS[dtype] * int(torch.tensor(shape).prod()) if shape else WIDTHS[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    content = _whole(header, bytes([file.get("fill", 0x3C)]) * end)
    return SPOILS[file["spoil"]](content) if "spoil" in file else content


@pytest.fixture(scope="module")
def unet() -> torch.nn.Module:
    torch.manual_seed(1)
    return make_unet("sd15")


KINDS: dict[str, dict[str, Any]] = {
    "dora": {"dora": True},
    "loha": {"adapter": "loha"},
    "lokr": {"adapter": "lokr", "lokr": {"factor": -1, "decompose_both": False, "full": False}},
}


Runs = Callable[[str], tuple[Adapter, dict[str, Any]]]


@pytest.fixture(scope="module")
def adapters(tiny: Any, images: Any, cache: Path) -> Runs:
    """The adapter of a run of each kind, and the configuration of its U-Net, each made once."""
    known: dict[str, tuple[Adapter, dict[str, Any]]] = {}

    def make(kind: str) -> tuple[Adapter, dict[str, Any]]:
        if kind not in known:
            training = {"rank": 4, "alpha": 4, "conv_rank": 4, "conv_alpha": 4, **KINDS.get(kind, {})}
            plan = parse_plan(make_plan(tiny("sd15"), images[0], images[1], cache, training=training))
            network = make_unet("sd15")
            known[kind] = Adapter({"unet": network}, plan.training, plan.seed), dict(network.config)
        return known[kind]

    return make


def _verdict(action: Callable[[], object]) -> str:
    """Returns `ok` or the id of the error; any other error fails the test."""
    try:
        action()
    except TrainerError as error:
        assert error.reason.endswith(".")
        return error.id
    return "ok"


def _request(action: str, source: Path, **more: Any) -> dict[str, Any]:
    sources = [{"path": str(source), "strength": 1.0}]
    return {"action": action, "sources": sources, "to": str(source.with_name("out")), "precision": "fp32", **more}


def _draw(path: Path, unet: Any) -> None:
    lora = read_lora(path)
    if Loras([lora], [1.0], "sd15").put_around(copy.deepcopy(unet), "unet") == 0:
        raise TrainingError("None of its layers is one of the base.", id="lora/unusable")


def _go_on(path: Path, adapter: Adapter, config: dict[str, Any]) -> None:
    start_from(path, adapter, Events(path, enabled=False), family="sd15", unet_config=config)


@pytest.mark.parametrize("name", FILES)
def test_each_door_gives_the_right_outcome(name: str, unet: Any, adapters: Runs, tmp_path: Path) -> None:
    file = FILES[name]
    path = tmp_path / "fox.safetensors"
    path.write_bytes(made(file))
    expected = file["expect"]
    kind = str(expected.get("inspect", "")).removeprefix("ok: ").split(",")[0]
    doors: dict[str, Callable[[], object]] = {
        "resize": lambda: run(_request("resize", path, rank=1)),
        "merge": lambda: run(_request("merge", path)),
        "convert": lambda: run(_request("convert", path, form="kohya")),
        "sample, its weights": lambda: _draw(path, unet),
        "init_lora, its weights": lambda: _go_on(path, *adapters(kind)),
    }
    found = {}
    for door, action in doors.items():
        found[door] = _verdict(action)
        (tmp_path / "out").unlink(missing_ok=True)
    assert found == {door: expected.get(door) for door in doors}
    assert [each.name for each in tmp_path.iterdir()] == ["fox.safetensors"]
