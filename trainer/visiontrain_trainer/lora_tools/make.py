"""New LoRA files from one or several: resized, merged, renamed. Layers are read and made one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visiontrain_trainer.base.errors import TrainingError

from .alphas import PEFT
from .bases import Base
from .changes import needs_base
from .layers import Dense, File, Layer, kind_of, layer_of
from .merge import merge
from .modules import by_name
from .names import kohya_names, tensors_of, to_diffusers
from .resize import Rule, resize
from .roles import CURE, unread_kind
from .tensors import FORMATS, Array

#: Keys of a source's metadata that are not true of the new file.
_STALE = ("sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256", PEFT)
#: How the names of the embeddings begin that OneTrainer puts into a LoRA file.
_EMBEDDING = "bundle_emb."


@dataclass
class Made:
    """A new file: its layers by kohya's names, its other tensors and its metadata, and facts for the answer."""

    layers: dict[str, Layer] = field(default_factory=dict)
    others: dict[str, Array] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    dtype: str = "F16"
    lost: dict[str, float] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def tensors(self, form: str) -> dict[str, Array]:
        """The tensors in the names of kohya or of diffusers."""
        return self.others | (to_diffusers(self.layers) if form == "diffusers" else tensors_of(self.layers))


def make(request: Mapping[str, Any]) -> Made:
    """What `request` asks for. Raises TrainingError for files that cannot be read, or do not fit each other."""
    is_merge = request["action"] == "merge"
    sources = [_Source(Path(s["path"]), float(s["strength"]) if is_merge else 1.0) for s in request["sources"]]
    base = Base([Path(path) for path in request["base"]]) if request.get("base") else None
    rule = Rule(int(request["rank"]), request.get("keep"), request.get("by") or "fro") if request.get("rank") else None
    common = sources[0].file.stored.common
    dtype = FORMATS.get(request.get("precision") or "", common if common in FORMATS.values() else "F16")
    made = Made(dtype=dtype)
    for source in sources:
        _keep_others(source.file, made)
    for name in sorted({name for source in sources for name in source.modules}):
        parts = list(_parts(name, sources, base, made.left))
        if not parts:
            continue
        layer = merge(parts) if is_merge else parts[0][0]
        if rule is not None:
            resized = resize(layer, rule)
            layer, made.lost[name] = resized.layer, resized.lost
        if isinstance(layer, Dense):
            raise _needs_rank(name, sources)
        made.layers[name] = layer
    if not made.layers:
        raise TrainingError(f"{sources[0].file.path} holds no layer of a LoRA.", id="lora/not-made")
    spelled = kohya_names({name: layer.kernel for name, layer in made.layers.items()})
    made.layers = {spelled[name]: layer for name, layer in made.layers.items()}
    made.lost = {spelled[name]: lost for name, lost in made.lost.items()}
    made.metadata = _metadata(request, sources[0].file.stored.metadata, made.layers)
    return made


class _Source:
    """A file with its strength. `modules` gives the file's own spelling by canonical name."""

    def __init__(self, path: Path, strength: float) -> None:
        self.file, self.strength = File(path), strength
        kind = unread_kind(self.file.strange)
        if kind is not None:
            raise TrainingError(
                f"{path} is {kind}, whose weight change is not computed here.", next_steps=[CURE], id="lora/not-made"
            )
        self.modules = by_name(path, self.file.groups)
        if not self.modules:
            raise TrainingError(f"{path} holds no layer of a LoRA.", id="lora/not-made")


def _keep_others(file: File, made: Made) -> None:
    """Embeddings that a file brings along go into the new one. Raises TrainingError for what is no part of a LoRA."""
    for name in file.strange:
        if not name.startswith(_EMBEDDING):
            raise TrainingError(f"{file.path} holds {name[:200]}, which is no part of a LoRA.", id="lora/not-made")
        if name in made.others:
            made.left.append(f"{name} of {file.path.name}")
        else:
            made.others[name] = file.stored.array(name)


def _parts(
    name: str, sources: Sequence[_Source], base: Base | None, left: list[str]
) -> Iterator[tuple[Layer | Dense, float]]:
    """A layer's changes in the files that have it, with the strengths.

    Tensors that are left out are added to `left`.
    """
    for source in sources:
        module = source.modules.get(name)
        if module is None:
            continue
        file, roles = source.file, source.file.groups[module]
        # Biases and norms have no place in a LoRA file.
        bare = [n for role, n in roles.items() if role in ("diff_b", "w_norm", "b_norm")]
        bare += [n for role, n in roles.items() if role == "diff" and len(file.stored.places[n].shape) < 2]
        left += bare
        if bare and len(bare) == len(roles):
            continue
        weight = base.weight(name) if base is not None and kind_of(roles) is not None else None
        if base is not None and weight is None and needs_base(roles):
            left.append(module)
            continue
        yield layer_of(file, module, weight), source.strength


def _needs_rank(name: str, sources: Sequence[_Source]) -> TrainingError:
    having = [(source.file, source.modules[name]) for source in sources if name in source.modules]
    file, module = next((file, module) for file, module in having if kind_of(file.groups[module]) is not None)
    return TrainingError(
        f"{file.path} is {kind_of(file.groups[module])}: its weight change is no product of two small matrices.",
        next_steps=["Say the rank of the LoRA that comes closest to it:  --rank 32"],
        id="lora/not-made",
    )


def _metadata(request: Mapping[str, Any], old: Mapping[str, str], layers: Mapping[str, Layer]) -> dict[str, str]:
    metadata = {key: value for key, value in old.items() if key not in _STALE}
    if request["action"] == "merge":
        sources = [{"name": Path(s["path"]).name, "strength": s["strength"]} for s in request["sources"]]
        metadata = {key: value for key, value in metadata.items() if key.startswith(("ss_base", "modelspec.arch"))}
        metadata["modelspec.merged_from"] = json.dumps(sources, ensure_ascii=False)
    ranks = {layer.rank for layer in layers.values()}
    metadata["ss_network_dim"] = str(max(ranks)) if len(ranks) == 1 else "Dynamic"
    alphas = {layer.alpha for layer in layers.values()}
    metadata["ss_network_alpha"] = f"{max(alphas):g}" if len(alphas) == 1 else "Dynamic"
    return metadata
