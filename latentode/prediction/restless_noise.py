r"""Noise that is large in some stretches and small in others, and standard normal all the same.

A normal number over :math:`s`, where :math:`\nu s^2` is :math:`\chi^2_\nu`, is Student's t, whose
normal score is normal again. Both functions are read off tables that are entered without a search.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.prediction.normal_table import Float32

_REACH, _PIECES = 8.0, 64  # no draw in 1e15 is farther out; pieces of a unit
_OCTAVES = (-10, 40)  # powers of two between which sizes have pieces of their own
_PIECE_BITS = 17  # of the 23 of a fraction: a power of two has 64 pieces

Lines = tuple[Float32, Float32]  # intercepts and slopes of pieces


def restless(noise: Float32, calm: Float32, freedom: float) -> Float32:
    """Normal scores of noise over how calm it is.

    Args:
        noise: Standard normal numbers.
        calm: Likewise; beside large ones noise is small.
        freedom: Degrees of freedom.
    """
    calm = calm.clip(-_REACH, _REACH)
    piece = ((calm + np.float32(_REACH)) * np.float32(_PIECES)).astype(np.int32)
    student = noise * _read(_over_calmness(freedom), piece, calm)
    size = np.abs(student)
    # the highest bits of a number say between which powers of two it is, and how far
    piece = (size.view(np.int32) >> _PIECE_BITS) - (_edges().view(np.int32)[0] >> _PIECE_BITS)
    return np.copysign(_read(_scores(freedom), piece, size), student)


def _read(lines: Lines, piece: NDArray[np.int32], at: Float32) -> Float32:
    """Values on pieces of lines; before the first and after the last these go on."""
    intercept, slope = (line.take(piece, mode="clip") for line in lines)
    slope *= at
    slope += intercept
    return slope


def _lines(nodes: Float64, values: Float64) -> Lines:
    """Through neighbouring nodes."""
    slope = np.diff(values) / np.diff(nodes)
    intercept = values[:-1] - slope * nodes[:-1]
    return intercept.astype(np.float32), slope.astype(np.float32)


@lru_cache(maxsize=8)
def _over_calmness(freedom: float) -> Lines:
    """One over the root of chi-square quantiles over their degrees of freedom, of normal scores."""
    from scipy import special  # here, as most programs that import this predict nothing

    nodes = np.linspace(-_REACH, _REACH, round(2 * _REACH) * _PIECES + 1)
    quantiles = special.chdtri(freedom, special.ndtr(-nodes)) / freedom
    return _lines(nodes, quantiles**-0.5)


@lru_cache(maxsize=8)
def _scores(freedom: float) -> Lines:
    """Normal scores of quantiles of Student's t from 0 on."""
    from scipy import special

    edges = _edges().astype(np.float64)
    scores = -special.ndtri(special.stdtr(freedom, -edges))
    intercept, slope = _lines(edges, scores)
    intercept[0], slope[0] = 0.0, scores[1] / edges[1]  # down to 0
    return intercept, slope


@lru_cache(maxsize=1)
def _edges() -> Float32:
    """Numbers that the pieces of sizes begin at."""
    ends = np.array([2.0**power for power in _OCTAVES], np.float32).view(np.int32) >> _PIECE_BITS
    return (np.arange(ends[0], ends[1] + 1, dtype=np.int32) << _PIECE_BITS).view(np.float32)
