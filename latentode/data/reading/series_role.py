"""Which column tells the series apart: by what it does to repeated times; names break ties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.states import state_numbers
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample, SampledColumn, row_repeats
from latentode.data.reading.roles import ID_NAMES, QUALITY_NAMES, UNIT_NAMES, by_telling_name
from latentode.data.reading.sample_times import sample_times
from latentode.data.reading.series_clocks import own_clocks

# below this share repeated times are a fault of the logger, not several series
_REPEATS = 0.1
_CLEAN = 0.01  # share of repeats that a column of ids may leave
_LONG_RUN = 3.0  # rows: an id written a series after another stays for longer
_TWO = 2
_MOST = 0.5
_MILLISECONDS = re.compile(r"milli|msec|^ms$|[_ ]ms$")
_NUMBERED = re.compile(r"(?!.*\b[mcdk]?m[23]$)[A-Za-z][A-Za-z_ -]*\d+")  # "s1", but not "m3"
_MOST_PAIRED = 8  # columns that are tried in pairs
_HOURS, _MINUTES = 24, 1440  # parts of a day: the least that are looked for, and the most
_MANY = 10  # rows: in fewer only the name tells


def find_series(
    sample: Sample,
    time: Sequence[str],
    free: Sequence[str],
    doubts: Doubts,
    *,
    channel: str | None = None,
) -> str | None:
    """Find the column of series ids.

    A column of numbers with fractions, of two states, of times, or one that is different in every
    row is never it. One that has a telling name is it if the times repeat without it and not with
    it, if it is constant over runs of rows, or if its cells are words; one of another name only if
    it splits repeated times cleanly, into as many series as times repeat.

    Args:
        sample: The log.
        time: Columns of the time; none for rows without times.
        free: Columns that have no other role.
        doubts: Takes the decision, or the question between several.
        channel: Column of channel names of a long log.

    Returns:
        Its name; None for one series.
    """
    search = _Search(sample, time, channel)
    able = [name for name in free if search.may_be_ids(name)]
    telling = by_telling_name(able, ID_NAMES)
    named = [name for name in telling if search.is_plausible(name)]
    for name in telling:
        if name not in named and name.strip().lower() not in UNIT_NAMES:
            doubts.decide(
                "series",
                f"series are not told apart by {name!r}, although it is called like a series id",
                search.against(name),
                confidence="likely",
                option=f'--id-column "{name}"',
            )
    if len(named) > 1:
        clean = [name for name in named if search.is_clean(name)]
        named = clean if clean and search.repeats > _REPEATS else named
    if len(named) > 1:
        return _among(named, sample, doubts)
    if named:
        if search.repeats > _REPEATS and not search.is_clean(named[0]):
            able = [named[0], *(name for name in able if name != named[0])]
            _ask_for_columns(search, able, free, doubts, least=_TWO)
        _say(search, named[0], doubts)
        return named[0]
    return _unnamed(search, able, free, doubts)


def _unnamed(
    search: _Search, able: Sequence[str], free: Sequence[str], doubts: Doubts
) -> str | None:
    """A column of any name that splits repeated times as ids do, or a tangle of clocks."""
    sample = search.sample
    others = {*sum(ID_NAMES, ()), *QUALITY_NAMES, *UNIT_NAMES}
    every = able
    able = [name for name in able if name.lower() not in others or sample[name].is_words]
    if search.repeats <= _REPEATS:
        return _of_clocks(sample, search, able, doubts)
    counting = [name for name in every if search.numbers_parts_of_a_day(name)]
    if counting:
        _ask_for_time_of_day(search, counting[0], doubts)
        return counting[0] if search.splits(counting[0]) else None
    splitting = [name for name in able if search.splits(name)]
    numeric = [name for name in free if sample[name].is_number]
    if search.channel is None:  # then a channel must be left
        splitting = [name for name in splitting if set(numeric) - {name}]
    words = [name for name in splitting if sample[name].is_words]
    splitting = words or splitting
    if not splitting:
        _ask_for_columns(search, every, free, doubts, least=1)
        return None
    if len(splitting) > 1:
        return _among(splitting, sample, doubts)
    name = splitting[0]
    if _MILLISECONDS.search(name.lower()) and not sample[name].is_words:
        doubts.ask(
            "time",
            f"the times of {search.time[0]!r} repeat, and {name!r} may be their milliseconds. "
            "Write both into one column; "
            f'or, if each number is a series, pass --id-column "{name}".',
        )
        return name
    _say(search, name, doubts)
    return name


def _ask_for_time_of_day(search: _Search, name: str, doubts: Doubts) -> None:
    doubts.ask(
        "time",
        f"the dates of {search.time[0]!r} repeat, and {name!r} counts the rows of each day "
        f"({search.sample[name].num_distinct} of them): it may be the time of day. Write date and "
        "time of day into one column; "
        f'or, if each number is a series, pass --id-column "{name}".',
    )


def _ask_for_columns(
    search: _Search, able: Sequence[str], free: Sequence[str], doubts: Doubts, *, least: int
) -> None:
    """Name one column, or two, that tell the readings of one time apart without looking like ids.

    Args:
        search: Evidence.
        able: Columns that may be ids.
        free: All that have no other role: depths and places are numbers with fractions.
        doubts: Takes the question.
        least: How many columns at least.
    """
    numbers = [name for name in free if name not in able and search.sample[name].is_number]
    recurring = [name for name in (*able, *numbers) if search.recurs(name)][:_MOST_PAIRED]
    for size in range(least, _TWO + 1):
        for names in combinations(recurring, size):
            if search.is_clean(*names):
                shown = " and ".join(map(repr, names))
                who = f"columns {shown} tell the series apart only together. Name both"
                if size == 1:
                    who = f"each value of column {shown} may be a series. If it is, name it"
                doubts.ask(
                    "series", f'times repeat, and {who} with --id-column "{",".join(names)}".'
                )
                return


def _say(search: _Search, name: str, doubts: Doubts) -> None:
    doubts.decide(
        "series",
        f"series told apart by {name!r}",
        search.evidence(name),
        confidence="likely",
        option="--id-column NAME",
    )


def _of_clocks(sample: Sample, search: _Search, able: Sequence[str], doubts: Doubts) -> str | None:
    """A column of words each of which has a clock of its own, where times do not repeat."""
    words = [name for name in able if sample[name].is_words]
    if not words or not search.time:
        return None
    times = sample_times(sample, search.time)
    clocks = {name: shown for name in words if (shown := own_clocks(sample, name, times))}
    if not clocks:
        return None
    if len(clocks) > 1:
        return _among(list(clocks), sample, doubts)
    name, shown = next(iter(clocks.items()))
    doubts.decide(
        "series", f"series told apart by {name!r}", shown,
        confidence="likely", option="--id-column NAME",
    )  # fmt: skip
    return name


def _among(names: Sequence[str], sample: Sample, doubts: Doubts) -> str:
    """The first of several that say the same; a question between others."""
    first = names[0]
    pairs = [
        pd.DataFrame({"a": sample[first].codes, "b": sample[name].codes}).drop_duplicates()
        for name in names[1:]
    ]
    alike = all(len(pair) == pair["a"].nunique() == pair["b"].nunique() for pair in pairs)
    if alike:
        others = ", ".join(map(repr, names[1:]))
        doubts.decide(
            "series", f"series told apart by {first!r}", f"{others} says the same",
            option=f'--id-column "{names[1]}"',
        )  # fmt: skip
    else:
        doubts.ask(
            "series",
            f"columns {', '.join(map(repr, names))} may all be the series. Name it with "
            f'--id-column "{first}" or another of them.',
        )
    return first


class _Search:
    """Evidence for and against columns."""

    def __init__(self, sample: Sample, time: Sequence[str], channel: str | None) -> None:
        self.sample = sample
        self.time, self.channel = time, channel
        self.keyed = sample.whole_times(time) if time else sample
        keys = [*time, *([channel] if channel is not None else [])]
        self.keys: list[Int64] = [self.keyed[name].codes for name in keys]
        self.repeats = row_repeats(self.keys) if self.keys else 0.0

    def may_be_ids(self, name: str) -> bool:
        """Whether cells could be ids at all."""
        column = self.sample[name]
        if column.empty:
            return not column.blank and name in by_telling_name([name], ID_NAMES)
        if column.holds_fractions or column.holds_dates or column.holds_clocks:
            return False
        return column.is_words or self._is_whole(column)

    @staticmethod
    def _is_whole(column: SampledColumn) -> bool:
        numbers = column.numbers[~np.isnan(column.numbers)]
        return len(numbers) > 0 and bool((numbers >= 0).all())

    def is_clean(self, *names: str) -> bool:
        """Whether times do not repeat within a value of the column, or of several together."""
        left = row_repeats([*self.keys, *(self.keyed[name].codes for name in names)])
        return left <= max(_CLEAN, _CLEAN * self.repeats) or left <= self.repeats / 10

    def is_plausible(self, name: str) -> bool:
        """Whether a column that is called like an id does what ids do."""
        column = self.sample[name]
        if name.lower() in UNIT_NAMES and not column.is_number:
            return not _looks_like_units(column)
        if not self.keys:
            return True
        if self.repeats > _CLEAN and self.is_clean(name) and self._few(name):
            return True
        if state_numbers([text.lower() for text in column.distinct[:3]]) is not None:
            return False
        if column.holds_words or len(column.texts) < _MANY:
            return True
        if column.num_distinct <= _TWO and self._run(name) < _LONG_RUN:
            return False
        strong = name.strip().lower() in ID_NAMES[0] or name.lower().endswith("_id")
        if strong and 2 * column.num_distinct <= len(column.texts):
            return True
        return self._run(name) >= _LONG_RUN or column.num_distinct == 1

    def splits(self, name: str) -> bool:
        """Whether a column of any name splits repeated times into as many series as they repeat."""
        column = self.keyed[name]
        distinct = column.num_distinct
        if distinct < _TWO or not self.is_clean(name):
            return False
        counts = np.bincount(column.codes[column.codes >= 0])
        times = pd.DataFrame(dict(enumerate(self.keys))).value_counts()
        most = int(times.iloc[0])
        if column.is_words:
            return distinct <= max(2 * most, len(column.codes) // 3)
        enough = len(column.codes) >= max(_MANY, _TWO * distinct)
        return enough and distinct <= 2 * most and counts.min() >= counts.max() / 4

    def recurs(self, name: str) -> bool:
        """Whether each value stands in many rows, as an id does."""
        column = self.keyed[name]
        return _TWO <= column.num_distinct <= len(column.codes) // _MANY

    def numbers_parts_of_a_day(self, name: str) -> bool:
        """Whether a column counts the rows of each date, in parts that a day is divided into."""
        form = self.sample[self.time[0]].form if len(self.time) == 1 else None
        column = self.sample[name]
        if form is None or form.kind != "dates":
            return False
        counted = _numbers_in(column)
        if counted is None:
            return False
        days = self.keyed[self.time[0]].codes
        lengths = np.bincount(days)
        usual = int(np.bincount(lengths[lengths > 0]).argmax())  # rows of a day without a change
        in_order = (np.diff(counted) == 1).mean() > _MOST
        whole = usual >= _HOURS and _MINUTES % usual == 0
        span = counted.max() - counted.min()
        return bool(whole and in_order and counted.min() <= 1 and span < usual + usual // _HOURS)

    def _few(self, name: str) -> bool:
        column = self.sample[name]
        return column.is_words or 2 * column.num_distinct <= len(column.texts) or self.repeats > 0.5

    def _run(self, name: str) -> float:
        """Mean number of successive rows with one value."""
        codes = self.sample[name].codes
        changes = int((codes[1:] != codes[:-1]).sum())
        return len(codes) / (changes + 1)

    def evidence(self, name: str) -> str:
        """Why a column is the id."""
        distinct = self.sample[name].num_distinct
        if self.repeats > _CLEAN:
            return (
                f"{100 * self.repeats:.0f} % of the rows repeat a time without it, "
                f"{100 * row_repeats([*self.keys, self.keyed[name].codes]):.1g} % with it"
            )
        return f"by its name; {distinct:,} distinct, in runs of {self._run(name):.3g} rows"

    def against(self, name: str) -> str:
        """Why a column that is called like an id is none."""
        column = self.sample[name]
        if len(column.distinct) == 1:
            return f"{column.distinct[0]!r} in all rows"
        return (
            f"{column.num_distinct:,} distinct cells, which change every {self._run(name):.2g} "
            "rows, while times do not repeat"
        )


def _numbers_in(column: SampledColumn) -> Float64 | None:
    """Numbers of a column, or those in its words: "HE07" is 7; None without them."""
    if column.is_number:
        return None if np.isnan(column.numbers).any() else column.numbers
    digits = column.texts.str.extract(r"^\D*(\d+)\D*$", expand=False)
    return None if digits.isna().any() else digits.to_numpy(dtype=np.float64)


def _looks_like_units(column: SampledColumn) -> bool:
    numbered = sum(_NUMBERED.fullmatch(text) is not None for text in column.distinct)
    if 2 * numbered > column.num_distinct:
        return False
    return all(len(text) <= 8 for text in column.distinct[:20]) and column.num_distinct <= 30
