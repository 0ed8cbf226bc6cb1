"""Makes a tiny tagger in ONNX form, whose scores are a known function of the pixels, without the package onnx.

The mean of each colour goes through a matrix and a sigmoid. `python tests/tiny_onnx.py FOLDER` writes one with its
labels, for the tests of TypeScript.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Danbooru's numbers of categories, and a label for each kind of rule.
LABELS = [
    ("general", 9),
    ("sensitive", 9),
    ("1girl", 0),
    ("long_hair", 0),
    ("^_^", 0),
    ("red_theme", 0),
    ("blue_theme", 0),
    ("hatsune_miku_(cosplay)", 4),
]


@dataclass(frozen=True)
class Shape:
    """The form in which the tiny tagger takes images. `batch` None allows any number of images."""

    batch: int | None = None
    side: int | None = 32
    channels_first: bool = False
    labels: int = len(LABELS)
    sigmoid: bool = True

    def dims(self) -> list[int | None]:
        image = [3, self.side, self.side] if self.channels_first else [self.side, self.side, 3]
        return [self.batch, *image]


def weights(labels: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrix (3 colours by labels) and the offsets of the tiny tagger, for means from 0 to 255."""
    matrix = np.random.default_rng(7).normal(0, 0.006, (3, labels)).astype(np.float32)
    if labels == len(LABELS):
        matrix[:, 5], matrix[:, 6] = (-0.01, -0.01, 0.03), (0.03, -0.01, -0.01)
    return matrix, np.linspace(-1, 1, labels, dtype=np.float32)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_field(1, d) for d in values.shape)
    return dims + _field(2, 1) + _field(8, name) + _field(9, values.astype("<f4").tobytes())


def _value(name: str, dims: Sequence[int | None]) -> bytes:
    sides = b"".join(_field(1, _field(2, "n") if d is None else _field(1, d)) for d in dims)
    tensor = _field(1, 1) + _field(2, sides)
    return _field(1, name) + _field(2, _field(1, tensor))


def _node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    return b"".join(_field(1, i) for i in inputs) + _field(2, output) + _field(4, kind) + attributes


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _field(5, _field(1, name) + b"".join(_field(8, v) for v in values) + _field(20, 7))


def onnx_bytes(shape: Shape) -> bytes:
    """The model as the bytes of an .onnx file (opset 13)."""
    matrix, offsets = weights(shape.labels)
    axes = (2, 3) if shape.channels_first else (1, 2)
    keep = _field(5, _field(1, "keepdims") + _field(3, 0) + _field(20, 2))
    nodes = [
        _node("ReduceMean", ["input"], "mean", _ints("axes", axes) + keep),
        _node("MatMul", ["mean", "matrix"], "mixed"),
        _node("Add", ["mixed", "offsets"], "sum"),
        _node("Sigmoid" if shape.sigmoid else "Identity", ["sum"], "output"),
    ]
    graph = (
        b"".join(_field(1, node) for node in nodes)
        + _field(2, "tiny")
        + _field(5, _tensor("matrix", matrix))
        + _field(5, _tensor("offsets", offsets))
        + _field(11, _value("input", shape.dims()))
        + _field(12, _value("output", [shape.batch, shape.labels]))
    )
    return _field(1, 7) + _field(7, graph) + _field(8, _field(2, 13))


def _model(nodes: Sequence[bytes], tensors: Sequence[bytes], given: bytes, results: Sequence[bytes]) -> bytes:
    graph = (
        b"".join(_field(1, node) for node in nodes)
        + _field(2, "tiny")
        + b"".join(_field(5, tensor) for tensor in tensors)
        + _field(11, given)
        + b"".join(_field(12, result) for result in results)
    )
    return _field(1, 7) + _field(7, graph) + _field(8, _field(2, 13))


#: The map of `mapper_bytes` is the sigmoid of red, green and blue (0 to 1) times these factors, plus the last number.
MAPPER = (20.0, -20.0, -20.0, -10.0)


def mapper_bytes(side: int | None = 64, factor: float = 1.0) -> bytes:
    """A model that maps how red each pixel is; a further result in front has two channels, as some models have."""
    colours = np.array(MAPPER[:3], np.float32).reshape(1, 3, 1, 1)
    nodes = [
        _node("Conv", ["input", "colours", "offset"], "sum"),
        _node("Sigmoid", ["sum"], "share"),
        _node("Mul", ["share", "factor"], "map"),
        _node("Concat", ["map", "map"], "pair", _field(5, _field(1, "axis") + _field(3, 1) + _field(20, 2))),
    ]
    tensors = [
        _tensor("colours", colours),
        _tensor("offset", np.array(MAPPER[3:], np.float32)),
        _tensor("factor", np.array([factor], np.float32)),
    ]
    results = [_value("pair", [1, 2, side, side]), _value("map", [1, 1, side, side])]
    return _model(nodes, tensors, _value("input", [1, 3, side, side]), results)


def detector_bytes(boxes: Sequence[tuple[float, float, float, float, float]]) -> bytes:
    """A detector that always finds these boxes: centre, width and height in pixels of its input, and a probability."""
    values = np.array(boxes, np.float32).T[None]
    result = _value("output", [1, 5, len(boxes)])
    nodes = [_node("Identity", ["boxes"], "output")]
    return _model(nodes, [_tensor("boxes", values)], _value("images", [1, 3, None, None]), [result])


def label_csv(labels: Sequence[tuple[str, int]] = LABELS) -> str:
    rows = [f"{index},{name},{category},100\n" for index, (name, category) in enumerate(labels)]
    return "tag_id,name,category,count\n" + "".join(rows)


def make_tagger(folder: Path, shape: Shape | None = None) -> Path:
    """Write model.onnx and selected_tags.csv into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes(shape or Shape()))
    (folder / "selected_tags.csv").write_text(label_csv())
    return folder


if __name__ == "__main__":
    make_tagger(Path(sys.argv[1]))
    (Path(sys.argv[1]) / "map.onnx").write_bytes(mapper_bytes())
    (Path(sys.argv[1]) / "boxes.onnx").write_bytes(detector_bytes([(320, 320, 200, 200, 0.9)]))
