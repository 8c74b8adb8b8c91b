"""Levels of quantiles, as they are typed."""

from __future__ import annotations


def parse_levels(text: str) -> tuple[float, ...]:
    """Read probabilities between 0 and 1.

    Args:
        text: Such as ``0.05,0.5,0.95``, in any order.

    Returns:
        The distinct ones, increasing.

    Raises:
        ValueError: If one is no probability.

    Example:
        >>> parse_levels("0.5, 0.05")
        (0.05, 0.5)
    """
    try:
        levels = {float(part) for part in text.split(",")}
    except ValueError:
        raise ValueError(f"expected numbers as in 0.05,0.5,0.95, got {text!r}.") from None
    if not all(0 < level < 1 for level in levels):
        raise ValueError(f"expected probabilities between 0 and 1, got {text!r}.")
    return tuple(sorted(levels))
