"""Event streams simulated exactly from known point processes.

The truth of each is scored by the process of the same name in `latentode.models.point_processes`;
times are on an elapsed clock in seconds, from 0 to `span` for every series.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latentode.data.dataset import Clock, Float64, Int64
from latentode.data.events import EventStreams
from latentode.data.synthetic.simulated import SECOND_NS
from latentode.errors import ConfigError

Rate = Callable[[Float64], Float64]


def poisson_events(
    num_series: int,
    span: float,
    *,
    rate: float | Rate = 1.0,
    bound: float | None = None,
    random_state: int | np.random.Generator = 0,
) -> EventStreams:
    """Draw Poisson processes by thinning.

    Args:
        num_series: Number of streams.
        span: Length of each in seconds.
        rate: Events a second, a number or a function of seconds, shape (event,) to (event,).
        bound: What the rate never exceeds; needed for a function, and checked at every proposal.
        random_state: Seed or generator.

    Raises:
        ConfigError: If the rate exceeds its bound, is negative, or a bound is missing.
    """
    rng = np.random.default_rng(random_state)
    top = float(rate) if isinstance(rate, int | float) else bound
    if top is None or not 0 <= top < np.inf:
        raise ConfigError(f"bound: expected the largest rate, got {top}. Give a finite bound.")
    counts = rng.poisson(top * span, num_series)
    series = np.repeat(np.arange(num_series), counts)
    times = rng.uniform(0, span, len(series))
    if not isinstance(rate, int | float):
        values = rate(times)
        if len(values) and not (values.min() >= 0 and values.max() <= top):
            raise ConfigError(
                f"bound: expected rates in [0, {top:g}], got {values.min():g} to "
                f"{values.max():g}. Raise the bound."
            )
        kept = rng.uniform(0, top, len(times)) < values
        series, times = series[kept], times[kept]
    return _streams(num_series, span, series, times)


def hawkes_events(
    num_series: int,
    span: float,
    *,
    background: Float64,
    branching: Float64,
    decay: Float64,
    random_state: int | np.random.Generator = 0,
) -> EventStreams:
    r"""Draw Hawkes processes by their clusters: immigrants, their children, and so on.

    Args:
        num_series: Number of streams.
        span: Length in seconds.
        background: Immigrants a second of each mark, shape (mark,).
        branching: Children of mark k by kernel j of an event of mark l, shape
            (mark, rate, mark); its sum over j must have a spectral radius below 1.
        decay: Rates of decay a second, shape (rate,).
        random_state: Seed or generator.

    Raises:
        ConfigError: If the process would explode.
    """
    rng = np.random.default_rng(random_state)
    background, branching = np.asarray(background, float), np.asarray(branching, float)
    radius = float(np.abs(np.linalg.eigvals(branching.sum(1))).max())
    if not radius < 1:
        raise ConfigError(f"branching: expected a spectral radius below 1, got {radius:g}.")
    counts = rng.poisson(background * span, (num_series, len(background)))
    series = np.repeat(np.arange(num_series), counts.sum(1))
    marks = np.concatenate([np.repeat(np.arange(len(background)), row) for row in counts])
    parents = [(series, rng.uniform(0, span, len(series)), marks)]
    while len(parents[-1][0]):
        parents.append(_children(rng, *parents[-1], span, branching, np.asarray(decay, float)))
    series, times, marks = (np.concatenate(part) for part in zip(*parents, strict=True))
    return _streams(num_series, span, series, times, marks, len(background))


def _children(
    rng: np.random.Generator,
    series: Int64,
    times: Float64,
    marks: Int64,
    span: float,
    branching: Float64,
    decay: Float64,
) -> tuple[Int64, Float64, Int64]:
    counts = rng.poisson(branching[:, :, marks])  # (mark, rate, event)
    mark, kernel, parent = (
        np.repeat(i, counts.ravel()) for i in np.indices(counts.shape).reshape(3, -1)
    )
    born = times[parent] + rng.exponential(1 / decay[kernel])
    seen = born <= span
    return series[parent[seen]], born[seen], mark[seen]


def self_correcting_events(
    num_series: int,
    span: float,
    *,
    base: float = 0.0,
    growth: float = 1.0,
    drop: float = 1.0,
    random_state: int | np.random.Generator = 0,
) -> EventStreams:
    r"""Draw self-correcting processes, :math:`\lambda(t) = e^{\mu + a t - b N(t^-)}`, by inversion.

    Args:
        num_series: Number of streams.
        span: Length in seconds.
        base: Log-rate mu at time 0.
        growth: Growth a of the log-rate a second.
        drop: Drop b of the log-rate at an event.
        random_state: Seed or generator.
    """
    rng = np.random.default_rng(random_state)

    def gap(time: Float64, number: int) -> Float64:
        log_rate = base + growth * time - drop * number
        return np.log1p(growth * rng.exponential(size=num_series) * np.exp(-log_rate)) / growth

    return _one_by_one(num_series, span, gap)


def renewal_events(
    num_series: int,
    span: float,
    *,
    mean: float = 0.0,
    sd: float = 1.0,
    random_state: int | np.random.Generator = 0,
) -> EventStreams:
    """Draw renewal processes with log-normal gaps, the first counted from time 0.

    Args:
        num_series: Number of streams.
        span: Length in seconds.
        mean: Mean of the log of a gap in seconds.
        sd: Its standard deviation.
        random_state: Seed or generator.
    """
    rng = np.random.default_rng(random_state)
    return _one_by_one(num_series, span, lambda *_: rng.lognormal(mean, sd, num_series))


def _one_by_one(
    num_series: int, span: float, gap: Callable[[Float64, int], Float64]
) -> EventStreams:
    time, drawn = np.zeros(num_series), [np.zeros((num_series, 0))]
    while (time <= span).any():
        time = time + gap(time, len(drawn) - 1)
        drawn.append(time[:, None])
    times = np.concatenate(drawn, axis=1)
    inside = times <= span
    return _streams(num_series, span, np.nonzero(inside)[0], times[inside])


def _streams(
    num_series: int,
    span: float,
    series: Int64,
    times: Float64,
    marks: Int64 | None = None,
    num_marks: int = 1,
) -> EventStreams:
    if num_series < 1 or not 0 < span < 1e9:
        raise ConfigError(
            f"design: expected a series and a span in (0, 1e9) s, got {num_series} and {span}."
        )
    end = round(span * SECOND_NS)
    return EventStreams.build(
        np.asarray(series, dtype=np.int64),
        np.minimum(np.rint(times * SECOND_NS).astype(np.int64), end),
        np.zeros(len(times), np.int64) if marks is None else marks.astype(np.int64),
        series_ids=[f"stream-{i + 1}" for i in range(num_series)],
        mark_names=["event"] if num_marks == 1 else [f"kind-{k + 1}" for k in range(num_marks)],
        windows=np.broadcast_to(np.array([0, end]), (num_series, 2)),
        clock=Clock("elapsed", None, "s"),
    )
