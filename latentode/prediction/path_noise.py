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
from scipy import special

from latentode.data.dataset import Float64, Int64
from latentode.prediction.noise import UInt64, hashed, uniform_of

_LEVELS = 10
_KNOTS = 8.0  # apart: values there correlate by e^-8, which is taken for 0
_FINEST = _KNOTS / 2**_LEVELS  # in a stretch as short, values are independent given its ends
_FARTHEST = 2.0**45  # of times: their places are whole numbers


def ornstein_uhlenbeck(keys: UInt64, times: Float64, draws: int, fields: Int64) -> Float64:
    """Independent paths of noise, read at some times.

    Args:
        keys: One for each path; equal keys are the same paths, shape (query,).
        times: In lengths of the process, shape (query,).
        draws: Draws wanted of each.
        fields: Names of the paths wanted in each draw, shape (field,).

    Returns:
        Shape (draw, query, field).
    """
    times = times.clip(-_FARTHEST, _FARTHEST)
    place = np.floor(times / _FINEST).astype(np.int64)
    stretch, size = place >> _LEVELS, 1 << _LEVELS
    first, cell = _distinct(_node(keys, stretch))
    low_place, of = stretch[first] << _LEVELS, keys[first]
    low, high = (independent(_node(of, low_place + end), draws, fields) for end in (0, size))
    while size > 1:
        size >>= 1
        middle = independent(_node(of, low_place + size), draws, fields)
        half = size * _FINEST
        middle *= np.sqrt(np.tanh(half))
        middle += (low + high) / (2.0 * np.cosh(half))
        upper = (place >> (size.bit_length() - 1)) & 1
        first, child = _distinct((cell * 2 + upper).view(np.uint64))
        parent, above = cell[first], upper[first].astype(bool)
        where = above[:, None]
        low, high = (
            np.where(where, middle[:, parent], low[:, parent]),
            np.where(where, high[:, parent], middle[:, parent]),
        )
        low_place, of, cell = low_place[parent] + size * above, of[parent], child
    passed = (times - place * _FINEST)[:, None]
    left = _FINEST - passed
    own = independent(hashed(keys, times.view(np.uint64)), draws, fields)
    spread = np.sqrt(2.0 * np.sinh(passed) * np.sinh(left) / np.sinh(_FINEST))
    ends = np.sinh(left) * low[:, cell] + np.sinh(passed) * high[:, cell]
    return ends / np.sinh(_FINEST) + spread * own


def _node(keys: UInt64, place: Int64) -> UInt64:
    """Names of places on the paths of some keys."""
    return hashed(keys, place.view(np.uint64))


def _distinct(names: UInt64) -> tuple[Int64, Int64]:
    """Where each name stands first, and which of them each is."""
    _, first, number = np.unique(names, return_index=True, return_inverse=True)
    return first, number.reshape(-1)


def independent(names: UInt64, draws: int, fields: Int64) -> Float64:
    """Standard normal numbers of some names, shape (draw, name, field).

    Args:
        names: Shape (name,).
        draws: Draws.
        fields: Names of the numbers wanted of each draw, shape (field,).
    """
    by_draw = hashed(np.arange(draws, dtype=np.uint64)[:, None], names)[..., None]
    numbers: Float64 = special.ndtri(uniform_of(hashed(by_draw, fields.view(np.uint64))))
    return numbers
