"""Series whose times never meet: told apart by readings that run on within each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.profile import Sample

_TWO = 2  # series, at least
_MANY = 10  # rows of each series, and readings of a channel, at least
_NAMED = 0.99  # share of the rows that have a word: a row of units, or of a sum, has none
_CALM = 0.5  # steps within a series, in those from row to row, and in those of its rows at random


def own_readings(sample: Sample, name: str, channels: Sequence[str]) -> str | None:
    """What shows that readings run on within the words of a column, and leap where they change.

    In a log of one series, words that change leave the readings as they are: steps from row to row
    are no longer than those from a word to where it stands next. Where words follow from the
    readings (a class of air quality), steps within a word are as long as those of rows at random.

    Args:
        sample: The log.
        name: Column of words.
        channels: Columns of numbers.
    """
    codes, named = sample[name].codes, sample[name].codes >= 0
    if named.mean() < _NAMED or not _TWO <= sample[name].num_distinct <= named.sum() // _MANY:
        return None
    for channel in channels:
        numbers = sample[channel].numbers
        read = named & ~np.isnan(numbers)
        if read.sum() < _MANY * _TWO:
            continue
        within, between, shuffled = _steps(numbers[read], codes[read])
        if within < _CALM * min(between, shuffled):
            return (
                f"{channel!r} moves {between / max(within, 1e-3):.2g} times as far from row to "
                f"row as from one row of a {name!r} to its next"
            )
    return None


def _steps(numbers: Float64, codes: Int64) -> tuple[float, float, float]:
    """Mean step within a word, from row to row, and within a word in random order, in ranks.

    Ranks, so that a code for "missing" is one step like others.
    """
    ranks: Float64 = np.asarray(pd.Series(numbers).rank(pct=True), dtype=np.float64)
    mixed = np.random.default_rng(0).permutation(len(codes))
    between = float(np.abs(np.diff(ranks)).mean())
    return _within(ranks, codes), between, _within(ranks[mixed], codes[mixed])


def _within(ranks: Float64, codes: Int64) -> float:
    order = np.argsort(codes, kind="stable")
    same = np.diff(codes[order]) == 0
    return float(np.abs(np.diff(ranks[order]))[same].mean()) if same.any() else np.inf
