"""All samples of a job on one image, with their strengths, steps, seeds and prompts beside them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.run.sample_file import open_sample

from .job import Sheet

#: Longest side of a sample on the sheet, and of the sheet itself, in pixels.
_EACH, _WHOLE = 512, 8192
#: Least side of a sample: with more samples the sheet grows beyond `_WHOLE`.
_LEAST = 32
_GAP, _TEXT, _LEADING, _LINES = 8, 16, 18, 4
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


def make_sheet(sheet: Sheet, folder: Path) -> None:
    """Write the sheet. A sample that is not there leaves its place empty. Raises OSError when it cannot be written."""
    sizes = [size for row in sheet.files for name in row if name and (size := _size(folder / name))] or [(64, 64)]
    wide, high = max(w for w, _ in sizes), max(h for _, h in sizes)
    most = min(_EACH, (_WHOLE // max(len(sheet.columns), len(sheet.rows), 1)) - _GAP)
    scale = min(1.0, max(_LEAST, most) / max(wide, high))
    width, height = max(1, round(wide * scale)), max(1, round(high * scale))
    left = max(80, min(320, width)) + 2 * _GAP
    top = _LINES * _LEADING + 2 * _GAP
    across, down = width + _GAP, max(height, _TEXT * 2) + _GAP
    paper = Image.new("RGB", (left + across * len(sheet.columns), top + down * len(sheet.rows)), _PAPER)
    pen = _Pen(paper)
    for number, label in enumerate(sheet.columns):
        pen.write(label, (left + number * across, _GAP), (width, top))
    for number, (label, row) in enumerate(zip(sheet.rows, sheet.files, strict=True)):
        y = top + number * down
        pen.write(label, (_GAP, y), (left - 2 * _GAP, height))
        for column, name in enumerate(row):
            # One is open at a time: a thousand large samples would not fit into memory.
            image = None if name is None else open_sample(folder / name)
            if image is not None:
                small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
                paper.paste(small, (left + column * across, y))
    content = io.BytesIO()
    paper.save(content, "PNG")
    write_atomic(folder / sheet.file, content.getvalue())


def _size(path: Path) -> tuple[int, int] | None:
    image = open_sample(path)
    return None if image is None else image.size


class _Pen:
    """Writes on the sheet in Pillow's own font, so that a sheet has the same bytes everywhere."""

    def __init__(self, paper: Image.Image) -> None:
        self._drawn = ImageDraw.Draw(paper)
        self._font = ImageFont.load_default(_TEXT)

    def write(self, text: str, place: tuple[int, int], room: tuple[int, int]) -> None:
        """Write a text in lines that fit a room of width and height; what does not fit ends with dots."""
        (x, y), (width, height) = place, room
        lines = max(1, height // _LEADING)
        # The font lacks this sign.
        done = _wrapped(text.replace("×", "x"), lambda line: self._drawn.textlength(line, font=self._font) <= width)
        if len(done) > lines:
            done = [*done[: lines - 1], done[lines - 1][:-3] + "..."]
        for number, each in enumerate(done):
            self._drawn.text((x, y + number * _LEADING), each, _INK, self._font)


def _wrapped(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in lines that fit, broken between words, or within a word that is longer than a line."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if fits(joined):
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and not fits(lines[-1] + letter):
                lines.append("")
            lines[-1] += letter
    return lines
