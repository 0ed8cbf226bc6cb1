"""Imports diffusers without the packages the trainer does not use. They took most of the time to the first step."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_COMPANIONS = ("transformers", "peft", "torchvision", "xformers", "accelerate", "bitsandbytes", "flash_attn")
_COMPILER = "torch._dynamo"


class _NoCompiler(ModuleType):
    """Stands in for torch's compiler while diffusers is imported.

    At import diffusers only marks classes and methods for the compiler; with this stand-in they stay unmarked. Asking
    for any other attribute imports the real compiler.
    """

    @staticmethod
    def allow_in_graph(marked: Any) -> Any:
        return marked

    @staticmethod
    def disable(marked: Any = None, *_: Any, **__: Any) -> Any:
        return (lambda function: function) if marked is None else marked

    def __getattr__(self, name: str) -> Any:
        # The import machinery asks every module for such names, so they must not import the compiler.
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(_COMPILER, None)
        return getattr(importlib.import_module(_COMPILER), name)


@contextlib.contextmanager
def _without(stand_ins: dict[str, Callable[[], ModuleType | None]]) -> Iterator[None]:
    """Inside this context, modules that are not imported yet are replaced by their stand-ins; None makes one absent."""
    placed = {name: make() for name, make in stand_ins.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, stand_in in placed.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]


def import_diffusers() -> None:
    """Import the parts of diffusers the trainer uses, once, without its optional companions (measured: 4 s of 6).

    torch's compiler is left out as well (1.4 s of 3.7), unless it is imported already, as it is in a run that compiles.
    """
    if "diffusers" not in sys.modules:
        absent = dict.fromkeys(_COMPANIONS, lambda: None)
        with _without({**absent, _COMPILER: lambda: _NoCompiler(_COMPILER)}):
            import diffusers.models.autoencoders.autoencoder_kl
            import diffusers.models.unets.unet_2d_condition
            import diffusers.schedulers.scheduling_ddim  # noqa: F401
