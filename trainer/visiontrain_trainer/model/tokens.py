"""CLIP's tokenizer, built on the library `tokenizers` alone. It gives the ids that transformers 5 gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

from visiontrain_trainer.base.errors import TrainingError

#: The pattern by which OpenAI's CLIP splits a text into words.
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|"
    r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_END = "<|endoftext|>"
#: The special tokens. Those that the vocabulary lacks get new ids in this order.
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class ClipTokenizer:
    """Gives the token ids of a caption without begin and end, and the ids of the begin, end and padding tokens.

    `folder` is a tokenizer folder as saved with a model: tokenizer.json, or vocab.json and merges.txt, with
    tokenizer_config.json or its older forms. Raises TrainingError when the folder holds no whole CLIP tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        try:
            settings, added = _settings(folder)
            named = {key: _token(settings[key], added) for key in _NAMED if settings.get(key)}
            named = {"bos_token": _token("<|startoftext|>", added)} | named
            for key in ("eos_token", "unk_token", "pad_token"):
                named.setdefault(key, _token(_END, added))
            self._tokenizer = Tokenizer(_pieces(folder, named["unk_token"].content))
            self._tokenizer.normalizer = normalizers.Sequence(
                [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
            )
            self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
                    pre_tokenizers.ByteLevel(add_prefix_space=False),
                ]
            )
            names = [named[key] for key in _NAMED if key in named]
            more = settings.get("extra_special_tokens") or settings.get("additional_special_tokens") or []
            names += [_token(value, added) for value in (more.values() if isinstance(more, dict) else more)]
            stored = [added[index] for index in sorted(added)]
            known = {token.content for token in stored}
            self._tokenizer.add_tokens([*stored, *(token for token in names if token.content not in known)])
            self.begin, self.end, self.pad = (
                self._tokenizer.token_to_id(named[key].content) for key in ("bos_token", "eos_token", "pad_token")
            )
        # The library raises its own errors as plain Exception.
        except Exception as error:
            raise TrainingError(
                f"{folder}: the tokenizer cannot be read ({error}).",
                next_steps=[
                    "Put whole files there, as the model has them: tokenizer.json, or vocab.json and merges.txt.",
                    "For a model of `visiontrain models list`: `visiontrain models verify` finds damaged files.",
                ],
                id="model/config",
            ) from error

    def ids(self, caption: str) -> list[int]:
        """Token ids of a caption, without begin and end."""
        return self._tokenizer.encode(caption, add_special_tokens=False).ids


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _settings(folder: Path) -> tuple[dict[str, Any], dict[int, AddedToken]]:
    """The settings that name the special tokens, and the added tokens by id, from whichever files hold them."""
    settings = _json(folder / "tokenizer_config.json")
    if "added_tokens_decoder" in settings:
        return settings, {int(i): _token(value, {}) for i, value in settings["added_tokens_decoder"].items()}
    settings |= _json(folder / "special_tokens_map.json")
    special = {_text(settings[key]) for key in _NAMED if settings.get(key)}
    added = {
        index: AddedToken(text, normalized=text not in special)
        for text, index in _json(folder / "added_tokens.json").items()
    }
    for value in _json(folder / "tokenizer.json").get("added_tokens", []):
        added[value["id"]] = _token(value, {})
    return settings, added


def _text(value: str | dict[str, Any]) -> str:
    return value if isinstance(value, str) else value["content"]


def _token(value: str | dict[str, Any], added: dict[int, AddedToken]) -> AddedToken:
    """A special token from a settings file; where `added` holds a token of the same text, that one is returned."""
    for token in added.values():
        if token.content == _text(value):
            return token
    given = {} if isinstance(value, str) else value
    how = {key: given[key] for key in ("single_word", "lstrip", "rstrip", "normalized") if key in given}
    return AddedToken(_text(value), **how, special=given.get("special", True))


def _pieces(folder: Path, unknown: str) -> BPE:
    whole = _json(folder / "tokenizer.json").get("model")
    how: dict[str, Any] = {"continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "unk_token": unknown}
    if whole is None:
        return BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), **how)
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in whole["merges"]]
    return BPE(whole["vocab"], merges, **how)
