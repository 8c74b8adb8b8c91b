"""Series whose times never meet: told apart by the clock that each of them has."""

from __future__ import annotations

import numpy as np

from latentode.data.dataset import Int64
from latentode.data.reading.profile import Sample
from latentode.data.reading.sample_times import NOT_KNOWN

_TWO = 2  # series, at least
_MOST = 0.5  # share of rows at which another series begins
_MANY = 10  # rows of each series, at least
_NAMED = 0.99  # share of the rows that have a word: a row of units, or of a sum, has none
_FAR = 5_000  # rows between two readings of one series
_EVEN, _UNEVEN = 0.9, 0.05  # share of even steps of a series; less of them in the log


def own_clocks(sample: Sample, name: str, times: Int64) -> str | None:
    """What shows that the words of a column have clocks of their own; None where nothing does.

    Either times fall back only where the word changes: series that were written one after another;
    or steps are even within a word, and not from row to row.

    Args:
        sample: The log.
        name: Column of words.
        times: Time of each row, nanoseconds.
    """
    codes, named = sample[name].codes, sample[name].codes >= 0
    if named.mean() < _NAMED:
        return None
    codes, times, rows = codes[named], times[named], sample.rows[named]
    if not _TWO <= sample[name].num_distinct <= len(codes) // _MANY:
        return None
    good = (np.diff(rows) == 1) & (times[1:] != NOT_KNOWN) & (times[:-1] != NOT_KNOWN)
    steps, changes = np.diff(times)[good], (codes[1:] != codes[:-1])[good]
    if not len(steps) or not changes.any():
        return None
    falls = steps < 0
    if falls.any() and not falls[~changes].any() and changes.sum() <= len(steps) / _MANY:
        return f"times fall back {int(falls.sum()):,} times, always where {name!r} changes"
    order = np.argsort(codes, kind="stable")
    inside = (np.diff(codes[order]) == 0) & (np.diff(rows[order]) <= _FAR)
    within = np.diff(times[order])[inside]
    if not len(within) or changes.mean() < _MOST:
        return None
    even = _evenness(within)
    if even > _EVEN and _evenness(steps) < even - _UNEVEN:
        return f"steps are even within each {name!r}, and not from row to row"
    return None


def _evenness(steps: Int64) -> float:
    """Share of the steps that are the most frequent one, give or take a hundredth."""
    middle = float(np.median(steps))
    return float((np.abs(steps - middle) <= abs(middle) / 100).mean()) if middle else 0.0
