"""The samples of a run, each with all that decides it."""

from __future__ import annotations

from .plan import Samples, Shot


def all_shots(samples: Samples) -> list[Shot]:
    """One shot for each prompt: the plan's own, or where none has options of its own, those that all share."""
    if samples.shots is not None:
        return samples.shots
    return [
        Shot(
            prompt=prompt,
            negative=samples.negative,
            steps=samples.steps,
            guidance=samples.guidance,
            seed=samples.seed + index,
            size=samples.size,
            strength=1.0,
            clip_skip=None,
        )
        for index, prompt in enumerate(samples.prompts)
    ]
