"""Labels of times: what a network makes of the latent state at a time and of what is there."""

from __future__ import annotations

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError
from latentode.models.heads.base import Head, StateSizes
from latentode.models.heads.classes import ClassHead
from latentode.models.solved import Solved


class TimeLabelHead(ClassHead):
    r"""Categorical label at a time, from the latent state and what is located there.

    .. math:: p(y \mid z(t), \text{visible rows}) = \mathrm{softmax}(W x + g(x)), \quad
        x = (z(t), u(t), s, \mu(t), \log\sigma(t))

    with the known inputs u, the covariates s, and location and log-scale of every channel, which
    the nearest readings have corrected. Given the path, labels do not depend on each other. Both
    parts start at zero.

    Reference:
        Rubanova, Chen, Duvenaud (2019), https://arxiv.org/abs/1907.03907, section 4.4 (activity at
        each time point), where a linear map reads z(t) alone.
    """

    kind = "times"
    waits_for_device = True  # the host lays out the labels anew for every batch

    @staticmethod
    def widths(sizes: StateSizes) -> tuple[int, int]:
        """See `ClassHead`: the state, and what `Readout.rate_covariates` says of a time."""
        return sizes.latent_dim, sizes.covariates_dim

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits at the times of the labels, shape (draw, batch, time, class)."""
        assert isinstance(batch.labels, EventBatch)
        return self.logits_at(batch.labels.times, solved)

    def logits_at(self, times: Tensor, solved: Solved) -> Tensor:
        """Logits at any times (batch, time), shape (draw, batch, time, class)."""
        states = solved.trajectory.at(times, check=False)
        logits: Tensor = self.network(states, solved.decoded.rate_covariates(times, states))
        return logits

    def codes(self, batch: SeriesBatch) -> Tensor:
        """Class at each time, -1 for padding, shape (batch, time)."""
        assert isinstance(batch.labels, EventBatch)
        return torch.where(batch.labels.scored, batch.labels.marks, -1)


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


LABEL_HEAD = TimeLabelHead
