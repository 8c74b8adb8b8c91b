"""Readings at any time: what the latent state says of them, and what the visible ones add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.ode.trajectory import Trajectory

_LOG_SCALE_RANGE = (-9.0, 6.0)  # scaled units: deviations of 1e-4 to 400, finite in float32


@dataclass(frozen=True)
class Decoded:
    """Location and scale of every channel at some times, in scaled units.

    Attributes:
        location: Shape (draw, batch, step, channel).
        scale: Positive, same shape.
        rate_covariates: What drives the rates of events beside the state; see `Readout`.
    """

    location: Tensor
    scale: Tensor
    rate_covariates: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Readout:
    """How the readings of a batch are located at any time.

    Attributes:
        decoder: Location and log-scale of states (draw, batch, step, latent) and what is known.
        known: Known inputs and static covariates (batch, step, context) at times (batch, step).
        memory: Shift of the location and factor of the scale at times (batch, step), given what the
            trajectory says at the visible rows; see `remember`. None without.
        scale_floor: Least scale of each channel in scaled units, shape (channel,).
        scale_factor: Factor of the scale of each channel, see `fit_scale`; None is 1. What drives
            rates and labels of times was learned without.
        direct: Shift of the location and of the log-scale at times (batch, step), beside all that;
            rates and labels of times were learned without it too. None without.
    """

    decoder: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    known: Callable[[Tensor], Tensor]
    memory: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None
    scale_floor: Tensor
    scale_factor: Tensor | None = None
    direct: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def at_queries(self, trajectory: Trajectory, batch: SeriesBatch) -> Decoded:
        """Location and scale of every channel at the query times.

        Args:
            trajectory: Solution for the batch.
            batch: Windows.
        """
        times = torch.cat([batch.query_times, batch.times], dim=1)
        location, log_scale = self.decoder(trajectory.at(times, check=False), self.known(times))
        steps = batch.query_times.shape[1]
        scale = log_scale[..., :steps, :].clamp(*_LOG_SCALE_RANGE).exp()
        scale = scale if self.scale_factor is None else scale * self.scale_factor
        location, at_rows = location[..., :steps, :], location[..., steps:, :]
        context = self.rate_covariates(at_rows)
        if self.memory is None:
            return Decoded(location, torch.hypot(scale, self.scale_floor), context)
        shift, factor = self.memory(batch.query_times, at_rows)
        location, scale = location + shift, scale * factor
        if self.direct is not None:
            moved, more = self.direct(batch.query_times)
            location, scale = location + moved, scale * more.exp()
        return Decoded(location, torch.hypot(scale, self.scale_floor), context)

    def rate_covariates(self, at_rows: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """What drives the rates of events beside the state: known inputs and decoded readings.

        The state is of changes; levels stand in the readings, as they are located from the visible
        ones. Their log-scale comes along: where rates grow ever faster with a reading, not knowing
        it well makes more events likely.

        Args:
            at_rows: What the trajectory alone says at the visible rows, shape (draw, batch, time,
                channel).

        Returns:
            Function of times (batch, time) and states (draw, batch, time, latent), with values
            (draw, batch, time, context + 2 * channel).
        """

        def at(times: Tensor, states: Tensor) -> Tensor:
            times = times.double()
            known = self.known(times)
            location, log_scale = self.decoder(states, known)
            if self.memory is not None:
                shift, factor = self.memory(times, at_rows)
                location, log_scale = location + shift, log_scale + factor.log()
            log_scale = log_scale.clamp(*_LOG_SCALE_RANGE).expand_as(location)
            return torch.cat([known.expand(*states.shape[:-1], -1), location, log_scale], dim=-1)

        return at
