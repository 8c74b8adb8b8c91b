r"""Goodness of fit of any point process, from its scores alone.

Under the true process, :math:`\Lambda(t_i)` are the events of a Poisson process of rate 1. The
windows of all series are laid end to end in that rescaled time, with the silence after their last
events, before anything is tested: the naive test of the gaps inside each window is biased, because
a window ends where it does whatever the next gap would have been.

- `time_rescaling` tests the gaps of the concatenated process against the exponential (sensitive to
  bursts);
- `uniformity` tests the places of events given their number (sensitive to drift);
- `dispersion` tests the variance of counts in equal windows (sensitive to clustering).

Each p-value is asymptotic; the sizes of the tests were measured on simulated truth and are part of
the tests of this module.

Reference:
    Brown, Barbieri, Ventura, Kass, Frank (2002), The time-rescaling theorem and its application to
    neural spike train data analysis, Neural Computation 14.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Float64
from latentode.models.point_processes.event_scores import EventScores

_KOLMOGOROV_TERMS = 100  # for x >= 0.2 the next is below 1e-300
_FEWEST_WINDOWS = 10  # with two, counts that are equal by chance look too regular


@dataclass(frozen=True)
class FitTest:
    """Result of a test.

    Attributes:
        statistic: Distance D of Kolmogorov and Smirnov, or the index of dispersion.
        p_value: Probability of a statistic as extreme if the process is right.
        count: Events (or windows) that it rests on.
    """

    statistic: float
    p_value: float
    count: int


@dataclass(frozen=True, eq=False)
class Rescaled:
    """The windows of all series end to end, in expected counts.

    Attributes:
        times: Events, increasing, shape (event,).
        total: End of the last window: the expected number of events.
    """

    times: Float64
    total: float


def rescale(scores: EventScores, events: EventBatch, kind: int | None = None) -> Rescaled:
    """Lay all windows end to end in rescaled time.

    Args:
        scores: What the process says.
        events: The events that it scored.
        kind: One mark by its own compensator; all marks together by default.
    """
    steps = scores.increments.detach().double()
    chosen = scores.scored if kind is None else scores.scored & (events.marks == kind)
    along = (steps.sum(-1) if kind is None else steps[..., kind]).cumsum(1)  # (batch, event + 1)
    ends = along[:, -1].cumsum(0)
    begin = torch.nn.functional.pad(ends[:-1], (1, 0))
    times = (begin[:, None] + along[:, :-1])[chosen]
    return Rescaled(times.cpu().numpy(), float(ends[-1]))


def gaps(rescaled: Rescaled) -> Float64:
    """Gaps between events (and before the first), exponential of mean 1 under the truth."""
    return np.diff(rescaled.times, prepend=0.0)


def time_rescaling(rescaled: Rescaled) -> FitTest:
    """Kolmogorov-Smirnov test of the gaps against the exponential of mean 1."""
    return _against_uniform(-np.expm1(-gaps(rescaled)))


def uniformity(rescaled: Rescaled) -> FitTest:
    """Kolmogorov-Smirnov test of the places of events, given their number."""
    return _against_uniform(rescaled.times / max(rescaled.total, 1e-300))


def dispersion(rescaled: Rescaled, expected: float = 10.0) -> FitTest:
    """Test of the variance of counts in equal windows, two-sided.

    Args:
        rescaled: The concatenated process.
        expected: Events that are expected in each window; fewer where that leaves few windows.
    """
    # of two windows with equal counts by chance, none would be too regular
    windows = max(_FEWEST_WINDOWS, int(rescaled.total // expected))
    edges = np.linspace(0.0, rescaled.total, windows + 1)
    counts = np.histogram(rescaled.times, edges)[0]
    mean = max(float(counts.mean()), 1e-300)
    statistic = float(((counts - mean) ** 2).sum() / mean)
    below = _chi_square_below(statistic, windows - 1)
    p_value = 2 * min(below, 1 - below)
    return FitTest(statistic / (windows - 1), min(1.0, p_value), windows)


def quantiles(rescaled: Rescaled) -> tuple[Float64, Float64]:
    """Points of the QQ plot: exponential quantiles, and the sorted gaps, both shape (event,)."""
    observed = np.sort(gaps(rescaled))
    shares = (np.arange(len(observed)) + 0.5) / max(len(observed), 1)
    return -np.log1p(-shares), observed


def goodness_of_fit(
    scores: EventScores, events: EventBatch, mark_names: tuple[str, ...]
) -> dict[str, dict[str, FitTest]]:
    """All tests, for the events together ("all") and for each mark that has ten or more.

    Args:
        scores: What the process says.
        events: The events that it scored.
        mark_names: Names of the marks.
    """
    results = {"all": _tests(rescale(scores, events))}
    for mark, name in enumerate(mark_names):
        rescaled = rescale(scores, events, mark)
        if len(mark_names) > 1 and len(rescaled.times) >= 10:
            results[name] = _tests(rescaled)
    return results


def as_numbers(
    tests: Mapping[str, Mapping[str, FitTest]],
) -> dict[str, dict[str, dict[str, float]]]:
    """Results of `goodness_of_fit` as JSON types."""
    return {
        group: {name: dict(vars(test)) for name, test in results.items()}
        for group, results in tests.items()
    }


def _tests(rescaled: Rescaled) -> dict[str, FitTest]:
    return {test.__name__: test(rescaled) for test in (time_rescaling, uniformity, dispersion)}


def _against_uniform(values: Float64) -> FitTest:
    count = len(values)
    if count == 0:
        return FitTest(0.0, 1.0, 0)
    ordered = np.sort(values)
    steps = np.arange(count + 1) / count
    distance = float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
    return FitTest(distance, kolmogorov_p(distance, count), count)


def kolmogorov_p(distance: float, count: int) -> float:
    r"""Probability of a larger distance, :math:`2 \sum_j (-1)^{j-1} e^{-2 j^2 x^2}`.

    With :math:`x = (\sqrt n + 0.12 + 0.11 / \sqrt n)\,D`, Stephens' correction for small n.

    Reference:
        Stephens (1970), Journal of the Royal Statistical Society B 32.
    """
    x = (math.sqrt(count) + 0.12 + 0.11 / math.sqrt(count)) * distance
    if x < 0.2:  # the alternating series converges slowly where its sum is 1 to many digits
        return 1.0
    j = np.arange(1, _KOLMOGOROV_TERMS)
    total = 2 * float((np.where(j % 2, 1.0, -1.0) * np.exp(-2 * j**2 * x**2)).sum())
    return min(1.0, max(0.0, total))


def _chi_square_below(value: float, freedom: int) -> float:
    half = torch.tensor([freedom / 2, value / 2], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))
