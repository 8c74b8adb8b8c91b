"""What runs of one seed have in common: seeds of streams, and windows of evenly spread rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Int64


def seed_of(*parts: int) -> int:
    """The seed of one stream of random numbers, as far from that of other numbers as can be."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def evenly(rows: Int64, most: int) -> Int64:
    """At most so many of some rows, spread evenly over them."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))]


def batches_of(
    sampler: WindowSampler,
    rows: Int64,
    size: int,
    seed: tuple[int, ...],
    hidden: float | None = None,
) -> Iterator[SeriesBatch]:
    """The windows of some rows, a few at a time; none depends on how many.

    Args:
        sampler: What makes them.
        rows: Anchor rows.
        size: Windows at a time.
        seed: As in `WindowSampler.batch`.
        hidden: As in `WindowSampler.batch`.
    """
    for first in range(0, len(rows), size):
        yield sampler.batch(rows[first : first + size], seed, first=first, hidden=hidden)
