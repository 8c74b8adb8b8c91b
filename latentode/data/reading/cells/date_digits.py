"""Numbers whose digits spell dates: 20240304, 202403040600, 2024064."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_texts import OpenDate
from latentode.data.reading.cells.time_stamps import BAD, DAY, OK, Stamps, plain_stamps

_FIRST_YEAR, _LAST_YEAR = 1800, 2100  # of logs with measured times
_MANY_CLOCKS = 20  # numbers within one hour, of which counts would soon show a minute 60
_MOST_WRONG = 0.05  # share of numbers that may be no dates: damaged cells, refused by line
_FEWEST_PARTED = 12  # distinct numbers with a point that may be readings as well
_NEAR = 1e-9  # of a number from the decimals that it was written with
_SAMPLE = 1_000  # numbers that are looked at first
# digits -> what they stand for; of one length, the first that fits
_SPELLINGS = {
    6: ("YYYYMM",),
    7: ("YYYYDDD",),
    8: ("YYYYMMDD",),
    10: ("YYYYMMDDHH", "yyMMDDHHmm"),
    11: ("YYYYDDDHHmm",),
    12: ("YYYYMMDDHHmm", "yyMMDDHHmmss"),
    13: ("YYYYDDDHHmmss",),
    14: ("YYYYMMDDHHmmss",),
    17: ("YYYYMMDDHHmmssfff",),
}


@dataclass(frozen=True)
class Spelled:
    """Dates that numbers spell.

    Attributes:
        stamps: The times; BAD where a number spells none.
        digits: What the digits stand for: ``YYYYMMDDHHmm``.
    """

    stamps: Stamps
    digits: str


def spelled_dates(
    numbers: NDArray[np.number], status: NDArray[np.uint8], *, doubtful: bool = False
) -> Spelled | None:
    """Read numbers as dates if their digits spell valid ones.

    Args:
        numbers: int64 or float64, shape (row,).
        status: Which of them count.
        doubtful: True where something else speaks against dates, such as a unit in the name.

    Returns:
        None where they do not all have one number of digits, or spell no dates of the calendar.
    """
    rows = np.flatnonzero(status == OK)
    if numbers.dtype.kind == "f" and len(rows):
        parts = _parted(numbers, rows, status)
        if parts is not None:
            return parts
    whole = _whole(numbers[rows])
    if whole is None or not len(whole) or not _may_spell(whole[:: 1 + len(whole) // _SAMPLE]):
        return None
    lengths = _lengths(whole)
    length = int(np.bincount(lengths).argmax())
    if (lengths != length).mean() > _MOST_WRONG:
        return _day_month_year(whole, rows, status) if set(lengths) <= {7, 8} else None
    for digits in _SPELLINGS.get(length, ()):
        times, good = _read(whole, digits)
        if (~good).mean() > _MOST_WRONG:
            continue
        shown = length >= 8 and "y" not in digits and not (doubtful and length < 10)
        if not shown and not _steadier(times[good], whole[good]):
            continue
        result = np.zeros(len(numbers), dtype=np.int64)
        result[rows] = np.where(good, times, 0)
        outcome = status.copy()
        outcome[rows[~good]] = BAD
        return Spelled(plain_stamps(result, False, outcome), digits)
    return _day_month_year(whole, rows, status) if set(lengths) <= {7, 8} else None


def _parted(
    numbers: NDArray[np.number], rows: NDArray[np.integer], status: NDArray[np.uint8]
) -> Spelled | None:
    """Numbers with a point between the parts of a date: 2024.0305, or 20240305.25 of a day."""
    good = numbers[rows]
    whole = np.floor(good)
    if (whole == good).all():
        return None
    if whole.min() >= 10**7 and whole.max() < 10**8:
        spelled = spelled_dates(np.where(status == OK, np.floor(numbers), 0), status)
        if spelled is None or spelled.stamps.dates or spelled.digits != "YYYYMMDD":
            return None
        seconds = np.rint((numbers - np.floor(numbers)) * 86_400).astype(np.int64)
        times = np.where(status == OK, spelled.stamps.times + seconds * 10**9, 0)
        return Spelled(plain_stamps(times, False, spelled.stamps.status), "YYYYMMDD and a fraction")
    if whole.min() < _FIRST_YEAR or whole.max() > _LAST_YEAR:
        return None
    for digits, scale in (("YYYY.MMDD", 10_000), ("YYYY.MM", 100)):
        joined = np.rint(good * scale).astype(np.int64)
        letters = digits.replace(".", "")
        if (np.abs(joined / scale - good) > _NEAR).any() or not (
            _lengths(joined) == len(letters)
        ).all():
            continue
        times, valid = _read(joined, letters)
        many = len(np.unique(joined)) >= _FEWEST_PARTED
        if many and valid.all() and _steadier(times, joined):
            result = np.zeros(len(numbers), dtype=np.int64)
            result[rows] = times
            return Spelled(plain_stamps(result, False, status.copy()), digits)
    return None


def _may_spell(sample: Int64) -> bool:
    """False for numbers that are plainly no dates, such as an epoch: most columns are none."""
    lengths = _lengths(sample)
    length = int(np.bincount(lengths).argmax())
    whole = sample[lengths == length]
    shares = [_read(whole, digits)[1].mean() for digits in _SPELLINGS.get(length, ())]
    return length in (7, 8) or max(shares, default=0) > 1 - 3 * _MOST_WRONG


def possible_format(numbers: NDArray[np.number]) -> str | None:
    """The format of numbers that may spell dates, although nothing shows that they do.

    Args:
        numbers: int64 or float64, shape (row,).
    """
    whole = _whole(numbers)
    if whole is None or not len(whole):
        return None
    for form, digits in (("%Y%m", "YYYYMM"), ("%Y%j", "YYYYDDD")):
        if (_lengths(whole) == len(digits)).all() and _read(whole, digits)[1].all():
            return form
    return "%H%M%S" if _are_clocks(whole) else None


def short_year_format(numbers: NDArray[np.number]) -> str:
    """The format of numbers that all spell dates with two digits for the year; empty for others.

    Args:
        numbers: int64 or float64, shape (row,).
    """
    whole = _whole(numbers)
    if whole is None or not len(whole):
        return ""
    for form, digits in (("%y%m%d%H%M", "yyMMDDHHmm"), ("%y%m%d%H%M%S", "yyMMDDHHmmss")):
        if (_lengths(whole) == len(digits)).all() and _read(whole, digits)[1].all():
            return form
    return ""


def six_digit_formats(numbers: NDArray[np.number]) -> tuple[list[str], bool]:
    """The formats of numbers that all spell dates of six digits, of which a first zero may lack.

    Where several fit, those are given whose dates lie closest together.

    Args:
        numbers: int64 or float64, shape (row,).

    Returns:
        The formats; and whether the dates advance more evenly than the numbers do.
    """
    whole = _whole(numbers)
    if whole is None or not len(whole) or not set(_lengths(whole)) <= {5, 6}:
        return [], False
    spans = {}
    for form, digits in (("%y%m%d", "yyMMDD"), ("%d%m%y", "DDMMyy"), ("%m%d%y", "MMDDyy")):
        times, good = _read(whole, digits)
        if good.all():
            spans[form] = (np.ptp(times), _steadier(times, whole))
    least = min((span for span, _ in spans.values()), default=0)
    return (
        [form for form, (span, _) in spans.items() if span == least],
        any(steadier for span, steadier in spans.values() if span == least),
    )


def _are_clocks(whole: Int64) -> bool:
    """True if numbers spell times of one day: 95959 before 100000, or all of one hour."""
    hour, minute, second = whole // 10_000, whole // 100 % 100, whole % 100
    inside = (hour < 24) & (minute < 60) & (second < 60)
    seconds = hour * 3600 + minute * 60 + second
    if not inside.all():
        return False
    if len(np.unique(hour)) > 1:
        return _steadier(seconds, whole)
    return bool(hour[0]) and len(np.unique(whole)) >= _MANY_CLOCKS


def _whole(numbers: NDArray[np.number]) -> Int64 | None:
    if numbers.dtype.kind in "iu":
        return numbers.astype(np.int64) if (numbers > 0).mean() > 1 - _MOST_WRONG else None
    if not len(numbers) or (np.floor(numbers) != numbers).any() or (np.abs(numbers) > 2**53).any():
        return None
    return numbers.astype(np.int64)


def _steadier(times: Int64, numbers: Int64) -> bool:
    """True if the dates advance in more even steps than the numbers, which jump at each carry."""
    uneven = []
    for each in (times, numbers):
        steps = np.diff(np.unique(each))
        uneven.append(steps.max() / np.median(steps) if len(steps) else 1.0)
    return bool(uneven[0] < uneven[1])


def _lengths(whole: Int64) -> NDArray[np.integer]:
    """Number of decimal digits; 0 of a number that is not positive."""
    powers = 10 ** np.arange(19, dtype=np.int64)
    return np.where(whole > 0, np.searchsorted(powers, whole, side="right"), 0)


def _read(whole: Int64, digits: str) -> tuple[Int64, NDArray[np.bool_]]:
    """(nanoseconds, validity) of numbers of some digits."""
    field: dict[str, Int64] = {}
    rest = whole
    for letter in sorted(set(digits), key=digits.rindex, reverse=True):
        size = 10 ** digits.count(letter)
        field[letter], rest = rest % size, rest // size
    zero = np.zeros_like(whole)
    year = field["Y"] if "Y" in field else field["y"] + np.where(field["y"] < 69, 2000, 1900)
    good = (rest == 0) & (year >= _FIRST_YEAR) & (year <= _LAST_YEAR)
    year = np.where(good, year, 2000)
    if "DDD" in digits:
        days, valid = days_of(year, zero + 1, zero + 1)
        following, _ = days_of(year + 1, zero + 1, zero + 1)
        valid &= (field["D"] >= 1) & (field["D"] <= following - days)
        days = days + field["D"] - 1
    else:
        days, valid = days_of(year, field["M"], field.get("D", zero + 1))
    hour, minute, second = (field.get(letter, zero) for letter in "Hms")
    good &= valid & (minute < 60) & (second < 60)
    good &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    times = days * DAY + (hour * 3600 + minute * 60 + second) * 10**9
    return times + field.get("f", zero) * 10**6, good


def days_of(year: Int64, month: Int64, day: Int64) -> tuple[Int64, NDArray[np.bool_]]:
    """Days since 1970 of dates, and which of them exist.

    Args:
        year: Years, shape (row,).
        month: Months from 1.
        day: Days from 1.
    """
    good = (month >= 1) & (month <= 12) & (day >= 1)
    month = np.where(good, month, 1)
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    first = months.astype("M8[D]").astype(np.int64)
    following = (months + np.timedelta64(1, "M")).astype("M8[D]").astype(np.int64)
    return first + day - 1, good & (day <= following - first)


def _day_month_year(
    whole: Int64, rows: NDArray[np.integer], status: NDArray[np.uint8]
) -> Spelled | None:
    """DDMMYYYY or MMDDYYYY, of which the zero in front may be lost: the order is left open."""
    year, second, first = whole % 10_000, whole // 10_000 % 100, whole // 10**6
    inside = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR)
    either = days_of(year, second, first)[1] | days_of(year, first, second)[1]
    if not (inside & either).all():
        return None
    distinct, inverse = np.unique(whole, return_inverse=True)
    dates = tuple(
        OpenDate((n // 10**6, n // 10_000 % 100, n % 10_000), "") for n in distinct.tolist()
    )
    codes = np.full(len(status), -1, dtype=np.int32)
    codes[rows] = inverse
    zero = np.zeros(len(status), dtype=np.int64)
    stamps = Stamps(zero, np.zeros(len(status), dtype=bool), status.copy(), codes, dates)
    return Spelled(stamps, "day, month and year")
