"""Uniform numbers that belong to a place, not to a stream."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentode.data.dataset import Float64, Int64
from latentode.models.latent_ode import LatentODEModel
from latentode.ode.brownian import GOLDEN, splitmix

UInt64 = NDArray[np.uint64]
_GOLDEN = np.uint64(GOLDEN % 2**64)  # the increment of splitmix64, without a sign


def place_noise(seed: int, series: str, times: Int64, shape: tuple[int, int, int]) -> Float64:
    """Independent uniform numbers, a pure function of seed, series id, time, draw and channel.

    A stream would give a reading other numbers whenever other series or times are asked for along
    with it; these make a predictive draw the same in any batch and any order. The hash is
    splitmix64.

    Args:
        seed: Seed.
        series: Series id.
        times: Nanoseconds, shape (step,).
        shape: Numbers wanted at each time: (kind, draw, channel).

    Returns:
        Numbers in (0, 1), shape (kind, draw, step, channel).

    Reference:
        Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    kind, draw, channel = (np.arange(n, dtype=np.uint64) for n in shape)
    key = _mix(series_key(seed, series))
    mixed = _mix(times.astype(np.int64).view(np.uint64) ^ key)  # (step,)
    mixed = _mix(mixed + draw[:, None] * _GOLDEN)  # (draw, step)
    mixed = _mix(mixed[..., None] + (channel + np.uint64(1)) * _GOLDEN)  # (draw, step, channel)
    mixed = _mix(mixed + (kind + np.uint64(7))[:, None, None, None] * _GOLDEN)
    return uniform_of(mixed)


def uniform_of(bits: UInt64) -> Float64:
    """Numbers in (0, 1) of random bits."""
    # 52 bits: with 53 the half would be rounded away at the top, and 1 has an infinite normal
    numbers: Float64 = ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return numbers


def series_key(seed: int, series: str) -> UInt64:
    """Bits that belong to a series, shape (1,)."""
    return _mix(np.array([seed], np.uint64)) ^ np.uint64(zlib.crc32(series.encode()))


def hashed(names: UInt64, more: UInt64) -> UInt64:
    """Random bits of pairs of names, whose shapes broadcast."""
    return _mix(_mix(names) + more * _GOLDEN)


def latent_noise(seed: int, names: Sequence[str], shape: tuple[int, int]) -> Float64:
    """Standard normal noise of latent states, a pure function of seed and series.

    Args:
        seed: Seed.
        names: Series ids.
        shape: Numbers wanted for each: (draw, latent).

    Returns:
        Shape (draw, series, latent).
    """
    # kinds 2 and 3: the noise of readings at time 0 is of kinds 0 and 1
    zero = np.zeros(1, np.int64)
    uniform = np.stack(
        [place_noise(seed, name, zero, (4, *shape))[2:, :, 0] for name in names], axis=2
    )  # (2, draw, series, latent)
    noise: Float64 = np.sqrt(-2.0 * np.log1p(-uniform[0])) * np.cos(2 * np.pi * uniform[1])
    return noise


def noise_of(model: LatentODEModel, names: Sequence[str], num_draws: int, seed: int) -> Tensor:
    """`latent_noise` for a model on its device: one state for all windows of a series.

    Args:
        model: The model.
        names: Series ids.
        num_draws: Draws.
        seed: Seed.

    Returns:
        Shape (draw, series, latent).
    """
    noise = latent_noise(seed, names, (num_draws, model.config.latent_dim))
    return torch.from_numpy(noise).to(next(model.parameters()))


def _mix(x: UInt64) -> UInt64:
    """`splitmix` of an array; arithmetic of int64 arrays wraps around by design."""
    return splitmix(x.view(np.int64), _shifted).view(np.uint64)


def _shifted(x: Int64, bits: int) -> Int64:
    # unlike that of int64, the shift of uint64 moves zeros in
    return (x.view(np.uint64) >> np.uint64(bits)).view(np.int64)
