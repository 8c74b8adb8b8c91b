"""Labels of times: what a network makes of the latent state at a time and of what is there."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError
from latentode.models.heads.base import Head
from latentode.models.heads.classes import ClassHead, StateSizes, refuse_one_class
from latentode.models.nn.mlp import SkipMLP
from latentode.models.solved import Solved


class TimeLabelHead(ClassHead):
    r"""Categorical label at a time, from the latent state and what is located there.

    .. math:: p(y \mid z(t), \text{visible rows}) = \mathrm{softmax}(W x + g(x)), \quad
        x = (z(t), u(t), s, \mu(t), \log\sigma(t))

    with the known inputs u, the covariates s, and location and log-scale of every channel, which
    the nearest readings have corrected. Given the path, labels do not depend on each other. Both
    parts start at zero.

    Args:
        num_classes: Classes, at least 2.
        latent_dim: Size of z.
        context_dim: Size of the rest.
        hidden_dim: Size of the hidden layer.
        dropout: Share of the hidden units dropped in training mode.

    Raises:
        ConfigError: If there are fewer than 2 classes.

    Reference:
        Rubanova, Chen, Duvenaud (2019), https://arxiv.org/abs/1907.03907, section 4.4 (activity at
        each time point), where a linear map reads z(t) alone.
    """

    waits_for_device = True  # the host lays out the labels anew for every batch

    def __init__(
        self, num_classes: int, latent_dim: int, context_dim: int, hidden_dim: int, dropout: float
    ) -> None:
        super().__init__()
        refuse_one_class(num_classes)
        self.num_classes = num_classes
        self.network = SkipMLP(
            (latent_dim, context_dim), hidden_dim, num_classes, dropout=dropout, at_rest=True
        )

    @classmethod
    def of(cls, num_classes: int, sizes: StateSizes) -> Self:
        """See `ClassHead`."""
        widths = sizes.latent_dim, sizes.covariates_dim, sizes.hidden_dim
        return cls(num_classes, *widths, sizes.dropout)

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits at the times of the labels, shape (draw, batch, time, class)."""
        assert isinstance(batch.labels, EventBatch)
        return self.logits_at(batch.labels.times, solved)

    def logits_at(self, times: Tensor, solved: Solved) -> Tensor:
        """Logits at any times (batch, time), shape (draw, batch, time, class)."""
        states = solved.trajectory.at(times, check=False)
        logits: Tensor = self(states, solved.decoded.rate_covariates(times, states))
        return logits

    def codes(self, batch: SeriesBatch) -> Tensor:
        """Class at each time, -1 for padding, shape (batch, time)."""
        assert isinstance(batch.labels, EventBatch)
        return torch.where(batch.labels.scored, batch.labels.marks, -1)

    def forward(self, states: Tensor, known: Tensor) -> Tensor:
        """Logits at some times, shape (draw, batch, time, class).

        Args:
            states: Latent states there, shape (draw, batch, time, latent).
            known: What `Readout.rate_covariates` says of them, shape (draw, batch, time, context).
        """
        logits: Tensor = self.network(states, known)
        return logits


def head_of_times(head: Head | None) -> TimeLabelHead:
    """The head that knows labels of times.

    Raises:
        ConfigError: If the model was trained without.
    """
    if not isinstance(head, TimeLabelHead):
        raise ConfigError(
            "labels: expected a model that was trained with labels of times, got one without. "
            "Train with --labels, a file with a column of times."
        )
    return head
