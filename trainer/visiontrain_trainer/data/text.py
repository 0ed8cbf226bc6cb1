"""Captions as text states of a run. States that do not change in training are cached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.compute.device import DTYPES, Device
from visiontrain_trainer.compute.facts import encoder_identity
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events, Progress
from visiontrain_trainer.contract.plan import Plan, Shot
from visiontrain_trainer.model.models import BaseModel

from .tensor_cache import TensorCache, key_of
from .text_encoder import TextEncoder, encode_caption, encode_captions

KEEP_BYTES = 4 << 30
#: Up to this many different captions are encoded in advance (for SDXL, 5 GB on the disk when each has one chunk). With
#: more captions, as when a long run shuffles tags, the encoders stay loaded; src/engine/plan/memory.ts counts them in.
CACHE_LIMIT = 16_384


class TextEmbeddings:
    """Text states of captions and prompts, in the training precision."""

    def __init__(self, plan: Plan, base: BaseModel, device: Device) -> None:
        self._plan, self._base, self._device = plan, base, device
        folder = Path(plan.resources.cache_dir)
        self._cache = TensorCache(folder / "text", KEEP_BYTES)
        hashes: list[str] = []
        for name in base.text_encoders:
            hashes.append(base.part(name).digest(folder / "weights"))
            hashes.append(json.dumps(base.config(name), sort_keys=True))
            hashes += [f"{p.name}:{sha256_file(p)}" for p in sorted(base.tokenizer_dir(name).glob("*")) if p.is_file()]
        #: The layer that is read, counted from the last.
        self._layer = plan.model.clip_skip if plan.model.family == "sd15" else 2
        self._identity = [
            hashes,
            self._layer,
            plan.data.max_tokens,
            encoder_identity(device, torch.float32, "tokenizers"),
            plan.resources.precision,
        ]
        if plan.resources.text_precision != "same":
            self._identity.append(plan.resources.text_precision)
        self._identity += base.changed_by
        self.encoders: list[TextEncoder] = []
        self.rows = 1
        #: Whether captions are encoded when they are used, because there are too many to be stored.
        self._live = False

    def _key(self, caption: str) -> str:
        hashes, _, *others = self._identity
        return key_of("text", caption, hashes, self._layer, *others)

    @contextmanager
    def reading(self, clip_skip: int | None) -> Iterator[None]:
        """Inside this context the states are those of this layer of SD1.5's encoder, counted from the last.

        None changes nothing.
        """
        before = self._layer
        self._read(clip_skip or before)
        try:
            yield
        finally:
            self._read(before)

    def _read(self, layer: int) -> None:
        self._layer = layer
        for encoder in self.encoders:
            encoder.from_end = layer

    def load(self, dtype: torch.dtype = torch.float32) -> list[TextEncoder]:
        """The text encoders, built in `dtype` if they are not loaded yet."""
        if not self.encoders:
            names, packed = self._base.text_encoders, self._plan.resources.text_precision
            word = self._plan.training.pivotal
            self.encoders = [
                TextEncoder(self._base, name, dtype, self._device, packed=packed, word=word) for name in names
            ]
            self._read(self._layer)
        return self.encoders

    def unload(self) -> None:
        """Drop the text encoders, to free their memory."""
        self.encoders = []

    @torch.no_grad()
    def _encode(self, caption: str) -> dict[str, torch.Tensor]:
        encoded = encode_caption(self.load(), caption, self._plan.data.max_tokens)
        dtype = DTYPES[self._plan.resources.precision]
        return {name: tensor.to("cpu", dtype) for name, tensor in encoded.items()}

    def entry(self, caption: str) -> dict[str, torch.Tensor]:
        """`states` [chunks, 77, width] and, for SDXL, `pooled` [p] of a caption, encoded now if they are not stored.

        Each call for a caption gives the same bits, stored or not, because captions are encoded one at a time in fp32.
        """
        key = self._key(caption)
        found = self._cache.get(key)
        if found is None:
            found = self._encode(caption)
            if not self._live:
                self._cache.put(key, found)
        return found

    def get(self, caption: str, least: int = 0) -> dict[str, torch.Tensor]:
        """Like `entry`, but all captions of the run have the same number of chunks, `rows`: states [rows · 77, width].

        `least` is a lower bound on the number of chunks, for prompts longer than every caption. Chunks beyond `rows`
        are cut off. Shuffled tags may need more chunks: a tag may take a token more at a caption's end than before a
        comma.
        """
        entry = self.entry(caption)
        rows = max(self.rows, least)
        states = entry["states"][:rows]
        if len(states) < rows:
            empty = self.entry("")["states"][:1].expand(rows - len(states), -1, -1)
            states = torch.cat([states, empty])
        return {**entry, "states": states.reshape(-1, states.shape[-1])}

    def trained(
        self, captions: list[str], about_to: Callable[[list[int]], None] = lambda chunks: None, *, whole: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """States [B, rows · 77, width] and pooled [B, p] from encoders that are being trained. Nothing is stored.

        All captions go through an encoder in one pass, which takes much less time than a pass for each caption. There
        are as many chunks as `get` gives, or with `whole` as many as the longest of `captions` has. `about_to` is
        called before captions are encoded with the number of chunks of each, and with [] before the padding is.
        """
        entries = encode_captions(self.encoders, captions, self._plan.data.max_tokens, about_to)
        about_to([])
        rows = max(self.rows, *(len(entry["states"]) for entry in entries)) if whole else self.rows
        if any(len(entry["states"]) < rows for entry in entries):
            empty = encode_caption(self.encoders, "", self._plan.data.max_tokens)["states"][:1]
            for entry in entries:
                lacking = max(0, rows - len(entry["states"]))
                entry["states"] = torch.cat([entry["states"], empty.expand(lacking, -1, -1)])
        states = torch.stack([entry["states"][:rows].reshape(-1, entry["states"].shape[-1]) for entry in entries])
        return states, torch.stack([entry["pooled"] for entry in entries]) if "pooled" in entries[0] else None

    def prepare_trained(self, captions: Iterable[str], dtype: torch.dtype) -> None:
        """Load the encoders that are trained, and fix the number of chunks by the longest of `captions`."""
        limit = self._plan.data.max_tokens
        encoders = self.load(dtype)
        counts = (len(e.chunks(caption, limit, learned=True)) for e in encoders for caption in {*captions})
        self.rows = max(counts, default=1)

    def keep_shots(self, shots: Iterable[Shot]) -> None:
        """Encode the prompts of samples that read another layer than captions do, while the encoders are there."""
        for shot in shots:
            if shot.clip_skip is not None:
                with self.reading(shot.clip_skip):
                    for text in ("", shot.prompt, shot.negative):
                        self.entry(text)

    def prepare(self, captions: Iterable[str], longest: Iterable[str], events: Events, control: Control) -> None:
        """Encode those of `captions` that the cache lacks, and fix the number of chunks by the longest of `longest`.

        Raises Stopped when a stop is requested, and MachineError when the cache cannot be written.
        """
        unique = sorted({"", *captions})
        # Where memory is saved on the base, no encoder may stay beside it, however many captions there are.
        resources = self._plan.resources
        saving = resources.base_precision != "same" or resources.stream_base
        live = len(unique) > CACHE_LIMIT and not saving
        wanted = sorted({"", *longest}) if live else sorted({*unique, *longest})
        progress = Progress(events, "captions", len(wanted))
        for caption in wanted:
            control.stop_if_asked()
            self.entry(caption)
            progress.advance()
        self.rows = max((len(self.entry(caption)["states"]) for caption in {*longest}), default=1)
        if live:
            events.note(
                f"{len(unique)} different captions: the text encoders stay loaded and encode them as they come."
            )
            self.load()
            self._live = True
        else:
            self.unload()
