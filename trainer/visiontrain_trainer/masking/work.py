"""Does a job of masking: every finder over each image that has no mask yet."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import MachineError
from visiontrain_trainer.base.files import write_atomic
from visiontrain_trainer.base.job import JobImage
from visiontrain_trainer.captioning.report import Report, sparing_others
from visiontrain_trainer.data.decode import read_upright

from .find import FINDERS, Network, open_finder, together
from .job import Finder, MaskJob
from .prompted import Prompted

#: Colour behind transparent images, as in the data set's default.
_WHITE = "#ffffff"
#: Masks are kept with at most this many pixels on the longer side, where the shorter one keeps enough of the shape.
_MOST_SIDE, _LEAST_SIDE = 2048, 256
#: The last bytes of every PNG.
_END = b"IEND\xaeB`\x82"
#: Longest side in pixels of a thumbnail, as those of images have it.
_THUMBNAIL = 256


def do_mask_job(job: MaskJob, report: Report) -> None:
    """Make the masks that are missing. An image in which nothing is found is reported, and is learned whole.

    Raises TrainerError when a model or the machine is at fault; what was made until then is kept.
    """
    images = list({image.sha256: image for image in job.images}.values())
    todo = [image for image in images if not _is_mask(_place(job, image))]
    done = len(images) - len(todo)
    report.progress("masks", done, len(images))
    if not todo:
        return
    finders = [(finder, open_finder(finder, job.device, job.threads)) for finder in job.finders]
    began = time.monotonic()
    for count, image in enumerate(todo, 1):
        with sparing_others(report, image.path):
            _mask(job, image, finders, report)
        rate = count / max(1e-6, time.monotonic() - began)
        report.progress("masks", done + count, len(images), rate)


def _mask(job: MaskJob, image: JobImage, finders: list[tuple[Finder, Network | Prompted]], report: Report) -> None:
    opened = read_upright(job.root / image.path, _WHITE)
    found = {finder.name: FINDERS[finder.kind](network, opened) for finder, network in finders}
    missing = [kind for kind, one in found.items() if one is None]
    maps = [one for one in found.values() if one is not None]
    mask = together(maps) if maps else np.ones((opened.height, opened.width), dtype=np.float32)
    if maps and float(mask.max()) < 0.5:
        # With this mask nothing of the image would be learned, which nobody can want.
        mask, missing = np.ones_like(mask), [*found]
    if missing:
        report.line("nothing", path=image.path, kinds=missing)
    grey = Image.fromarray((mask * 255 + 0.5).astype(np.uint8), "L")
    written = io.BytesIO()
    _small(grey).save(written, "PNG", optimize=False)
    place = _place(job, image)
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The mask goes last: where it is, its thumbnail is too.
        write_atomic(place.with_suffix(".webp"), _thumbnail(grey), durable=False)
        write_atomic(place, written.getvalue(), durable=False)
    except OSError as error:
        raise MachineError(
            "A mask cannot be written.", [str(error)], ["Is the disk full?"], id="disk/write-failed"
        ) from error


def _small(mask: Image.Image) -> Image.Image:
    scale = _MOST_SIDE / max(mask.size)
    if scale >= 1 or min(mask.size) * scale < _LEAST_SIDE:
        return mask
    return mask.resize((round(mask.width * scale), round(mask.height * scale)), Image.Resampling.BOX)


def _thumbnail(mask: Image.Image) -> bytes:
    small = mask.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    written = io.BytesIO()
    small.convert("RGB").save(written, "WEBP", quality=60, method=2)
    return written.getvalue()


def _is_mask(path: Path) -> bool:
    """Whether a whole mask lies at `path`. After a crash of the machine a file may be there without its content."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_END), io.SEEK_END)
            return file.read() == _END
    except OSError:
        return False


def _place(job: MaskJob, image: JobImage) -> Path:
    return job.store / image.sha256[:2] / f"{image.sha256}.png"
