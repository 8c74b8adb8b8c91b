"""Comparisons whose failures have numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from latentode.checks.outcomes import Broken
from latentode.data.dataset import Float64


def same(found: Float64, expected: Float64, what: str) -> str:
    """Require the same bits.

    Args:
        found: Numbers.
        expected: What they must be.
        what: What they are.

    Returns:
        What is said of it.
    """
    if found.shape != expected.shape:
        raise Broken(f"{what}: expected the shape {expected.shape}, got {found.shape}")
    differ = ~((found == expected) | (np.isnan(found) & np.isnan(expected)))
    if differ.any():
        most = largest_difference(found, expected)
        raise Broken(f"{what}: {differ.sum()} of {differ.size} numbers differ, by {most:.3g}")
    return f"{expected.size} numbers equal"


def close(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float, what: str
) -> str:
    """Require about the same numbers.

    Args:
        found: Numbers by name.
        expected: What they must be.
        tolerance: Largest difference, as a share of 1 plus the size of a number.
        what: When they must be so.

    Returns:
        What is said of it.
    """
    errors = {name: relative_error(part, expected[name]) for name, part in found.items()}
    name = max(errors, key=lambda each: errors[each])
    if not errors[name] <= tolerance:
        raise Broken(f"{name} differs by {errors[name]:.3g} {what}, more than {tolerance:.0e}")
    return f"largest difference {errors[name]:.1e}, of {tolerance:.0e}"


def near(found: Float64, expected: Float64, tolerance: float, what: str) -> str:
    """Require about the same draws; see `close`.

    Args:
        found: Draws.
        expected: What they must be.
        tolerance: As in `close`.
        what: When they must be so.
    """
    one, other = ({"forecast": torch.from_numpy(part)} for part in (found, expected))
    return close(one, other, tolerance, what)


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of 1 plus the size of a number; infinite where one is NaN."""
    if found.shape != expected.shape:
        raise Broken(f"expected the shape {tuple(expected.shape)}, got {tuple(found.shape)}")
    one, other = found.double(), expected.double()
    error = (one - other).abs() / (1.0 + other.abs())
    return float(error.nan_to_num(nan=torch.inf).max()) if error.numel() else 0.0


def largest_difference(found: Float64, expected: Float64) -> float:
    """Largest difference of numbers, infinite where one is NaN."""
    return float(np.nan_to_num(np.abs(found - expected), nan=np.inf).max())


def finite(numbers: Float64, what: str) -> str:
    """Require finite numbers.

    Args:
        numbers: Numbers.
        what: What they are.

    Returns:
        What is said of it.
    """
    bad = ~np.isfinite(numbers)
    if bad.any():
        raise Broken(f"{what}: {bad.sum()} of {bad.size} numbers are not finite")
    return f"{numbers.size} numbers finite"
