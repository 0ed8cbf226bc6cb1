"""Sentences by a captioner that transformers itself knows: Florence-2 or BLIP. No code of a model's repository runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from visiontrain_trainer.base.errors import MachineError, TrainingError
from visiontrain_trainer.base.libraries import cannot_import

from .text import clean_sentence

#: What Florence-2 is asked for, by the name in run.yaml.
FLORENCE_TASKS = {"short": "<CAPTION>", "medium": "<DETAILED_CAPTION>", "long": "<MORE_DETAILED_CAPTION>"}
#: Most tokens of a sentence, by the same names.
_TOKENS = {"short": 40, "medium": 120, "long": 250}
#: Florence-2's authors search with three beams; BLIP is greedy, which is the same each time and fast.
_BEAMS = 3
_BLIP_TOKENS = (10, 75)


class Captioner:
    """A loaded captioner. It takes one image at a time: in a batch, the other images could change a word."""

    batch = 1

    def __init__(self, settings: dict[str, Any], device: str, threads: int) -> None:
        folder, self._length = Path(settings["folder"]), str(settings["length"])
        try:
            import torch
            import transformers
        except Exception as error:
            raise cannot_import(error, "transformers") from error
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity_error()
        self._torch = torch
        self._device = torch.device(device if _usable(torch, device) else "cpu")
        kind = _kind(transformers, folder)
        self._is_florence = kind == "florence2"
        name = "Florence2ForConditionalGeneration" if self._is_florence else "BlipForConditionalGeneration"
        try:
            model = getattr(transformers, name).from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            processor = "Florence2Processor" if self._is_florence else "BlipProcessor"
            self._processor = getattr(transformers, processor).from_pretrained(folder, local_files_only=True)
        except MemoryError:
            raise
        except Exception as error:
            # transformers raises exceptions of many kinds for a folder that lacks something.
            raise TrainingError(
                "The captioner cannot be read.",
                [str(folder), str(error).strip().split("\n")[0][:300]],
                id="captions/method",
            ) from error
        self._model = model.to(self._device).eval()

    def tags(self, images: Sequence[Image.Image]) -> Iterator[dict[str, Any]]:
        """For each image its result: one sentence."""
        for image in images:
            text = clean_sentence(self._florence(image) if self._is_florence else self._blip(image))
            if text == "":
                raise ValueError("the captioner says nothing about it")
            yield {"text": text}

    def _florence(self, image: Image.Image) -> str:
        task = FLORENCE_TASKS[self._length]
        inputs = self._processor(text=task, images=image, return_tensors="pt").to(self._device)
        made = self._generate(inputs, num_beams=_BEAMS, max_new_tokens=_TOKENS[self._length])
        [text] = self._processor.batch_decode(made, skip_special_tokens=False)
        # For these tasks transformers' own post-processing only takes out the marks, as `clean_sentence` does; it needs
        # a configuration that not every copy of the model has.
        return str(text)

    def _blip(self, image: Image.Image) -> str:
        inputs = self._processor(images=image, return_tensors="pt").to(self._device)
        least, most = _BLIP_TOKENS
        made = self._generate(inputs, num_beams=1, min_length=least, max_length=most)
        [text] = self._processor.batch_decode(made, skip_special_tokens=True)
        return str(text)

    def _generate(self, inputs: Any, **settings: Any) -> Any:
        try:
            with self._torch.inference_mode():
                return self._model.generate(**inputs, do_sample=False, **settings)
        except self._torch.OutOfMemoryError as error:
            raise MachineError(
                "There is not enough memory on the card for the captioner.",
                [str(error).split("\n")[0]],
                ["Close what else uses that memory, or caption on the processor: --device cpu."],
                id="training/memory",
            ) from error


def _usable(torch: Any, device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_available())
    return device != "mps" or bool(torch.backends.mps.is_available())


def _kind(transformers: Any, folder: Path) -> str:
    """The type of model that the folder's configuration names. Raises TrainingError for one that is not known here."""
    try:
        config, _ = transformers.PretrainedConfig.get_config_dict(folder, local_files_only=True)
        kind = config["model_type"]
    except Exception as error:
        raise TrainingError(
            "The captioner has no configuration that can be read.", [str(folder)], id="captions/method"
        ) from error
    if kind in ("florence2", "blip"):
        return str(kind)
    raise TrainingError(
        f"The captioner is of the type {kind}; florence2 and blip are known.",
        [str(folder)],
        ["Others serve through an endpoint, such as vLLM or Ollama: --endpoint URL --model NAME"],
        id="captions/method",
    )
