"""Multiple shooting: a path through latent states inferred all along what was read."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from latentode import ode
from latentode.config import ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.errors import SolverError
from latentode.models.dynamics.mlp import BoundDynamics
from latentode.models.encoders.smoother import Smoother

_TYPICAL_CONTEXT = 4.0  # model time
_LONGER = 1.2  # a fifth longer doubles an error of order four


class Shooting(nn.Module):
    r"""Latent states at knots :math:`-k\delta` before the anchor, and the solves between them.

    One state at the anchor must hold all that was read, however long ago, and the solve back to it
    carries every error along. Here the path before the anchor starts anew at every knot, from what
    was read around it (`Smoother`), and all segments are solved at once. The path from the anchor
    on is that of the state at the anchor.

    Args:
        config: Settings of the model, resolved: sizes, and knots along a typical context.
        num_channels: Channels of the log.
        input_dim: Known-input features.
        static_dim: Static covariates.

    Reference:
        Iakovlev et al. (2023), Latent neural ODEs with sparse Bayesian multiple shooting,
        https://arxiv.org/abs/2210.03466. There the states at knots are random, and a prior holds
        the segments together; here they are means, and `ode.through_knots` bends the segments.
    """

    def __init__(
        self, config: ModelConfig, num_channels: int, input_dim: int, static_dim: int
    ) -> None:
        super().__init__()
        self.smoother = Smoother(config, num_channels, input_dim, static_dim)
        self.spacing = _TYPICAL_CONTEXT / config.knots

    def stretched(self, solver: SolverConfig) -> SolverConfig:
        """A solver whose step is longer by a fifth at most, where it then ends at every knot.

        Else `between` would take one that is up to half as long.
        """
        assert solver.step_size is not None
        points = math.ceil(self.spacing / (_LONGER * solver.step_size * solver.substeps))
        step = self.spacing / (points * solver.substeps)
        return solver.model_copy(update={"step_size": max(step, solver.step_size)})

    def between(self, solver: SolverConfig) -> SolverConfig:
        """A solver whose dense output has a point at every knot, in steps that are no longer."""
        assert solver.step_size is not None
        # a step that divides the spacing up to rounding must not lose a fraction of itself
        points = math.ceil(self.spacing / (solver.step_size * solver.substeps) - 1e-9)
        step = self.spacing / (points * solver.substeps)
        return solver.model_copy(update={"step_size": step})

    def segments(
        self,
        z0: Tensor,
        rows: SeriesBatch,
        known: Callable[[Tensor], Tensor],
        field: BoundDynamics,
        solver: SolverConfig,
        *,
        check: bool,
    ) -> tuple[ode.Trajectory, Tensor]:
        """Solves from knot to knot, from the earliest that `rows.lower` asks for to the anchor.

        Args:
            z0: States at the anchor, shape (draw, batch, latent).
            rows: Windows as encoders see them.
            known: Known inputs and static covariates at times (batch, knot).
            field: The latent dynamics of the windows.
            solver: What `between` gave.
            check: As in `ode.solve`.

        Returns:
            The solves and the knots between them, (segment - 1, draw, batch, latent), as
            `ode.through_knots` takes them.

        Raises:
            SolverError: If a solve fails, with the windows whose it is.
        """
        # a window may be a burst that is shorter than what rounding takes off
        count = max(1, math.ceil(-rows.lower / self.spacing - 1e-9))
        device = rows.times.device
        starts = torch.arange(-count, 0, dtype=torch.float64, device=device) * self.spacing
        times = starts.expand(rows.size, -1)
        # (draw, segment, batch, latent), in the order of time
        knots = self.smoother(rows, times, known(times), z0).transpose(1, 2)
        every = torch.arange(rows.size, device=device).repeat(count)
        try:
            pieces = ode.solve(
                field.starting(every, starts.repeat_interleave(rows.size)),
                knots.flatten(1, 2),
                0.0,  # numbers, for which nobody must ask the device
                self.spacing,
                solver,
                params=tuple(field.dynamics.parameters()),
                check=check,
            )
        except SolverError as error:
            # pieces lie segment by segment, and callers count windows
            windows = sorted({piece % rows.size for piece in error.series})
            raise SolverError(
                str(error), status=error.status, time_reached=error.time_reached, series=windows
            ) from error
        return pieces, knots[:, 1:].transpose(0, 1)
