"""Few latent states that say of predictions what many random ones say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.config import ModelConfig
from latentode.data.dataset import Float64
from latentode.prediction.noise import latent_noise

# latent paths for all draws of readings; where no readings are remembered they alone tell windows
# apart, and are as wide as what is not known of these
PATHS, UNREMEMBERED = 8, 32


def few_paths(config: ModelConfig) -> int:
    """Latent paths that all draws of readings share."""
    return PATHS if config.memory else UNREMEMBERED


def latent_points(seed: int, names: Sequence[str], shape: tuple[int, int]) -> Float64:
    r"""Points in place of standard normal noise of latent states, with mean 0 and fewer of them.

    Directions are at right angles, as far as the space has so many, and turned at random for each
    series. In every direction there are two opposite points, so that what is odd in the noise has
    no error at all; distances from the centre are equally likely ones of :math:`\chi`, whose mean
    square is 1 for each coordinate, in any order.

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
    random = latent_noise(seed, names, (blocks * block, size + 1))
    turned = random[..., 1:].reshape(blocks, block, len(names), size).transpose(0, 2, 3, 1)
    across, triangle = np.linalg.qr(turned)
    # signs of the factorisation are its own choice: with these, all directions are equally likely
    across *= np.sign(np.diagonal(triangle, axis1=-2, axis2=-1))[..., None, :]
    directions = across.transpose(0, 3, 1, 2).reshape(-1, len(names), size)[:pairs]
    order = np.argsort(random[:pairs, :, 0], axis=0)
    points = directions * _distances(pairs, size)[order][..., None]
    return np.stack([points, -points], axis=1).reshape(-1, len(names), size)


def _distances(count: int, size: int) -> Float64:
    """Equally likely distances of normal points from the centre, shape (distance,)."""
    from scipy import special  # here, as most programs that import this predict nothing

    square = special.gammaincinv(0.5 * size, (np.arange(count) + 0.5) / count)
    distances: Float64 = np.sqrt(size * square / square.mean())
    return distances
