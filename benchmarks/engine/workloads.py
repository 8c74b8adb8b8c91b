"""The two workloads: a toy with shared times, and a sparse sensor batch with times of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.known_inputs import KnownInputs
from latentode.data.synthetic.catalogue import toy_periodic

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sizes:
    """Sizes of a workload and of the model that is run on it.

    Attributes:
        series: Series in the batch.
        readings: Rows of a series, on average where lengths differ.
        stamps: Distinct time stamps that rows are drawn from; 0 for times of their own.
        channels: Channels.
        present: Share of the channels that a row holds.
        horizon: Length of the window in model time.
        draws: Draws of z0 a series.
        latent: Size of the latent state.
        units: Width of the two hidden layers of the vector field, and of the posterior's.
        hidden: Size of the encoder's state.
        encoder_units: Width of the hidden layer of the ODE-RNN's field.
        noise: Standard deviation of the Gaussian likelihood.
    """

    series: int
    readings: int
    stamps: int
    channels: int
    present: float
    horizon: float
    draws: int
    latent: int
    units: int
    hidden: int
    encoder_units: int
    noise: float


W1 = Sizes(
    series=50, readings=50, stamps=100, channels=1, present=1.0, horizon=5.0, draws=3,
    latent=10, units=100, hidden=40, encoder_units=100, noise=0.01,
)  # fmt: skip
# 64 x 60 rows on the minutes of two days share about 2,100 distinct time stamps
W2 = Sizes(
    series=64, readings=60, stamps=2880, channels=12, present=0.3, horizon=5.0, draws=3,
    latent=16, units=64, hidden=40, encoder_units=64, noise=0.1,
)  # fmt: skip


def toy(sizes: Sizes, seed: int) -> SeriesBatch:
    """W1: sinusoids at shared times, half of them observed, all of them asked for."""
    times, values = toy_values(sizes, seed)
    return observe_some(times, values, sizes.readings, np.random.default_rng([seed, 1]))


def toy_values(sizes: Sizes, seed: int) -> tuple[Floats, Floats]:
    """Times and values of all points, (series, time) and (series, time, 1)."""
    drawn = toy_periodic(
        sizes.series, sizes.stamps, span=sizes.horizon, noise=0.01, random_state=seed
    ).dataset.readings
    shape = (sizes.series, sizes.stamps)
    return drawn.times.reshape(shape) / 1e9, drawn.values.reshape(*shape, 1)


def observe_some(
    times: Floats, values: Floats, count: int, rng: np.random.Generator
) -> SeriesBatch:
    """Observe `count` points of each series, drawn anew for each, and ask for all of them."""
    rows = np.sort(np.argsort(rng.random(times.shape), axis=1)[:, :count], axis=1)
    return assemble(
        np.take_along_axis(times, rows, 1),
        np.take_along_axis(values, rows[..., None], 1),
        np.ones((*rows.shape, 1), dtype=bool),
        np.full(len(times), count),
        (times, values, np.ones_like(values, dtype=bool)),
    )


def sparse_sensor(sizes: Sizes, seed: int) -> SeriesBatch:
    """W2: each series at times of its own, most channels missing in a row.

    Every series mixes three waves with levels and weights of its own into the channels. Rows that
    are observed are also what is asked for.
    """
    rng = np.random.default_rng([seed, 2])
    lengths = np.full(sizes.series, sizes.readings)
    spread = sizes.readings // 6
    lengths += rng.integers(-spread, spread + 1, sizes.series) if spread else 0
    times = _times(rng, sizes, lengths)
    width = times.shape[1]
    padded = np.arange(width) >= lengths[:, None]

    rates = 2 * np.pi * np.array([0.2, 0.4, 0.6])
    phases = rng.uniform(0, 2 * np.pi, (sizes.series, 1, 3))
    strength = rng.uniform(0.5, 1.0, (sizes.series, 1, 3))
    mixing = np.random.default_rng(2).standard_normal((3, sizes.channels))
    values = (strength * np.sin(rates * times[..., None] + phases)) @ mixing
    values += sizes.noise * rng.standard_normal(values.shape)

    mask = rng.random(values.shape) < sizes.present
    # a row without a reading would not be a row
    empty = ~mask.any(-1)
    mask[empty, rng.integers(0, sizes.channels, int(empty.sum()))] = True
    mask &= ~padded[..., None]
    return assemble(times, values, mask, lengths, (times, values, mask))


def _times(rng: np.random.Generator, sizes: Sizes, lengths: NDArray[np.int64]) -> Floats:
    """Increasing times of each series, padded by the last, (series, time)."""
    width = int(lengths.max())
    times = np.zeros((sizes.series, width))
    shared = (np.arange(sizes.stamps) + 0.5) / max(sizes.stamps, 1)
    for row, length in enumerate(lengths):
        if sizes.stamps:
            drawn = np.sort(rng.choice(shared, length, replace=False))
        else:
            drawn = np.sort(rng.random(length))
        times[row, :length] = drawn * sizes.horizon
        times[row, length:] = drawn[-1] * sizes.horizon
    return times


def assemble(
    times: Floats,
    values: Floats,
    mask: NDArray[np.bool_],
    lengths: NDArray[np.int64],
    queries: tuple[Floats, Floats, NDArray[np.bool_]],
) -> SeriesBatch:
    """A batch without calendar, known inputs or static covariates."""
    size = len(times)
    query_times, targets, target_mask = queries
    return SeriesBatch(
        times=torch.from_numpy(times),
        values=_float32(values * mask),
        mask=torch.from_numpy(mask),
        lengths=torch.from_numpy(np.asarray(lengths, dtype=np.int64)),
        query_times=torch.from_numpy(query_times),
        inputs=KnownInputs(
            phases=torch.zeros(size, 0, dtype=torch.float64),
            rates=torch.zeros(0, dtype=torch.float64),
            knot_times=torch.zeros(size, 1, dtype=torch.float64),
            knot_values=torch.zeros(size, 1, 0),
        ),
        static=torch.zeros(size, 0),
        lower=0.0,
        upper=float(max(times.max(), query_times.max())),
        targets=_float32(targets * target_mask),
        target_mask=torch.from_numpy(target_mask),
        shift=torch.zeros(size, 1, values.shape[-1], dtype=torch.float64),
    )


def _float32(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


BUILDERS = {"W1": (W1, toy), "W2": (W2, sparse_sensor)}


def build(name: str, seed: int, **changes: float) -> tuple[Sizes, SeriesBatch]:
    """A workload by name, with some sizes changed."""
    sizes, make = BUILDERS[name]
    changed = Sizes(**(vars(sizes) | changes))
    return changed, make(changed, seed)


def distinct_stamps(batch: SeriesBatch) -> int:
    """Number of distinct times at which anything was read."""
    return len(batch.times.unique())


def valid_queries(batch: SeriesBatch) -> Tensor:
    """True at queries that are no padding, shape (batch, step)."""
    return batch.target_mask.any(-1)
