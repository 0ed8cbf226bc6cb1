"""The error for a library that cannot be imported: it names the package, the Python it is missing from, and a cure."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import PurePath

from .errors import MachineError

_LOADER = re.compile(
    r"undefined symbol|symbol lookup error|version .?(GLIBC|GLIBCXX|CXXABI)_|cannot open shared object|wrong ELF class"
)


def cannot_import(error: BaseException, fallback: str = "a library") -> MachineError:
    """The MachineError for `error`, which an import raised. It names the package and a cure that fits this Python.

    `fallback` is the package's name where the error does not tell it.
    """
    first = str(error).strip().split("\n")[0][:300] or type(error).__name__
    package = _package_of(error) or fallback
    absent = isinstance(error, ModuleNotFoundError)
    reason = f"Python lacks {package}" if absent else f"Python cannot import {package}"
    given = os.environ.get("VISIONTRAIN_PYTHON")
    if given and package != "a library":
        option = "" if absent else "--force-reinstall "
        repair = [
            f"{shlex.quote(given)} -m pip install {option}{package}",
            "Or unset VISIONTRAIN_PYTHON: `visiontrain setup` makes an environment of its own.",
        ]
    elif given:
        repair = ["Unset VISIONTRAIN_PYTHON: `visiontrain setup` makes an environment of its own."]
    else:
        repair = [renewal("the environment")]
    return MachineError(
        f"{reason} ({first}).", [sys.executable], [*_loader_cure(str(error), given), *repair], id="environment/torch"
    )


def renewal(what: str) -> str:
    """How `what`, a part of the environment, is made anew: only where the environment is visiontrain's own."""
    if os.environ.get("VISIONTRAIN_PYTHON"):
        return f"Renew {what} of VISIONTRAIN_PYTHON, or unset it: `visiontrain setup` makes an environment of its own."
    return f"Renew {what} with `visiontrain setup --force`."


def _package_of(error: BaseException) -> str | None:
    """The package that is missing, else the one whose own file raised the error."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.split(".")[0]
    package, trace = None, error.__traceback__
    while trace is not None:
        parts = PurePath(trace.tb_frame.f_code.co_filename).parts
        if "site-packages" in parts[:-1]:
            package = parts[parts.index("site-packages") + 1].removesuffix(".py")
        trace = trace.tb_next
    return package


def _loader_cure(text: str, given: str | None) -> list[str]:
    """Next steps for an error of the dynamic loader: start without the variables that put other libraries first."""
    names = [name for name in ("LD_LIBRARY_PATH", "LD_PRELOAD") if os.environ.get(name)]
    if not names or not _LOADER.search(text):
        return []
    # The command names the interpreter itself: VISIONTRAIN_PYTHON may be a script that sets these variables again.
    python = f" VISIONTRAIN_PYTHON={shlex.quote(sys.executable)}" if given else ""
    without = " ".join(f"-u {name}" for name in names)
    return [
        f"{' and '.join(names)} may put other libraries in the place of those it needs. Try without:",
        f"`env {without}{python} visiontrain resume`",
    ]
