"""Distributions that are known by a few quantiles."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.irregular.windows import Floats

#: Probabilities of the quantiles that peers learn; 90 % bands lie between the first and the last.
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MEDIAN = LEVELS.index(0.5)
_EVEN = 199  # of which a mean is taken


def at(quantiles: Floats, probability: Floats) -> Floats:
    """Quantiles of other probabilities, linear between the known ones over normal scores.

    The first and last lines go on beyond: tails as of a normal distribution.

    Args:
        quantiles: Quantiles of `LEVELS`, in any order (crossing ones are put in order), shape
            (level, row).
        probability: Shape (draw, row) or (draw, 1).

    Returns:
        Shape (draw, row).
    """
    known, ordered = ndtri(LEVELS), np.sort(quantiles, axis=0)
    score = ndtri(probability)
    left = np.clip(np.searchsorted(known, score) - 1, 0, len(known) - 2)
    share = (score - known[left]) / (known[left + 1] - known[left])
    column = np.arange(ordered.shape[1])
    return ordered[left, column] + share * (ordered[left + 1, column] - ordered[left, column])


def draws(quantiles: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Draws of the distributions that `at` completes, shape (draw, row)."""
    # ndtr of normal draws is never 0 or 1 as far as ndtri can tell
    return at(quantiles, ndtr(rng.normal(size=(count, quantiles.shape[1]))))


def mean(quantiles: Floats) -> Floats:
    """Means of the distributions that `at` completes, shape (row,)."""
    total = np.zeros(quantiles.shape[1])
    for probability in (np.arange(_EVEN) + 0.5) / _EVEN:
        total += at(quantiles, np.full((1, 1), probability))[0]
    return total / _EVEN


def pinball(prediction: Floats, values: Floats, level: float) -> Floats:
    r"""Pinball loss :math:`\max(\tau e, (\tau - 1) e)` of the error :math:`e`, any shape."""
    error = values - prediction
    return np.maximum(level * error, (level - 1.0) * error)
