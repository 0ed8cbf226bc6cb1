"""The trainer's CLIP tokenizer gives the ids that transformers' gives, for any caption and any form of its files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.model.tokens import ClipTokenizer

DOCS = Path(__file__).parents[3] / "docs"
#: The embedded model's tokenizer, which has real merges.
EMBEDDED = Path(__file__).parents[3] / "presets" / "tiny" / "sd15" / "tokenizer"
ODD = [
    "",
    " ",
    "a red fox, (masterpiece:1.2), [[detail]], 1girl, <lora:x:0.8> BREAK",
    "Tom &amp; Jerry &lt;3 &quot;hi&quot; &#39;x&#39; &nbsp;&eacute; <b>bold</b>",
    "zwxq blorptastic",
    "it's THE fox's, we've I'd don't",
    "naïve café — “quoted” … ½ ² Ⅷ",
    "e\u0301 \u00e9 \u212b ﬁ İ ſ ß",
    "日本語 の 絵、한국어 العربية עברית ไทย",
    "👩‍👩‍👧 🏳️‍🌈 \u200b\ufeff\u00ad\u0000",
    "tab\tline\nbreak\r\n  \u3000 spaces",
    "<|startoftext|>a<|endoftext|> <|ENDOFTEXT|> !!! ! a!b",
    "under_score $5.00 50% #tag @name a/b\\c",
    "word " * 120,
    "a" * 500,
]


def _learn_merges(folder: Path) -> None:
    """Learn two thousand merges from this project's own docs, so that words split into pieces of every length."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    settings = {"initial_alphabet": alphabet, "end_of_word_suffix": "</w>", "show_progress": False}
    learner.train(sorted(map(str, DOCS.glob("*.md"))), trainers.BpeTrainer(vocab_size=2500, **settings))
    learner.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    for token in (*(f"{letter}</w>" for letter in sorted(alphabet)), "<|startoftext|>", "<|endoftext|>"):
        vocabulary.setdefault(token, len(vocabulary))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))


def _folder(tmp: Path, kind: str) -> Path:
    """A folder of the embedded tokenizer in one of the forms in which libraries and model families save it."""
    folder = tmp / kind
    shutil.copytree(EMBEDDED, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    vocabulary = json.loads((folder / "vocab.json").read_text())

    def added(content: str, normalized: bool) -> dict[str, Any]:
        how = {"lstrip": False, "rstrip": False, "single_word": False}
        return {"content": content, **how, "normalized": normalized, "special": True}

    if kind == "hub":  # SDXL's second tokenizer has these files on the hub.
        begin, end = ({**added(name, True), "__type": "AddedToken"} for name in ("<|startoftext|>", "<|endoftext|>"))
        settings |= {"bos_token": begin, "eos_token": end, "unk_token": end, "pad_token": "!", "errors": "replace"}
        short = {"bos_token": added("<|startoftext|>", True), "eos_token": added("<|endoftext|>", True)}
        (folder / "special_tokens_map.json").write_text(json.dumps({**short, "pad_token": "!"}))
    elif kind == "merges":
        _learn_merges(folder)
    elif kind == "exclamation":
        settings["pad_token"] = "!"
        (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "!", "bos_token": "<|startoftext|>"}))
    elif kind == "decoder":  # transformers 4 saves this form.
        begin, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
        settings["added_tokens_decoder"] = {
            str(vocabulary["!"]): added("!", False),
            str(begin): added("<|startoftext|>", True),
            str(end): added("<|endoftext|>", True),
            str(len(vocabulary)): added("<zwxq>", False),
        }
        settings["pad_token"] = "!"
    elif kind == "learned":  # Textual inversion adds tokens in this form.
        (folder / "added_tokens.json").write_text(
            json.dumps({"blorp": len(vocabulary), "<cat-toy>": len(vocabulary) + 1})
        )
    elif kind == "extra":
        settings["additional_special_tokens"] = ["<one>", "<two>"]
    elif kind == "extra listed":  # transformers 5 saves the same as a list.
        settings["extra_special_tokens"] = ["<one>", "<two>"]
    elif kind == "extra named":
        settings["extra_special_tokens"] = {"first_token": "<one>", "second_token": "<two>"}
    elif kind == "bare":
        (folder / "special_tokens_map.json").unlink()
        settings = {}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    if kind == "resaved":  # transformers 5 saves tokenizer.json alone.
        stock = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
        shutil.rmtree(folder)
        stock.save_pretrained(str(folder))
        for name in ("vocab.json", "merges.txt"):
            (folder / name).unlink(missing_ok=True)
    return folder


KINDS = [
    "plain",
    "hub",
    "merges",
    "exclamation",
    "decoder",
    "learned",
    "extra",
    "extra listed",
    "extra named",
    "bare",
    "resaved",
]


@pytest.fixture(scope="module", params=KINDS)
def tokenizers(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ClipTokenizer]:
    folder = _folder(tmp_path_factory.mktemp("tokenizers"), request.param)
    return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True), ClipTokenizer(folder)


def _stock(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]


def test_special_tokens_and_odd_captions_have_the_same_ids(tokenizers: tuple[Any, ClipTokenizer]) -> None:
    stock, ours = tokenizers
    assert (ours.begin, ours.end, ours.pad) == (stock.bos_token_id, stock.eos_token_id, stock.pad_token_id)
    for text in [*ODD, "<zwxq>!<one> <two>x blorp BLORP <cat-toy>s"]:
        assert ours.ids(text) == _stock(stock, text), text


def test_each_word_of_our_pages_has_the_same_ids(tokenizers: tuple[Any, ClipTokenizer]) -> None:
    stock, ours = tokenizers
    lines = [line for page in sorted(DOCS.glob("*.md")) for line in page.read_text(encoding="utf-8").splitlines()]
    assert [ours.ids(line) for line in lines] == stock(lines, add_special_tokens=False, verbose=False)["input_ids"]


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_any_caption_has_the_same_ids(tokenizers: tuple[Any, ClipTokenizer], text: str) -> None:
    stock, ours = tokenizers
    assert ours.ids(text) == _stock(stock, text)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the tokenizer cannot be read"):
        ClipTokenizer(tmp_path)
