r"""Objectives: sums inside a series, means only over series.

With log-weights :math:`\log w_k = \log p(x\mid z_k) + \beta\,(\log p(z_k) - \log q(z_k\mid x))`
of K draws per series,

- `elbo`: mean over draws; use it by default, its gradient has little variance when the KL is exact;
- `iwae`: :math:`\log \tfrac1K \sum_k w_k`; a tighter bound,
  ELBO <= IWAE_K <= IWAE_{K+1} <= log p(x). Use it to report likelihoods, and to train where the
  posterior is far from normal.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def elbo(log_likelihood: Tensor, kl: Tensor, kl_weight: float | Tensor = 1.0) -> Tensor:
    r"""Evidence lower bound of each series, :math:`E_q[\log p(x\mid z)] - \beta\,KL(q\,\|\,p)`.

    Args:
        log_likelihood: log p(x | z) in nats, summed over readings, shape (draw, batch).
        kl: KL(q(z | x) || p(z)) in nats, shape (batch,).
        kl_weight: The weight beta, a number or 0-dim; a bound for beta >= 1.

    Returns:
        Bound in nats a series, shape (batch,).

    Reference:
        Kingma, Welling (2014), Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114
    """
    return log_likelihood.mean(dim=0) - kl_weight * kl


def iwae(log_weights: Tensor) -> Tensor:
    r"""Importance-weighted bound of each series, :math:`\log \tfrac1K \sum_k e^{\log w_k}`.

    Args:
        log_weights: log p(x, z) - log q(z | x) in nats, shape (draw, batch).

    Returns:
        Bound in nats a series, shape (batch,).

    Reference:
        Burda, Grosse, Salakhutdinov (2016), Importance weighted autoencoders,
        https://arxiv.org/abs/1509.00519
    """
    return torch.logsumexp(log_weights, dim=0) - math.log(log_weights.shape[0])


def iwae_standard_error(log_weights: Tensor) -> Tensor:
    r"""Standard error of `iwae` by the delta method, :math:`sd(w) / (\bar w \sqrt K)`.

    Args:
        log_weights: As in `iwae`, at least two draws, shape (draw, batch).

    Returns:
        Standard error in nats a series, shape (batch,).
    """
    weights = torch.softmax(log_weights, dim=0) * log_weights.shape[0]
    return weights.std(dim=0) / math.sqrt(log_weights.shape[0])


def kl_annealing(step: int, anneal_steps: int, final: float = 1.0) -> float:
    """Weight of the KL term at an optimiser step: linear from 0, then constant.

    Args:
        step: The step, from 0 on.
        anneal_steps: Steps until it is constant.
        final: The constant.

    Reference:
        Bowman et al. (2016), Generating sentences from a continuous space,
        https://arxiv.org/abs/1511.06349
    """
    return final * min(1.0, (step + 1) / (anneal_steps + 1))
