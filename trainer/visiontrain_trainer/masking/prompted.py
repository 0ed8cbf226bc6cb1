"""What a text names in an image, found by CLIPSeg (Lüddecke and Ecker, arXiv 2112.10003) in transformers' own class."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.libraries import cannot_import

from .job import Finder


class Prompted:
    """A loaded CLIPSeg and the text that is looked for. One image goes through it at a time."""

    def __init__(self, finder: Finder, device: str, threads: int) -> None:
        try:
            import torch
            import transformers
        except Exception as error:
            raise cannot_import(error, "transformers") from error
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity_error()
        self._torch, self._finder = torch, finder
        self._device = torch.device(device if not device.startswith("cuda") or torch.cuda.is_available() else "cpu")
        try:
            self._processor = transformers.CLIPSegProcessor.from_pretrained(finder.model, local_files_only=True)
            model = transformers.CLIPSegForImageSegmentation.from_pretrained(
                finder.model, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            tokens = self._processor.tokenizer(finder.prompt, return_tensors="pt", truncation=True)
        except MemoryError:
            raise
        except Exception as error:
            # transformers raises exceptions of many kinds for a folder that lacks something.
            raise TrainingError(
                "The model that finds what a prompt names cannot be read.",
                [str(finder.model), str(error).strip().split("\n")[0][:300]],
                id="masks/failed",
            ) from error
        self._model = model.to(self._device).eval()
        self._tokens = {name: values.to(self._device) for name, values in tokens.items()}

    def map(self, image: Image.Image) -> np.ndarray:
        """How sure the model is of each pixel, from 0 to 1, in the image's size: float32 [height, width]."""
        torch = self._torch
        pixels = self._processor.image_processor(images=image, return_tensors="pt")["pixel_values"].to(self._device)
        try:
            with torch.inference_mode():
                logits: Any = self._model(pixel_values=pixels, **self._tokens).logits
        except torch.OutOfMemoryError as error:
            raise MachineError(
                "There is not enough memory on the card to look for a prompt.",
                [str(error).split("\n")[0]],
                ["Close what else uses that memory, or look on the processor: --device cpu."],
                id="training/memory",
            ) from error
        values = logits.float().sigmoid().cpu().numpy().reshape(logits.shape[-2:])
        if not np.isfinite(values).all():
            raise TrainingError(
                "The model that finds what a prompt names gives numbers that are not finite.",
                [str(self._finder.model)],
                id="masks/failed",
            )
        small = Image.fromarray((values * 255 + 0.5).astype(np.uint8), "L")
        return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), dtype=np.float32) / 255
