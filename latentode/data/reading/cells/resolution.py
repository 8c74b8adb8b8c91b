"""To which unit times were recorded."""

from __future__ import annotations

from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Int64

_RESOLUTIONS = (
    *(NS_PER_UNIT[unit] for unit in ("d", "h", "min")),
    *(10**k for k in range(9, 0, -1)),
)


def resolution_of(times: Int64) -> int:
    """Nanoseconds to which times were recorded: the coarsest unit that all of them keep."""
    for unit in _RESOLUTIONS:
        if len(times) and not (times % unit).any():
            return unit
    return 1
