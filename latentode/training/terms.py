"""What the objective of a step is made of: likelihood, divergence, regularisers of the paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from latentode.config import RegularizersConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.flows.regularizers import REGULARIZERS, Regularizer, path_regularizers
from latentode.models.latent_ode import LatentODEModel
from latentode.ode.fields import FieldFunction
from latentode.ode.trajectory import Trajectory


class LossTerms(NamedTuple):
    """What the objective is made of.

    Attributes:
        log_likelihood: Of targets and events, as `LatentODEModel.evidence` has it; NaN if no window
            is left, shape (draw, batch).
        log_ratio: log p(z) - log q(z), shape (draw, batch).
        kl: KL of the posterior from the prior, shape (batch,).
        regularizers: Integrals along the latent paths, means over draws and windows, in the order
            of `PathPenalties.names`, shape (regularizer,).
        skipped: Windows that were left out.
        reason: Why the last of them was, or "".
    """

    log_likelihood: Tensor
    log_ratio: Tensor
    kl: Tensor
    regularizers: Tensor
    skipped: int = 0
    reason: str = ""


@dataclass(frozen=True)
class PathPenalties:
    """Regularisers of the latent paths, as the settings weigh them; see `RegularizersConfig`.

    Each window's path goes from the earliest time that its likelihood asks for to the latest: rows,
    queries, and while events were observed. So its penalty does not depend on the batch. Nothing
    waits for the device.

    Attributes:
        names: Regularisers whose weight is positive.
        weights: Their weights, nats per window for one unit.
        steer: Largest relative change of the speed of time.
        balance: How readings are weighed, see `Likelihood.joint`.
        label_weight: How often the label of a window counts.
    """

    names: tuple[Regularizer, ...]
    weights: tuple[float, ...]
    steer: float
    balance: float = 0.0
    label_weight: float = 1.0

    @classmethod
    def of(
        cls, config: RegularizersConfig, balance: float = 0.0, label_weight: float = 1.0
    ) -> Self:
        """Those that the settings switch on.

        Args:
            config: Weight of each, and STEER.
            balance: How readings are weighed, see `Likelihood.joint`.
            label_weight: How often the label of a window counts.
        """
        weights = {name: float(getattr(config, name)) for name in REGULARIZERS}
        names = tuple(name for name in REGULARIZERS if weights[name])
        chosen = tuple(weights[name] for name in names)
        return cls(names, chosen, config.steer, balance, label_weight)

    def time_factor(self, like: Tensor) -> Tensor | None:
        """A factor on time for a batch, U(1 - steer, 1 + steer), 0-dim; None without STEER."""
        if not self.steer:
            return None
        uniform = torch.rand((), dtype=like.dtype, device=like.device)
        return 1.0 + self.steer * (2.0 * uniform - 1.0)

    def means(self, field: FieldFunction, path: Trajectory, batch: SeriesBatch) -> Tensor:
        """Mean of each regulariser over draws and windows, shape (regularizer,).

        Args:
            field: The field of the paths.
            path: The paths of a batch.
            batch: The batch, whose rows, queries and events say how far each path goes.
        """
        asked = _asked(batch)
        earliest, latest = asked.amin(1).clamp(max=0.0), asked.amax(1).clamp(min=0.0)
        integrals = path_regularizers(field, path, self.names, t0=earliest, t1=latest, check=False)
        return torch.stack([integrals[name].mean() for name in self.names])

    def total(self, means: Tensor) -> Tensor | float:
        """Weighted sum of `means`, nats per window."""
        parts = zip(self.weights, means.unbind(), strict=True)
        return sum((weight * mean for weight, mean in parts), 0.0)


def _asked(batch: SeriesBatch) -> Tensor:
    """Times between which the likelihood of each window reads its path, shape (batch, time)."""
    times = [batch.times, batch.query_times]
    if batch.events is not None:
        low, high = batch.events.start, batch.events.end
        # a mark that was not observed has no length, and may lie anywhere
        times += [edge.masked_fill(high <= low, 0.0) for edge in (low, high)]
    return torch.cat(times, dim=1)


def loss_terms(
    model: LatentODEModel,
    batch: SeriesBatch,
    noise: Tensor,
    penalties: PathPenalties,
    *,
    check: bool = True,
) -> LossTerms:
    """Terms of a batch in training.

    Args:
        model: The model.
        batch: Windows with targets.
        noise: Standard normal numbers, shape (draw, batch, latent).
        penalties: Regularisers of the paths.
        check: As in `LatentODEModel.solve`.

    Raises:
        SolverError: If a solve fails and is checked.
    """
    time_factor = penalties.time_factor(noise)
    if model.latent_noise is not None:
        batch = model.learned_from(batch)
    solved = model.solve(batch, noise, density=True, check=check, time_factor=time_factor)
    evidence = model.evidence(
        solved, batch, balance=penalties.balance, label_weight=penalties.label_weight
    )
    if not penalties.names:
        return LossTerms(*evidence, noise.new_zeros(0))
    # last, so that the probes they draw change nothing but themselves
    means = penalties.means(model.field(batch, time_factor), solved.trajectory, batch)
    return LossTerms(*evidence, means)
