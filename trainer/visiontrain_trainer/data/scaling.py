"""Scales the latents of a VAE to those that the U-Net sees, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from visiontrain_trainer.model.models import BaseModel


@dataclass(frozen=True)
class Scaling:
    """How the model sees the VAE's latents: (raw − shift) · factor. The shift of Stable Diffusion's own VAEs is 0."""

    factor: float
    shift: float = 0.0

    @classmethod
    def of(cls, base: BaseModel) -> Scaling:
        """What run.yaml says, else the VAE's configuration, else what is usual in the family."""
        planned, config = base.plan.vae_scaling, base.config("vae")
        if planned is not None:
            return cls(planned.scale, planned.shift)
        usual = 0.13025 if base.plan.family == "sdxl" else 0.18215
        return cls(float(config.get("scaling_factor") or usual), float(config.get("shift_factor") or 0.0))

    def seen(self, raw: torch.Tensor) -> torch.Tensor:
        """Latents as the model sees them."""
        return (raw - self.shift if self.shift else raw) * self.factor

    def raw(self, seen: torch.Tensor) -> torch.Tensor:
        """The inverse of `seen`: latents as the VAE gives and takes them."""
        return seen / self.factor + self.shift if self.shift else seen / self.factor
