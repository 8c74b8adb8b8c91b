"""The contract of observation likelihoods."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Likelihood(nn.Module):
    """Density of one reading given its location and scale, the same family for every channel.

    Times are independent given location and scale, and channels too unless `joint` says otherwise;
    what correlates them is the latent trajectory and the memory of the decoder, and in draws the
    noise that `transform` is given. The last axis of every argument is `channel`.

    Args:
        num_channels: Channels of the log.

    Attributes:
        waits_for_device: Whether the host waits for the device in `joint`, so that a training step
            cannot be recorded as a CUDA graph.
        joins_channels: Whether a draw of a channel depends on the noise of others too.
    """

    waits_for_device: bool = False
    joins_channels: bool = False

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.num_channels = num_channels

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Log-density in nats of each reading, in scaled units; the broadcast shape.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        raise NotImplementedError

    def joint(
        self,
        values: Tensor,
        location: Tensor,
        scale: Tensor,
        mask: Tensor,
        *,
        balance: float = 0.0,
    ) -> Tensor:
        r"""Log-density in nats of all observed readings of a series together.

        Args:
            values: Readings, finite everywhere, shape (batch, time, channel).
            location: Shape (..., batch, time, channel).
            scale: Shape of `location`.
            mask: True where observed, shape (batch, time, channel).
            balance: :math:`\beta`; the log-density of each reading counts
                :math:`\sigma^{2\beta}` times, over the mean of that in the batch, constants for
                the gradient. Likelihood alone hardly fits what it takes for noisy; the result is
                then no log-density.

        Returns:
            Log-likelihood, shape (..., batch).

        Reference:
            Seitzer et al. (2022), On the pitfalls of heteroscedastic uncertainty estimation with
            probabilistic neural networks, https://arxiv.org/abs/2203.09168
        """
        return balanced_sum(self.log_prob(values, location, scale), scale, mask, balance)

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Turn normal noise into a draw of each reading, which rises with it.

        Noise that is correlated between times and channels makes draws that are, and leaves the
        distribution of each as it is: a Gaussian copula.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.

        Returns:
            Draws, the shape of `location`.
        """
        raise NotImplementedError

    def score(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """The noise that `transform` turns into each reading, NaN where there is none such.

        Of a reading with a probability it is the noise in the middle of it.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        return torch.full_like(values + location + scale, torch.nan)

    def is_mass(self, values: Tensor) -> Tensor:
        """Whether `log_prob` of a reading is of a probability, not of a density."""
        return torch.zeros_like(values, dtype=torch.bool)

    def latent(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """What `observed` turns into the draws of `transform`: a reading before bounds cut it.

        Args:
            noise: As in `transform`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        return self.transform(noise, location, scale)

    def observed(self, latent: Tensor) -> Tensor:
        """What is read of latent readings; see `latent`."""
        return latent

    def fits(self, values: Tensor) -> Tensor:
        """Whether a reading is one that can be drawn."""
        return torch.ones_like(values, dtype=torch.bool)

    def given(self, values: Tensor, mask: Tensor, shift: Tensor) -> Likelihood:
        """The likelihood for windows in which some readings are known.

        Args:
            values: Known readings in scaled units less `shift`, shape (batch, time, channel).
            mask: True where there is one, likewise.
            shift: What was taken off every reading of a window, shape (batch, 1, channel).
        """
        del values, mask, shift
        return self


def balanced_sum(log_density: Tensor, scale: Tensor, mask: Tensor, balance: float) -> Tensor:
    """Sum log-densities over observed readings, each weighted as `Likelihood.joint` says.

    Args:
        log_density: Shape (..., batch, time, channel).
        scale: Likewise.
        mask: True where observed, shape (batch, time, channel).
        balance: As in `Likelihood.joint`.
    """
    if balance:
        weight = torch.where(mask, scale.detach() ** (2.0 * balance), 0.0)
        count = mask.sum() * (weight.numel() / mask.numel())
        least = torch.finfo(weight.dtype).tiny  # a batch without targets
        log_density = log_density * weight * (count / weight.sum().clamp(min=least))
    return masked_sum(log_density, mask)


def masked_sum(log_density: Tensor, mask: Tensor) -> Tensor:
    """Sum log-densities over observed (time, channel) pairs.

    `where`, not a product: a NaN at an unobserved place must not reach the sum.

    Args:
        log_density: Shape (..., batch, time, channel).
        mask: True where observed, shape (batch, time, channel).

    Returns:
        Log-likelihood in nats, shape (..., batch).
    """
    return torch.where(mask, log_density, 0.0).sum(dim=(-2, -1))
