"""Labels of whole windows: what a network makes of a window and of its latent path."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.models.heads.base import StateSizes
from latentode.models.heads.classes import ClassHead
from latentode.models.nn.dropout import dropout
from latentode.models.nn.piecewise_linear import PiecewiseLinear
from latentode.models.nn.summaries import SUMMARIES, summaries
from latentode.models.solved import Solved
from latentode.ode.trajectory import Trajectory

_FARTHEST = 5.0  # scaled units: an error of a sensor counts no more than that
_SUMMARIES = 7  # numbers of `window_summaries` for each channel
_BINS = 5  # pieces of each piecewise-linear function


class LabelHead(ClassHead):
    r"""Categorical label of a window, wide and deep.

    .. math::
        p(y \mid z, \text{visible rows}) = \mathrm{softmax}(f(n, s) + W x + g(x)), \quad
        x = (r, s, h)

    with :math:`n` the `summaries` of the window over several stretches, :math:`r` its
    `window_summaries`, :math:`s` the static covariates and :math:`h` what other networks made of
    the window. :math:`f`, a constant and a sum of piecewise-linear functions of one number each, is
    the additive model that is hard to beat where series are few; it is fitted before training
    (`prepare`) and then stands. W and g start at zero. Of their inputs, too, a share is
    dropped in training mode.

    Reference:
        Cheng et al. (2016), Wide & deep learning for recommender systems,
        https://arxiv.org/abs/1606.07792; Hastie, Tibshirani (1986), Generalized additive models,
        Statistical Science 1; piecewise-linear encoding: Gorishniy, Rubachev, Babenko (2022),
        https://arxiv.org/abs/2203.05556.
    """

    kind = "series"
    waits_for_device = False

    def __init__(self, num_classes: int, sizes: StateSizes) -> None:
        super().__init__(num_classes, sizes)
        size = SUMMARIES * sizes.num_channels + sizes.static_dim
        self.additive: PiecewiseLinear | None = PiecewiseLinear(size, _BINS, num_classes)

    @staticmethod
    def widths(sizes: StateSizes) -> tuple[int, int]:
        """See `ClassHead`: what is known of a window, and its `path_summary`."""
        known = _SUMMARIES * sizes.num_channels + sizes.static_dim
        return known, sizes.context_dim + 3 * sizes.latent_dim

    def logits(self, solved: Solved, batch: SeriesBatch) -> Tensor:
        """Logits of each window, shape (draw, batch, class)."""
        context = solved.posterior.context
        logits: Tensor = self(path_summary(solved.trajectory, solved.z0, context, batch), batch)
        return logits

    def codes(self, batch: SeriesBatch) -> Tensor:
        """Class of each window, shape (batch,)."""
        assert isinstance(batch.labels, Tensor)
        return batch.labels

    def forward(self, features: Tensor, batch: SeriesBatch) -> Tensor:
        """Logits of each window.

        Args:
            features: What else is known of the windows, shape (..., batch, feature).
            batch: Windows.

        Returns:
            Shape (..., batch, class).
        """
        known = torch.cat([window_summaries(batch), batch.static], dim=-1)
        known, features = (
            dropout(part, self.network.dropout, self.training) for part in (known, features)
        )
        logits: Tensor = self.network(known, features)
        return logits if self.additive is None else logits + self.additive(self.numbers(batch))

    def prepare(self, train: Iterable[SeriesBatch], held_out: Iterable[SeriesBatch]) -> None:
        """See `ClassHead`: fits the additive part."""
        known = None if self.additive is None else self._labelled(train)
        if self.additive is not None and known is not None:
            self.additive.fit_classes(known, self._labelled(held_out))

    def take_prepared(self, other: ClassHead) -> None:
        """See `ClassHead`."""
        assert isinstance(other, LabelHead)
        self.additive = copy.deepcopy(other.additive)

    def _labelled(self, batches: Iterable[SeriesBatch]) -> tuple[Tensor, Tensor] | None:
        """Numbers and classes of the windows whose label is known; None where there is none."""
        parts = [(self.numbers(batch), self.codes(batch)) for batch in batches]
        if not parts:
            return None
        numbers, codes = (torch.cat(part) for part in zip(*parts, strict=True))
        return (numbers[codes >= 0], codes[codes >= 0]) if (codes >= 0).any() else None

    @staticmethod
    def numbers(batch: SeriesBatch) -> Tensor:
        """Summaries of windows and their static covariates, shape (batch, feature)."""
        return torch.cat([summaries(batch).absolute().flatten(1), batch.static], dim=-1)


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


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """Mean over the time axis, the last but one, of what is kept; 0 of nothing."""
    return torch.where(kept, values, 0.0).sum(-2) / kept.sum(-2).clamp(min=1)


def _greatest(values: Tensor, kept: Tensor) -> Tensor:
    """Greatest along the time axis, the last but one, of what is kept; 0 of nothing."""
    greatest = values.masked_fill(~kept, -torch.inf).amax(-2)
    return torch.where(kept.any(-2), greatest, 0.0)


LABEL_HEAD = LabelHead
