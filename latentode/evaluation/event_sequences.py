r"""Numbers that judge forecasts of many events ahead: what comes, and when.

Use `optimal_transport_distance` to judge the next few events as one sequence, whatever their
number in a period, and `temporal_average_precision` to judge all events of a period with the
confidence in each. Log-likelihoods judge one event ahead, and a model may be the best there and
lose to naive forecasts over ten.

Reference:
    Karpukhin, Shipilov, Savchenko (2024), HoTPP benchmark: are we good at the long horizon events
    forecasting?, https://arxiv.org/abs/2406.14341; Mei, Qin, Eisner (2019), Imputing missing events
    in continuous-time event streams, https://arxiv.org/abs/1905.05570, for the former.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from latentode.data.dataset import Float64, Int64
from latentode.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class EventSequence:
    """Events after some moment, foretold or seen.

    Attributes:
        times: Time of each since the moment, shape (event,).
        marks: Mark of each, by index, shape (event,).
        scores: Confidence that it comes, more is surer, shape (event,); of events that were seen it
            is not looked at.
    """

    times: Float64
    marks: Int64
    scores: Float64

    @classmethod
    def certain(cls, times: Float64, marks: Int64) -> EventSequence:
        """Events of equal confidence."""
        return cls(times, marks, np.ones(len(times)))

    def first(self, count: int) -> EventSequence:
        """The first events in time."""
        return self.select(np.argsort(self.times, kind="stable")[:count])

    def until(self, end: float) -> EventSequence:
        """The events up to a time."""
        return self.select(np.flatnonzero(self.times <= end))

    def select(self, index: Int64) -> EventSequence:
        """Some events, by index."""
        return EventSequence(self.times[index], self.marks[index], self.scores[index])


def optimal_transport_distance(
    predicted: EventSequence, actual: EventSequence, cost: float
) -> float:
    r"""Least cost of turning one sequence into another: OTD.

    .. math:: \min_{M} \sum_{(i, j) \in M} |t_i - t'_j| + C\,(n + n' - 2 |M|)

    over matchings M of events of the same mark: an event is moved for the time it is moved by, and
    inserted or deleted for C each. To compare models, give the next K events of both, as the
    benchmark does: with fewer, a forecast of nothing costs no more than n' C.

    Args:
        predicted: Events foretold.
        actual: Events that came.
        cost: C, in the unit of the times.

    Returns:
        The distance in the unit of the times, from 0 to C (n + n').
    """
    apart = np.minimum(np.abs(predicted.times[:, None] - actual.times), 2 * cost)
    apart[predicted.marks[:, None] != actual.marks] = 2 * cost
    pairs = linear_sum_assignment(apart)
    unpaired = len(predicted.times) + len(actual.times) - 2 * len(pairs[0])
    return float(apart[pairs].sum()) + cost * unpaired


def temporal_average_precision(
    predicted: Sequence[EventSequence], actual: Sequence[EventSequence], tolerance: float
) -> float:
    r"""Mean average precision of events in time: T-mAP.

    For each mark, events that were foretold are matched one to one with those of their sequence
    that came, at most :math:`\delta` apart, such that the surest find a partner first; that one
    matching is the best for every threshold of confidence. Over all sequences together,

    .. math::
        AP = \sum_h (R_h - R_{h-1})\,P_h

    with precision and recall of the events at least as sure as each confidence h in turn, and the
    mean is over the marks of events that came. A moment or two of delay costs nothing, and every
    missing or surplus event counts.

    Args:
        predicted: Events foretold of each sequence, within a horizon.
        actual: Events that came within it.
        tolerance: :math:`\delta`, in the unit of the times.

    Returns:
        From 0 to 1; more is better.

    Raises:
        ShapeError: If there are not as many sequences of both.
        DataError: If no event came.
    """
    if len(predicted) != len(actual):
        raise ShapeError(
            f"sequences: expected as many foretold as seen, got {len(predicted)} and "
            f"{len(actual)}. Give an empty one where nothing is foretold."
        )
    marks = np.unique(np.concatenate([np.zeros(0, np.int64), *(part.marks for part in actual)]))
    if not len(marks):
        raise DataError("events: expected at least one within the horizon, got none. Widen it.")
    return float(np.mean([_precision(predicted, actual, mark, tolerance) for mark in marks]))


def _precision(
    predicted: Sequence[EventSequence],
    actual: Sequence[EventSequence],
    mark: int,
    tolerance: float,
) -> float:
    """Average precision of one mark."""
    scores, hits, wanted = [], [], 0
    for one, other in zip(predicted, actual, strict=True):
        mine, came = one.select(np.flatnonzero(one.marks == mark)), other.times[other.marks == mark]
        scores.append(mine.scores)
        hits.append(_found(mine, came, tolerance))
        wanted += len(came)
    score, hit = np.concatenate(scores), np.concatenate(hits)
    order = np.argsort(-score, kind="stable")
    found = hit[order].cumsum()
    # events of one confidence come in together
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))[: len(order)]
    precision, recall = found[last] / (last + 1), found[last] / wanted
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def _found(mine: EventSequence, came: Float64, tolerance: float) -> np.ndarray:
    """True for each event foretold that has a partner."""
    near = np.abs(mine.times[:, None] - came) <= tolerance
    rank = np.argsort(np.argsort(mine.scores, kind="stable"), kind="stable") + 1.0
    rows, columns = linear_sum_assignment(near * rank[:, None], maximize=True)
    found = np.zeros(len(mine.times), dtype=bool)
    found[rows] = near[rows, columns]
    return found
