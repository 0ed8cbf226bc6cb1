"""The alphas of files without alpha tensors, which diffusers writes into the metadata as peft's configuration."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from visiontrain_trainer.base.errors import TrainingError

#: The networks of a base, as that configuration names them.
_PARTS = ("unet", "text_encoder", "text_encoder_2")
#: The key of the metadata.
PEFT = "lora_adapter_metadata"
#: A key of peft's `alpha_pattern` that is a plain name. peft runs other keys as regular expressions; here they are
#: refused, because a stranger's file must not run one.
_NAME = re.compile(r"[\w.]{1,300}")


class Alphas:
    """Alpha of each layer of a file without alpha tensors: diffusers writes peft's configuration into the metadata.

    Keys of `alpha_pattern` are names of layers, or ends of such names. Rank-stabilised scaling (arXiv:2312.03732) is
    counted in. Raises TrainingError when the metadata cannot be read, since the LoRA's strength is then unknown.
    """

    def __init__(self, metadata: Mapping[str, str], source: str) -> None:
        self.source = source
        self._config: dict[str, Any] = {}
        self._patterns: dict[str, dict[str, tuple[int, float]]] = {}
        if PEFT not in metadata:
            return
        try:
            self._config = json.loads(metadata[PEFT])
            for part in _PARTS:
                patterns = self._config.get(f"{part}.alpha_pattern") or {}
                odd = next((key for key in patterns if not _NAME.fullmatch(key)), None)
                if odd is not None:
                    raise ValueError(f"{odd[:80]!r} is no name of a layer")
                self._patterns[part] = {key: (i, float(value)) for i, (key, value) in enumerate(patterns.items())}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._unknown(error) from error

    def of(self, part: str, module: str, rank: int) -> float | None:
        """Alpha of a layer, or None where the file does not tell it. Raises TrainingError when it is not a number."""
        try:
            # Earlier versions of transformers put `text_model.` before the names of a text encoder's layers.
            ends = {end for name in (module, f"text_model.{module}") for end in _ends(name)}
            patterns = self._patterns.get(part, {})
            # peft too takes the first pattern that fits, in the file's order.
            _, alpha = min((patterns[end] for end in ends if end in patterns), default=(0, None))
            alpha = self._config.get(f"{part}.lora_alpha") if alpha is None else alpha
            stabilised = math.sqrt(rank) if self._config.get(f"{part}.use_rslora") else 1.0
            return None if alpha is None else float(alpha) * stabilised
        except (ValueError, TypeError) as error:
            raise self._unknown(error) from error

    def _unknown(self, error: Exception) -> TrainingError:
        return TrainingError(
            f"{self.source}: its metadata {PEFT} cannot be read ({error}), so its strength is unknown.",
            next_steps=["Choose another file."],
            id="lora/unusable",
        )


def _ends(name: str) -> Iterator[str]:
    """All ends of a dotted name: `a.b.c`, `b.c` and `c`."""
    parts = name.split(".")
    return (".".join(parts[i:]) for i in range(len(parts)))
