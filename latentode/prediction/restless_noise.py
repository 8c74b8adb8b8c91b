r"""Noise that is large in some stretches and small in others, and standard normal all the same.

A normal number over :math:`s`, where :math:`\nu s^2` is :math:`\chi^2_\nu`, is Student's t, whose
normal score is normal again. Both functions are read off tables that are entered without a search.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from latentode.data.dataset import Float64, Int64
from latentode.models.likelihoods.quantiles import chi_square_quantiles, student_t_scores
from latentode.prediction.path_noise import Float32

_REACH, _PIECES = 8.0, 64  # no draw in 1e15 is farther out; pieces of a unit
_OCTAVES = (-10, 40)  # powers of two between which sizes have pieces of their own
_PIECE_BITS = 46  # of the 52 of a fraction: a power of two has 64 pieces

Lines = tuple[Float64, Float64]  # intercepts and slopes of pieces


def restless(noise: Float64, calm: Float32, freedom: float) -> Float64:
    """Normal scores of noise over how calm it is.

    Args:
        noise: Standard normal numbers.
        calm: Likewise; beside large ones noise is small.
        freedom: Degrees of freedom.
    """
    calm = calm.clip(-_REACH, _REACH)
    piece = ((calm + np.float32(_REACH)) * np.float32(_PIECES)).astype(np.int64)
    student = noise * _read(_over_calmness(freedom), piece, calm)
    size = np.abs(student)
    # the highest bits of a number say between which powers of two it is, and how far
    piece = (size.view(np.int64) >> _PIECE_BITS) - (_edges().view(np.int64)[0] >> _PIECE_BITS)
    return np.copysign(_read(_scores(freedom), piece, size), student)


def _read(lines: Lines, piece: Int64, at: Float64 | Float32) -> Float64:
    """Values on pieces of lines; before the first and after the last these go on."""
    intercept, slope = (line.take(piece, mode="clip") for line in lines)
    slope *= at
    slope += intercept
    return slope


def _lines(nodes: Float64, values: Float64) -> Lines:
    """Through neighbouring nodes."""
    slope = np.diff(values) / np.diff(nodes)
    return values[:-1] - slope * nodes[:-1], slope


@lru_cache(maxsize=8)
def _over_calmness(freedom: float) -> Lines:
    """One over the root of chi-square quantiles over their degrees of freedom, of normal scores."""
    nodes = np.linspace(-_REACH, _REACH, round(2 * _REACH) * _PIECES + 1)
    return _lines(nodes, chi_square_quantiles(freedom, torch.from_numpy(nodes)).numpy() ** -0.5)


@lru_cache(maxsize=8)
def _scores(freedom: float) -> Lines:
    """Normal scores of quantiles of Student's t from 0 on."""
    edges = _edges()
    scores = student_t_scores(freedom, torch.from_numpy(edges)).numpy()
    intercept, slope = _lines(edges, scores)
    intercept[0], slope[0] = 0.0, scores[1] / edges[1]  # down to 0
    return intercept, slope


@lru_cache(maxsize=1)
def _edges() -> Float64:
    """Numbers that the pieces of sizes begin at."""
    first, last = (np.array([2.0**power]).view(np.int64)[0] >> _PIECE_BITS for power in _OCTAVES)
    return (np.arange(first, last + 1) << _PIECE_BITS).view(np.float64)
