"""Runs a script of sd-scripts where torchvision is not installed: without_torchvision.py SCRIPT ARGS…

sd-scripts imports it at the top of its library, and its tagger uses nothing of it. The script itself is unchanged."""

import importlib.machinery
import importlib.util
import runpy
import sys
import types


class Unused:
    """Stands for any class of torchvision while the library is imported."""

    def __init__(self, *_args: object, **_named: object) -> None: ...


class Empty(types.ModuleType):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.__path__ = []

    def __getattr__(self, name: str) -> type[Unused]:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unused


if importlib.util.find_spec("torchvision") is None:
    # Both ask whether torchvision is there, and must have their answer before an empty one is.
    from diffusers import StableDiffusionPipeline  # noqa: F401
    from transformers import CLIPTextModel, CLIPTextModelWithProjection  # noqa: F401

    sys.modules["torchvision"] = whole = Empty("torchvision")
    sys.modules["torchvision.transforms"] = whole.transforms = Empty("torchvision.transforms")  # type: ignore[attr-defined]

sys.argv = sys.argv[1:]
sys.path.insert(0, ".")
runpy.run_path(sys.argv[0], run_name="__main__")
