"""Naive forecasts of many events ahead, from the past of their stream alone.

Both are the statistical baselines of HoTPP, which beat half of its neural models; its history
density foretells at most one event of a mark and interval, this one as many as there may be.

Reference:
    Karpukhin, Shipilov, Savchenko (2024), https://arxiv.org/abs/2406.14341.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc

from latentode.evaluation.event_sequences import EventSequence

_LEAST = 0.01  # events that are less likely are not foretold


@dataclass(frozen=True)
class LongHorizon:
    """What is foretold of a stream.

    Attributes:
        count: Events ahead that are foretold as one sequence.
        length: How far ahead all events are foretold, each with a confidence.
        tolerance: How far from its time an event may come.
    """

    count: int
    length: float
    tolerance: float


@dataclass(frozen=True, eq=False)
class Foretold:
    """A forecast of one stream.

    Attributes:
        following: The next events in time, as many as were asked for.
        within: All events of the horizon, with confidences.
    """

    following: EventSequence
    within: EventSequence


Naive = Callable[[EventSequence, float, LongHorizon], Foretold]


def most_popular(past: EventSequence, elapsed: float, ahead: LongHorizon) -> Foretold:
    """The commonest mark again and again, one mean gap of the past apart.

    Args:
        past: Events until the moment, one at least.
        elapsed: Time from the origin of the stream to the moment.
        ahead: What is asked for.
    """
    gap = elapsed / len(past.times)
    count = max(ahead.count, int(ahead.length / gap))
    marks = np.full(count, np.bincount(past.marks).argmax())
    events = EventSequence.certain(np.linspace(gap, count * gap, count), marks)
    return Foretold(events.first(ahead.count), events.until(ahead.length))


def history_density(past: EventSequence, elapsed: float, ahead: LongHorizon) -> Foretold:
    """Each mark at the mean rate of its past.

    The next events of a mark come evenly. In the middle of each interval of two tolerances, its
    i-th event has the probability of i or more in a Poisson process of that rate.

    Args:
        past: Events until the moment, one at least.
        elapsed: Time from the origin of the stream to the moment.
        ahead: What is asked for.
    """
    counts = np.bincount(past.marks)
    marks = np.flatnonzero(counts)
    rates = counts[marks] / elapsed
    numbers = np.arange(1, ahead.count + 1)
    following = EventSequence.certain(
        (numbers / rates[:, None]).ravel(), np.repeat(marks, ahead.count)
    )
    edges = np.append(np.arange(0.0, ahead.length, 2 * ahead.tolerance), ahead.length)
    expected = rates[:, None, None] * np.diff(edges)[:, None]
    order = np.arange(1, 3 + int(4 * expected.max()))
    chance = gammainc(order, expected)  # (mark, interval, number)
    mark, interval, number = np.nonzero(chance > _LEAST)
    middle = (edges[:-1] + edges[1:]) / 2
    within = EventSequence(middle[interval], marks[mark], chance[mark, interval, number])
    return Foretold(following.first(ahead.count), within)


NAIVE: dict[str, Naive] = {"most popular": most_popular, "history density": history_density}
