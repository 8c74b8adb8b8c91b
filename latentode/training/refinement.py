"""What a model that refines its posteriors learns after its training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel

_ROUNDS = 3  # the best factor of one channel moves with those of the others
_DRAWS = 8  # of a posterior, whose mixture is judged
_FACTORS = torch.logspace(-1.0, 0.5, 31)  # a tenth to three times, an eighth apart


@torch.no_grad()
def choose_starts(model: LatentODEModel, batch: SeriesBatch) -> None:
    """Keep posterior means of training windows that lie far apart, to begin a search at.

    Each is the one that is farthest from those before (Gonzalez 1985, Clustering to minimize the
    maximum intercluster distance). With fewer windows than are kept, some are kept twice.

    Args:
        model: Model that refines, changed in place.
        batch: Training windows.
    """
    # the encoder's own: a search that began at refined states would have to end there first
    states = infer(model, batch, refine=False).centre
    kept = [states[0]]
    distance = torch.full((len(states),), torch.inf, device=states.device)
    for _ in range(len(model.starts) - 1):
        distance = torch.minimum(distance, (states - kept[-1]).square().sum(-1))
        kept.append(states[distance.argmax()])
    model.starts.copy_(torch.stack(kept))


@torch.no_grad()
def fit_scale(model: LatentODEModel, batches: Sequence[SeriesBatch], *, seed: int) -> Tensor:
    r"""Multiply the scale of each channel by what makes held-out readings most likely.

    .. math:: \max_{a_c} \sum_{x \in c} \log \tfrac1S \sum_s
        p\big(x \mid \mu_c(z_s),\; a_c\,\sigma_c(z_s)\big), \qquad z_s \sim q_{\text{refined}},

    the floor of the scale aside, which stays as it is.

    The scale that training has learned holds what the encoder left open about the state. Refined
    posteriors, see `infer`, leave less open, and are the narrower, the smaller the scale is: so
    posteriors and factors are found in turn.

    Args:
        model: Model that refines, changed in place.
        batches: Windows with targets, of the validation part.
        seed: Seed of the draws.

    Returns:
        The factors, shape (channel,); 1 for a channel without a target.
    """
    assert model.spread is not None
    total = model.spread
    for _ in range(_ROUNDS):
        gains = torch.zeros(len(_FACTORS), len(total), dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        for batch in batches:
            noise = torch.randn(
                (_DRAWS, batch.size, model.config.latent_dim), generator=generator
            ).to(total)
            decoded = model.solve(batch, noise, posterior=infer(model, batch, refine=True)).decoded
            floor = model.scale_floor
            learned = (decoded.scale.square() - floor.square()).clamp(min=0.0).sqrt()
            for index, factor in enumerate(_FACTORS.tolist()):
                scale = torch.hypot(factor * learned, floor)
                density = model.likelihood.log_prob(batch.targets, decoded.location, scale)
                mixture = torch.logsumexp(density, dim=0) - math.log(_DRAWS)
                kept = torch.where(batch.target_mask, mixture, 0.0)
                gains[index] += kept.double().sum((0, 1)).cpu()
        # the first of equals is the smallest: without a target, that is none
        known = gains.std(dim=0) > 0
        factors = torch.where(known, _FACTORS[gains.argmax(dim=0)], 1.0).to(total)
        total *= factors
    return total.clone()
