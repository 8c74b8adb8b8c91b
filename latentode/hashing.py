"""Scattering the bits of numbers, so that random numbers can belong to names instead of streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Bits = TypeVar("Bits", "Tensor", "NDArray[np.int64]")

# splitmix64 in int64, whose products and sums wrap around like those of uint64
GOLDEN = -0x61C8864680B583EB  # 2**64 over the golden ratio
_FIRST, _SECOND = -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # its factors


def splitmix(x: Bits, shifted: Callable[[Bits, int], Bits]) -> Bits:
    """Scatter the bits of int64 numbers, of torch or of numpy: the finaliser of splitmix64.

    Args:
        x: Numbers.
        shifted: Moves the bits of numbers to the right, zeros in.

    Reference:
        Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
    """
    z = x + GOLDEN
    z = (z ^ shifted(z, 30)) * _FIRST
    z = (z ^ shifted(z, 27)) * _SECOND
    return z ^ shifted(z, 31)
