"""Natural cubic splines through many groups of readings at once."""

from __future__ import annotations

import numpy as np

from latentode.data.dataset import Float64, Int64


def natural_curvature(times: Int64, values: Float64, owner: Int64) -> Float64:
    r"""Second derivatives of natural cubic splines at the readings, of all groups together.

    At the inner readings :math:`h_{i-1} M_{i-1} + 2 (h_{i-1} + h_i) M_i + h_i M_{i+1} =
    6 (d_i - d_{i-1})` with gaps `h` and slopes `d`; at the ends M = 0. Solved by parallel cyclic
    reduction: each step couples a reading with those twice as far away and squares the coupling,
    which is 1/2 at the start whatever the gaps are. After six steps it is :math:`2^{-64}`, below
    rounding, so that the cost is linear and there is no loop over readings.

    Args:
        times: Nanoseconds, increasing within a group, shape (reading,).
        values: Value of each reading, shape (reading,).
        owner: Group of each reading, in ascending order, shape (reading,).

    Returns:
        Curvature per squared nanosecond, shape (reading,).

    Reference:
        Hockney (1965), A fast direct solution of Poisson's equation using Fourier analysis,
        https://doi.org/10.1145/321250.321259
    """
    size = len(times)
    below, above, right = np.zeros(size), np.zeros(size), np.zeros(size)
    if size < 3:
        return right
    gap = np.diff(times).astype(np.float64)
    same = owner[1:] == owner[:-1]
    gap[~same] = 1.0  # between groups, never used
    slope = np.diff(values) / gap
    inner = np.flatnonzero(same[1:] & same[:-1]) + 1
    total = 2 * (gap[inner - 1] + gap[inner])
    below[inner], above[inner] = gap[inner - 1] / total, gap[inner] / total
    right[inner] = 6 * (slope[inner] - slope[inner - 1]) / total
    for step in (1, 2, 4, 8, 16, 32):
        below, above, right = _reduce(below, above, right, step)
    return right


def _reduce(
    below: Float64, above: Float64, right: Float64, step: int
) -> tuple[Float64, Float64, Float64]:
    """Eliminate the neighbours at distance `step` from rows with unit diagonal."""

    def earlier(array: Float64) -> Float64:
        return np.concatenate([np.zeros(min(step, len(array))), array[:-step]])

    def later(array: Float64) -> Float64:
        return np.concatenate([array[step:], np.zeros(min(step, len(array)))])

    diagonal = 1.0 - below * earlier(above) - above * later(below)
    reduced = (right - below * earlier(right) - above * later(right)) / diagonal
    return -below * earlier(below) / diagonal, -above * later(above) / diagonal, reduced
