"""What speaks for and against a column as the one that tells the series apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.cells.states import are_modes, state_numbers
from latentode.data.reading.profile import Sample, SampledColumn, row_repeats
from latentode.data.reading.roles import ID_NAMES, UNIT_NAMES, by_telling_name

_CLEAN = 0.01  # share of repeats that a column of ids may leave
_LONG_RUN = 3.0  # rows: an id written a series after another stays for longer
_TWO = 2  # series at least
_MOST = 0.5  # of the steps of a count are steps of one
_NUMBERED = re.compile(r"(?!.*\b[mcdk]?m[23]$)[A-Za-z][A-Za-z_ -]*\d+")  # "s1", but not "m3"
_HOURS, _MINUTES = 24, 1440  # parts of a day: the least that are looked for, and the most
_MANY = 10  # rows: in fewer only the name tells


class SeriesSearch:
    """Evidence for and against columns as series ids.

    Args:
        sample: The log.
        time: Columns of the time; none for rows without times.
        channel: Column of channel names of a long log.

    Attributes:
        repeats: Share of the rows that repeat a time, of one channel in a long log.
    """

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
            return not (_looks_like_units(column) or are_modes(column.distinct))
        if not self.keys:
            return True
        if self.repeats > _CLEAN and self.is_clean(name) and self._few(name):
            return True
        if state_numbers([text.lower() for text in column.distinct[:3]]) is not None:
            return False
        if column.is_words and are_modes(column.distinct):
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
