"""Semi-amortised inference: a posterior that an encoder guessed, improved for each window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from latentode.encoders.posterior import NormalPosterior

_RATE = 0.05  # first step, in units of the prior's standard deviation
_DECAY = (0.9, 0.99)
_PAIRS = 2


def refined(
    posterior: NormalPosterior,
    log_joint: Callable[[Tensor], Tensor],
    steps: int,
) -> NormalPosterior:
    r"""Climb the evidence bound of every window from where the encoder put its posterior.

    .. math::
        \max_{\mu, \sigma}\; \frac1S \sum_s \log p(x, z_s) + \sum_i \log \sigma_i,
        \qquad z_s = \mu + \sigma \odot \epsilon_s

    by Adam, its steps decaying to zero. The noise :math:`\epsilon` is fixed: a few draws, the same
    for every window, and their mirror images, scaled to unit variance in every component. So the
    mean of a Gaussian joint density is found exactly, windows do not depend on each other, and none
    ends with a lower bound than it began with.

    Args:
        posterior: Where to begin.
        log_joint: log p(x, z) of latent states (draw, batch, latent), shape (draw, batch).
        steps: Steps of Adam.

    Returns:
        The better posterior, without gradients.

    Reference:
        Kim et al. (2018), Semi-amortized variational autoencoders,
        https://arxiv.org/abs/1802.02550. There the network is trained through the steps, too.
    """
    drawn = torch.randn(
        _PAIRS, 1, posterior.mean.shape[-1], generator=torch.Generator().manual_seed(0)
    )
    drawn = (drawn / drawn.square().mean(0).sqrt()).to(posterior.mean)
    noise = torch.cat([drawn, -drawn])
    begun = [posterior.mean.detach(), posterior.stddev.detach().log()]
    place = [part.clone().requires_grad_() for part in begun]
    adam = torch.optim.Adam(place, lr=_RATE, betas=_DECAY)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    with torch.enable_grad():
        for _ in range(steps):
            bound = _bound(log_joint, place, noise).sum()
            slopes = torch.autograd.grad(bound, place)
            for part, slope in zip(place, slopes, strict=True):
                # a window whose climb has failed stays where it is, and is put back in the end
                part.grad = -slope.nan_to_num(0.0, 0.0, 0.0)
            adam.step()
            decay.step()
    with torch.no_grad():
        gained = _bound(log_joint, place, noise) > _bound(log_joint, begun, noise)
        mean, log_stddev = (
            torch.where(gained[:, None], *pair) for pair in zip(place, begun, strict=True)
        )
    return replace(posterior, mean=mean, stddev=log_stddev.exp())


def _bound(log_joint: Callable[[Tensor], Tensor], place: list[Tensor], noise: Tensor) -> Tensor:
    """Evidence bound of each window but for a constant, shape (batch,)."""
    mean, log_stddev = place
    return log_joint(mean + log_stddev.exp() * noise).mean(0) + log_stddev.sum(-1)
