"""Images as latents: encoded once and cached as mean and log-variance, so that each use can draw its own latents."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from visiontrain_trainer.base.errors import MachineError, TrainingError, is_out_of_memory, no_memory
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.compute.device import Device
from visiontrain_trainer.compute.facts import encoder_identity
from visiontrain_trainer.contract.control import Control
from visiontrain_trainer.contract.events import Events, Progress
from visiontrain_trainer.contract.plan import Plan, PlanImage
from visiontrain_trainer.model.models import BaseModel

from .decode import BAND_PIXELS
from .images import UnreadableImage, crop_placement, read_image
from .scaling import Scaling
from .tensor_cache import TensorCache, key_of
from .variations import View, pixels_of, variation_of

#: Up to this many bytes of latents stay in memory once they are read.
KEEP_BYTES = 4 << 30


Wanted = tuple[PlanImage, View]
#: The pixels of a view, uint8 [height, width, 3], or the reason why the image cannot be decoded.
Decoded = np.ndarray | TrainingError

#: SHA-256 of SDXL's VAE "fp16-fix": as the weights of a folder, and as a single file (presets/models.yaml).
_FIXED = (
    "1b909373b28f2137098b0fd9dbc6f97f8410854f31f84ddc9fa04b077b0ace2c",
    "235745af8d86bf4a4c1b5b4f529868b37019a10f7c0b2e79ad0abca3a22bc6e1",
)


def fixed_for_fp16(base: BaseModel) -> bool:
    """Whether an SDXL base's VAE can run in fp16: its configuration says so, or it is a file known to be fixed.

    A VAE file without a configuration beside it is known by its hash, because the base's configuration, which it uses,
    describes another VAE.
    """
    if base.plan.vae_path is not None:
        path = Path(base.plan.vae_path)
        if path.is_file() and not (path.parent / "config.json").is_file():
            return sha256_file(path) in _FIXED
    return not base.config("vae").get("force_upcast", True)


class Latents:
    """Cached latents of the run's images. `get` gives mean and log-variance, fp16 [4, height / 8, width / 8] each.

    Raises TrainingError for an SDXL VAE that overflows in fp16, when the plan encodes in fp16.
    """

    def __init__(self, plan: Plan, base: BaseModel, device: Device) -> None:
        if device.vae_dtype == torch.float16 and plan.model.family == "sdxl" and not fixed_for_fp16(base):
            raise TrainingError(
                "The SDXL VAE overflows in fp16 and would give black pictures.",
                next_steps=["Set resources.vae_precision to fp32, or model.vae to sdxl-vae-fp16-fix."],
                id="training/overflow",
            )
        self._plan, self._base, self._device = plan, base, device
        folder = Path(plan.resources.cache_dir)
        self._cache = TensorCache(folder / "latents", KEEP_BYTES)
        #: Held while a large image is decoded, so that the workers decode only one large image at a time.
        self._large = Lock()
        self.vae_hash = base.part("vae").digest(folder / "weights")
        self._identity = encoder_identity(device, device.vae_dtype, "diffusers", "pillow")
        self.scaling = Scaling.of(base)
        self._reflects = base.plan.vae_scaling is not None and base.plan.vae_scaling.reflect

    def _key(self, image: PlanImage, view: View) -> str:
        color = self._plan.data.alpha_color.lower()
        # The key holds the crop's place and not its number, because all crops are the same where nothing overhangs.
        where = crop_placement(image.size, image.bucket, view.crop, view.keep)
        variation = variation_of(self._plan.data, self._plan.seed, image, view)
        return key_of(
            "latents",
            image.sha256,
            image.bucket,
            (where.resized, where.left, where.top),
            view.flip,
            color,
            self.vae_hash,
            self._identity,
            *(["cut before"] if where.is_vast else []),
            *([] if variation is None else variation.key()),
            *(["reflected"] if self._reflects else []),
        )

    def get(self, image: PlanImage, view: View) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of a view. Raises TrainingError when the cache has lost them since `prepare`."""
        entry = self._cache.get(self._key(image, view))
        if entry is None:
            raise TrainingError(
                f"{image.path}: its cached latents are gone or damaged.",
                next_steps=["Run `visiontrain resume`: what is missing is encoded again."],
                id="training/cache",
            )
        return entry["mean"], entry["logvar"]

    def prepare(self, wanted: Iterable[Wanted], events: Events, control: Control) -> dict[str, str]:
        """Encode the views that the cache lacks. Returns the images that cannot be decoded: the problem by image id.

        The result is a pure function of the bytes of the images. Raises TrainingError naming all images that are gone
        or changed, MachineError when memory runs out, and Stopped.
        """
        # A long run uses each image many times, so equal views are dropped before the costlier keys are made.
        different = {(image.id, view): (image, view) for image, view in wanted}
        unique = {self._key(image, view): (image, view) for image, view in different.values()}
        progress = Progress(events, "images", len(unique))
        missing = []
        for key, item in unique.items():
            control.stop_if_asked()
            if self._cache.get(key) is None:
                missing.append(item)
            else:
                progress.advance()
        unreadable: dict[str, str] = {}
        lost: list[TrainingError] = []
        if missing:
            vae = self._base.vae(self._device.vae_dtype, self._device.torch)
            for pixels, (image, view) in zip(self._decoded(missing), missing, strict=True):
                control.stop_if_asked()
                if isinstance(pixels, UnreadableImage):
                    unreadable[image.id] = pixels.problem
                elif isinstance(pixels, TrainingError):
                    lost.append(pixels)
                else:
                    self._cache.put(self._key(image, view), self._encode(vae, pixels, image))
                progress.advance()
        if lost:
            raise _all_lost(lost)
        return unreadable

    def _decoded(self, items: list[Wanted]) -> Iterator[Decoded]:
        """The pixels of `items` in order. Worker threads decode some images ahead (Pillow releases the GIL)."""
        workers = self._plan.resources.workers
        if workers == 0:
            yield from (self._decode(*item) for item in items)
            return
        with ThreadPoolExecutor(workers, thread_name_prefix="loader") as pool:
            ahead: deque = deque()
            try:
                for item in items:
                    ahead.append(pool.submit(self._decode, *item))
                    if len(ahead) > 2 * workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _decode(self, planned: PlanImage, view: View) -> Decoded:
        path = Path(self._plan.data.root) / planned.path
        try:
            with self._large if planned.size[0] * planned.size[1] > BAND_PIXELS else nullcontext():
                if not path.is_file():
                    return _lost(
                        f"{path}: the picture is gone.",
                        "Put it back; of a folder that was moved: `visiontrain resume` with --dataset DIR.",
                    )
                if sha256_file(path) != planned.sha256:
                    return _lost(
                        f"{path}: the picture changed after the run was planned.",
                        "Start the run again with `visiontrain run`.",
                    )
                image = read_image(path, planned.size, self._plan.data.alpha_color)
                return pixels_of(image, planned, view, variation_of(self._plan.data, self._plan.seed, planned, view))
        except UnreadableImage as error:
            return error
        except MemoryError as error:
            size = "×".join(map(str, planned.size))
            fewer = ["Or lower resources.workers."] if self._plan.resources.workers > 1 else []
            raise no_memory(
                f"{path}: there is not enough memory to open it at {size} pixels.",
                error,
                *fewer,
                "Or make a smaller copy of the picture.",
            ) from error

    @torch.inference_mode()
    def _encode(self, vae: torch.nn.Module, pixels: np.ndarray, planned: PlanImage) -> dict[str, torch.Tensor]:
        # Images are encoded one at a time: in a batch, the bytes of an image would depend on the others.
        try:
            image = torch.from_numpy(pixels).to(self._device.torch).permute(2, 0, 1)[None].float() / 127.5 - 1
            moments = vae.encode(image.to(self._device.vae_dtype), return_dict=False)[0]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._no_memory(planned, error) from error
        out = {
            "mean": moments.mean[0].to("cpu", torch.float16),
            "logvar": moments.logvar[0].to("cpu", torch.float16),
        }
        if not all(torch.isfinite(tensor).all() for tensor in out.values()):
            precision = self._plan.resources.vae_precision
            raise TrainingError(
                f"{planned.path}: the VAE gave numbers that are not finite.",
                [f"It ran in {precision}." + (" fp16 overflows with many VAEs." if precision == "fp16" else "")],
                [
                    # The VAE's weights and all pixels are finite, so the computation itself must have overflowed.
                    "The numbers of this VAE are too large to compute with: name another in model.vae."
                    if precision == "fp32"
                    else "Set resources.vae_precision to fp32."
                ],
                id="training/not-finite",
            )
        return out

    def _no_memory(self, image: PlanImage, error: BaseException) -> MachineError:
        half = "Or set resources.vae_precision to bf16: half of what fp32 takes."
        return no_memory(
            f"{image.path}: there is not enough memory to encode it at {image.bucket[0]}×{image.bucket[1]}.",
            error,
            *([half] if self._device.vae_dtype == torch.float32 else []),
            "Or lower dataset.resolution.",
        )


def _lost(reason: str, step: str) -> TrainingError:
    return TrainingError(reason, next_steps=[step], id="dataset/changed")


#: At most this many images are named in the details of an error.
_NAMED = 20


def _all_lost(lost: list[TrainingError]) -> TrainingError:
    """One error for all images that are gone or changed, so that a person can mend them all before the next start."""
    lost = sorted(lost, key=lambda error: error.reason)
    more = [error.reason for error in lost[1:]]
    if len(more) > _NAMED:
        more = [*more[:_NAMED], f"{len(more) - _NAMED} more pictures are gone or changed."]
    return TrainingError(lost[0].reason, more, lost[0].next_steps, id="dataset/changed")
