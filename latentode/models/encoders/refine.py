"""Semi-amortised inference: a posterior that an encoder guessed, improved for each window."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from latentode.flows.adam import AdamW
from latentode.models.encoders.posterior import NormalPosterior

_RATE = 0.05  # first step, in units of the prior's standard deviation
_DECAY = (0.9, 0.99)  # of Adam's means, shorter than customary: a climb has about a hundred steps
_PAIRS = 2  # of opposite draws, by which a posterior is judged
_SEARCH = 4  # the search takes a step for each so many of the climb


def refined(
    posterior: NormalPosterior,
    log_joint: Callable[[Tensor], Tensor],
    starts: Tensor,
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

    The density may have several peaks, as that of a frequency has, and the encoder may have chosen
    the wrong one. So before, a few steps lead uphill from its mean and from each of some other
    states, and :math:`\mu` begins at the highest place that was found.

    Args:
        posterior: Where to begin.
        log_joint: log p(x, z) of latent states (draw, batch, latent), shape (draw, batch).
        starts: Other states to begin the search at, the same for every window, shape (start, 1,
            latent).
        steps: Steps of the climb, and four times those of the search.

    Returns:
        The better posterior, without gradients.

    Reference:
        Kim et al. (2018), Semi-amortized variational autoencoders,
        https://arxiv.org/abs/1802.02550. There the network is trained through the steps, too.
    """
    begun = [posterior.mean.detach(), posterior.stddev.detach().log()]
    places = torch.cat([begun[0][None], starts.expand(-1, *begun[0].shape)])
    (places,) = _climbed(log_joint, [places], steps // _SEARCH)
    with torch.no_grad():
        height = log_joint(places).nan_to_num(-torch.inf)
    best = height.argmax(0)[None, :, None].expand(1, *begun[0].shape)
    noise = _noise(begun[0])
    climbed = _climbed(
        lambda mean, log_stddev: _bound(log_joint, mean, log_stddev, noise),
        [places.gather(0, best)[0], begun[1]],
        steps,
    )
    with torch.no_grad():
        ended, started = (_bound(log_joint, mean, log, noise) for mean, log in (climbed, begun))
        gained = ended > started
        mean, log_stddev = (
            torch.where(gained[:, None], *pair) for pair in zip(climbed, begun, strict=True)
        )
    return replace(posterior, mean=mean, stddev=log_stddev.exp())


def _climbed(height: Callable[..., Tensor], begun: list[Tensor], steps: int) -> list[Tensor]:
    """Where Adam ends that begins at some tensors and makes a function of them greater."""
    position = [part.clone().requires_grad_() for part in begun]
    adam = AdamW([{"params": position}], _RATE, _DECAY)
    with torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = 0.5 * _RATE * (1 + math.cos(math.pi * step / steps))
            slopes = torch.autograd.grad(height(*position).sum(), position)
            for part, slope in zip(position, slopes, strict=True):
                # a window whose climb has failed is put back in the end
                part.grad = -slope.nan_to_num(0.0, 0.0, 0.0)
            adam.step()
    return [part.detach() for part in position]


def _noise(like: Tensor) -> Tensor:
    """Pairs of opposite draws of unit variance in every component, shape (draw, 1, latent)."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(_PAIRS, 1, like.shape[-1], generator=generator)
    drawn = (drawn / drawn.square().mean(0).sqrt()).to(like)
    return torch.cat([drawn, -drawn])


def _bound(
    log_joint: Callable[[Tensor], Tensor], mean: Tensor, log_stddev: Tensor, noise: Tensor
) -> Tensor:
    """Evidence bound of each window but for a constant, shape (batch,)."""
    return log_joint(mean + log_stddev.exp() * noise).mean(0) + log_stddev.sum(-1)
