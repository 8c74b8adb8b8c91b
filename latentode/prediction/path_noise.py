r"""Ornstein-Uhlenbeck noise at any times, each number of which belongs to its place.

A path of variance 1 with correlation :math:`e^{-|\tau - \tau'|}` is a Markov process: given it at
two times it is a bridge between them, independent of all else. It can be read at any time, whatever
else is asked: from knots far apart down a tree of halved stretches, each value in the middle drawn
given the ends, with noise that is hashed from its place. All reads agree with each other. As
bridges are linear in what is drawn, a value is a sum of the numbers of the knots and of the middles
on its way, each times what is left of it at the time, a ratio of hyperbolic sines.

Reference:
    Jelinčič, Foster, Kidger (2024), Single-seed generation of Brownian paths and integrals for
    adaptive and high order SDE solvers, https://arxiv.org/abs/2405.06464; Lévy (1948), Processus
    stochastiques et mouvement brownien (the sum, of Brownian paths).
"""

from __future__ import annotations

import numpy as np

from latentode.data.dataset import Float64
from latentode.prediction.noise import UInt64, hashed

# of halving: two times in one of the finest stretches correlate by up to .016 too little
_LEVELS = 8
_KNOTS = 8.0  # apart: values there correlate by e^-8, which is taken for 0
_FINEST = _KNOTS / 2**_LEVELS  # in a stretch as short, values are independent given its ends
_FARTHEST = 2.0**45  # of times: their places are whole numbers


def ornstein_uhlenbeck(keys: UInt64, times: Float64) -> tuple[UInt64, Float64]:
    """Paths of noise, read at some times.

    Args:
        keys: One for each path; equal keys are the same paths, shape (read,).
        times: In lengths of the process, shape (read,).

    Returns:
        Names of the normal numbers whose sums they are, and their factors, shape (read, term).
    """
    times = times.clip(-_FARTHEST, _FARTHEST)
    place = np.floor(times / _FINEST).astype(np.int64)[:, None]
    # from the knots down: how many finest stretches halves are long, and where wholes begin
    sizes = 1 << np.arange(_LEVELS)[::-1]
    begins = place & -2 * sizes
    first = begins[:, :1]
    nodes = np.concatenate([first, first + 2 * sizes[:1], begins + sizes], axis=1)
    names = hashed(keys[:, None], nodes.view(np.uint64))
    own = hashed(keys, times.view(np.uint64))[:, None]
    half, passed = sizes * _FINEST, times[:, None] - begins * _FINEST
    near = np.minimum(passed, 2.0 * half - passed)
    middles = np.sqrt(np.tanh(half)) * np.sinh(near) / np.sinh(half)
    in_stretch, in_finest = passed[:, :1], times[:, None] - place * _FINEST
    knots = np.sinh(np.concatenate([_KNOTS - in_stretch, in_stretch], axis=1)) / np.sinh(_KNOTS)
    rest = 2.0 * np.sinh(in_finest) * np.sinh(_FINEST - in_finest) / np.sinh(_FINEST)
    factors = np.concatenate([knots, middles, np.sqrt(rest)], axis=1)
    return np.concatenate([names, own], axis=1), factors
