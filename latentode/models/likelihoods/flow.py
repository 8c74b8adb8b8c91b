"""Readings of all channels together, by a flow."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.flows import CNF
from latentode.flows.base import StudentTBase
from latentode.models.likelihoods.base import Likelihood
from latentode.models.likelihoods.quantiles import StudentTQuantiles

_SOLVER = SolverConfig(method="rk4", step_size=1 / 6)


class FlowLikelihood(Likelihood):
    r"""Readings of one time with a joint density, :math:`x = \mu + \sigma \circ \psi(e; m)`.

    The flow acts on the observed channels alone: the others neither move nor count in the trace,
    and the mask m is the condition. So every set of observed channels has a density of its own
    that integrates to one; that of a smaller set is learned, not derived from a larger one.
    Take it where channels err together; the base is Student-t, so that a spike costs a logarithm.

    Args:
        num_channels: Channels of the log.
    """

    joins_channels = True
    waits_for_device = True  # which times have a reading, and whether the flow was solved

    def __init__(self, num_channels: int) -> None:
        super().__init__(num_channels)
        # one hidden layer: its trace has a closed form under a mask of each row
        self.flow = CNF(
            num_channels,
            context_dim=num_channels,
            hidden_dims=(32,),
            base="student_t",
            solver=_SOLVER,
        )

    def log_prob(self, values: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Log-density of each reading as if it was the only one of its time.

        Args:
            values: Readings in scaled units, their last axis `channel`.
            location: Location of each, a shape that broadcasts with them.
            scale: Scale of each, positive, likewise.
        """
        error = (values - location) / scale
        channels = error.shape[-1]
        alone = torch.eye(channels, dtype=torch.bool, device=error.device)
        rows = error.reshape(-1, channels)
        # (row, 1 channel each, channel)
        each = torch.diag_embed(rows).reshape(-1, channels)
        density = self._density(each[None], alone.repeat(len(rows), 1))
        return density.reshape(error.shape) - scale.log()

    def joint(
        self,
        values: Tensor,
        location: Tensor,
        scale: Tensor,
        mask: Tensor,
        *,
        balance: float = 0.0,
    ) -> Tensor:
        """See `Likelihood`; channels have one density together, and are not balanced.

        Args:
            values: Readings, finite everywhere, shape (batch, time, channel).
            location: Shape (..., batch, time, channel).
            scale: Shape of `location`.
            mask: True where observed, shape (batch, time, channel).
            balance: Of no effect: a density of all channels has no weight for each.
        """
        del balance
        error = (values - location) / scale
        draws = math.prod(error.shape[:-3])
        error, seen = error.reshape(draws, *mask.shape), mask.any(-1)  # seen: (batch, time)
        total = error.new_zeros(error.shape[:-1])
        if seen.any():
            # (draw, row, channel): times without a reading need no solve
            density = self._density(error[:, seen], mask[seen])
            total = total.masked_scatter(seen.expand_as(total), density)
        log_scale = torch.where(mask, scale.expand_as(location).log(), 0.0)
        return total.sum(-1).reshape(location.shape[:-2]) - log_scale.sum((-2, -1))

    def transform(self, noise: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """See `Likelihood`; draws of all channels together.

        Args:
            noise: Standard normal numbers, the shape of `location`.
            location: Location of each reading.
            scale: Scale of each reading.
        """
        base = self.flow.base
        assert isinstance(base, StudentTBase)
        start = StudentTQuantiles.of(base.df).at(noise)
        rows = start.reshape(-1, start.shape[-1]).to(self.flow.scale.dtype)
        flowed: Tensor = self.flow(rows, torch.ones_like(rows))
        return location + scale * flowed.reshape(noise.shape).to(location.dtype)

    def _density(self, rows: Tensor, observed: Tensor) -> Tensor:
        """Log-density of standardised rows (draw, row, channel), shape (draw, row)."""
        return self.flow.evaluate(rows, observed.to(rows.dtype), observed=observed).log_prob


LIKELIHOOD = FlowLikelihood
