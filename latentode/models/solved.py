"""A batch as a model solved it: what likelihood, heads, regularisers and validation all read."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from latentode.models.decoders.readout import Decoded
from latentode.models.encoders.posterior import Posterior
from latentode.ode.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class Solved:
    """What `LatentODEModel.solve` finds out about a batch, once for all that ask.

    Attributes:
        posterior: Of the state at the anchor of each window.
        z0: Draws of it, shape (draw, batch, latent).
        log_posterior: Their log-density in nats, shape (draw, batch); None where it was not asked
            for.
        trajectory: The paths through `z0`, over all rows and queries.
        decoded: Location and scale of every channel at the query times.
    """

    posterior: Posterior
    z0: Tensor
    log_posterior: Tensor | None
    trajectory: Trajectory
    decoded: Decoded
