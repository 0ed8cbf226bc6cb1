"""The diffusion: noise schedule, noisy latents, targets, per-step weights. Pure functions of tensors.

Sources: DDPM (arXiv:2006.11239), v-prediction (arXiv:2202.00512), zero terminal SNR (arXiv:2305.08891),
min-SNR (arXiv:2303.09556), offset noise (crosslabs.org/blog/diffusion-with-offset-noise), rectified flow
(arXiv:2209.03003), the shift of its noise levels (arXiv:2403.03206).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def alphas_cumprod(config: Mapping[str, Any], zero_terminal_snr: bool) -> torch.Tensor:
    """ᾱ_t, fp64 [T], from a scheduler configuration (Stable Diffusion's where a key is missing)."""
    steps = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.00085)), float(config.get("beta_end", 0.012))
    if config.get("beta_schedule", "scaled_linear") == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
    else:
        betas = torch.linspace(start, end, steps, dtype=torch.float64)
    product = torch.cumprod(1 - betas, 0)
    if zero_terminal_snr:
        root = product.sqrt()
        # Shift so that the last is zero, scale so that the first stays (algorithm 1 of the paper).
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
        product = root**2
    return product


def flow_levels(steps: int) -> torch.Tensor:
    """σ of each timestep of rectified flow, fp64 [T]: 1/T … 1, since no model learns where there is no noise."""
    return torch.arange(1, steps + 1, dtype=torch.float64) / steps


def shifted(level: float, shift: float) -> float:
    """A noise level of rectified flow, 0 to 1, moved towards more noise, as larger images need (arXiv:2403.03206)."""
    return shift * level / (1 + (shift - 1) * level)


class Diffusion:
    """How noisy each timestep is, and what follows from it. Latents are [B, 4, h, w], timesteps long [B] in [0, T).

    For ε and v the factors of image and noise are √ᾱ and √(1 − ᾱ), for rectified flow 1 − σ and σ.
    """

    def __init__(self, product: torch.Tensor, prediction: str, device: torch.device) -> None:
        self.steps = len(product)
        self._prediction = prediction
        signal, noise = product.sqrt(), (1 - product).sqrt()
        if prediction == "flow":
            noise = flow_levels(self.steps)
            signal = 1 - noise
        self._signal, self._noise = signal.float().to(device), noise.float().to(device)
        snr = (signal / noise) ** 2 if prediction == "flow" else product / (1 - product)
        self._snr = snr.float().to(device)

    @property
    def predicts_noise(self) -> bool:
        """Whether the base predicts ε, and not the velocity."""
        return self._prediction == "epsilon"

    def snr(self, t: torch.Tensor) -> torch.Tensor:
        """Signal-to-noise ratio ᾱ / (1 − ᾱ), fp32 [B]."""
        return self._snr[t]

    def model_timesteps(self, t: torch.Tensor) -> torch.Tensor:
        """The timesteps [B] as the U-Net takes them: `t` itself, for rectified flow σ · T, which is t + 1."""
        return t + 1 if self._prediction == "flow" else t

    def noisy(self, latents: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Noisy latents [B, 4, h, w]: x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε, for rectified flow (1 − σ) x_0 + σ ε."""
        return self._signal[t].view(-1, 1, 1, 1) * latents + self._noise[t].view(-1, 1, 1, 1) * noise

    def straight(self, latents: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """(1 - σ) x_0 + σ ε with σ = t / T, the noisy latents of rectified flow (arXiv:2209.03003)."""
        share = (t / self.steps).view(-1, 1, 1, 1)
        return (1 - share) * latents + share * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the base predicts, [B, 4, h, w]: ε, v = √ᾱ_t ε − √(1 − ᾱ_t) x_0, or the velocity of a flow, ε − x_0."""
        if self._prediction == "epsilon":
            return noise
        if self._prediction == "flow":
            return noise - latents
        return self._signal[t].view(-1, 1, 1, 1) * noise - self._noise[t].view(-1, 1, 1, 1) * latents

    def targets(self, latents: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> dict[str, torch.Tensor]:
        """What models of each kind predict: ε, v, x_0 (`sample`), and the velocity of a flow, ε − x_0."""
        signal, part = self._signal[t].view(-1, 1, 1, 1), self._noise[t].view(-1, 1, 1, 1)
        return {
            "epsilon": noise,
            "v_prediction": signal * noise - part * latents,
            "sample": latents,
            "flow": noise - latents,
        }

    def min_snr_weights(self, t: torch.Tensor, gamma: float) -> torch.Tensor:
        """min(SNR, γ) / SNR for ε, min(SNR, γ) / (SNR + 1) for v; fp32 [B]. An SNR of 0 gives 1 for ε and 0 for v."""
        snr = self._snr[t]
        if self._prediction == "epsilon":
            return torch.where(snr <= gamma, torch.ones_like(snr), gamma / snr)
        return snr.clamp(max=gamma) / (snr + 1)
