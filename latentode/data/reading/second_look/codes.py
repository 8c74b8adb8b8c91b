"""Numbers that stand for "missing": lone values, far from all others, that repeat exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.second_look.channel_readings import ChannelReadings

_FEWEST = 3  # equal readings of a number that nobody uses as a code by custom
_FEWEST_VALUES = 8  # readings of a channel that show what is far from them
_FEWEST_OF_SERIES = 20  # readings of one series, which are compared with no others
_MOST_CODES = 6  # different codes at either end of a channel
_RICH = 12  # distinct values of a quantity; fewer may be states, set points or levels
_FAR = 10.0  # ranges of all other readings between them and a number that is no customary code
_LARGER = 5.0  # times the size of the largest other reading
_SAMPLE = 1 << 16  # readings of a long channel that show whether it deserves a full look

_NINES = re.compile(r"9{2,}|9+\.9+|999\.25|[678]999|7777|8888|9998")
# lowest numbers of 8, 16 and 32 bits, with which no range of a sensor ends; fills of netCDF and LAS
_LOWEST = (-32768.0, -32767.0, -2147483648.0, -2147483647.0, -127.0, -1e30, 1e30, 1e20, -1e20)
_HIGHEST = (32767.0, 65535.0, 65534.0, 2147483647.0, 4294967295.0)  # of 16 and 32 bits
# codes by custom that are known among wild values, and in one series among many, too
_BY_CUSTOM = [-999.0, -9999.0, -99999.0, -999999.0, -6999.0, -7999.0, -999.25, *_LOWEST, *_HIGHEST]
_SMALL = (85.0, 127.0, 255.0)  # power-on value of a thermometer; highest numbers of 8 bits

_FILL = (9.9e35, 1e38)  # netCDF's fill is 9.96921e36


@dataclass(frozen=True)
class _Kind:
    """How far from all others a customary code must stand, in ranges of the others.

    Attributes:
        near: Where it stands three times or more.
        near_once: Where it stands less often.
        fewest_distinct: Distinct other readings at least.
    """

    near: float
    near_once: float
    fewest_distinct: int = 1


# nothing is measured at -9999; at -99 something may be; at 65535 a counter may end; 999 and 127
# may be readings
_NEVER_READ = _Kind(0.5, 3.0)
_HARDLY_READ = _Kind(1.0, 3.0)
_TOP = _Kind(0.5, 3.0, 3)
_MAY_BE_READ = _Kind(1.0, 3.0, 3)
_AMONG_MANY = _Kind(1.0, 3.0, _RICH)

_Found = tuple[float, float, bool]  # a code, the nearest other reading, whether it is sure


@dataclass(frozen=True)
class Code:
    """A number that seems to stand for "missing".

    Attributes:
        channel: Where it stands.
        value: The number.
        count: How often it stands there.
        neighbour: Nearest other reading.
        row: Row of its first reading.
        sure: Whether it is far enough to ask; else it is only said.
    """

    channel: str
    value: float
    count: int
    neighbour: float
    row: int
    sure: bool = True

    @property
    def text(self) -> str:
        """The number as it can be typed."""
        return number_text(self.value)

    def __str__(self) -> str:
        side = "below" if self.value < self.neighbour else "above"
        times = "once" if self.count == 1 else f"{self.count:,} times"
        return f"{self.text} stands {times}, far {side} the next value {self.neighbour:.6g}"


def number_text(value: float) -> str:
    """Write a number exactly and as short as it can be typed."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def find_codes(channel: ChannelReadings) -> list[Code]:
    """Find the codes of a channel: among all its readings, and customary ones in each series."""
    codes = _codes_of(channel.values)
    for values in _series_apart(channel):
        codes += [each for each in _codes_of(values) if each[0] in _BY_CUSTOM]
    seen: dict[float, Code] = {}
    for value, neighbour, sure in codes:
        if value not in seen:
            where = channel.values == value
            count, row = int(where.sum()), channel.row(int(where.argmax()))
            seen[value] = Code(channel.name, value, count, neighbour, row, sure)
    return list(seen.values())


def _series_apart(channel: ChannelReadings) -> list[Float64]:
    """Readings of each series that begins or ends its range with a customary code."""
    counts = np.diff(channel.bounds)
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return []
    starts = channel.bounds[filled]
    ends = [least.reduceat(channel.values, starts) for least in (np.minimum, np.maximum)]
    series = filled[np.isin(ends, _BY_CUSTOM).any(0)]
    series = series[counts[series] >= _FEWEST_OF_SERIES]
    return [channel.values[channel.bounds[i] : channel.bounds[i + 1]] for i in series]


def _codes_of(values: Float64) -> list[_Found]:
    """Codes among some readings, the nearest other reading of each, and whether it is sure."""
    if len(values) < _FEWEST_VALUES:
        return []
    if len(values) > 2 * _SAMPLE:
        index = np.random.default_rng(0).integers(0, len(values), _SAMPLE)
        ends = np.repeat([values.min(), values.max()], _FEWEST)
        # a sample has wider gaps and a narrower range: what it does not suspect is no code
        if not _among(*np.unique(np.append(values[index], ends), return_counts=True)):
            return []
    return _among(*np.unique(values, return_counts=True))


def _among(distinct: Float64, counts: NDArray[np.integer]) -> list[_Found]:
    low, high = _peeled(distinct, counts)
    rest = distinct[low : len(distinct) - high]
    codes = [(float(v), float(rest[0]), True) for v in distinct[:low]]
    codes += [(float(v), float(rest[-1]), True) for v in distinct[len(distinct) - high :]]
    counts = counts[low : len(counts) - high]
    return codes + _beside_glitches(rest, counts) + _zero(rest, counts)


def _peeled(distinct: Float64, counts: NDArray[np.integer]) -> tuple[int, int]:
    """How many values at the low end, and at the high end, are codes: as many as can be."""
    best = (0, 0)
    most = min(_MOST_CODES, len(distinct) - 1)
    for low in range(most + 1):
        for high in range(min(most, len(distinct) - 1 - low) + 1):
            if low + high > sum(best) and _all_codes(distinct, counts, low, high):
                best = (low, high)
    return best


def _all_codes(distinct: Float64, counts: NDArray[np.integer], low: int, high: int) -> bool:
    rest = distinct[low : len(distinct) - high]
    ends = [*range(low), *range(len(distinct) - high, len(distinct))]
    return all(_is_code(float(distinct[at]), int(counts[at]), rest) for at in ends)


def _is_code(value: float, count: int, rest: Float64) -> bool:
    """Whether a number outside the range of all other readings is a code."""
    low, high = float(rest[0]), float(rest[-1])
    distance = low - value if value < low else value - high
    often, kind = count >= _FEWEST, _kind(value)
    if kind is not None:
        near = kind.near if often else kind.near_once
        return len(rest) >= kind.fewest_distinct and distance > near * (high - low)
    larger = abs(value) > _LARGER * max(abs(low), abs(high))
    other_side = value < 0 <= low
    is_quantity = len(rest) >= _RICH and distance > _FAR * (high - low)
    return often and value != 0 and is_quantity and (larger or other_side)


def _kind(value: float) -> _Kind | None:
    """What is known of a number that is a code by custom; None of all others."""
    with np.errstate(over="ignore"):
        short = np.float32(abs(value))
    # a reading of 32 bits has digits of its own behind those that were meant
    text = str(short) if short == abs(value) else repr(abs(value))
    nines = _NINES.fullmatch(text.removesuffix(".0")) is not None
    is_fill = _FILL[0] < abs(value) < _FILL[1]
    if value in _LOWEST or is_fill or (nines and value < 0):
        return _NEVER_READ if abs(value) >= 999 else _HARDLY_READ
    if value in _HIGHEST or (nines and value > 1000):
        return _TOP
    if value in _SMALL:
        return _AMONG_MANY
    return _MAY_BE_READ if nines else None


def _beside_glitches(rest: Float64, counts: NDArray[np.integer]) -> list[_Found]:
    """Customary codes that stand among wild values, by their distance from the bulk."""
    strong = np.isin(rest, _BY_CUSTOM) & (counts >= _FEWEST)
    if not strong.any() or strong.all():
        return []
    shares = (np.cumsum(counts[~strong]) - counts[~strong] / 2) / counts[~strong].sum()
    low, high = np.interp([0.05, 0.95], shares, rest[~strong]).tolist()
    codes = []
    for value in rest[strong].tolist():
        nearest = low if value < low else high
        outside = max(low - value, value - high)
        if high > low and outside > _FAR * (high - low):
            codes.append((value, nearest, True))
    return codes


def _zero(rest: Float64, counts: NDArray[np.integer]) -> list[_Found]:
    """A zero far from all other readings: it may be a state of rest, so that it is only said."""
    if len(rest) <= _RICH or 0 not in (rest[0], rest[-1]):
        return []
    below = rest[0] == 0
    others, count = (rest[1:], counts[0]) if below else (rest[:-1], counts[-1])
    nearest = float(others[0] if below else others[-1])
    lone = count >= _FEWEST and abs(nearest) > others[-1] - others[0]
    return [(0.0, nearest, False)] if lone else []
