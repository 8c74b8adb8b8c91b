"""Durations as text: "90s", "10min", "48h", "7d"."""

from __future__ import annotations

import re

from latentode.errors import ConfigError

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION = re.compile(r"^\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*([a-zA-Z]*)\s*$")
_ALIASES = {"m": "min", "sec": "s", "hour": "h", "hours": "h", "day": "d", "days": "d"}
_SCALES = (
    NS_PER_UNIT
    | {alias: NS_PER_UNIT[unit] for alias, unit in _ALIASES.items()}
    | {"w": 7 * NS_PER_UNIT["d"]}
)


def parse_duration(text: str | float, default_unit: str | None = None) -> int:
    """Read a duration as nanoseconds.

    Args:
        text: "90s", "10min", "1.5h", "2d"; or a number in `default_unit`.
        default_unit: Unit of a plain number; None refuses plain numbers.

    Returns:
        The duration in nanoseconds, at least 1.

    Raises:
        ConfigError: If the text is no positive duration, or has no unit where one is needed.
    """
    match = _DURATION.match(str(text))
    scale = _SCALES.get(match.group(2) or default_unit or "") if match else None
    if match is None or scale is None:
        raise ConfigError(
            f"duration: expected a number with a unit ({', '.join(NS_PER_UNIT)}), got {text!r}. "
            'Write for example "48h" or "10min".'
        )
    nanoseconds = round(float(match.group(1)) * scale)
    if not 1 <= nanoseconds < 2**62:
        raise ConfigError(
            f"duration: expected at least 1 ns and less than 146 years, got {text!r}."
        )
    return nanoseconds


def exact_duration(nanoseconds: int) -> str:
    """Write a duration in its largest unit without a fraction, so that it is read back exactly."""
    unit = next(unit for unit in reversed(NS_PER_UNIT) if nanoseconds % NS_PER_UNIT[unit] == 0)
    return f"{nanoseconds // NS_PER_UNIT[unit]}{unit}"


def format_duration(nanoseconds: float) -> str:
    """Write a duration in its largest fitting unit, with at most four digits."""
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if nanoseconds >= NS_PER_UNIT[unit] * (2 if unit in ("d", "h", "min") else 1):
            return f"{nanoseconds / NS_PER_UNIT[unit]:.4g}{unit}"
    return f"{nanoseconds:.0f}ns"
