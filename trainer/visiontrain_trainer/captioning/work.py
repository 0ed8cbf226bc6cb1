"""Does a job of captioning: each method over the images that it has no result for yet."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from PIL import Image

from visiontrain_trainer.base.errors import MachineError, is_out_of_memory
from visiontrain_trainer.base.job import JobImage
from visiontrain_trainer.data.decode import read_upright

from .job import Job, Method
from .report import Report, sparing_others
from .store import missing, write_result

#: Colour behind transparent images. The taggers were trained on white.
_WHITE = "#ffffff"


class Model(Protocol):
    """A model or a server that captions images; `tags` gives one result for each of at most `batch` images."""

    batch: int

    def tags(self, images: Sequence[Image.Image]) -> Iterator[dict[str, Any]]: ...


def do_job(job: Job, report: Report) -> None:
    """Caption the images that have no result yet. An image that cannot be captioned is reported and left out.

    Raises TrainerError when a model or the machine is at fault; what was made until then is kept.
    """
    # The same image in two places is captioned once.
    total = len({image.sha256 for image in job.images})
    for method in job.methods:
        todo = missing(job.store, method, job.images)
        report.progress(method.name, total - len(todo), total)
        if todo:
            report.line("loading", method=method.name)
            _Round(job, method, report, total).run(todo)


class _Round:
    """One method over the images that it lacks."""

    def __init__(self, job: Job, method: Method, report: Report, total: int) -> None:
        self._job, self._method, self._report, self._total = job, method, report, total
        self._began = 0.0
        self._done = 0

    def run(self, todo: Sequence[JobImage]) -> None:
        model = load_model(self._job, self._method)
        self._began = time.monotonic()
        before = self._total - len(todo)
        batches = [todo[at : at + model.batch] for at in range(0, len(todo), model.batch)]
        # While a batch is computed, the images of the next are decoded.
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, batches[0])
            for index, batch in enumerate(batches):
                read = coming.result()
                if index + 1 < len(batches):
                    coming = reader.submit(self._read, batches[index + 1])
                self._caption(model, read)
                self._done += len(batch)
                rate = self._done / max(1e-3, time.monotonic() - self._began)
                self._report.progress(self._method.name, before + self._done, self._total, rate)

    def _read(self, batch: Sequence[JobImage]) -> list[tuple[JobImage, Image.Image]]:
        found = []
        for image in batch:
            with sparing_others(self._report, image.path):
                found.append((image, read_upright(self._job.root / image.path, _WHITE)))
        return found

    def _caption(self, model: Model, read: Sequence[tuple[JobImage, Image.Image]]) -> None:
        if not read:
            return
        try:
            for (image, _), result in zip(read, model.tags([pixels for _, pixels in read]), strict=True):
                write_result(self._job.store, self._method, image, result)
        except ValueError as error:
            # Only models with `batch` 1 raise ValueError, so the image that failed is the only one read.
            self._report.failed(read[0][0].path, str(error))
        except OSError as error:
            raise MachineError(
                "The captions cannot be written.", [str(error)], ["Is the disk full?"], id="disk/write-failed"
            ) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise MachineError(
                    "There is not enough memory to caption an image.", [read[0][0].path], id="training/memory"
                ) from error
            raise


def load_model(job: Job, method: Method) -> Model:
    if method.kind == "tags":
        from .tagger import Tagger

        return Tagger(method.settings, job.device, job.threads)
    if method.kind == "sentence":
        from .sentences import Captioner

        return Captioner(method.settings, job.device, job.threads)
    from .endpoint import Endpoint

    return Endpoint(method.settings)
