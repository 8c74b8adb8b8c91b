"""What a window was like, in numbers: the features of `boosting` and `summary_mlp`.

Of every channel of a window, over what is shown of it: the last value and its age; and of its last
eighth, its last half and the whole, the number of readings, their mean, standard deviation, least,
greatest, and the slope of the least-squares line. Of a target: the readings nearest before and
after a time, for interpolation, and those one or two periods before it, for forecasts.

Everything is float64; times are in units of the context, 0 at the origin of a forecast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.irregular.windows import Flags, Floats

Rows = NDArray[np.int64]
SHARES = (1 / 8, 1 / 2, 1.0)
OF_A_SPAN = ("count", "mean", "spread", "least", "greatest", "slope")
NAMES = ("last", "age", *(f"{name} of {share:g}" for share in SHARES for name in OF_A_SPAN))
_CHUNK = 200  # windows at once, so that masks of all do not fill the memory


def summarise(times: Floats, values: Floats) -> Floats:
    """Summaries of every channel of some windows, NaN where there is nothing to tell them by.

    Args:
        times: Times of the rows, increasing where they hold readings, 0 at the origin and -1 a
            context before, shape (window, time).
        values: Readings, NaN elsewhere, shape (window, time, channel).

    Returns:
        Summaries in the order of `NAMES`, shape (window, channel, feature). The whole is all that
        is shown, even if it is older than a context; a slope is per context and needs two readings.
    """
    parts = [
        _summarise(times[low : low + _CHUNK], values[low : low + _CHUNK])
        for low in range(0, len(times), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, values.shape[-1], len(NAMES)))


def _summarise(times: Floats, values: Floats) -> Floats:
    values = values.astype(np.float64)
    read = np.isfinite(values)
    last = values.shape[1] - 1 - np.argmax(read[:, ::-1], axis=1)
    features = [
        np.take_along_axis(values, last[:, None], 1)[:, 0],
        np.where(read.any(1), -np.take_along_axis(times, last, 1), np.nan),
    ]
    for share in SHARES:
        recent = np.ones_like(times, dtype=bool) if share == 1.0 else times > -share
        features += _of_span(times[..., None], values, read & recent[..., None])
    return np.stack(features, axis=-1)


def _of_span(times: Floats, values: Floats, inside: Flags) -> list[Floats]:
    """The features `OF_A_SPAN` of the readings that are inside, each (window, channel)."""
    count = inside.sum(1)

    def mean(quantity: Floats) -> Floats:
        total = np.where(inside, quantity, 0.0).sum(1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    level, middle = mean(values), mean(np.broadcast_to(times, values.shape))
    deviation, offset = values - level[:, None], times - middle[:, None]
    square = mean(np.square(offset))
    slope = mean(offset * deviation) / np.where(square > 0, square, np.nan)
    return [
        count.astype(np.float64),
        level,
        np.sqrt(mean(np.square(deviation))),
        np.where(count > 0, np.where(inside, values, np.inf).min(1), np.nan),
        np.where(count > 0, np.where(inside, values, -np.inf).max(1), np.nan),
        slope,
    ]


def neighbours(times: Floats, values: Floats, window: Rows, queries: Floats) -> Floats:
    """The readings of every channel nearest to some times.

    Args:
        times: Times of the rows, shape (window, time).
        values: Readings, NaN elsewhere, shape (window, time, channel).
        window: Window of each query, shape (row,).
        queries: Times, shape (row,).

    Returns:
        The last value at or before each query, the time since then, the first value after it and
        the time until then; NaN where there is none, shape (4, row, channel).
    """
    distinct = np.unique(times)
    stride = len(distinct) + 1
    # ranks instead of times: window and time together are exact
    wanted = window * stride + np.searchsorted(distinct, queries, side="right")
    found = np.full((4, len(window), values.shape[-1]), np.nan)
    for channel in range(values.shape[-1]):
        owner, row = np.nonzero(np.isfinite(values[..., channel]))
        if not len(owner):
            continue
        moments = times[owner, row]
        after = np.searchsorted(owner * stride + np.searchsorted(distinct, moments), wanted)
        for side, place in ((0, after - 1), (2, after)):
            inside = np.clip(place, 0, len(owner) - 1)
            known = (inside == place) & (owner[inside] == window)
            found[side, :, channel] = np.where(
                known, values[owner[inside], row[inside], channel], np.nan
            )
            gap = np.abs(queries - moments[inside])
            found[side + 1, :, channel] = np.where(known, gap, np.nan)
    return found


def lagged(
    times: Floats, values: Floats, window: Rows, queries: Floats, *, lag: float, tolerance: float
) -> Floats:
    """The reading of every channel that is nearest to a lag before some times.

    Args:
        times: Times of the rows, shape (window, time).
        values: Readings, NaN elsewhere, shape (window, time, channel).
        window: Window of each query, shape (row,).
        queries: Times, shape (row,).
        lag: How long before them.
        tolerance: How far off a reading may lie.

    Returns:
        Values, NaN where none is near, shape (row, channel).
    """
    before, since, after, until = neighbours(times, values, window, queries - lag)
    later = np.nan_to_num(until, nan=np.inf) < np.nan_to_num(since, nan=np.inf)
    value, gap = np.where(later, after, before), np.where(later, until, since)
    return np.where(gap <= tolerance, value, np.nan)


def line(found: Floats) -> Floats:
    """The line between the neighbours of each query, held at the ends, shape (row, channel).

    Args:
        found: As `neighbours` gives it.
    """
    before, since, after, until = found
    share = since / np.where(since + until > 0, since + until, 1.0)
    between = (1.0 - share) * before + share * after
    held = np.where(np.isnan(before), after, before)
    return np.where(np.isnan(between), held, between)
