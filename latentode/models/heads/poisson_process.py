"""Events whose rate is driven by a latent state."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError, ShapeError
from latentode.models.heads.base import Head, Scores, StateSizes
from latentode.models.nn.mlp import MLP
from latentode.models.objectives import iwae
from latentode.models.solved import Solved
from latentode.ode.trajectory import Trajectory

Link = Literal["exp", "softplus"]
Context = Callable[[Tensor, Tensor], Tensor]

# where softplus(u) = exp(u) to the last bit of float32
_DEEP = -20.0
# an intensity e^12 times the mean rate is a divergence, not a finding
_MAX_LOG = 12.0
_UNIT_SOFTPLUS = math.log(math.e - 1)  # softplus of it is 1
# rates change with the readings, however long the steps of the solver are
_NODES_PER_UNIT, _MOST_NODES = 16, 4


def log_softplus(u: Tensor) -> Tensor:
    """Log of softplus, exact where softplus itself underflows to zero."""
    # the inner clamp keeps log(0) of the branch that is not taken out of the gradient
    return torch.where(u < _DEEP, u, functional.softplus(u.clamp(min=_DEEP)).log())


def at_marks(log_rates: Tensor, events: EventBatch) -> Tensor:
    """Log-rate of what happened, 0 where it is not scored, shape (..., batch, event).

    Args:
        log_rates: Of each mark at each event, shape (..., batch, event, mark).
        events: The events.
    """
    index = events.marks.expand(log_rates.shape[:-1])[..., None]
    picked = log_rates.gather(-1, index)[..., 0]
    # `where`, not a product: what a padded slot reads must not reach a gradient
    return torch.where(events.scored, picked, picked.new_zeros(()))


class PoissonProcess(Head):
    r"""Inhomogeneous, multivariate Poisson process with a rate read from a latent state.

    .. math::
        \log L = \sum_i \log \lambda_{k_i}(z(t_i))
                 - \sum_k \int_{a_k}^{b_k} \lambda_k(z(t))\,dt, \qquad
        \lambda_k(z) = s_k\,g(w_k(z))

    over the observation window :math:`[a_k, b_k]` of each mark, which is data. The
    integral is Gauss-Legendre on the dense output of the one solve. Link "exp" makes effects
    multiply, and is steep; "softplus" makes them add, and grows linearly. Both start at the
    observed mean rate, whatever the unit of time, as :math:`s_k` is that rate and
    :math:`g(w_k) = 1`; :math:`\log \lambda` is computed without ever taking the log of a rate.

    Args:
        latent_dim: Size of the latent state.
        rates: Mean rate of each mark in events per unit of model time, shape (mark,); see
            `latentode.data.events.EventStreams.rates`.
        context_dim: What else drives the rates beside the state.
        hidden_dim: Units of a hidden layer; 0 for an affine map of the state.
        link: "exp" or "softplus".

    Attributes:
        mean_rates: The rates that it started from, of which gains are counted, shape (mark,).

    Reference:
        Daley and Vere-Jones (2003), An Introduction to the Theory of Point Processes, chapter 7.
    """

    waits_for_device = True  # for whether the path covers all events, and marks share a window
    mean_rates: Tensor

    def __init__(
        self,
        latent_dim: int,
        rates: Tensor,
        *,
        context_dim: int = 0,
        hidden_dim: int = 0,
        link: Link = "softplus",
    ) -> None:
        super().__init__()
        if not bool((rates > 0).all() & torch.isfinite(rates).all()):
            raise ConfigError(
                f"rates: expected a positive mean rate for each mark, got {rates.tolist()}. "
                "Count half an event where there is none."
            )
        if link not in ("exp", "softplus"):
            raise ConfigError(f'link: expected "exp" or "softplus", got {link!r}.')
        self.link = link
        hidden = (hidden_dim,) if hidden_dim else ()
        self.head = MLP(latent_dim + context_dim, hidden, len(rates), final_scale=0.1)
        self.log_scale = nn.Parameter(rates.log().to(torch.get_default_dtype()))
        self.register_buffer("mean_rates", rates.to(torch.get_default_dtype()))
        if link == "softplus":
            nn.init.constant_(self.head.layers[-1].bias, _UNIT_SOFTPLUS)

    @classmethod
    def of(cls, rates: Tensor, sizes: StateSizes) -> PoissonProcess:
        """Events beside the readings of a model of some sizes."""
        # effects multiply, as in models of hazards: what doubles a rate, doubles any
        return cls(
            sizes.latent_dim,
            rates,
            context_dim=sizes.covariates_dim,
            hidden_dim=sizes.hidden_dim,
            link="exp",
        )

    def log_intensity(self, states: Tensor, context: Tensor | None = None) -> Tensor:
        """Log of the rate of each mark, per unit of model time.

        Args:
            states: Latent states, shape (..., latent).
            context: What else drives the rates, shape (..., input).

        Returns:
            Log-intensities, shape (..., mark).
        """
        if context is not None:
            states = torch.cat([states, context], dim=-1)
        return self.log_link(self.head(states))

    def log_link(self, u: Tensor) -> Tensor:
        """Log-intensity of the head's output, shape (..., mark)."""
        return self.log_scale + (u.clamp(max=_MAX_LOG) if self.link == "exp" else log_softplus(u))

    def compensator(
        self,
        trajectory: Trajectory,
        start: Tensor,
        end: Tensor,
        *,
        context: Context | None = None,
        nodes: int | None = None,
    ) -> Tensor:
        r"""Expected number of events, :math:`\int_a^b \lambda_k\,dt`.

        Args:
            trajectory: Dense output that covers the windows.
            start: Start of each mark's window in model time, shape (batch, mark) or (batch,).
            end: End, likewise.
            context: What else drives the rates, (..., batch, time, input), at times (batch, time)
                and states (..., batch, time, latent); None without.
            nodes: Gauss-Legendre nodes for each grid interval; 4 by default.

        Returns:
            Expected counts, shape (..., batch, mark).
        """
        same = start.dim() == 1 or bool((start == start[:, :1]).all() & (end == end[:, :1]).all())
        if same:
            low, high = (t if t.dim() == 1 else t[:, 0] for t in (start, end))
            return trajectory.integrate(self.rate(context), low, high, nodes=nodes)
        parts = [
            trajectory.integrate(self.rate(context, k), start[:, k], end[:, k], nodes=nodes)
            for k in range(start.shape[1])
        ]
        return torch.stack(parts, dim=-1)

    def rate(
        self, context: Context | None = None, kind: int | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """Rates as a function of times (batch, node) and states, for quadrature.

        Args:
            context: What else drives the rates, as in `log_prob_events`.
            kind: One kind; all of them by default, on a last axis.
        """

        def rate(times: Tensor, states: Tensor) -> Tensor:
            known = None if context is None else context(times, states)
            intensity = self.log_intensity(states, known).exp()
            return intensity if kind is None else intensity[..., kind]

        return rate

    def log_prob(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Log-likelihood of the events of each window, see `Head` and `log_prob_events`."""
        if batch.events is None:
            return solved.z0.new_zeros(solved.z0.shape[:-1])
        return self.log_prob_events(
            solved.trajectory,
            batch.events,
            context=solved.decoded.rate_covariates,
            nodes=min(_MOST_NODES, 1 + int(_NODES_PER_UNIT * abs(solved.trajectory.step))),
        )

    def score(self, solved: Solved, batch: SeriesBatch) -> Scores:
        """Score "event_gain": nats over constant rates of each window, and its number of events."""
        if batch.events is None:
            return {}
        log_prob = iwae(self.log_prob(solved, batch).double())
        gain = log_prob - self.constant_log_prob(batch.events)
        return {"event_gain": (gain, batch.events.scored.sum(-1))}

    def log_prob_events(
        self,
        trajectory: Trajectory,
        events: EventBatch,
        *,
        context: Context | None = None,
        nodes: int | None = None,
    ) -> Tensor:
        """Log-likelihood of the events of each series over its windows.

        A mark without events costs its whole compensator; a series without events likewise.

        Args:
            trajectory: Dense output that covers the windows; states (..., batch, latent).
            events: Events and windows, in the time of the trajectory.
            context: What else drives the rates, (..., batch, time, input), at times (batch, time)
                and states (..., batch, time, latent); None without.
            nodes: Gauss-Legendre nodes for each grid interval; 4 by default.

        Returns:
            Nats per series, for events per unit of model time, shape (..., batch). In a unit c
            times shorter it is N log c less for N events.
        """
        self._check(events)
        log_rates = self.log_rates_of(events, trajectory, context)
        expected = self.compensator(
            trajectory, events.start, events.end, context=context, nodes=nodes
        )
        return log_rates.sum(-1) - expected.sum(-1)

    def log_rates_of(
        self, events: EventBatch, trajectory: Trajectory, context: Context | None
    ) -> Tensor:
        """Log-rate of each event, 0 where it is not scored, shape (..., batch, event).

        Args:
            events: Events and windows, in the time of the trajectory.
            trajectory: Dense output that covers the windows; states (..., batch, latent).
            context: As in `log_prob_events`.
        """
        # slots that do not count are read where the solve is known to be defined
        origin = events.start.min(1, keepdim=True).values
        times = torch.where(events.scored, events.times, origin)
        states = trajectory.at(times)
        known = None if context is None else context(times, states)
        return at_marks(self.log_intensity(states, known), events)

    def constant_log_prob(self, events: EventBatch) -> Tensor:
        """Log-likelihood of each series under the constant mean rates, shape (batch,).

        Gains of `log_prob_events` over it are free of units.
        """
        self._check(events)
        rates = self.mean_rates.double()
        log_rates = rates.log().expand(*events.marks.shape, -1)
        return at_marks(log_rates, events).sum(-1) - (rates * (events.end - events.start)).sum(-1)

    def log_prob_counts(
        self,
        trajectory: Trajectory,
        edges: Tensor,
        counts: Tensor,
        mask: Tensor,
        *,
        nodes: int | None = None,
    ) -> Tensor:
        r"""Log-likelihood of counts in intervals, where times inside were not recorded.

        .. math:: n_j \sim \mathrm{Poisson}(\Lambda(e_{j+1}) - \Lambda(e_j))

        Args:
            trajectory: Dense output that covers the edges.
            edges: Edges of the intervals in model time, increasing, shape (batch, bin + 1).
            counts: Events of each mark, shape (batch, bin, mark).
            mask: True where an interval was observed, shape (batch, bin, mark).
            nodes: Gauss-Legendre nodes for each grid interval; 4 by default.

        Returns:
            Nats per series, shape (..., batch).

        Raises:
            ShapeError: If edges, counts and mask do not belong together.
        """
        if edges.shape[-1] != counts.shape[1] + 1 or mask.shape != counts.shape:
            raise ShapeError(
                f"counts: expected one more edge than intervals and a mask like the counts, got "
                f"{tuple(edges.shape)}, {tuple(counts.shape)} and {tuple(mask.shape)}. Align them."
            )
        parts = [
            self.compensator(trajectory, edges[:, j], edges[:, j + 1], nodes=nodes)
            for j in range(counts.shape[1])
        ]
        expected = torch.stack(parts, dim=-2)  # (..., batch, bin, mark)
        n = counts.to(expected.dtype)
        safe = torch.where(mask, expected, expected.new_ones(()))
        log_density = torch.xlogy(n, safe) - safe - torch.lgamma(n + 1)
        return torch.where(mask, log_density, safe.new_zeros(())).sum((-2, -1))

    def _check(self, events: EventBatch) -> None:
        num_marks = len(self.log_scale)
        if events.start.shape[1] != num_marks:
            raise ShapeError(
                f"events: expected windows of {num_marks} marks, got {events.start.shape[1]}. "
                "Build the batch from streams with the marks that the model was made for."
            )
