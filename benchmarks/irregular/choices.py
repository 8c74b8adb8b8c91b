"""Random choices that protocols have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.irregular.windows import Flags, Floats


def some_of(rng: np.random.Generator, rows: Flags, share: Floats) -> Flags:
    """True at a share, rounded down, of the places that are True.

    Args:
        rng: Chooses the places.
        rows: The places, shape (row, length).
        share: Of each row, shape (row,).
    """
    chance = np.where(rows, rng.random(rows.shape), np.inf)
    rank = chance.argsort(axis=1).argsort(axis=1)
    # a share of 0.3 of 10 is 3: 0.3 * 10 may be below it by rounding
    return rank < np.floor(share * rows.sum(1) + 1e-9)[:, None]


def parts(order: NDArray[np.int64], *shares: float) -> list[NDArray[np.int64]]:
    """Cut an order into parts of some shares (rounded); the last part takes the rest."""
    edges = np.rint(np.cumsum(shares) * len(order)).astype(np.int64)
    return np.split(order, edges)
