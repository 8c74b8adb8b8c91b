"""Logs made at random, as data frames: what strangers' loggers write."""

import numpy as np
import pandas as pd
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

#: Names that tell nothing of what a column is.
NAMES = st.sampled_from(
    ["Reservoir", "Behälter", "bed", "Parcelle", "x1", "Kessel", "zone", "Spalte 3", "lot", "K"]
)
WORDS = st.lists(
    st.sampled_from(["North", "South", "East", "A7", "B-2", "Kessel 1", "Süd", "r2d2", "pond"]),
    min_size=2,
    max_size=5,
    unique=True,
)
SEEDS = st.integers(0, 10_000)
few = hypothesis_settings(max_examples=12, deadline=None)


def stamps(number, step="10min", start="2024-03-05"):
    return pd.date_range(start, periods=number, freq=step)


def walk(number, seed, low=20.0):
    """Readings with fractions that wander."""
    steps = np.random.default_rng(seed).normal(0, 0.3, number)
    return (low + steps.cumsum()).round(3) + 0.0005


def one_after_another(ids, number, seed, name="id", **columns):
    """A frame of each id, below one another."""
    return pd.concat(
        [
            pd.DataFrame(
                {"time": stamps(number), name: each, "t": walk(number, seed + place)}
                | {column: make(number, seed + place) for column, make in columns.items()}
            )
            for place, each in enumerate(ids)
        ],
        ignore_index=True,
    )
