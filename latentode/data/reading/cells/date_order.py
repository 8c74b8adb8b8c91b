"""Day, month or year first: decided for a whole log, by its dates or by the order of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from latentode.config import TimeConfig
from latentode.data.dataset import Int64
from latentode.data.reading.cells.date_texts import OpenDate
from latentode.data.reading.cells.time_stamps import DAY, OK, Stamps
from latentode.data.reading.doubts import Doubts

_WORDS = {
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "ymd": "year/month/day",
    "ydm": "year/day/month",
}
_OPTIONS = {"dmy": "--dayfirst", "mdy": "--no-dayfirst"}
# English, and German and French: dd/mm/yyyy, TT.MM.JJJJ, JJ/MM/AAAA
_SPELLED = {
    "dmy": r"(?i)\b(?:dd?\W?mm?\W?yy|TT?\W?MM?\W?JJ|JJ?\W?MM?\W?AA)",
    "mdy": r"(?i)\bmm?\W?dd?\W?yy",
}
_MANY_JUMPS = 3  # times as many jumps show that dates were turned around
_FEW = 0.05  # share of dates that may contradict all others: damaged cells, refused by line
# a step from one date to the next is ordinary up to this multiple of the median step, and the log
# has a hole where one is a hundred times as long
_ORDINARY, _HOLE = 3, 100


def settle_dates(
    stamps: Stamps,
    name: str,
    time: TimeConfig,
    doubts: Doubts,
    where: Callable[[int], str],
    text: Callable[[int], str],
) -> tuple[Stamps, bool | None]:
    """Decide the order of day, month and year, and read the dates in it.

    Args:
        stamps: Times of the whole log.
        name: Column.
        time: What was told.
        doubts: Where the decision is noted, or the question asked.
        where: Says where a row stands.
        text: Cell of a row.

    Returns:
        The times, where the order is asked for in the likeliest one; and whether the day stands
        before the month, None where no date has the year last.
    """
    if not stamps.dates:
        return stamps, None
    order = _Order(stamps, name, doubts, where, text)
    last = [date for date in stamps.dates if not date.year_first]
    candidates = ["dmy", "mdy"]
    if last and all(date.short for date in last):
        candidates += ["ymd"] if _year_may_lead(stamps) else []
    if time.dayfirst is not None:
        told = "dmy" if time.dayfirst else "mdy"
    else:
        told = order.decide(candidates, year_first=False) if last else "dmy"
    first = (
        order.decide(["ymd", "ydm"], year_first=True) if len(last) < len(stamps.dates) else "ymd"
    )
    day_first = {"dmy": True, "mdy": False}.get(told) if last else None
    return stamps.settled(told, first), day_first


def _year_may_lead(stamps: Stamps) -> bool:
    """True where the first number changes less than the last, as a year does."""
    numbers = np.array([date.numbers for date in stamps.dates if not date.year_first])
    distinct = [len(np.unique(numbers[:, place])) for place in (0, 2)]
    return distinct[0] < distinct[1] or bool((numbers[:, 0] > 31).any())


class _Order:
    def __init__(
        self,
        stamps: Stamps,
        name: str,
        doubts: Doubts,
        where: Callable[[int], str],
        text: Callable[[int], str],
    ) -> None:
        self._stamps, self._name, self._doubts = stamps, name, doubts
        self._where, self._text = where, text

    def decide(self, candidates: Sequence[str], *, year_first: bool) -> str:
        """The order of the dates of one kind."""
        valid = self._valid(candidates, year_first)
        plausible = np.any(list(valid.values()), axis=0)
        rows = self._rows(plausible)
        against = {order: rows[~valid[order][self._stamps.codes[rows]]] for order in candidates}
        possible = [order for order in candidates if not len(against[order])]
        if not len(rows):
            return candidates[0]
        if not possible:
            return self._mixed(against, len(rows))
        if len(possible) == 1:
            return self._shown(possible[0], candidates, against)
        if candidates[0] == "ymd":
            return self._year_first(possible)
        if all(date.mark == "." for date in self._stamps.dates if not date.year_first):
            self._decided("dmy", "nobody writes the month first with full stops", "likely")
            return "dmy"
        return self._by_name(possible) or self._by_steps(possible) or self._ask(possible)

    def _valid(self, candidates: Sequence[str], year_first: bool) -> dict[str, NDArray[np.bool_]]:
        dates = self._stamps.dates
        return {
            order: np.array(
                [date.year_first is year_first and date.day(order) is not None for date in dates]
            )
            for order in candidates
        }

    def _rows(self, dates: NDArray[np.bool_]) -> NDArray[np.integer]:
        codes = self._stamps.codes
        return np.flatnonzero((codes >= 0) & (self._stamps.status == OK) & dates[codes])

    def _shown(
        self, order: str, candidates: Sequence[str], against: dict[str, NDArray[np.integer]]
    ) -> str:
        others = [other for other in candidates if other != order]
        row = min(int(against[other][0]) for other in others if len(against[other]))
        if order in _OPTIONS and self._changes_between(order):
            return order
        if order != "ymd":
            self._decided(order, f"{self._quoted(row)} is a date in no other order", "certain")
        return order

    def _changes_between(self, order: str) -> bool:
        """Ask where days up to 12 fit the rows around them in the other order alone.

        A spreadsheet of another country turns just these around.
        """
        other = "mdy" if order == "dmy" else "dmy"
        turned = np.array([_turned(date, order, other) for date in self._stamps.dates])
        rows = self._rows(turned)
        if not len(rows):
            return False
        times = self._stamps.settled(order)
        mixed = times.times.copy()
        mixed[rows] = self._stamps.settled(other).times[rows]
        good = times.status == OK
        alike, turned_back = _jumps(times.times[good]), _jumps(mixed[good])
        if alike < _MANY_JUMPS * max(1, turned_back):
            return False
        self._doubts.ask(
            "time",
            f"time column {self._name!r}: dates seem to be written in two orders: "
            f"{self._quoted(int(rows[0]))} follows the rows around it only as {_WORDS[other]}, "
            f"while others are {_WORDS[order]}. Write the dates of all rows in one order, best "
            f"with the year first; or pass {_OPTIONS[order]} if all are {_WORDS[order]}.",
        )
        return True

    def _mixed(self, against: dict[str, NDArray[np.integer]], total: int) -> str:
        order = min(against, key=lambda each: len(against[each]))
        wrong = against[order]
        if len(wrong) > _FEW * total:
            other = next(each for each in against if each != order)
            self._doubts.ask(
                "time",
                f"time column {self._name!r}: dates are written in two orders, "
                f"{self._quoted(int(against[other][0]))} as {_WORDS[order]} and "
                f"{self._quoted(int(wrong[0]))} as {_WORDS[other]}. Write the dates of all rows in "
                "one order, best with the year first.",
            )
        return order

    def _year_first(self, possible: Sequence[str]) -> str:
        iso = all(date.mark == "-" for date in self._stamps.dates if date.year_first)
        if iso or self._by_steps_of(possible) != "ydm":
            return "ymd"
        row = self._first_row(year_first=True)
        cell = self._text(row)
        self._doubts.ask(
            "time",
            f"time column {self._name!r}: {self._quoted(row)} may be year, month, day or year, "
            f"day, month, and only the latter gives even steps. Pass --time-format "
            f"'{format_like(cell, 'ydm')}' or --time-format '{format_like(cell, 'ymd')}'.",
        )
        return "ydm"

    def _by_name(self, possible: Sequence[str]) -> str | None:
        """The order that the name of the column spells, such as "Date (dd/mm/yyyy)"."""
        told = [order for order, pattern in _SPELLED.items() if re.search(pattern, self._name)]
        if len(told) != 1 or told[0] not in possible:
            return None
        self._decided(told[0], "so the name of the column says", "likely")
        return told[0]

    def _by_steps(self, possible: Sequence[str]) -> str | None:
        order = self._by_steps_of(possible)
        if order is not None:
            self._decided(order, "only so the rows follow one another in even steps", "likely")
        return order

    def _by_steps_of(self, possible: Sequence[str]) -> str | None:
        times = {order: self._times(order) for order in possible}
        distinct = {order: np.unique(times[order]) for order in possible}
        for rule, of in ((_follows, distinct), (_has_no_hole, distinct), (_is_sorted, times)):
            answers = {order: rule(of[order]) for order in possible}
            fits = [order for order in possible if answers[order]]
            clear = [order for order in possible if answers[order] is False]
            if len(fits) == 1 and len(clear) == len(possible) - 1:
                return fits[0]
        return None

    def _times(self, order: str) -> Int64:
        first = order if order == "ydm" else "ymd"
        settled = self._stamps.settled(order, first)
        return settled.times[settled.status == OK]

    def _ask(self, possible: Sequence[str]) -> str:
        row = self._first_row(year_first=False)
        orders = " or ".join(_WORDS[order] for order in possible)
        options = [_OPTIONS.get(order) for order in possible]
        told = " or ".join(option for option in options if option)
        if "ymd" in possible:
            told += f", or --time-format '{format_like(self._text(row), 'ymd')}'"
        self._doubts.ask(
            "time",
            f"time column {self._name!r}: {self._quoted(row)} may be {orders}, and no row tells. "
            f"Pass {told}.",
        )
        return possible[0]

    def _first_row(self, *, year_first: bool) -> int:
        dates = np.array([date.year_first is year_first for date in self._stamps.dates])
        return int(self._rows(dates)[0])

    def _decided(self, order: str, evidence: str, confidence: str) -> None:
        other = {"dmy": "--no-dayfirst", "mdy": "--dayfirst"}.get(order, "")
        self._doubts.decide(
            "time",
            f"dates of {self._name!r} read as {_WORDS[order]}",
            evidence,
            confidence=confidence,  # type: ignore[arg-type]
            option=other if confidence != "certain" else "",
        )

    def _quoted(self, row: int) -> str:
        return f"{self._text(row)!r} ({self._where(row)})"


def _turned(date: OpenDate, order: str, other: str) -> bool:
    """True for a date that exists in both orders, and is another day in each."""
    days = date.day(order), date.day(other)
    return not date.year_first and None not in days and days[0] != days[1]


def _jumps(times: Int64) -> int:
    """Number of steps from row to row that are far longer than most, to either side."""
    steps = np.abs(np.diff(times))
    return int((steps > max(_ORDINARY * np.median(steps), DAY)).sum()) if len(steps) else 0


def _follows(distinct: Int64) -> bool | None:
    """Whether dates follow one another in steps of the log: always, never (False), or None."""
    steps = np.diff(distinct)
    changes = steps[np.diff(distinct // DAY) != 0]
    if not len(changes):
        return None
    share = (changes <= _ORDINARY * np.median(steps)).mean()
    return True if share > 0.5 else False if share == 0 else None


def _has_no_hole(distinct: Int64) -> bool | None:
    """True if all steps are alike, False if one is a hundred times as long as most."""
    steps = np.diff(distinct)
    if len(steps) < 3:
        return None
    longest, usual = steps.max(), np.median(steps)
    return True if longest <= _ORDINARY * usual else False if longest > _HOLE * usual else None


def _is_sorted(times: Int64) -> bool | None:
    """True if the rows come in order of time, from either end."""
    if len(times) < 3:
        return None
    steps = np.diff(times)
    return bool((steps >= 0).all() or (steps <= 0).all())


def format_like(text: str, order: str) -> str:
    """The strptime format of a cell with a date of three numbers in an order of their own."""
    match = re.match(r"\s*(\d+)([-/.])(\d+)\2(\d+)(.*)", text)
    if match is None:
        return {"dmy": "%d%m%Y", "mdy": "%m%d%Y"}.get(order, "%Y%m%d")
    year = "%Y" if max(len(match[i]) for i in (1, 3, 4)) == 4 else "%y"
    date = match[2].join({"d": "%d", "m": "%m", "y": year}[letter] for letter in order)
    rest = re.sub(r"\d{1,2}:\d\d:\d\d", "%H:%M:%S", match[5].rstrip())
    rest = re.sub(r"\d{1,2}:\d\d", "%H:%M", rest)
    rest = re.sub(r"(?<=%S)\.\d+", ".%f", rest)
    if re.search(r"[AaPp][Mm]$", rest):
        rest = re.sub(r"[AaPp][Mm]$", "%p", rest).replace("%H", "%I")
    return date + rest
