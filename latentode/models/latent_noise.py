"""Noise of the latent path: its diffusion, and the control that a posterior has over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from latentode import ode
from latentode.config import ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.encoders.base import log_time
from latentode.models.heads.base import StateSizes
from latentode.models.nn.mlp import SkipMLP
from latentode.models.nn.nearest import nearest_readings
from latentode.ode.fields import FieldFunction
from latentode.ode.networks.activations import tamed

Drive = Callable[[FieldFunction, Tensor, float, SolverConfig], ode.Trajectory]
_FARTHEST = 100.0  # model time; stands for no reading ahead, too
# the diffusion before training: half the deviation of the prior in a unit of time; and how much
# faster than a weight its logarithm moves, as one number a coordinate must move by factors
_DIFFUSION, _GAIN = 0.5, 5.0
_LOG_DOUBT, _MOST = -2.0, 10.0  # of a target before training; bounds of the logarithm


class LatentNoise(nn.Module):
    r"""Diffusion of the latent path from the anchor on, and a posterior of the path.

    .. math::
        \text{prior:}\quad & dz = f(z, t)\,dt + \sigma\,dW \\
        \text{posterior:}\quad & dz = f(z, t)\,dt + \sigma\,dB, \qquad
        \Delta B = \sqrt{1 - w}\,\Delta W + w\,\frac{m - z}{\sigma}, \qquad
        w = \frac{\sigma^2 h}{\sigma^2 \Delta + v}

    in a step h, with :math:`\Delta` the time until the next reading of any channel, h at least, and
    where to, m, and with what variance, v, by a network of the next reading of every channel, how
    far it is, and what the encoder made of the window. It is the exact posterior of a Brownian path
    of which one later state is known to be m up to a normal error of variance v. Behind the last
    reading there is no control: a forecast follows the prior. The diffusion is one number a
    coordinate; where it should depend on the state, a change of the coordinate makes it constant
    (Lamperti), which dynamics and decoder learn.

    The divergence of the two paths is that of `ode.solve_sde`; as steps grow short it is
    :math:`\tfrac12 E \int |u|^2 dt`, with :math:`u = \sigma (m - z) / (\sigma^2 \Delta + v)`.

    Args:
        config: Settings of the model, resolved.
        num_channels: Channels of the log.
        context_dim: What the posterior sees of a window, see `NormalPosterior.context`.

    Reference:
        Li, Wong, Chen, Duvenaud (2020), Scalable gradients for stochastic differential equations,
        https://arxiv.org/abs/2001.01328. There the posterior has a drift of its own; here it has
        that of the prior and a pull, so that it needs no network where nothing is read.
    """

    def __init__(self, config: ModelConfig, num_channels: int, context_dim: int) -> None:
        super().__init__()
        latent = config.latent_dim
        self.log_diffusion = nn.Parameter(torch.zeros(latent))
        parts = (2 * num_channels, context_dim)
        self.control = SkipMLP(parts, config.hidden_dim, 2 * latent, dropout=0.0)
        with torch.no_grad():
            self.control.bias[-latent:] = _LOG_DOUBT

    @classmethod
    def of(cls, config: ModelConfig, sizes: StateSizes, *, has_events: bool) -> Self | None:
        """The noise that a model has; None without.

        Args:
            config: Settings of the model, resolved.
            sizes: Its sizes.
            has_events: Whether there are events beside the readings.

        Raises:
            ConfigError: If there are both noise and events.
        """
        if config.dynamics_noise == "none":
            return None
        if has_events:
            raise ConfigError(
                'model.dynamics_noise: expected "none" with events, whose rates are integrated '
                'along smooth paths, got "learned". Leave out the events, or this setting.'
            )
        return cls(config, sizes.num_channels, sizes.context_dim)

    @property
    def diffusion(self) -> Tensor:
        """Deviation that a unit of model time adds to each coordinate, shape (latent,)."""
        return _DIFFUSION * (_GAIN * self.log_diffusion).exp()

    def drive(self, keys: Tensor, readings: SeriesBatch, context: Tensor, *, check: bool) -> Drive:
        """`solve` of some windows, given all but field, states, end and settings.

        Args:
            keys: As in `solve`, like all others.
            readings: What the posterior of the path knows.
            context: What it knows of each window.
            check: Whether to refuse what is not finite.
        """
        return partial(self.solve, keys=keys, readings=readings, context=context, check=check)

    def solve(
        self,
        field: FieldFunction,
        z0: Tensor,
        end: float,
        solver: SolverConfig,
        *,
        keys: Tensor,
        readings: SeriesBatch,
        context: Tensor,
        check: bool,
    ) -> ode.Trajectory:
        """Paths from states at the anchor, with the control that some readings give.

        Args:
            field: The latent dynamics.
            z0: States at the anchor, shape (draw, batch, latent).
            end: How far to go, model time.
            solver: A method of fixed steps.
            keys: As in `ode.solve_sde`, shape (draw, batch).
            readings: What the posterior of the path knows.
            context: What it knows of each window, shape (batch, context).
            check: As in `ode.solve`.
        """
        assert solver.step_size is not None
        step, sigma = solver.step_size, self.diffusion
        count = max(1, math.ceil(end / step))
        starts = torch.arange(count, dtype=torch.float64, device=z0.device) * step
        times = starts.expand(readings.size, -1)
        target, rate, factor = self._pulls(readings, context, times, step)

        def control(k: int, z: Tensor) -> tuple[Tensor, Tensor]:
            return rate[k] * (target[k] - z), factor[k]

        return ode.solve_sde(
            field,
            lambda _, z: sigma.expand_as(z),
            z0,
            0.0,
            end,
            solver,
            keys=keys,
            scheme="euler",  # of strong order 1, as the diffusion is constant
            control=control,
            check=check,
        )

    def _pulls(
        self, readings: SeriesBatch, context: Tensor, times: Tensor, step: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""Where the path is pulled to in the steps from some times, how fast, and what it leaves.

        Args:
            readings: What is known.
            context: Of each window, shape (batch, context).
            times: Model times, shape (batch, step).
            step: Length of a step.

        Returns:
            Targets m, rates :math:`w / \sigma h` and factors :math:`\sqrt{1 - w}` of the noise, w
            being 0 behind the last reading; all of shape (step, batch, latent).
        """
        index, away = nearest_readings(readings.times, readings.mask, readings.lengths, times)
        values, away = readings.values.gather(1, index[1]), away[1]  # (batch, step, channel)
        values = torch.where(torch.isinf(away), 0.0, tamed(values))
        near = log_time(away.clamp(max=_FARTHEST)).to(values.dtype)
        raw = self.control(torch.cat([values, near], dim=-1), context[:, None])
        target, log_doubt = raw.transpose(0, 1).chunk(2, dim=-1)
        soonest = away.amin(-1).T[..., None]  # (step, batch, 1)
        ahead = torch.isfinite(soonest)
        # a reading within the step counts as one at its end: what comes after it is not known
        gap = torch.where(ahead, soonest, 1.0).clamp(min=step).to(values.dtype)
        doubt, variance = log_doubt.clamp(-_MOST, _MOST).exp(), self.diffusion.square()
        known = variance * gap + doubt
        rate = torch.where(ahead, self.diffusion / known, 0.0)
        # not 1 - w, of which rounding would leave nothing where v is small
        left = torch.where(ahead, (variance * (gap - step) + doubt) / known, 1.0)
        return target, rate, left.sqrt()


def with_targets(batch: SeriesBatch) -> SeriesBatch:
    """The windows with their targets among the readings, in the order of time."""
    times = torch.cat([batch.times, batch.query_times], dim=1)
    times, order = times.sort(dim=1, stable=True)

    def merged(seen: Tensor, asked: Tensor) -> Tensor:
        rows = torch.cat([seen, asked], dim=1)
        return rows.gather(1, order[..., None].expand_as(rows))

    return replace(
        batch,
        times=times,
        values=merged(batch.values, batch.targets),
        mask=merged(batch.mask, batch.target_mask),
        lengths=torch.full_like(batch.lengths, times.shape[1]),
    )
