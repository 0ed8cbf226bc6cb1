"""The caption of one use of an image: tags may be shuffled or dropped, or the whole caption may be dropped."""

from __future__ import annotations

from visiontrain_trainer.base import rng
from visiontrain_trainer.contract.plan import Data, Plan, Preservation

from .batches import ImageUse
from .caption_options import is_dropped_epoch, optioned_caption, plain_caption
from .own_settings import settings_of


def caption_for(data: Data, caption: str, drawn: tuple[int, int, str]) -> str:
    """Caption of a use, or "" when the whole caption is dropped. `drawn` is what decides the draws: seed, epoch, use.

    Tags are the texts between commas. The first `keep_tags` tags stay in place. Each other tag is dropped with the
    probability `tag_dropout`; the rest are shuffled when `shuffle_tags` is on. The plan puts the trigger's tags first
    and counts them in `keep_tags`, so the trigger is never torn apart.
    """
    seed, epoch, use = drawn
    if data.caption_dropout > 0 and rng.unit(seed, "caption-dropout", epoch, use) < data.caption_dropout:
        return ""
    options = data.caption_options
    if options is not None:
        dropped = is_dropped_epoch(options, epoch)
        return "" if dropped else optioned_caption(data, options, caption, drawn)
    if not data.shuffle_tags and data.tag_dropout == 0:
        return caption
    tags = [tag.strip() for tag in caption.split(",") if tag.strip()]
    kept, free = tags[: data.keep_tags], tags[data.keep_tags :]
    if data.tag_dropout > 0:
        free = [t for i, t in enumerate(free) if rng.unit(seed, "tag-dropout", epoch, use, i) >= data.tag_dropout]
    if data.shuffle_tags:
        free = rng.shuffled(free, seed, "tag-order", epoch, use)
    return ", ".join(kept + free)


def caption_of(plan: Plan, use: ImageUse) -> str:
    """The caption of a use. That of a regularisation image never varies."""
    if use.image.regularisation:
        return plain_caption(plan.data, use.image.caption)
    return caption_for(settings_of(plan.data, use.image), use.image.caption, (plan.seed, use.epoch, use.key))


def preserved(plan: Preservation, caption: str) -> str:
    """The caption with the class in place of the trigger; the empty caption where the plan names no class."""
    return caption.replace(plan.trigger, plan.class_word) if plan.class_word else ""
