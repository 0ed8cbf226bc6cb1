"""The autoencoder's second training resumes from any point, and hardly changes the latents a trained U-Net knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_base import vae


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "DRAWN", 16)


def moved(steps: int, folder: Path, hold: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """How far `steps` of refining moved the latents of known images, and the error over all images before ÷ after."""
    monkeypatch.setattr(vae, "HOLD", hold)
    folder.mkdir()
    torch.manual_seed(0)
    model = vae.build()
    known = vae.to_tensor(np.array(vae.images_of(folder, "grammar", 16)))

    @torch.no_grad()
    def look() -> tuple[torch.Tensor, torch.Tensor]:
        return model.encode(known).latent_dist.mode(), vae.weighted(model(known).sample, known)

    before, error = look()
    vae.refine(folder, model, steps=steps, few=2)
    after, less = look()
    return (after - before).square().mean().sqrt().item(), (error / less).item()


@pytest.mark.usefixtures("drawn")
def test_refining_improves_images_and_holds_known_latents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, better = moved(4, tmp_path / "held", vae.HOLD, monkeypatch)
    free, _ = moved(4, tmp_path / "free", 0.0, monkeypatch)
    assert better > 1
    assert 0 < held < free
