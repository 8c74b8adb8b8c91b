"""The Latent ODE: encoder, posterior, dynamics, decoder and likelihood joined."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentode import ode
from latentode.config import ModelConfig, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.data.families import Families
from latentode.models.decoders.direct import DirectForecast
from latentode.models.decoders.memory import Memory
from latentode.models.decoders.mlp import MLPDecoder
from latentode.models.decoders.readout import Decoded, Readout
from latentode.models.decoders.smooth import SmoothMemory
from latentode.models.dynamics.mlp import BoundDynamics, MLPDynamics
from latentode.models.encoders import ENCODERS
from latentode.models.encoders.base import newest_levels, newest_readings
from latentode.models.encoders.condense import condense
from latentode.models.encoders.posterior import NormalPosterior, Posterior, PosteriorHead
from latentode.models.heads import label_head_of
from latentode.models.heads.base import Head, StateSizes
from latentode.models.heads.poisson_process import PoissonProcess
from latentode.models.latent_noise import Drive, LatentNoise, with_targets
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.likelihoods.base import Likelihood
from latentode.models.likelihoods.by_kind import likelihood_of
from latentode.models.nn.bounds import Bounds
from latentode.models.nn.dropout import dropout
from latentode.models.priors import PRIORS, Prior, StandardNormal
from latentode.models.shooting import Shooting
from latentode.models.solved import Solved

# rows of a long window that an encoder sees; states that a refined posterior is searched from
_ENCODER_ROWS, _STARTS = 128, 15
_NOISE_STEP = 1 / 16  # longest step that is chosen for a path with noise: a 64th of a context


class Evidence(NamedTuple):
    """What a bound of the likelihood of a batch is made of.

    Attributes:
        log_likelihood: log p(targets, events, labels | z, visible) in nats of scaled units and of
            events per unit of model time, shape (draw, batch).
        log_ratio: log p(z) - log q(z), shape (draw, batch).
        kl: KL(q || p), exact between normals, else the mean over the draws, shape (batch,).
    """

    log_likelihood: Tensor
    log_ratio: Tensor
    kl: Tensor


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
    backwards). Before the last row, the path goes through states of its own (`Shooting`). With
    ``dynamics_noise="learned"`` it is that of a stochastic differential equation from the anchor on
    (`LatentNoise`), of which `trajectory` alone gives the drift.

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
        families: Kinds and bounds of the channels in scaled units; None is numbers without bounds.
        event_rates: Mean rate of each mark per unit of model time, shape (mark,); None without.
        num_classes: Classes of labels; 0 goes without.
        label_times: Whether labels are of times, not of windows.
        label_kind: What labels are of, a name in `LABEL_HEADS`; None goes by `label_times`.

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
        families: Families | None = None,
        event_rates: Tensor | None = None,
        num_classes: int = 0,
        label_times: bool = False,
        label_kind: str | None = None,
    ) -> None:
        super().__init__()
        self.config = config = config.resolved()
        self.solver = solver
        latent, hidden, context = config.latent_dim, config.hidden_dim, input_dim + static_dim
        sizes = StateSizes.of(
            config, num_channels=num_channels, input_dim=input_dim, static_dim=static_dim
        )
        self.encoder = ENCODERS[config.encoder](num_channels, input_dim, hidden)
        self.posterior_head = PosteriorHead(sizes.context_dim, config)
        self.prior: Prior = PRIORS[config.prior](latent)
        self.shooting = None
        if config.knots and config.anchor == "origin":
            self.shooting = Shooting(config, num_channels, input_dim, static_dim)
        self.dynamics = MLPDynamics(latent, hidden, input_dim, static_dim, config.dynamics)
        stated = config.noise == "state"
        self.decoder = MLPDecoder(
            latent, hidden, context, num_channels, state_noise=stated, dropout=config.dropout
        )
        families = families or Families.free(num_channels)
        bounds = None if families.all_free else Bounds.of(families.lower, families.upper)
        self.memory = Memory(config, num_channels, season, bounds) if config.memory else None
        self.direct = DirectForecast.of(config, num_channels, context, season)
        floor = torch.zeros(num_channels) if scale_floor is None else scale_floor
        self.register_buffer("scale_floor", floor.to(torch.get_default_dtype()).clamp(min=1e-4))
        self.likelihood = likelihood_of(LIKELIHOODS[config.likelihood], families)
        self.register_buffer("starts", torch.zeros(_STARTS, latent) if config.refine else None)
        self.register_buffer("spread", torch.ones(num_channels) if config.refine else None)
        self.event_process = None
        if event_rates is not None:
            self.event_process = PoissonProcess.of(event_rates, sizes)
        kind = label_kind or ("times" if label_times else "series")
        self.label_head = label_head_of(kind, num_classes, sizes, config.label_head)
        self.smooth: SmoothMemory | None = SmoothMemory(num_channels) if config.memory else None
        self.latent_noise = LatentNoise.of(config, sizes, has_events=event_rates is not None)

    @property
    def heads(self) -> list[Head]:
        """What the latent path explains beside the readings."""
        heads: tuple[Head | None, ...] = (self.event_process, self.label_head)
        return [head for head in heads if head is not None]

    def likelihood_given(self, batch: SeriesBatch) -> Likelihood:
        """The likelihood of windows in which a reading beyond what a channel can be lifts that."""
        return self.likelihood.given(batch.values, batch.mask, batch.shift)

    def posterior(self, batch: SeriesBatch) -> Posterior:
        """The encoder's posterior of the state at the anchor of each window; see also `infer`."""
        rows, reverse = self.encoder_rows(batch), self.config.anchor == "start"
        summary = self.encoder(rows, reverse=reverse)
        summary = dropout(summary, self.config.dropout, self.training)
        context = self.known_at(batch, batch.times.new_zeros(batch.size, 1))[:, 0]
        newest = newest_readings(rows, reverse=reverse)
        posterior: Posterior = self.posterior_head(torch.cat([summary, newest, context], dim=-1))
        return posterior

    def field(self, batch: SeriesBatch, time_factor: Tensor | None = None) -> BoundDynamics:
        """The latent dynamics of a batch; `time_factor` as in `BoundDynamics`."""
        return BoundDynamics(self.dynamics, batch.inputs, batch.static, time_factor)

    def trajectory(
        self,
        z0: Tensor,
        batch: SeriesBatch,
        *,
        check: bool = True,
        time_factor: Tensor | None = None,
        remember: bool = True,
        drive: Drive | None = None,
    ) -> ode.Trajectory:
        """Solve once for all rows and queries of a batch.

        Args:
            z0: Latent states at the anchor, shape (draw, batch, latent).
            batch: Windows; `lower` and `upper` say how far to go to either side.
            check: As in `ode.solve`. With a step size given, nothing waits for the device without.
            time_factor: Factor on time, see `field`.
            remember: Whether the path before the anchor goes through knots, or leads to `z0`.
            drive: Solves from the anchor on, given field, states, end and settings; None follows
                the field.

        Returns:
            Dense output over [lower, upper].

        Raises:
            SolverError: If the solve fails.
        """
        field, solver = self.field(batch, time_factor), self.solver
        parameters = tuple(self.dynamics.parameters())
        if solver.step_size is None:
            solver = self.choose_solver(z0, batch, solver)
        knots = self.shooting if remember else None
        # the same step where no window of a batch was read before its anchor: the path of a window
        # is none of its neighbours'
        if knots is not None:
            solver = knots.between(solver)
        if drive is None:
            forward = ode.solve(field, z0, 0.0, batch.upper, solver, params=parameters, check=check)
        else:
            forward = drive(field, z0, batch.upper, solver)
        if batch.lower == 0.0:
            return forward
        if knots is not None:
            pieces, ends = knots.segments(
                z0,
                self.encoder_rows(batch),
                partial(self.known_at, batch),
                field,
                solver,
                check=check,
            )
            return ode.through_knots(pieces, ends, forward)
        backward = ode.solve(field, z0, 0.0, batch.lower, solver, params=parameters, check=check)
        return ode.join(backward, forward, check=check)

    def set_solver(self, method: str, step_size: float, tolerance: float) -> None:
        """Solve otherwise from now on.

        Args:
            method: As in `SolverConfig`.
            step_size: In model time.
            tolerance: Relative error of the states that the step may have.
        """
        changed = {"method": method, "step_size": step_size, "tolerance": tolerance}
        self.solver = SolverConfig.model_validate({**self.solver.model_dump(), **changed})

    def set_prior(self, prior: Prior) -> None:
        """Put another prior in the place of that of training."""
        name = next(name for name, kind in PRIORS.items() if isinstance(prior, kind))
        self.prior, self.config = prior, self.config.model_copy(update={"prior": name})

    def choose_solver(
        self, z0: Tensor, batch: SeriesBatch, solver: SolverConfig, **options: bool
    ) -> SolverConfig:
        """Method and step for a batch, see `ode.choose_joint_step`.

        A path with noise has fixed steps, short enough for noise and control.

        Args:
            z0: Latent states at the anchor, shape (draw, batch, latent).
            batch: Windows.
            solver: What is to be chosen for.
            **options: As in `ode.choose_joint_step`.
        """
        field, ends = self.field(batch), self._ends(batch)
        if self.latent_noise is None:
            return ode.choose_joint_step(field, z0, 0.0, ends, solver, **options)
        chosen = ode.choose_joint_step(field, z0, 0.0, ends, solver, stiff=False)
        step = min(chosen.step_size or _NOISE_STEP, _NOISE_STEP)
        return chosen.model_copy(update={"step_size": step})

    def solver_error(self, z0: Tensor, batch: SeriesBatch) -> float:
        """Estimated relative error of the latent states of a batch; see `ode.step_error`."""
        field = self.field(batch)
        return max(ode.step_error(field, z0, 0.0, end, self.solver) for end in self._ends(batch))

    def decode(
        self, trajectory: ode.Trajectory, batch: SeriesBatch, *, remember: bool = True
    ) -> Decoded:
        """Location and scale of every channel at the query times of a batch that was solved.

        Args:
            trajectory: The solution.
            batch: Windows.
            remember: Whether the nearest visible readings are taken into account.
        """
        return self._readout(batch, memory=remember).at_queries(trajectory, batch)

    def solve(
        self,
        batch: SeriesBatch,
        noise: Tensor,
        *,
        posterior: Posterior | None = None,
        density: bool = False,
        check: bool = True,
        time_factor: Tensor | None = None,
    ) -> Solved:
        """Solve a batch once, for all that is asked of it.

        Args:
            batch: Windows.
            noise: Standard normal numbers of the posterior draws, shape (draw, batch, latent). The
                noise of a path is a function of them and of the time since the anchor.
            posterior: Posterior of each window, as `infer` gives it; None is the encoder's own, by
                which training and validation go.
            density: Whether the log-density of the draws is wanted, for a bound: then the control
                of a path with noise sees the targets too, which the divergence pays for.
            check: As in `ode.solve`. Without, the host waits for the device only where a part of
                the model says so (``waits_for_device``).
            time_factor: Factor on time, see `field`.

        Raises:
            SolverError: If the solve fails.
        """
        posterior = self.posterior(batch) if posterior is None else posterior
        z0, log_posterior = posterior.draw(noise) if density else (posterior.at(noise), None)
        drive = None
        if self.latent_noise is not None:
            readings, keys = self._readings(batch, targets=density), ode.keys_of(noise)
            drive = self.latent_noise.drive(keys, readings, posterior.context, check=check)
        trajectory = self.trajectory(z0, batch, check=check, time_factor=time_factor, drive=drive)
        return Solved(posterior, z0, log_posterior, trajectory, self.decode(trajectory, batch))

    def learned_from(self, batch: SeriesBatch) -> SeriesBatch:
        """The batch with all targets of a bound: where the path has noise, what explains it too.

        A path with noise from the start of its window on follows the visible readings at a price,
        for which they must count. With a memory they are explained already.
        """
        from_end = self.config.anchor == "origin"
        if self.memory is not None or from_end:
            return batch
        every = with_targets(batch)
        return replace(batch, query_times=every.times, targets=every.values, target_mask=every.mask)

    def forward(
        self, batch: SeriesBatch, noise: Tensor, *, check: bool = True, **weights: float
    ) -> Evidence:
        """What `evidence` says of a batch that is solved for it.

        Args:
            batch: Windows with targets.
            noise: As in `solve`.
            check: As in `solve`.
            **weights: As in `evidence`.
        """
        return self.evidence(self.solve(batch, noise, density=True, check=check), batch, **weights)

    def evidence(
        self, solved: Solved, batch: SeriesBatch, *, balance: float = 0.0, label_weight: float = 1.0
    ) -> Evidence:
        """Log-likelihood of posterior draws, and their divergence from the prior.

        Events count over the whole of their windows, what lies before the anchor included: the
        posterior has not seen them, so that the bound stays one.

        Args:
            solved: The batch, solved with the density of its draws.
            batch: Windows with targets.
            balance: As in `Likelihood.joint`.
            label_weight: How often the label of a window counts; 1 is the bound.
        """
        assert solved.log_posterior is not None
        # a NaN where nothing is observed would pass the sum, but not its gradient: 0 * NaN
        targets, decoded = batch.targets.masked_fill(~batch.target_mask, 0.0), solved.decoded
        log_likelihood = self.likelihood.joint(
            targets, decoded.location, decoded.scale, batch.target_mask, balance=balance
        )
        for head in self.heads:
            weight = label_weight if head is self.label_head else 1.0
            log_likelihood = log_likelihood + weight * head.log_prob(solved, batch)
        posterior = solved.posterior
        log_ratio = self.prior.log_prob(solved.z0) - solved.log_posterior
        if isinstance(posterior, NormalPosterior) and isinstance(self.prior, StandardNormal):
            kl = self.prior.kl_from(posterior.mean, posterior.stddev)
        else:
            kl = -log_ratio.mean(0)
        path_noise = solved.trajectory.noise
        if path_noise is not None:
            kl, log_ratio = kl + path_noise.kl.mean(0), log_ratio + path_noise.log_ratio
        return Evidence(log_likelihood, log_ratio, kl)

    def encoder_rows(self, batch: SeriesBatch) -> SeriesBatch:
        """Rows as encoders see them."""
        rows = condense(batch, _ENCODER_ROWS)
        if self.config.levels or not self.config.memory:
            return rows
        return replace(rows, values=_less(newest_levels(rows), rows.values, rows.mask))

    def _readings(self, batch: SeriesBatch, *, targets: bool) -> SeriesBatch:
        """All visible readings, or the targets among them, in units of the rows of encoders."""
        if not self.config.levels and self.config.memory:
            newest = newest_levels(batch)
            batch = replace(
                batch,
                values=_less(newest, batch.values, batch.mask),
                targets=_less(newest, batch.targets, batch.target_mask),
            )
        return with_targets(batch) if targets else batch

    def _readout(self, batch: SeriesBatch, *, memory: bool = True) -> Readout:
        known = partial(self.known_at, batch)
        remembered = None
        if memory and self.memory is not None:
            remembered = partial(self.memory, batch, self.smooth)
        readout = Readout(self.decoder, known, remembered, self.scale_floor, self.spread)
        if remembered is None or self.direct is None or self.training:
            return readout
        return replace(readout, direct=lambda asked: self.direct_at(batch, asked))

    def direct_at(self, batch: SeriesBatch, asked: Tensor) -> tuple[Tensor, Tensor]:
        """What the `DirectForecast` says at times (batch, step); learned after all other parts."""
        assert self.direct is not None
        return self.direct.forward(batch, asked, self.known_at(batch, asked))

    def _ends(self, batch: SeriesBatch) -> tuple[float, ...]:
        """Where the solves of a batch end, from the anchor on."""
        if self.shooting is not None:
            return (max(batch.upper, self.shooting.spacing),)
        return (batch.upper,) if batch.lower == 0.0 else (batch.upper, batch.lower)

    def known_at(self, batch: SeriesBatch, times: Tensor) -> Tensor:
        """Known inputs and static covariates at times (batch, time), last axis of context."""
        inputs = batch.inputs(times)  # (batch, time, input)
        static = batch.static[:, None, :].expand(-1, times.shape[1], -1)
        return torch.cat([inputs, static], dim=-1)


def _less(levels: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values - levels, 0.0)
