"""Labels of whole windows, or of times: what a network makes of them, and their likelihood."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError
from latentode.models.nn.mlp import SkipMLP
from latentode.ode.trajectory import Trajectory

_FARTHEST = 5.0  # scaled units: an error of a sensor counts no more than that
_SUMMARIES = 7  # numbers of `window_summaries` for each channel


class LabelHead(nn.Module):
    r"""Categorical label of a window, wide and deep.

    .. math::
        p(y \mid z, \text{visible rows}) = \mathrm{softmax}(W x + g(x)), \quad x = (r, s, h)

    with :math:`r` the `window_summaries`, :math:`s` the static covariates and :math:`h` what other
    networks made of the window. W is the regression that is hard to beat where series are few; both
    parts start at zero.

    Args:
        num_classes: Classes, at least 2.
        feature_dim: Size of :math:`h`.
        num_channels: Channels of the log.
        static_dim: Static covariates.
        hidden_dim: Size of the hidden layer.
        dropout: Share of the inputs, and of the hidden units, dropped in training mode.

    Raises:
        ConfigError: If there are fewer than 2 classes.

    Reference:
        Cheng et al. (2016), Wide & deep learning for recommender systems,
        https://arxiv.org/abs/1606.07792
    """

    def __init__(
        self,
        num_classes: int,
        *,
        feature_dim: int,
        num_channels: int,
        static_dim: int,
        hidden_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        _refuse_one_class(num_classes)
        known = _SUMMARIES * num_channels + static_dim
        self.network = SkipMLP(
            (known, feature_dim), hidden_dim, num_classes, dropout=dropout, at_rest=True
        )
        self.dropout = dropout

    def forward(self, features: Tensor, batch: SeriesBatch) -> Tensor:
        """Logits of each window.

        Args:
            features: What else is known of the windows, shape (..., batch, feature).
            batch: Windows.

        Returns:
            Shape (..., batch, class).
        """
        known = torch.cat([window_summaries(batch), batch.static], dim=-1)
        known = functional.dropout(known, self.dropout, self.training)
        features = functional.dropout(features, self.dropout, self.training)
        logits: Tensor = self.network(known, features)
        return logits


class TimeLabelHead(nn.Module):
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

    def __init__(
        self, num_classes: int, latent_dim: int, context_dim: int, hidden_dim: int, dropout: float
    ) -> None:
        super().__init__()
        _refuse_one_class(num_classes)
        self.num_classes = num_classes
        self.network = SkipMLP(
            (latent_dim, context_dim), hidden_dim, num_classes, dropout=dropout, at_rest=True
        )

    def forward(self, states: Tensor, known: Tensor) -> Tensor:
        """Logits at some times, shape (draw, batch, time, class).

        Args:
            states: Latent states there, shape (draw, batch, time, latent).
            known: What `Readout.rate_covariates` says of them, shape (draw, batch, time, context).
        """
        logits: Tensor = self.network(states, known)
        return logits


def label_logits(
    head: LabelHead | TimeLabelHead,
    trajectory: Trajectory,
    z0: Tensor,
    context: Tensor,
    batch: SeriesBatch,
    known: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Logits of the labels of a batch, shape (draw, batch, class), or (draw, batch, time, class).

    Args:
        head: Network for labels of windows, or of times.
        trajectory: Solution for the batch.
        z0: States at the anchor, shape (draw, batch, latent).
        context: What the posterior sees of the windows, shape (batch, context).
        batch: Windows; those of a head for times have times of labels.
        known: What else is known at times (batch, time) of some states, see `TimeLabelHead`.
    """
    if isinstance(head, LabelHead):
        found: Tensor = head(path_summary(trajectory, z0, context, batch), batch)
        return found
    assert isinstance(batch.labels, EventBatch)
    times = batch.labels.times
    states = trajectory.at(times, check=False)
    found = head(states, known(times, states))
    return found


def label_log_prob(logits: Tensor, labels: Tensor | EventBatch) -> Tensor:
    r"""Log-probability of labels, :math:`\ell_y - \log \sum_k e^{\ell_k}`, 0 where one is unknown.

    Args:
        logits: Shape (..., batch, class), or (..., batch, time, class) for labels of times, whose
            log-probabilities are added up.
        labels: Numbers of classes, -1 where unknown, int64, shape (batch,); or classes at times.

    Returns:
        Nats, shape (..., batch).
    """
    if isinstance(labels, EventBatch):
        return label_log_prob(logits, label_codes(labels)).sum(-1)
    chosen = labels.clamp(min=0).expand(logits.shape[:-1])[..., None]
    log_prob = logits.log_softmax(-1).gather(-1, chosen)[..., 0]
    return torch.where(labels >= 0, log_prob, 0.0)


def label_codes(labels: EventBatch) -> Tensor:
    """Number of the class at each time, -1 for padding, shape (batch, time)."""
    return torch.where(labels.scored, labels.marks, -1)


def path_summary(trajectory: Trajectory, z0: Tensor, context: Tensor, batch: SeriesBatch) -> Tensor:
    """The latent path in few numbers: state at the anchor, mean and greatest at the visible rows.

    Args:
        trajectory: Solution for the batch, over all visible rows.
        z0: States at the anchor, shape (draw, batch, latent).
        context: What is known of the windows whatever the draw, put before, (batch, context).
        batch: Windows; one without rows has zeros beside its state at the anchor.

    Returns:
        Shape (draw, batch, context + 3 * latent).
    """
    states = trajectory.at(batch.times, check=False)  # (draw, batch, time, latent)
    rows = torch.arange(batch.times.shape[1], device=states.device) < batch.lengths[:, None]
    mean, greatest = _mean(states, rows[..., None]), _greatest(states, rows[..., None])
    return torch.cat([context.expand(len(z0), -1, -1), z0, mean, greatest], dim=-1)


def window_summaries(batch: SeriesBatch) -> Tensor:
    """Numbers that say what the readings of a window were like.

    Args:
        batch: Windows.

    Returns:
        First, last, mean, least and greatest reading and standard deviation of every channel in
        scaled units, none farther out than 5, and the logarithm of one plus its number of
        readings; 0 where a channel was not read. Shape (batch, 7 * channel).
    """
    values, read = batch.values, batch.mask
    count = read.sum(1)
    order = torch.arange(1, read.shape[1] + 1, device=read.device)[:, None]
    last = (read * order).amax(1)
    first = (read * order.flip(0)).amax(1)
    # of a channel without readings any row will do: its values are 0
    ends = [order.shape[0] - first.clamp(min=1), last.clamp(min=1) - 1]
    edges = [values.gather(1, index[:, None])[:, 0] for index in ends]
    mean = _mean(values, read)
    variance = _mean((values - mean[:, None]).square(), read)
    parts = [*edges, mean, -_greatest(-values, read), _greatest(values, read), variance.sqrt()]
    bounded = [part.clamp(-_FARTHEST, _FARTHEST) for part in parts]
    return torch.cat([*bounded, torch.log1p(count.to(values.dtype))], dim=-1)


def _refuse_one_class(num_classes: int) -> None:
    if num_classes < 2:
        raise ConfigError(
            f"num_classes: expected at least 2, or 0 for no labels, got {num_classes}."
        )


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """Mean over the time axis, the last but one, of what is kept; 0 of nothing."""
    return torch.where(kept, values, 0.0).sum(-2) / kept.sum(-2).clamp(min=1)


def _greatest(values: Tensor, kept: Tensor) -> Tensor:
    """Greatest along the time axis, the last but one, of what is kept; 0 of nothing."""
    found = values.masked_fill(~kept, -torch.inf).amax(-2)
    return torch.where(kept.any(-2), found, 0.0)
