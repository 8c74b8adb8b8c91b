"""Noise of latent states as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.noise import latent_noise


def noise_of(model: LatentODEModel, names: Sequence[str], num_draws: int, seed: int) -> Tensor:
    """`latent_noise` for a model on its device: one state for all windows of a series.

    Args:
        model: The model.
        names: Series ids.
        num_draws: Draws.
        seed: Seed.

    Returns:
        Shape (draw, series, latent).
    """
    noise = latent_noise(seed, names, (num_draws, model.config.latent_dim))
    return torch.from_numpy(noise).to(next(model.parameters()))
