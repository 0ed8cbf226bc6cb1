"""Holds the trainer to docs/architecture.md: which room may import which, no import circle, and functions of a size.

The checks are pure functions over a map of files, so that a breach can be planted in memory.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trainer" / "visiontrain_trainer"
MOST_LINES = 60
MOST_PARAMETERS = 4

#: Largest number of lines of a module. A longer one mostly does two things.
MOST_LINES_OF_A_MODULE = 260
#: Modules that may be longer, with the reason. The list may only shrink.
LONG_MODULES = {"contract/plan_schema.py": "it is made from the plan's schema by `npm run docs`"}

Tree = Mapping[str, str]
Rooms = dict[str, set[str]]


def read_rooms() -> Rooms:
    """For each room the rooms it may import, read from the page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("## Rooms of the trainer\n")[1].split("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| `")]
    return {re.findall("`(.+?)`", row[1])[0]: set(re.findall("`(.+?)`", row[3])) for row in rows}


def sources(planted: Tree | None = None) -> dict[str, str]:
    """The text of each file of the package by its path; `planted` files are added."""
    files = {p.relative_to(PACKAGE).as_posix(): p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py")}
    return files | dict(planted or {})


def imports(file: str, text: str, tree: Tree) -> Iterator[str]:
    """The files of the package that a file imports, also inside functions."""
    folder = PurePosixPath(file).parent.parts
    for node in ast.walk(ast.parse(text)):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(a.name.split(".")) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = ("visiontrain_trainer", *folder[: len(folder) - node.level + 1], *module)
            names = [(*module, a.name) for a in node.names] + [module]
        found = set()
        for name in names:
            if name[:1] == ("visiontrain_trainer",):
                path = "/".join(name[1:])
                found |= {f for f in (f"{path}.py", f"{path}/__init__.py") if f in tree and path}
        yield from sorted(found)


def room_of(file: str) -> str:
    return PurePosixPath(file).parts[0] if "/" in file else ""


def arrows_up(tree: Tree, rooms: Rooms) -> list[str]:
    """Imports that the page does not allow. The two files outside of the rooms may import every room."""
    found = []
    for file, text in sorted(tree.items()):
        room = room_of(file)
        if room == "":
            if file not in ("__init__.py", "__main__.py"):
                found.append(f"{file} lies loose: it belongs into a room")
            continue
        if room not in rooms or file.count("/") > 1:
            found.append(f"{file} lies in a folder that is no room")
            continue
        allowed = rooms[room] | {room}
        found += [f"{file} may not import {t}" for t in imports(file, text, tree) if room_of(t) not in allowed]
    return found


def circles(tree: Tree) -> list[str]:
    edges = {file: [t for t in imports(file, text, tree) if t != file] for file, text in tree.items()}
    found: list[str] = []
    done: set[str] = set()

    def visit(file: str, trail: tuple[str, ...]) -> None:
        if file in trail:
            found.append(" → ".join([*trail[trail.index(file) :], file]))
        elif file not in done:
            for target in edges[file]:
                visit(target, (*trail, file))
            done.add(file)

    for file in sorted(tree):
        visit(file, ())
    return found


def oversized(tree: Tree) -> set[str]:
    """Functions with more lines or parameters than the rule allows.

    `self` and keyword-only parameters do not count, nor do the parameters of an autograd function's `forward`: torch
    passes them by position, and gives gradients only to tensors that stand there by themselves.
    """

    def is_forward_of_autograd(owner: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        bases = [ast.unparse(base) for base in owner.bases] if isinstance(owner, ast.ClassDef) else []
        return function.name == "forward" and bases == ["torch.autograd.Function"]

    def walk(file: str, node: ast.AST, owner: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            name = owner
            if isinstance(child, ast.ClassDef):
                name = f"{owner}{child.name}."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                given = [a.arg for a in child.args.posonlyargs + child.args.args if a.arg not in ("self", "cls", "ctx")]
                given = [] if is_forward_of_autograd(node, child) else given
                lines = (child.end_lineno or 0) - child.lineno + 1
                if lines > MOST_LINES or len(given) > MOST_PARAMETERS:
                    yield f"{file} {owner}{child.name}"
                name = f"{owner}{child.name}."
            yield from walk(file, child, name)

    return {name for file, text in tree.items() for name in walk(file, ast.parse(text), "")}


def test_the_page_has_the_rooms_there_are_each_after_those_it_imports() -> None:
    rooms = read_rooms()
    assert sorted(rooms) == sorted({room_of(file) for file in sources()} - {""})
    for index, (room, allowed) in enumerate(rooms.items()):
        assert allowed <= set(list(rooms)[:index]), room


def test_no_arrow_points_up() -> None:
    assert arrows_up(sources(), read_rooms()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from visiontrain_trainer.run.loop import train",
        "from visiontrain_trainer.run import loop",
        "import visiontrain_trainer.run.loop",
        "def later():\n    from ..run.loop import train",
        "if TYPE_CHECKING:\n    from visiontrain_trainer.run.loop import Progress",
    ],
)
def test_an_arrow_up_is_seen(line: str) -> None:
    found = arrows_up(sources({"model/planted.py": line}), read_rooms())
    assert found == ["model/planted.py may not import run/loop.py"] or found == [
        "model/planted.py may not import run/__init__.py",
        "model/planted.py may not import run/loop.py",
    ]


def test_a_loose_file_and_a_corner_are_seen() -> None:
    found = arrows_up(sources({"planted.py": "", "corner/planted.py": "", "run/deep/planted.py": ""}), read_rooms())
    assert found == [
        "corner/planted.py lies in a folder that is no room",
        "planted.py lies loose: it belongs into a room",
        "run/deep/planted.py lies in a folder that is no room",
    ]


def test_there_is_no_circle_and_a_planted_one_is_seen() -> None:
    assert circles(sources()) == []
    planted = {
        "base/one.py": "from .two import b",
        "base/two.py": "from visiontrain_trainer.base.one import a",
    }
    assert circles(sources(planted)) == ["base/one.py → base/two.py → base/one.py"]


def test_functions_have_their_size() -> None:
    assert oversized(sources()) == set(), "shorten them, or group their parameters"
    assert oversized({"a.py": "def f(a, b, c, d, e): ...\ndef g(a, b, c, d, *, e, f): ..."}) == {"a.py f"}
    forward = "def forward(ctx, a, b, c, d, e): ...\n"
    assert oversized({"a.py": f"class A(torch.autograd.Function):\n {forward}class B(C):\n {forward}"}) == {
        "a.py B.forward"
    }


def without_id(tree: Tree) -> list[str]:
    """Where an error is made without an `id` for the catalogue of errors."""
    kinds = {"TrainerError", "TrainingError", "MachineError"}
    return [
        f"{file}:{node.lineno}"
        for file, text in tree.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in kinds
        and not any(keyword.arg == "id" for keyword in node.keywords)
    ]


def test_every_error_has_an_id() -> None:
    assert without_id(sources()) == []
    assert without_id({"data/planted.py": "raise TrainingError('no', ['where'])"}) == ["data/planted.py:1"]


def too_long(tree: Tree) -> list[str]:
    """The modules of more than MOST_LINES_OF_A_MODULE lines."""
    return [file for file, text in tree.items() if len(text.splitlines()) > MOST_LINES_OF_A_MODULE]


def test_modules_can_be_read_at_once() -> None:
    assert sorted(too_long(sources())) == sorted(LONG_MODULES)
    assert too_long({"data/planted.py": "#\n" * (MOST_LINES_OF_A_MODULE + 1)}) == ["data/planted.py"]
