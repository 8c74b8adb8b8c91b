"""Normal numbers that belong to a place, not to a stream.

A stream would give a reading other numbers whenever other series or times are asked for along with
it; numbers of names make a predictive draw the same in any batch and any order.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.hashing import GOLDEN, splitmix

UInt64 = NDArray[np.uint64]
_GOLDEN = np.uint64(GOLDEN % 2**64)  # the increment of splitmix64, without a sign
_DRAW_BITS = 32  # of numbers of draws
_LATENT = np.full(1, 0x6C6174656E74, np.uint64)  # tells latent states from readings at any time


def uniform_of(bits: UInt64) -> Float64:
    """Numbers in (0, 1) of random bits."""
    # 52 bits: with 53 the half would be rounded away at the top, and 1 has an infinite normal
    numbers: Float64 = ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return numbers


def series_keys(seed: int, names: Sequence[str]) -> UInt64:
    """Bits that belong to each series, shape (series,)."""
    sums = np.array([zlib.crc32(name.encode()) for name in names], np.uint64)
    return _mix(np.array([seed], np.uint64)) ^ sums


def hashed(names: UInt64, more: UInt64) -> UInt64:
    """Random bits of pairs of names, whose shapes broadcast.

    Reference:
        Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    return _mix(_mix(names) + more * _GOLDEN)


def independent(names: UInt64, draws: int, fields: Int64) -> Float64:
    """Standard normal numbers of some names, shape (name, field, draw).

    Args:
        names: Shape (name,).
        draws: Draws.
        fields: Names of the numbers wanted of each draw, shape (field,).
    """
    from scipy import special  # here, as most programs that import this predict nothing

    places = (fields[:, None] << _DRAW_BITS) + np.arange(draws)
    bits = hashed(names[:, None, None], places.view(np.uint64))
    numbers: Float64 = special.ndtri(uniform_of(bits))
    return numbers


def latent_noise(seed: int, names: Sequence[str], shape: tuple[int, int]) -> Float64:
    """Standard normal noise of latent states, a pure function of seed and series.

    Args:
        seed: Seed.
        names: Series ids.
        shape: Numbers wanted for each: (draw, latent).

    Returns:
        Shape (draw, series, latent).
    """
    keys = series_keys(seed, names)
    draws, size = shape
    return independent(hashed(keys, _LATENT), draws, np.arange(size)).transpose(2, 0, 1)


def _mix(x: UInt64) -> UInt64:
    """`splitmix` of an array; arithmetic of int64 arrays wraps around by design."""
    return splitmix(x.view(np.int64), _shifted).view(np.uint64)


def _shifted(x: Int64, bits: int) -> Int64:
    # unlike that of int64, the shift of uint64 moves zeros in
    return (x.view(np.uint64) >> np.uint64(bits)).view(np.int64)
