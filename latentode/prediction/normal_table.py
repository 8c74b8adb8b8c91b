"""Sums of normal numbers of many names, read from one table.

A row of the table is what the draws of a name are. There are fewer rows than names, and each is
used with either sign: two names share a row by chance alone, once in as many pairs as there are
rows, which is less than what draws of other names have in common by chance. In return a number
costs one multiplication.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.prediction.noise import UInt64, hashed, uniform_of

Float32 = NDArray[np.float32]
WIDTH = 128  # draws of a row; further draws of a name have other rows
_ROW_BITS = 13  # 4 MB of a table, which a processor keeps near
_ROWS = 1 << _ROW_BITS  # as many as these tell apart
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
        # twice as fast as scipy, for which a program without torch needs not load it
        of_table = _by_torch if "torch" in sys.modules else _by_scipy
        return of_table(self.rows, self.factors, _table(draws))


def _by_torch(rows: NDArray[np.int32], factors: Float32, table: Float32) -> Float32:
    import torch

    index, numbers, weights = (torch.from_numpy(part) for part in (rows, table, factors))
    drawn: Float32 = torch.nn.functional.embedding_bag(
        index, numbers, mode="sum", per_sample_weights=weights
    ).numpy()
    return drawn


def _by_scipy(rows: NDArray[np.int32], factors: Float32, table: Float32) -> Float32:
    from scipy import sparse

    sums, terms = rows.shape
    ends = np.arange(0, sums * terms + 1, terms, dtype=np.int32)
    matrix = sparse.csr_array((factors.ravel(), rows.ravel(), ends), shape=(sums, len(table)))
    drawn: Float32 = matrix @ table
    return drawn


@lru_cache(maxsize=4)
def _table(draws: int) -> Float32:
    """The numbers of each row, of variance 1 in every draw, shape (row, draw)."""
    from scipy import special

    names = np.arange(_ROWS, dtype=np.uint64)[:, None]
    bits = hashed(names, np.arange(draws, dtype=np.uint64))
    numbers: Float64 = special.ndtri(uniform_of(bits))
    return (numbers / np.sqrt(np.square(numbers).mean(axis=0))).astype(np.float32)
