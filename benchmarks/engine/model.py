"""The Latent ODE whose training iteration is measured; every competitor runs these weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.engine import ours
from benchmarks.engine.workloads import Sizes
from latentode import objectives
from latentode.data.batches.batch import SeriesBatch
from latentode.models.dynamics.mlp import MLPDynamics
from latentode.models.encoders.base import Encoder
from latentode.models.nn.mlp import MLP

# (dynamics, z0 of shape (draw, batch, latent), batch) -> states (draw, batch, step, latent)
Decode = Callable[[MLPDynamics, Tensor, SeriesBatch], Tensor]
STD_FLOOR = 1e-4


class LatentODE(nn.Module):
    """Encoder, normal posterior of z0, vector field, linear decoder, Gaussian likelihood.

    Args:
        sizes: Sizes of the workload.
        encoder: Maps a batch, read backwards, to one summary a series.

    Reference:
        Rubanova, Chen, Duvenaud (2019), Latent ODEs for irregularly-sampled time series,
        https://arxiv.org/abs/1907.03907; departs from its code in the objective, which here is the
        evidence lower bound of each series.
    """

    def __init__(self, sizes: Sizes, encoder: Encoder) -> None:
        super().__init__()
        self.noise = sizes.noise
        self.encoder = encoder
        self.posterior = MLP(sizes.hidden, (sizes.units,), 2 * sizes.latent)
        self.dynamics = ours.make_dynamics(sizes)
        self.head = nn.Linear(sizes.latent, sizes.channels)

    def infer(self, batch: SeriesBatch) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z0, both (batch, latent)."""
        mean, raw = self.posterior(self.encoder(batch, reverse=True)).chunk(2, dim=-1)
        return mean, functional.softplus(raw) + STD_FLOOR

    def loss(
        self, batch: SeriesBatch, noise: Tensor, decode: Decode, kl_weight: float = 1.0
    ) -> Tensor:
        """Negative evidence lower bound in nats, mean over series.

        Args:
            batch: Series.
            noise: Standard normal draws, shape (draw, batch, latent).
            decode: Solves the dynamics and reads it at the queries.
            kl_weight: Weight of the KL term.
        """
        mean, std = self.infer(batch)
        states = decode(self.dynamics, mean + std * noise, batch)
        error = (batch.targets - self.head(states)) / self.noise * batch.target_mask
        constant = 0.5 * math.log(2 * math.pi) + math.log(self.noise)
        count = batch.target_mask.sum((-1, -2))
        log_likelihood = -0.5 * error.square().sum((-1, -2)) - constant * count  # (draw, batch)
        kl = 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum(-1)
        return -objectives.elbo(log_likelihood, kl, kl_weight).mean()


def build_model(sizes: Sizes, encoder: str, seed: int) -> LatentODE:
    """A model with weights from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LatentODE(sizes, ours.make_encoder(encoder, sizes))


def draw_noise(sizes: Sizes, batch: SeriesBatch, seed: int) -> Tensor:
    """Standard normal draws for `LatentODE.loss`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(sizes.draws, batch.size, sizes.latent, generator=generator)


def train_briefly(
    model: LatentODE, sizes: Sizes, batches: list[SeriesBatch], iterations: int, decode: Decode
) -> None:
    """Move the weights away from initialisation, where dynamics are too smooth to be typical.

    Adamax from 1e-2, decaying to a tenth, as the original.
    """
    optimizer = torch.optim.Adamax(model.parameters(), lr=1e-2)
    for index in range(iterations):
        batch = batches[index % len(batches)]
        noise = draw_noise(sizes, batch, index)
        optimizer.zero_grad()
        model.loss(batch, noise, decode).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e4)
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = max(1e-3, group["lr"] * 0.999)
