"""Few latent states that say of predictions what many random ones say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.data.dataset import Float64
from latentode.prediction.noise import latent_noise

PATHS = 16  # latent paths that are decoded for all draws of readings


def latent_points(seed: int, names: Sequence[str], shape: tuple[int, int]) -> Float64:
    r"""Points in place of standard normal noise of latent states, with mean 0 and fewer of them.

    Directions are at right angles, as far as the space has so many, and turned at random for each
    series. In every direction there are two opposite points, so that what is odd in the noise has
    no error at all; distances from the centre are equally likely ones of :math:`\chi`, whose mean
    square is 1 for each coordinate.

    Args:
        seed: Seed.
        names: Series ids.
        shape: Numbers wanted for each: (point, latent); an even number of points.

    Returns:
        Shape (point, series, latent), a pure function of seed and series.

    Reference:
        Yu et al. (2016), Orthogonal random features, https://arxiv.org/abs/1610.09072
    """
    pairs, size = shape[0] // 2, shape[1]
    block = min(pairs, size)  # directions that can be at right angles
    blocks = -(-pairs // block)
    random = latent_noise(seed, names, (blocks * block, size))
    turned = random.reshape(blocks, block, len(names), size).transpose(0, 2, 3, 1)
    directions = np.linalg.qr(turned).Q.transpose(0, 3, 1, 2).reshape(random.shape)[:pairs]
    points = directions * _distances(pairs, size)[:, None, None]
    return np.concatenate([points, -points])


def _distances(count: int, size: int) -> Float64:
    """Equally likely distances of normal points from the centre, shape (distance,)."""
    from scipy import special  # here, as most programs that import this predict nothing

    chances = (np.arange(count) + 0.5) / count
    square = special.gammaincinv(0.5 * size, chances)  # half of chi-square
    distances: Float64 = np.sqrt(size * square / square.mean())
    return distances
