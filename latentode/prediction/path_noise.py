r"""Ornstein-Uhlenbeck noise at any times, each number of which belongs to its place.

A path of variance 1 with correlation :math:`e^{-|\tau - \tau'|}` is a Markov process: given it at
two times it is a bridge between them, independent of all else. It can be read at any time, whatever
else is asked: from knots far apart down a tree of halved stretches, each value in the middle drawn
given the ends, with noise that is hashed from its place. All reads agree with each other.

Reference:
    Jelinčič, Foster, Kidger (2024), Single-seed generation of Brownian paths and integrals for
    adaptive and high order SDE solvers, https://arxiv.org/abs/2405.06464
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.prediction.noise import UInt64, hashed, places_of

Float32 = NDArray[np.float32]
_LEVELS = 10  # a thousandth of a stretch: finer than readings that are told apart
_KNOTS = 8.0  # apart: values there correlate by e^-8, which is taken for 0
_FINEST = _KNOTS / 2**_LEVELS  # in a stretch as short, values are independent given its ends
_FARTHEST = 2.0**45  # of times: their places are whole numbers


def ornstein_uhlenbeck(keys: UInt64, times: Float64, draws: int, fields: Int64) -> Float32:
    """Independent paths of noise, read at some times.

    Args:
        keys: One for each path; equal keys are the same paths, shape (query,).
        times: In lengths of the process, shape (query,).
        draws: Draws wanted of each.
        fields: Names of the paths wanted in each draw, shape (field,).

    Returns:
        Shape (query, field, draw).
    """
    times = times.clip(-_FARTHEST, _FARTHEST)
    place = np.floor(times / _FINEST).astype(np.int64)
    order = np.lexsort((place, keys))
    of, at = keys[order], place[order]
    first, cell = _runs(of, at >> _LEVELS)
    low_place = at[first] >> _LEVELS << _LEVELS
    low, high = (
        _coarse(_node(of[first], low_place + end), draws, fields) for end in (0, 1 << _LEVELS)
    )
    for level in reversed(range(_LEVELS)):
        size = 1 << level
        half = size * _FINEST
        middle = _coarse(_node(of[first], low_place + size), draws, fields)
        middle *= np.float32(np.sqrt(np.tanh(half)))
        low_and_high = low + high
        low_and_high *= np.float32(0.5 / np.cosh(half))
        middle += low_and_high
        first, child = _runs(of, at >> level)
        parent, above = cell[first], (at[first] & size) > 0
        low, high = low[parent], high[parent]
        low[above], high[~above] = middle[parent[above]], middle[parent[~above]]
        low_place, cell = at[first] >> level << level, child
    cell[order] = cell.copy()
    passed = times - place * _FINEST
    left, whole = _FINEST - passed, np.sinh(_FINEST)
    spread = np.sqrt(2.0 * np.sinh(passed) * np.sinh(left) / whole)
    path = _coarse(hashed(keys, times.view(np.uint64)), draws, fields)
    for values, share in (
        (path, spread),
        (low := low[cell], np.sinh(left) / whole),
        (high := high[cell], np.sinh(passed) / whole),
    ):
        values *= share.astype(np.float32)[:, None]
    path += low
    path += high
    return path.reshape(len(times), len(fields), draws)


def _node(keys: UInt64, place: Int64) -> UInt64:
    """Names of places on the paths of some keys."""
    return hashed(keys, place.view(np.uint64))


def _runs(keys: UInt64, place: Int64) -> tuple[Int64, Int64]:
    """Where each place of a path stands first among sorted ones, and which of them each is."""
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]) | (place[1:] != place[:-1])
    return np.flatnonzero(new), np.cumsum(new) - 1


def _coarse(names: UInt64, draws: int, fields: Int64) -> Float32:
    """Normal numbers of 65,536 values, four of a hash; shape (name, field * draw).

    Sums over the levels of a tree have many more values.

    Args:
        names: Shape (name,).
        draws: Draws.
        fields: Names of the numbers wanted of each draw, shape (field,).
    """
    places = places_of((draws + 3) // 4, fields)
    bits = hashed(names[:, None, None], places).view(np.uint16)
    # every index is one of the table: unlike "raise", "wrap" makes no copy to look for others
    return _NORMALS.take(bits[..., :draws], mode="wrap").reshape(len(names), -1)


def _equally_likely(count: int) -> Float32:
    """Normal numbers of equal probability and of variance 1."""
    normal = torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count)
    return (normal / normal.std(correction=0)).float().numpy()


# 16 bits of a hash
_NORMALS = _equally_likely(1 << 16)
