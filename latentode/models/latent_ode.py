"""The Latent ODE: encoder, posterior, dynamics, decoder and likelihood joined."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode import ode
from latentode.config import ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.errors import ConfigError
from latentode.models.decoders.memory import Memory
from latentode.models.decoders.mlp import MLPDecoder
from latentode.models.decoders.readout import Decoded, Readout
from latentode.models.dynamics.mlp import BoundDynamics, MLPDynamics
from latentode.models.encoders import ENCODERS, Smoother, condense, newest_readings, relative_values
from latentode.models.encoders.posterior import FlowPosterior, NormalPosterior, PosteriorHead
from latentode.models.heads import (
    LabelHead,
    PoissonProcess,
    TimeLabelHead,
    label_log_prob,
    label_logits,
)
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.priors import CNFPrior, StandardNormal
from latentode.models.shooting import Shooting

_PRIORS: dict[str, type[StandardNormal | CNFPrior]] = {"normal": StandardNormal, "cnf": CNFPrior}
# rows that an encoder sees of a long window; nodes of the integral over rates, by the length of a
# step and at most; states that the search of a refined posterior begins at
_ENCODER_ROWS, _NODES_PER_UNIT, _MOST_NODES, _STARTS = 128, 16, 4, 15


class LatentODEModel(nn.Module):
    r"""Latent ODE with memory of the residuals.

    .. math::
        z_0 \sim q(z_0 \mid \text{visible rows}), \quad \dot z = f(z, t, u(t)), \quad
        x_c(t) \mid z \sim p\big(\mu_c(z(t)) + m_c(t),\; \sigma_c(z(t))\sqrt{v_c(t)}\big)

    Events beside the readings, where there are any, are a Poisson process of rates
    :math:`\lambda_k(z(t), u(t), \mu(t) + m(t))`, see `PoissonProcess`: given the state and the
    visible readings they know nothing of the others, nor of each other.

    :math:`m_c, v_c` are what the nearest visible readings still say about channel c once the
    trajectory is known (`Memory`); with ``memory=False`` they are 0 and 1, and the encoder sees
    absolute values. Model time 0 is the anchor of a window: its last visible row
    (`anchor="origin"`, encoder reads forwards) or its first (`anchor="start"`, encoder reads
    backwards). Before the last row, the path goes through states of its own (`Shooting`).

    Args:
        config: Parts and sizes; those that are None are those for a small log, see
            `ModelConfig.resolved`.
        solver: How the dynamics are solved. Without a step size each batch gets one of its own, so
            that a window depends on the others within the tolerance; training chooses one for all.
        num_channels: Channels of the log.
        input_dim: Known-input features.
        static_dim: Static covariates.
        scale_floor: Least scale of each channel in scaled units, as its readings are rounded, shape
            (channel,); None is 1e-4.
        season: Period of the seasonal memory in model time; None goes without.
        event_rates: Mean rate of each kind of event per unit of model time, (kind,); None without.
        num_classes: Classes of labels, see `LabelHead`; 0 goes without.
        label_times: Whether labels are of times, not windows, see `TimeLabelHead`.

    Reference:
        Rubanova, Chen, Duvenaud (2019), https://arxiv.org/abs/1907.03907. There the noise is
        independent at every reading and the anchor is the window's start.
    """

    scale_floor: Tensor
    starts: Tensor
    spread: Tensor | None

    def __init__(
        self,
        config: ModelConfig,
        solver: SolverConfig,
        *,
        num_channels: int,
        input_dim: int = 0,
        static_dim: int = 0,
        scale_floor: Tensor | None = None,
        season: float | None = None,
        event_rates: Tensor | None = None,
        num_classes: int = 0,
        label_times: bool = False,
    ) -> None:
        super().__init__()
        self.config = config = config.resolved()
        self.solver = solver
        latent, hidden = config.latent_dim, config.hidden_dim
        context = input_dim + static_dim
        self.encoder = ENCODERS[config.encoder](num_channels, input_dim, hidden)
        seen = hidden + 2 * num_channels + context
        self.posterior_head = PosteriorHead(
            seen, hidden, latent, dropout=config.dropout, flow=config.posterior == "cnf"
        )
        self.prior: StandardNormal | CNFPrior = _PRIORS[config.prior](latent)
        self.shooting = None
        if config.knots and config.anchor == "origin":
            smoother = Smoother(num_channels, input_dim, context, hidden, latent, config.dropout)
            self.shooting = Shooting(smoother, config.knots)
        self.dynamics = MLPDynamics(latent, hidden, input_dim, static_dim, config.dynamics)
        stated = config.noise == "state"
        self.decoder = MLPDecoder(
            latent, hidden, context, num_channels, state_noise=stated, dropout=config.dropout
        )
        self.memory = None
        if config.memory:
            many = config.pooled
            self.memory = Memory(num_channels, hidden, config.dropout, many=many, season=season)
        floor = torch.zeros(num_channels) if scale_floor is None else scale_floor
        self.register_buffer("scale_floor", floor.to(torch.get_default_dtype()).clamp(min=1e-4))
        self.likelihood = LIKELIHOODS[config.likelihood](num_channels)
        self.register_buffer("starts", torch.zeros(_STARTS, latent) if config.refine else None)
        self.register_buffer("spread", torch.ones(num_channels) if config.refine else None)
        self.event_process = None
        rated = context + 2 * num_channels  # what is known at any time
        if event_rates is not None:
            # effects multiply, as in models of hazards: what doubles a rate, doubles any
            self.event_process = PoissonProcess(
                latent, event_rates, context_dim=rated, hidden_dim=hidden, link="exp"
            )
        self.label_head: LabelHead | TimeLabelHead | None = None
        if label_times:
            self.label_head = TimeLabelHead(num_classes, latent, rated, hidden, config.dropout)
        elif num_classes:
            sizes = {"num_channels": num_channels, "static_dim": static_dim, "hidden_dim": hidden}
            self.label_head = LabelHead(
                num_classes, feature_dim=seen + 3 * latent, dropout=config.dropout, **sizes
            )

    def posterior(self, batch: SeriesBatch) -> NormalPosterior | FlowPosterior:
        """Approximate posterior of the latent state at the anchor of each window."""
        rows, reverse = self._rows(batch), self.config.anchor == "start"
        summary = self.encoder(rows, reverse=reverse)
        summary = functional.dropout(summary, self.config.dropout, self.training)
        context = self._covariates(batch, batch.times.new_zeros(batch.size, 1))[:, 0]
        newest = newest_readings(rows, reverse=reverse)
        found: NormalPosterior | FlowPosterior = self.posterior_head(
            torch.cat([summary, newest, context], dim=-1)
        )
        return found

    def field(self, batch: SeriesBatch, time_factor: Tensor | None = None) -> BoundDynamics:
        """The latent dynamics of a batch; `time_factor` as in `BoundDynamics`."""
        return self.dynamics.bind(batch.inputs, batch.static, time_factor)

    def trajectory(
        self,
        z0: Tensor,
        batch: SeriesBatch,
        *,
        check: bool = True,
        time_factor: Tensor | None = None,
        remember: bool = True,
    ) -> ode.Trajectory:
        """Solve once for all rows and queries of a batch.

        Args:
            z0: Latent states at the anchor, shape (draw, batch, latent).
            batch: Windows; `lower` and `upper` say how far to go to either side.
            check: As in `ode.solve`. With a step size given, nothing waits for the device without.
            time_factor: Factor on time, see `field`.
            remember: Whether the path before the anchor goes through knots, or leads to `z0`.

        Returns:
            Dense output over [lower, upper].

        Raises:
            SolverError: If the solve fails.
        """
        field, solver = self.field(batch, time_factor), self.solver
        parameters = tuple(self.dynamics.parameters())
        if solver.step_size is None:
            solver = self.choose_solver(z0, batch, solver)
        knots = self.shooting if remember and batch.lower < 0.0 else None
        if knots is not None:
            solver = knots.between(solver)
        forward = ode.solve(field, z0, 0.0, batch.upper, solver, params=parameters, check=check)
        if batch.lower == 0.0:
            return forward
        if knots is not None:
            pieces, ends = knots.segments(
                z0,
                self._rows(batch),
                partial(self._covariates, batch),
                lambda index, start: replace(
                    self.field(batch.select(index), time_factor), start=start
                ),
                solver,
                parameters,
                check=check,
            )
            return ode.through_knots(pieces, ends, forward)
        backward = ode.solve(field, z0, 0.0, batch.lower, solver, params=parameters, check=check)
        return ode.join(backward, forward, check=check)

    def set_solver(self, method: str, step_size: float, tolerance: float) -> None:
        """Solve by another method, step and tolerance from now on."""
        changed = {"method": method, "step_size": step_size, "tolerance": tolerance}
        self.solver = SolverConfig.model_validate({**self.solver.model_dump(), **changed})

    def set_prior(self, prior: StandardNormal | CNFPrior) -> None:
        """Put another prior in the place of that of training."""
        name = next(name for name, kind in _PRIORS.items() if isinstance(prior, kind))
        self.prior, self.config = prior, self.config.model_copy(update={"prior": name})

    def choose_solver(
        self, z0: Tensor, batch: SeriesBatch, solver: SolverConfig, **options: bool
    ) -> SolverConfig:
        """Method and step for states (draw, batch, latent), see `ode.choose_joint_step`."""
        field, ends = self.field(batch), self._ends(batch)
        return ode.choose_joint_step(field, z0, 0.0, ends, solver, **options)

    def solver_error(self, z0: Tensor, batch: SeriesBatch) -> float:
        """Estimated relative error of the latent states of a batch; see `ode.step_error`."""
        field = self.field(batch)
        return max(ode.step_error(field, z0, 0.0, end, self.solver) for end in self._ends(batch))

    def decode(
        self, trajectory: ode.Trajectory, batch: SeriesBatch, *, remember: bool = True
    ) -> Decoded:
        """Location and scale of every channel at the query times of a batch that was solved.

        With `remember`, the nearest visible readings are taken into account.
        """
        return self._readout(batch, memory=remember).at_queries(trajectory, batch)

    def forward(
        self, batch: SeriesBatch, noise: Tensor, **options: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `evidence` says beside the trajectory; same arguments."""
        return self.evidence(batch, noise, **options)[1]

    def evidence(
        self,
        batch: SeriesBatch,
        noise: Tensor,
        *,
        check: bool = True,
        time_factor: Tensor | None = None,
        balance: float = 0.0,
        label_weight: float = 1.0,
    ) -> tuple[ode.Trajectory, tuple[Tensor, Tensor, Tensor]]:
        """Trajectory of posterior draws, their log-likelihood, and the divergence from the prior.

        Events count over the whole of their windows, what lies before the anchor included: the
        posterior has not seen them, so that the bound stays one.

        Args:
            batch: Windows with targets.
            noise: Standard normal numbers of the posterior draws, shape (draw, batch, latent).
            check: As in `ode.solve`. Without, the host does not wait for the device (but for the
                "ode_rnn" encoder, which lays a schedule on the host).
            time_factor: Factor on time, see `field`.
            balance: As in `Likelihood.joint`.
            label_weight: How often the label of a window counts; 1 is the bound.

        Returns:
            The trajectory; and, of shape (draw, batch), log p(targets, events, label | z, visible)
            in nats of scaled units and of events per unit of model time, and log p(z) - log q(z);
            and KL(q || p), exact between normals, else the mean over the draws, shape (batch,).
        """
        posterior = self.posterior(batch)
        z0, log_posterior = posterior.draw(noise)
        trajectory = self.trajectory(z0, batch, check=check, time_factor=time_factor)
        decoded = self.decode(trajectory, batch)
        # a NaN where nothing is observed would pass the sum, but not its gradient: 0 * NaN
        targets = batch.targets.masked_fill(~batch.target_mask, 0.0)
        log_likelihood = self.likelihood.joint(
            targets, decoded.location, decoded.scale, batch.target_mask, balance=balance
        )
        log_likelihood = log_likelihood + self.event_log_prob(trajectory, batch, decoded)
        if self.label_head is not None and batch.labels is not None:
            logits = label_logits(
                self.label_head, trajectory, z0, posterior.context, batch, decoded.rate_covariates
            )
            log_likelihood = log_likelihood + label_weight * label_log_prob(logits, batch.labels)
        log_ratio = self.prior.log_prob(z0) - log_posterior
        if isinstance(posterior, NormalPosterior) and isinstance(self.prior, StandardNormal):
            kl = self.prior.kl_from(posterior.mean, posterior.stddev)
        else:
            kl = -log_ratio.mean(0)
        return trajectory, (log_likelihood, log_ratio, kl)

    def predict(self, batch: SeriesBatch, noise: Tensor) -> Decoded:
        """Location and scale at the query times for given posterior noise (draw, batch, latent)."""
        z0 = self.posterior(batch).at(noise)
        return self.decode(self.trajectory(z0, batch), batch)

    def label_probabilities(self, batch: SeriesBatch, noise: Tensor) -> Tensor:
        """Probability of each class, the mean over draws, shape (batch, class).

        Args:
            batch: Windows; with times of labels, where those are what is labelled: the answer then
                has the shape (batch, time, class).
            noise: As in `evidence`.

        Raises:
            ConfigError: If the model was built without classes.
        """
        if self.label_head is None:
            raise ConfigError("labels: expected a model that was trained with some, got none.")
        posterior = self.posterior(batch)
        z0 = posterior.at(noise)
        trajectory = self.trajectory(z0, batch)
        known = self.decode(trajectory, batch).rate_covariates
        found = label_logits(self.label_head, trajectory, z0, posterior.context, batch, known)
        return found.softmax(-1).mean(0)

    def event_log_prob(
        self, trajectory: ode.Trajectory, batch: SeriesBatch, decoded: Decoded
    ) -> Tensor:
        """Log-likelihood of the events of a batch that `decode` gave, (draw, batch); 0 without."""
        if self.event_process is None or batch.events is None:
            return trajectory.states.new_zeros(trajectory.states.shape[1:-1])
        # rates change with the readings, however long the steps of the solver are
        nodes = min(_MOST_NODES, 1 + int(_NODES_PER_UNIT * abs(trajectory.step)))
        known = decoded.rate_covariates
        return self.event_process.log_prob(trajectory, batch.events, context=known, nodes=nodes)

    def _rows(self, batch: SeriesBatch) -> SeriesBatch:
        """Rows as encoders see them."""
        rows = condense(batch, _ENCODER_ROWS)
        if self.config.levels or not self.config.memory:
            return rows
        return replace(rows, values=relative_values(rows))

    def _readout(self, batch: SeriesBatch, *, memory: bool = True) -> Readout:
        known = partial(self._covariates, batch)
        remembered = partial(self.memory, batch) if memory and self.memory is not None else None
        return Readout(self.decoder, known, remembered, self.scale_floor, self.spread)

    def _ends(self, batch: SeriesBatch) -> tuple[float, ...]:
        """Where the solves of a batch end, from the anchor on."""
        if self.shooting is not None:
            return (max(batch.upper, self.shooting.spacing),)
        return (batch.upper,) if batch.lower == 0.0 else (batch.upper, batch.lower)

    def _covariates(self, batch: SeriesBatch, times: Tensor) -> Tensor:
        inputs = batch.inputs(times)  # (batch, time, input)
        static = batch.static[:, None, :].expand(-1, times.shape[1], -1)
        return torch.cat([inputs, static], dim=-1)
