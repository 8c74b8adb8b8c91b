"""Natural cubic splines through many groups of readings at once."""

from __future__ import annotations

import numpy as np

from latentode.data.dataset import Float64, Int64


def natural_curvature(times: Int64, values: Float64, owner: Int64) -> Float64:
    r"""Second derivatives of natural cubic splines at the readings, of all groups together.

    At the inner readings :math:`h_{i-1} M_{i-1} + 2 (h_{i-1} + h_i) M_i + h_i M_{i+1} =
    6 (d_i - d_{i-1})` with gaps `h` and slopes `d`; at the ends M = 0, which also parts the groups:
    one tridiagonal system for all of them, whose cost is linear.

    Args:
        times: Nanoseconds, increasing within a group, shape (reading,).
        values: Value of each reading, shape (reading,).
        owner: Group of each reading, in ascending order, shape (reading,).

    Returns:
        Curvature per squared nanosecond, shape (reading,).
    """
    from scipy.linalg import solve_banded  # here, as a forecast from the shell needs none of it

    right, bands = np.zeros(len(times)), np.zeros((3, len(times)))
    gap = np.diff(times).astype(np.float64)
    same = owner[1:] == owner[:-1]
    gap[~same] = 1.0  # between groups, never used
    slope = np.diff(values) / gap
    inner = np.flatnonzero(same[1:] & same[:-1]) + 1
    total = 2 * (gap[inner - 1] + gap[inner])
    # column by column: above the diagonal, on it, below it
    bands[0, inner + 1], bands[1] = gap[inner] / total, 1.0
    bands[2, inner - 1] = gap[inner - 1] / total
    right[inner] = 6 * (slope[inner] - slope[inner - 1]) / total
    return solve_banded((1, 1), bands, right, check_finite=False) if len(inner) else right
