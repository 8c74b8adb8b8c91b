"""A copula as arrays, for who draws by it; `latentode.models.copula` says what the numbers are."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from latentode.data.dataset import Float64

KINDS = ("forecasts", "interpolations")  # queries that readings do not surround, and others
LASTING, SINCE = 2, 2  # components that forget at a rate, and that begin at each reading
COMPONENTS = 1 + LASTING + SINCE
RANK = 2  # factors that the channels share, of each component
_LEAST_GAP = 1e-6  # model time: a query at a reading


@dataclass(frozen=True, eq=False)
class CopulaArrays:
    """The numbers of a `GaussianCopula`.

    Attributes:
        weights: Shape (kind, component, channel).
        loadings: Shape (kind, component, channel, factor).
        lengths: Model time, shape (kind, component).
        tails: Shape (kind,).
        calm: Model time, shape (kind,).
    """

    weights: Float64
    loadings: Float64
    lengths: Float64
    tails: Float64
    calm: Float64


def own_times(lengths: Any, times: Any, gaps: Any, numbers: ModuleType) -> Any:
    r"""The times :math:`\tau` of the components but the noise.

    Args:
        lengths: Of all components of a kind, shape (component,).
        times: Model time of the queries, shape (..., 1) or one for each channel.
        gaps: To the nearest readings before and after, +inf where there is none, shape (2, ...,
            channel).
        numbers: The library of all three, torch or numpy: one formula for what learns the lengths
            and what only draws.

    Returns:
        Shape (component - 1, ..., channel).
    """
    shape = (-1, *(1 for _ in gaps.shape[1:]))
    lasting, since = lengths[1 : 1 + LASTING].reshape(shape), lengths[1 + LASTING :].reshape(shape)
    steady = numbers.broadcast_to(times / lasting, (LASTING, *gaps.shape[1:]))
    told, known = numbers.isfinite(gaps)
    before, after = numbers.where(numbers.isfinite(gaps), gaps, 1.0).clip(_LEAST_GAP)
    begun, left = _log_sinh(before / since, numbers), _log_sinh(after / since, numbers)
    # between two readings; after the last; before the first; without any
    later = numbers.where(told, begun + before / since, 2.0 * times / since)
    between = numbers.where(told, begun - left, -left - after / since)
    return numbers.concatenate([steady, 0.5 * numbers.where(known, between, later)])


def _log_sinh(x: Any, numbers: ModuleType) -> Any:
    """Logarithm of 2 sinh x of positive numbers, of any size."""
    return x + numbers.log(-numbers.expm1(-2.0 * x))
