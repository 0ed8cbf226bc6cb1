"""Looks at images that nobody has looked at yet, and counts the tokens of captions."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.base.job import JobImage
from visiontrain_trainer.captioning.report import Report, sparing_others
from visiontrain_trainer.data.decode import read_upright

from . import measures
from .crops import crop_of
from .job import LookJob
from .marks import look_for_marks

#: Raised when a measure changes, so that older results are made anew.
VERSION = 1
#: Longest side in pixels of the image that is measured: what a training at 1024 pixels sees of it.
_SIDE = 1024
#: Longest side in pixels of a thumbnail, and the quality of its WebP.
_THUMBNAIL, _QUALITY = 256, 75
#: Longest side in pixels of a preview: more than a terminal of 240 columns shows.
_PREVIEW = 240
#: Colour behind transparent images, as in the data set's default.
_WHITE = "#ffffff"


def do_look_job(job: LookJob, report: Report) -> None:
    """Count tokens, place crops, look at the images, then compare them for marks.

    Each result of a look is kept at once, so that the work may end at any moment.

    Raises MachineError when the disk takes no result.
    """
    if job.tokenizer is not None:
        from visiontrain_trainer.model.tokens import ClipTokenizer

        tokenizer = ClipTokenizer(job.tokenizer)
        report.line("tokens", counts=[len(tokenizer.ids(caption)) for caption in job.captions])
    if job.crops:
        report.line("crops", crops=[crop_of(job.root, ask) for ask in job.crops])
    todo = list({image.sha256: image for image in job.images}.values())
    report.progress("look", 0, len(todo))
    # Pillow and numpy let other threads run while they compute.
    with ThreadPoolExecutor(max(1, job.threads)) as readers:
        for done, _ in enumerate(readers.map(lambda image: _look(job, image, report), todo), 1):
            report.progress("look", done, len(todo))
        for done, _ in enumerate(readers.map(lambda image: _preview(job, image, report), job.previews), 1):
            report.progress("preview", done, len(job.previews))
    if job.marks:
        report.line("marks", marks=look_for_marks(job.store, job.marks))


def _preview(job: LookJob, image: JobImage, report: Report) -> None:
    with sparing_others(report, image.path):
        small = read_upright(job.root / image.path, _WHITE, least=_PREVIEW)
        small.thumbnail((_PREVIEW, _PREVIEW), Image.Resampling.BOX)
        written = io.BytesIO()
        small.save(written, "PNG")
        _keep(job, image, {f"{image.sha256}.png": written.getvalue()})


def _look(job: LookJob, image: JobImage, report: Report) -> None:
    with sparing_others(report, image.path):
        look, thumbnail = look_at(job.root / image.path)
        text = json.dumps({"version": VERSION, "image": image.sha256, **look}, separators=(",", ":"))
        # The numbers are written last: where they are, the thumbnail is too. An image whose files a power cut took is
        # looked at again.
        _keep(job, image, {f"{image.sha256}.webp": thumbnail, f"{image.sha256}.json": f"{text}\n".encode()})


def _keep(job: LookJob, image: JobImage, files: dict[str, bytes]) -> None:
    """Write the results of an image in the order of `files`. Raises MachineError when the disk does not take them."""
    folder = job.store / image.sha256[:2]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in files.items():
            write_atomic(folder / name, data, durable=False)
    except OSError as error:
        raise MachineError(
            "What was seen cannot be written.", [str(error)], ["Is the disk full?"], id="disk/write-failed"
        ) from error


def look_at(path: Path) -> tuple[dict[str, Any], bytes]:
    """Numbers about an image file, and its thumbnail as WebP. Raises any exception that a decoder may raise."""
    image = read_upright(path, _WHITE, least=_SIDE)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=None)
    rgb = np.asarray(image)
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    quality = _jpeg_quality(path)
    look = {
        "phash": measures.perceptual_hash(image),
        "colours": measures.colours(image),
        "blur": round(measures.blur_effect(grey), 4),
        "one_colour": round(measures.one_colour(rgb), 4),
        "borders": [round(share, 4) for share in measures.borders(rgb)],
        "grey_rest": 0 if quality is None else round(measures.grey_rest(rgb), 4),
        "jpeg_quality": quality,
    }
    return look, _thumbnail(image)


def _jpeg_quality(path: Path) -> int | None:
    """The quality that a JPEG was written with; None for other formats."""
    with path.open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            return None
        file.seek(0)
        with Image.open(file) as opened:
            return measures.jpeg_quality(getattr(opened, "quantization", {}))


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=_QUALITY, method=2)
    return written.getvalue()
