"""Sums of normal numbers of many names, read from one table.

A row of the table is what the draws of a name are. There are fewer rows than names, and each is
used with either sign: two names share a row by chance alone, once in as many pairs as there are
rows, which is less than what draws of other names have in common by chance. In return a number
costs one multiplication.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from latentode.data.dataset import Float64
from latentode.prediction.noise import UInt64, hashed, uniform_of

Float32 = NDArray[np.float32]
WIDTH = 128  # draws of a row; further draws of a name have other rows
_ROW_BITS = 13
_ROWS = 1 << _ROW_BITS
_FIELD_BITS = _ROW_BITS + 1  # the last tells the sign
FIELDS = 64 // _FIELD_BITS  # numbers of a name that can be told apart


@dataclass(frozen=True, eq=False)
class NormalSums:
    """Weighted sums of standard normal numbers.

    Attributes:
        rows: Rows of the table, shape (sum, term).
        factors: Shape (sum, term).
    """

    rows: NDArray[np.int32]
    factors: Float32

    @classmethod
    def of(cls, names: UInt64, factors: Float64, field: int = 0) -> Self:
        """Of the numbers of some names.

        Args:
            names: Random bits, shape (sum, term).
            factors: What each number is multiplied by, likewise.
            field: Which of the `FIELDS` numbers of each name.
        """
        bits = names >> np.uint64(field * _FIELD_BITS)
        sign = 1.0 - 2.0 * (bits >> np.uint64(_ROW_BITS) & np.uint64(1))
        rows = (bits & np.uint64(_ROWS - 1)).astype(np.int32)
        return cls(rows, (sign * factors).astype(np.float32))

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """Sums of sums."""
        rows, factors = zip(*((part.rows, part.factors) for part in parts), strict=True)
        return cls(np.concatenate(rows, axis=1), np.concatenate(factors, axis=1))

    def drawn(self, draws: int) -> Float32:
        """Draws of each sum, `WIDTH` at most, shape (sum, draw)."""
        drawn: Float32 = functional.embedding_bag(
            torch.from_numpy(self.rows),
            _table(draws),
            mode="sum",
            per_sample_weights=torch.from_numpy(self.factors),
        ).numpy()
        return drawn


@lru_cache(maxsize=4)
def _table(draws: int) -> Tensor:
    """The numbers of each row, of variance 1 in every draw, shape (row, draw)."""
    names = np.arange(_ROWS, dtype=np.uint64)[:, None]
    bits = hashed(names, np.arange(draws, dtype=np.uint64))
    numbers = torch.special.ndtri(torch.from_numpy(uniform_of(bits)))
    return (numbers / numbers.square().mean(dim=0).sqrt()).float()
