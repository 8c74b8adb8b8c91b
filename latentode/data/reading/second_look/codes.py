"""Numbers that stand for "missing": lone values, far from all others, that repeat exactly."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64
from latentode.data.reading.second_look.channel_readings import ChannelReadings
from latentode.data.reading.second_look.customary_codes import BY_CUSTOM, custom_of

_FEWEST = 3  # equal readings of a number that nobody uses as a code by custom
_FEWEST_VALUES = 8  # readings of a channel that show what is far from them
_FEWEST_OF_SERIES = 20  # readings of one series, which are compared with no others
_MOST_CODES = 6  # different codes at either end of a channel
_RICH = 12  # distinct values of a quantity; fewer may be states, set points or levels
_FAR = 2.0  # ranges of all other readings between them and a number that is no customary code
_DEVIATIONS = 10.0  # robust deviations of the others between them and such a number
_LARGER = 3.0  # times the size of the largest other reading
_FAR_OF_STATES = 20.0  # ranges of few states between them and a customary code
_BELOW_READINGS = -90.0  # customary codes below, as -99.9 and -127, stand alone for no reading
_NEAR_CODE = 0.01  # of a code: 100.01 beside 99.99
_LONE = 5.0  # ranges of all others between them and few readings, which are said
_MOST_LONE = 24  # different ones at either end
_FEW_LONE = 0.01  # of all readings
_SHARED = 0.05  # ranges between the others and a number that is a code of another channel
_SAMPLE = 1 << 14  # readings of a long channel that show whether it deserves a full look

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
        if np.isnan(self.neighbour):
            return f"{self.text} stands {self.count:,} times, and no other value but such codes"
        side = "below" if self.value < self.neighbour else "above"
        times = "once" if self.count == 1 else f"{self.count:,} times"
        return f"{self.text} stands {times}, far {side} the next value {self.neighbour:.6g}"


def number_text(value: float) -> str:
    """Write a number exactly and as short as it can be typed."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def find_codes(channel: ChannelReadings) -> list[Code]:
    """Find the codes of a channel: among all its readings, and customary ones in each series."""
    codes = _codes_alone(channel.values) or _codes_of(channel.values)
    for values in _series_apart(channel):
        codes += [each for each in _codes_of(values) if each[0] in BY_CUSTOM]
    seen: dict[float, Code] = {}
    for value, neighbour, sure in codes:
        if value not in seen:
            where = channel.values == value
            count, row = int(where.sum()), channel.row(int(where.argmax()))
            seen[value] = Code(channel.name, value, count, neighbour, row, sure)
    return list(seen.values())


def shared_codes(channel: ChannelReadings, known: list[Code], values: set[float]) -> list[Code]:
    """Codes of other channels that stand in a channel too, outside the range of its readings.

    Args:
        channel: The channel.
        known: Codes that were found there.
        values: Codes that were found in any channel.
    """
    others = values - {code.value for code in known}
    rest = channel.values[~np.isin(channel.values, [*values])]
    if not others or not len(rest):
        return []
    low, high = float(rest.min()), float(rest.max())
    codes = []
    for value in sorted(others):
        where = channel.values == value
        count, distance = int(where.sum()), max(low - value, value - high)
        if count >= _FEWEST and distance > _SHARED * (high - low):
            nearest = low if value < low else high
            row = channel.row(int(where.argmax()))
            codes.append(Code(channel.name, value, count, nearest, row))
    return codes


def near_codes(codes: list[Code], values: Collection[float]) -> list[Code]:
    """Codes of a channel, where lone readings that are nearly a code of any channel are sure.

    Args:
        codes: What was found in the channel.
        values: Codes that were found in any channel.
    """
    return [replace(code, sure=code.sure or _is_nearly(code.value, values)) for code in codes]


def _is_nearly(value: float, codes: Iterable[float]) -> bool:
    """Whether a number is a customary code but for noise, as 100.01 is beside 99.99."""
    near = (code for code in codes if abs(value - code) <= _NEAR_CODE * abs(code))
    return any(custom_of(code) is not None for code in near)


def _codes_alone(values: Float64) -> list[_Found]:
    """Customary codes where a channel holds nothing else: a sensor that was never connected."""
    if len(values) < _FEWEST or not all(map(_never_read, (values.min(), values.max()))):
        return []
    distinct = np.unique(values)
    alone = len(distinct) <= _MOST_CODES and all(map(_never_read, distinct))
    return [(float(value), np.nan, True) for value in distinct] if alone else []


def _never_read(value: float) -> bool:
    value = float(value)
    return value in BY_CUSTOM or (value < _BELOW_READINGS and custom_of(value) is not None)


def _series_apart(channel: ChannelReadings) -> list[Float64]:
    """Readings of each series that begins or ends its range with a customary code."""
    counts = np.diff(channel.bounds)
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return []
    starts = channel.bounds[filled]
    ends = [least.reduceat(channel.values, starts) for least in (np.minimum, np.maximum)]
    series = filled[np.isin(ends, BY_CUSTOM).any(0)]
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
    more = _beside_glitches(rest, counts) + _zero(rest, counts)
    return codes + more + _lone(rest, counts, {value for value, _, _ in more})


def _peeled(distinct: Float64, counts: NDArray[np.integer]) -> tuple[int, int]:
    """How many values at the low end, and at the high end, are codes: as many as can be."""
    best = (0, 0)
    most = min(_MOST_CODES, len(distinct) - 1)
    if not _any_may_be_code(distinct, counts, most):
        return best
    for low in range(most + 1):
        for high in range(min(most, len(distinct) - 1 - low) + 1):
            if low + high > sum(best) and _all_codes(distinct, counts, low, high):
                best = (low, high)
    return best


def _any_may_be_code(distinct: Float64, counts: NDArray[np.integer], most: int) -> bool:
    """Whether one of the values at the ends may be a code: without one, no other is."""
    ends = [*range(most), *range(len(distinct) - most, len(distinct))]
    return any(
        custom_of(float(distinct[at])) is not None or (counts[at] >= _FEWEST and distinct[at] != 0)
        for at in ends
    )


def _all_codes(distinct: Float64, counts: NDArray[np.integer], low: int, high: int) -> bool:
    rest = distinct[low : len(distinct) - high]
    ends = [*range(low), *range(len(distinct) - high, len(distinct))]
    others = counts[low : len(distinct) - high]
    are = {at: _is_code(float(distinct[at]), int(counts[at]), rest, others) for at in ends}
    known = [float(distinct[at]) for at, is_code in are.items() if is_code]
    return all(
        is_code or (_is_far(float(distinct[at]), rest) and _is_nearly(float(distinct[at]), known))
        for at, is_code in are.items()
    )


def _is_far(value: float, rest: Float64) -> bool:
    """Whether a number that occurs once or twice stands far enough from some quantity."""
    distance = max(rest[0] - value, value - rest[-1])
    return len(rest) >= _RICH and bool(distance > _LONE * (rest[-1] - rest[0]))


def _is_code(value: float, count: int, rest: Float64, counts: NDArray[np.integer]) -> bool:
    """Whether a number outside the range of all other readings is a code."""
    low, high = float(rest[0]), float(rest[-1])
    distance, spread = max(low - value, value - high), high - low
    often, custom = count >= _FEWEST, custom_of(value)
    if custom is not None:
        if len(rest) < custom.fewest_distinct:  # states: 0, 1 and 255
            return often and distance > _FAR_OF_STATES * spread > 0
        return distance > (custom.near if often else custom.near_once) * spread
    if not often or value == 0 or len(rest) < _RICH or distance <= _FAR * spread:
        return False
    if not (value < 0 <= low or abs(value) > _LARGER * max(abs(low), abs(high))):
        return False
    q1, q3 = _quantiles(rest, counts, (0.25, 0.75))
    robust = (q3 - q1) / 1.349  # the standard deviation, were they normal
    return distance > _DEVIATIONS * (robust or spread)


def _quantiles(
    distinct: Float64, counts: NDArray[np.integer], shares: tuple[float, float]
) -> tuple[float, float]:
    """Two quantiles of readings that are given as distinct values and their counts."""
    middles = (np.cumsum(counts) - counts / 2) / counts.sum()
    low, high = np.interp(shares, middles, distinct)
    return float(low), float(high)


def _beside_glitches(rest: Float64, counts: NDArray[np.integer]) -> list[_Found]:
    """Customary codes that stand among wild values, by their distance from the bulk."""
    strong = np.isin(rest, BY_CUSTOM) & (counts >= _FEWEST)
    if not strong.any() or strong.all():
        return []
    low, high = _quantiles(rest[~strong], counts[~strong], (0.05, 0.95))
    codes = []
    for value in rest[strong].tolist():
        nearest = low if value < low else high
        outside = max(low - value, value - high)
        if high > low and outside > _DEVIATIONS * (high - low):
            codes.append((value, nearest, True))
    return codes


def _lone(rest: Float64, counts: NDArray[np.integer], known: Collection[float]) -> list[_Found]:
    """Few readings far from all others, which are only said unless they crowd about a code."""
    low, high = _alone_at_ends(rest, counts)
    left = len(rest) - high
    lone = [(float(value), float(rest[low]), at) for at, value in enumerate(rest[:low])]
    lone += [
        (float(value), float(rest[left - 1]), left + at) for at, value in enumerate(rest[left:])
    ]
    values = np.array([value for value, _, _ in lone])
    often = np.array([counts[at] for _, _, at in lone])
    crowded = [
        value
        for value in values.tolist()
        if often[np.abs(values - value) <= _NEAR_CODE * abs(value)].sum() >= _FEWEST
    ]
    return [
        (value, nearest, _is_nearly(value, crowded))
        for value, nearest, _ in lone
        if value not in known
    ]


def _alone_at_ends(rest: Float64, counts: NDArray[np.integer]) -> tuple[int, int]:
    """How many values at the low end, and at the high end, are few and far: as many as can be."""
    best, few = (0, 0), max(_FEWEST, int(_FEW_LONE * counts.sum()))
    most = min(_MOST_LONE, (len(rest) - _RICH) // 2)
    if most < 1:
        return best
    least = _LONE * (rest[len(rest) - most - 1] - rest[most])
    lows = np.flatnonzero(np.diff(rest[: most + 1]) > least) + 1
    highs = np.flatnonzero(np.diff(rest[: -most - 2 : -1]) < -least) + 1
    for low, high in product([0, *lows.tolist()], [0, *highs.tolist()]):
        left = len(rest) - high
        spread = _LONE * (rest[left - 1] - rest[low])
        below = low == 0 or rest[low] - rest[low - 1] > spread
        above = high == 0 or rest[left] - rest[left - 1] > spread
        is_few = counts[:low].sum() + counts[left:].sum() <= few
        if below and above and is_few and low + high > sum(best):
            best = (low, high)
    return best


def _zero(rest: Float64, counts: NDArray[np.integer]) -> list[_Found]:
    """A zero far from all other readings: it may be a state of rest, so that it is only said."""
    if len(rest) <= _RICH or 0 not in (rest[0], rest[-1]):
        return []
    below = rest[0] == 0
    others, count = (rest[1:], counts[0]) if below else (rest[:-1], counts[-1])
    nearest = float(others[0] if below else others[-1])
    lone = count >= _FEWEST and abs(nearest) > others[-1] - others[0]
    return [(0.0, nearest, False)] if lone else []
