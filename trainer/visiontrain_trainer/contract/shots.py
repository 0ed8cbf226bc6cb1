"""The samples that a run makes, each with every setting that its pixels depend on."""

from __future__ import annotations

from .plan import Samples, Shot


def all_shots(samples: Samples) -> list[Shot]:
    """One shot for each prompt. Where no prompt has options of its own, all have the options of `samples`."""
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
