"""What a model says that is no number: refused, whatever was asked of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentode.errors import SolverError

#: What to do about dynamics whose paths cannot be followed.
ADVICE = (
    "The dynamics that were learned are at fault: train again, with a lower --lr or another --seed."
)


def check_finite(found: np.ndarray, axis: int, names: Sequence[str]) -> None:
    """Refuse numbers that are NaN or infinite.

    Args:
        found: What a model says.
        axis: Along which the queries lie.
        names: Series of each query.

    Raises:
        SolverError: "non_finite", with the series named.
    """
    # sums are as finite as what they are of, and far cheaper; numbers that are huge are looked at
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(found.sum()):
            return
    others = tuple(other for other in range(found.ndim) if other != axis % found.ndim)
    bad = np.flatnonzero(~np.isfinite(found).all(others)).tolist()
    failed = list(dict.fromkeys(names[index] for index in bad))
    if not failed:
        return
    more = f" and {len(failed) - 1:,} more" if len(failed) > 1 else ""
    raise SolverError(
        f"series {failed[0]}{more}: expected predictions that are numbers, got some that are NaN "
        f"or infinite. {ADVICE}",
        status="non_finite",
        time_reached=0.0,
    )
