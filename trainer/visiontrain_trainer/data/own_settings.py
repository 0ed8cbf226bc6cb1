"""The settings of a single image, where its source has settings in place of those of the data set."""

from __future__ import annotations

from dataclasses import replace

from visiontrain_trainer.contract.plan import Data, PlanImage


def settings_of(data: Data, image: PlanImage) -> Data:
    """The data set's settings as they hold for an image."""
    return data if image.own is None else replace(data, **vars(image.own))


def captions_vary(data: Data) -> bool:
    """Whether the caption of any image may differ between its uses."""
    every = [data, *(image.own for image in data.images if image.own is not None)]
    drawn = any(one.caption_dropout > 0 or one.tag_dropout > 0 or one.shuffle_tags for one in every)
    return drawn or data.caption_options is not None


def views_vary(data: Data) -> bool:
    """Whether the view of any image (crop, mirroring, variation) may differ between its uses."""
    every = [data, *(image.own for image in data.images if image.own is not None)]
    return any(one.augment is not None or one.crop == "random" or one.flip for one in every)
