"""diffusers without what it would import beside the few parts the trainer uses: most of the way to the first step."""

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
    """In the place of torch's compiler while diffusers is imported, which only marks classes and methods for it.

    They stay unmarked. Whatever else is asked of it brings the real one.
    """

    @staticmethod
    def allow_in_graph(marked: Any) -> Any:
        return marked

    @staticmethod
    def disable(marked: Any = None, *_: Any, **__: Any) -> Any:
        return (lambda function: function) if marked is None else marked

    def __getattr__(self, name: str) -> Any:
        # The import machinery asks for such names of any module.
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(_COMPILER, None)
        return getattr(importlib.import_module(_COMPILER), name)


@contextlib.contextmanager
def _without(stand_ins: dict[str, Callable[[], ModuleType | None]]) -> Iterator[None]:
    """Let modules not imported yet be what is given for them meanwhile; None: absent."""
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

    Also without torch's compiler (1.4 s of 3.7), unless it is there already: who compiles imports it first.
    """
    if "diffusers" not in sys.modules:
        absent = dict.fromkeys(_COMPANIONS, lambda: None)
        with _without({**absent, _COMPILER: lambda: _NoCompiler(_COMPILER)}):
            import diffusers.models.autoencoders.autoencoder_kl
            import diffusers.models.unets.unet_2d_condition
            import diffusers.schedulers.scheduling_ddim  # noqa: F401
