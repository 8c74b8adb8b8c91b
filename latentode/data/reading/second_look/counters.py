"""Running totals: channels that only rise, but for the moments when they wrap or are reset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.counters import ROOMS
from latentode.data.dataset import Float64, Int64
from latentode.data.reading.second_look.channel_readings import ChannelReadings

_FEWEST_RISES = 10  # fewer show no running total
_MOST_DROPS = 0.25  # of all changes: a total that is reset every few counts still rises mostly
_LARGE = 5.0  # typical rises that a reset takes away at least
_LOW = 0.05  # of the range, or one rise: how near its lower end a reset ends
_ACROSS = 3.0  # greatest rises that may lie between the readings before and after a wrap
_SAMPLE = 4096  # pairs of a long channel that show whether it rises mostly


@dataclass(frozen=True)
class Counter:
    """A channel that otherwise only rises.

    Attributes:
        channel: Its name.
        resets: How often it falls to the lower end of its range.
        wraps: How often it begins anew at the end of its room.
        room: Numbers of the register, such as 2**16; None without wraps.
        row: Row of its first reading after a fall; None where it only rises.
        before: Value before that fall.
        after: Value after it.
    """

    channel: str
    resets: int = 0
    wraps: int = 0
    room: float | None = None
    row: int | None = None
    before: float = 0.0
    after: float = 0.0

    def __str__(self) -> str:
        if self.row is None:
            return "only rises: a running total"
        room = room_text(self.room) if self.room else ""
        events = [f"wraps at {room} {_times(self.wraps)}"] if self.wraps else []
        events += [f"is reset {_times(self.resets)}"] if self.resets else []
        return f"counter, {' and '.join(events)}"


def room_text(room: float) -> str:
    """Write a number of states: 2**16 or 10000."""
    bits = int(np.log2(room))
    return f"2**{bits}" if 2.0**bits == room else str(int(room))


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def find_counter(channel: ChannelReadings) -> Counter | None:
    """Tell whether a channel is a running total, and where it falls."""
    values = channel.values
    if not _rises_mostly(channel):
        return None
    change = np.diff(values)
    ends = channel.bounds[1:-1]
    change[ends[(ends > 0) & (ends < len(values))] - 1] = 0  # from one series to the next
    rises, drops = change[change > 0], np.flatnonzero(change < 0)
    if len(rises) < _FEWEST_RISES or len(drops) > _MOST_DROPS * (len(rises) + len(drops)):
        return None
    if not len(drops):
        return Counter(channel.name)
    return _with_drops(channel, values, rises, drops)


def _with_drops(
    channel: ChannelReadings, values: Float64, rises: Float64, drops: Int64
) -> Counter | None:
    before, after = values[drops], values[drops + 1]
    low, high, rise = float(values.min()), float(values.max()), float(rises.max())
    room, wraps = _wraps(before, after, high, rise)
    large = before - after >= _LARGE * np.median(rises)
    resets = ~wraps & large & (after <= low + max(_LOW * (high - low), rise))
    if not (wraps | resets).all():
        return None
    return Counter(
        channel.name,
        int(resets.sum()),
        int(wraps.sum()),
        room,
        channel.row(int(drops[0]) + 1),
        float(before[0]),
        float(after[0]),
    )


def _wraps(
    before: Float64, after: Float64, high: float, rise: float
) -> tuple[float | None, NDArray[np.bool_]]:
    """Register that holds all readings and whose end some falls cross, and which do."""
    for room in ROOMS[high < ROOMS][:2].tolist():
        across = after + room - before
        wraps = (across <= _ACROSS * rise) & (after >= 0)
        if wraps.any():
            return room, wraps
    return None, np.zeros(len(before), dtype=bool)


def _rises_mostly(channel: ChannelReadings) -> bool:
    """False where a glance shows that a channel falls far more often than a counter."""
    values, bounds = channel.values, channel.bounds
    if len(values) <= _SAMPLE:
        return len(values) > _FEWEST_RISES
    index = np.random.default_rng(0).integers(0, len(values) - 1, _SAMPLE)
    inside = bounds[np.searchsorted(bounds, index, side="right")] > index + 1
    change = (values[index + 1] - values[index])[inside]
    falls = int((change < 0).sum())
    changes = falls + int((change > 0).sum())
    # five standard deviations of the number of falls, were their share that of a counter
    chance = 5 * np.sqrt(_MOST_DROPS * (1 - _MOST_DROPS) * changes)
    return bool(falls <= _MOST_DROPS * changes + chance)
