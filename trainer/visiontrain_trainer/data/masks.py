"""Masks of images: which parts of an image the loss is about, on the grid of its latents.

A mask is scaled, cropped and mirrored exactly as its image, then averaged over the 8 × 8 pixels of each latent.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.base.files import sha256_file
from visiontrain_trainer.contract.plan import Plan, PlanImage

from .batches import ImageUse
from .focus import Profiles, box_of, profiles_of
from .images import Box, crop_placement, load_mask
from .tensor_cache import TensorCache, key_of
from .variations import View, pixels_of, variation_of

#: Up to this many bytes of masks stay in memory: those of tens of thousands of images.
_KEEP_BYTES = 1 << 29
#: Pixels of an image along a side of one latent.
_CELL = 8


class Masks:
    """Cached masks of the run's images, uint8 [height / 8, width / 8]. Images without one count whole."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._settings = plan, plan.data.masks
        self._cache = TensorCache(Path(plan.resources.cache_dir) / "masks", _KEEP_BYTES)
        self.used = any(image.mask is not None for image in plan.data.images) and self._settings is not None

    def _key(self, image: PlanImage, view: View) -> str:
        where = crop_placement(image.size, image.bucket, view.crop, view.keep)
        assert image.mask is not None
        parts = (image.mask.sha256, image.mask.alpha, image.size, image.bucket)
        variation = variation_of(self._plan.data, self._plan.seed, image, view)
        # A variation's colours do not change the mask, so only its geometry is part of the key.
        turned = [] if variation is None else variation.key()[:1]
        return key_of("mask", *parts, (where.resized, where.left, where.top), view.flip, *turned)

    def prepare(self, wanted: Iterable[tuple[PlanImage, View]]) -> list[str]:
        """Read the masks that the cache lacks. Returns sentences about masks that mask nothing.

        Raises TrainingError for a mask that is gone, changed, of another shape than its image, or black all over.
        """
        if not self.used:
            return []
        different = {(image.id, view): (image, view) for image, view in wanted if image.mask is not None}
        whole = []
        for image, view in different.values():
            if self._cache.get(self._key(image, view)) is None:
                self._cache.put(self._key(image, view), {"mask": self._read(image, view)})
            if bool((self._cache.get(self._key(image, view)) or {})["mask"].eq(255).all()):
                whole.append(image.path)
        names = sorted(set(whole))
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        why = "the mask is white all over or lies outside of the crop, and masks nothing."
        return [f"{', '.join(names[:4])}{more}: {why}"] if names else []

    def boxes(self, images: Iterable[PlanImage]) -> dict[str, Box]:
        """What the crop must keep of images, by their ids; empty where the plan does not want the crop moved.

        Raises TrainingError for a mask that is gone, changed, or of another shape than its image.
        """
        if not self.used or self._settings is None or not self._settings.focus:
            return {}
        found = {image.id: self._box(image) for image in images if image.mask is not None}
        return {name: box for name, box in found.items() if box is not None}

    def _box(self, image: PlanImage) -> Box | None:
        assert image.mask is not None
        key = key_of("profiles", image.mask.sha256, image.mask.alpha)
        entry = self._cache.get(key)
        if entry is None:
            profiles = profiles_of(self._open(image))
            entry = {"columns": torch.from_numpy(profiles.columns), "rows": torch.from_numpy(profiles.rows)}
            self._cache.put(key, entry)
        return box_of(Profiles(entry["columns"].numpy(), entry["rows"].numpy()), image.size, image.bucket)

    def _path(self, image: PlanImage) -> Path:
        assert image.mask is not None
        return Path(self._plan.data.root) / image.mask.path

    def _open(self, image: PlanImage) -> Image.Image:
        assert image.mask is not None
        path = self._path(image)
        again = "Start the run again with `visiontrain run`."
        if not path.is_file():
            raise TrainingError(
                f"{path}: the mask of {image.path} is gone.", next_steps=["Put it back."], id="dataset/changed"
            )
        if sha256_file(path) != image.mask.sha256:
            raise TrainingError(
                f"{path}: the mask of {image.path} changed after the run was planned.",
                [],
                [again],
                id="dataset/changed",
            )
        return load_mask(path, image.size, alpha=image.mask.alpha)

    def _read(self, image: PlanImage, view: View) -> torch.Tensor:
        mask = self._open(image)
        variation = variation_of(self._plan.data, self._plan.seed, image, view)
        cells = cell_means(pixels_of(mask, image, view, variation))
        if not cells.any() and mask.getextrema()[1] > 0:
            # The crop cut away what the mask shows: this view of the image counts whole, as if it had no mask.
            return torch.from_numpy(np.full_like(cells, 255))
        if not cells.any():
            raise TrainingError(
                f"{self._path(image)}: the mask of {image.path} is black all over, so nothing of the "
                "picture would be trained.",
                next_steps=["Paint white what is to be learned, or remove the mask or the picture."],
                id="dataset/mask",
            )
        return torch.from_numpy(cells)

    def weights(self, use: ImageUse, view: View) -> torch.Tensor:
        """The weight of each latent of a use, fp32 [1, h, w]; its mean is 1 where the plan normalises."""
        image, settings = use.image, self._settings
        assert settings is not None
        shape = (image.bucket[1] // _CELL, image.bucket[0] // _CELL)
        skipped = settings.unmasked_share > 0 and (
            rng.unit(self._plan.seed, "unmasked", use.epoch, use.key) < settings.unmasked_share
        )
        if image.mask is None or skipped:
            return torch.ones(1, *shape)
        entry = self._cache.get(self._key(image, view))
        if entry is None:
            raise TrainingError(
                f"{image.path}: its cached mask is gone or damaged.",
                next_steps=["Run `visiontrain resume`: what is missing is read again."],
                id="training/cache",
            )
        weights = (entry["mask"].float() / 255).clamp(min=settings.outside)[None]
        return weights * (weights.numel() / weights.sum()) if settings.normalise else weights


def cell_means(pixels: np.ndarray) -> np.ndarray:
    """The mean of each 8 × 8 pixels, uint8 [h / 8, w / 8], from uint8 [h, w]."""
    height, width = pixels.shape
    cells = pixels.reshape(height // _CELL, _CELL, width // _CELL, _CELL).astype(np.float64).mean((1, 3))
    return (cells + 0.5).astype(np.uint8)
