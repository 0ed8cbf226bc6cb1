"""Marks in captions that mean something: lines, wildcards, separators. `src/engine/plan/caption-forms.ts` mirrors this.

The order is that of sd-scripts: a line, wildcards, the kept parts, dropping, shuffling, joining. Each draw is keyed by
the use, so that a resumed run draws the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import CaptionOptions, Data

_WILDCARD = re.compile(r"\{([^{}]+)\}")
#: What stands for {{ and }} while wildcards are looked for: captions hold no control characters.
_OPEN, _CLOSE = "\x01", "\x02"


def plain_caption(data: Data, caption: str) -> str:
    """The caption that validations and metadata have: the first line, the first of each choice, no separators."""
    options = data.caption_options
    if options is None:
        return caption
    line = caption.split("\n")[0]
    return _without_marks(_choose(line, lambda index, count: 0) if options.wildcards else line, options)


def optioned_caption(data: Data, options: CaptionOptions, caption: str, at: tuple[int, int, str]) -> str:
    """The caption of a use when it is not dropped as a whole. `at` is the seed, the epoch and the use's name."""
    seed, epoch, use = at
    lines = caption.split("\n")
    line = lines[rng.below(len(lines), seed, "caption-line", epoch, use)] if len(lines) > 1 else caption
    if options.wildcards:
        line = _choose(line, lambda index, count: rng.below(count, seed, "wildcard", epoch, use, index))
    if not data.shuffle_tags and data.tag_dropout == 0:
        return _without_marks(line, options)
    kept, free, last = _parts(data, options, line)
    if data.tag_dropout > 0:
        protected = {_key(tag) for tag in options.protected}
        free = [
            tag
            for i, tag in enumerate(free)
            if _key(tag) in protected or rng.unit(seed, "tag-dropout", epoch, use, i) >= data.tag_dropout
        ]
    if data.shuffle_tags:
        free = rng.shuffled(free, seed, "tag-order", epoch, use)
    return _without_groups(", ".join([*kept, *free, *last]), options)


def longest_forms(data: Data) -> set[str]:
    """The longest form of each line of each caption, by which the number of chunks is fixed; empty without options."""
    options = data.caption_options
    if options is None:
        return set()
    lines = {line for image in data.images for line in image.caption.split("\n")}
    return {_without_marks(_longest(line) if options.wildcards else line, options) for line in lines}


def is_dropped_epoch(options: CaptionOptions, epoch: int) -> bool:
    """Whether all captions are left out in `epoch` (from 0). Outside of training, where it is -1, none are."""
    every = options.dropout_every_epochs
    return every > 0 and epoch >= 0 and (epoch + 1) % every == 0


def _longest(line: str) -> str:
    hidden = line.replace("{{", _OPEN).replace("}}", _CLOSE)
    longest = _WILDCARD.sub(lambda match: max(match.group(1).split("|"), key=len), hidden)
    return longest.replace(_OPEN, "{").replace(_CLOSE, "}")


def _choose(line: str, pick: Callable[[int, int], int]) -> str:
    """The line with one of the texts in each pair of braces; `pick(index, count)` gives its number."""
    counter = iter(range(len(line)))

    def chosen(match: re.Match[str]) -> str:
        choices = match.group(1).split("|")
        return choices[pick(next(counter), len(choices))]

    hidden = line.replace("{{", _OPEN).replace("}}", _CLOSE)
    return _WILDCARD.sub(chosen, hidden).replace(_OPEN, "{").replace(_CLOSE, "}")


def _tags(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def _key(tag: str) -> str:
    return " ".join(tag.lower().replace("_", " ").split())


def _parts(data: Data, options: CaptionOptions, line: str) -> tuple[list[str], list[str], list[str]]:
    """The tags that stay in front, those that may move and go, and those that stay at the end."""
    separator = options.keep_separator
    if not separator or separator not in line:
        tags = _tags(line)
        return tags[: data.keep_tags], tags[data.keep_tags :], []
    front, _, rest = line.partition(separator)
    middle, _, last = rest.partition(separator)
    # A third separator means nothing in sd-scripts either.
    return _tags(front), _tags(middle), _tags(last.replace(separator, ","))


def _without_marks(line: str, options: CaptionOptions) -> str:
    parts = line.split(options.keep_separator) if options.keep_separator else [line]
    return _without_groups(line if len(parts) == 1 else _joined(parts), options)


def _without_groups(text: str, options: CaptionOptions) -> str:
    group = options.group_separator
    return _joined(text.split(group)) if group and group in text else text


def _joined(parts: list[str]) -> str:
    """The parts with commas between them, and without commas and spaces at their ends."""
    return ", ".join(filter(None, (re.sub(r"^[\s,]+|[\s,]+$", "", part) for part in parts)))
