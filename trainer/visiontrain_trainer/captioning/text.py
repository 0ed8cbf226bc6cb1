"""Cleans what models say into one line that can be a caption. Pure."""

from __future__ import annotations

import re
import unicodedata

#: Most characters of a caption. CLIP reads some 75 tokens at a time, and 2000 characters are over 400 tokens.
MOST_CHARACTERS = 2000

_THINKING = re.compile(r"<think>.*?(</think>|$)", re.DOTALL | re.IGNORECASE)
_MARKS = re.compile(r"<(/?s|pad|unk|mask|bos|eos|\|[a-z_]+\|)>", re.IGNORECASE)
_LEAD = re.compile(r"^(caption|description|answer|tags?)\s*:\s*", re.IGNORECASE)
_REFUSAL = re.compile(
    r"^(i['’]?m sorry|sorry,|i am sorry|i (can(no|['’])?t|am unable|am not able|won['’]t)|as an ai\b)", re.IGNORECASE
)
#: BLIP writes "arafed", which is no word, where captions of its training data had been masked.
_ARAFED = re.compile(r"\b(an? )?araf(ed|f|fe|ffe|fy|fed)\b\s*", re.IGNORECASE)


def one_line(text: str) -> str:
    """The text on one line, without control and format characters, of at most MOST_CHARACTERS, cut at a word."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") else c for c in text)
    line = " ".join(kept.split())
    if len(line) <= MOST_CHARACTERS:
        return line
    return line[:MOST_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;")


def clean_sentence(text: str) -> str:
    """A captioner's sentence without its marks, its made-up words, and phrases that it repeats."""
    line = one_line(_MARKS.sub(" ", text))
    return _without_echoes(one_line(_ARAFED.sub("", line)))


def clean_reply(text: str) -> str:
    """A chat model's reply without its thoughts, a title and quotes around it."""
    line = one_line(_MARKS.sub(" ", _THINKING.sub(" ", text)))
    line = _LEAD.sub("", line)
    for first, last in (('"', '"'), ("“", "”"), ("'", "'")):
        if len(line) > 2 and line.startswith(first) and line.endswith(last) and first not in line[1:-1]:
            line = line[1:-1].strip()
    return line


def is_refusal(text: str) -> bool:
    """Whether a chat model said that it will not describe the image."""
    return _REFUSAL.match(text) is not None


def _without_echoes(line: str) -> str:
    """`a cat a cat a cat on a mat` → `a cat on a mat`: a phrase of up to six words that follows itself is kept once."""
    words = line.split()
    for length in range(6, 0, -1):
        at = 0
        while at + 2 * length <= len(words):
            if words[at : at + length] == words[at + length : at + 2 * length]:
                del words[at + length : at + 2 * length]
            else:
                at += 1
    return " ".join(words)
