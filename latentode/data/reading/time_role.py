"""Which columns are the time: by what their cells spell; names break ties."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from latentode.config import TimeConfig
from latentode.data.reading.cells.day_intervals import is_untold_interval
from latentode.data.reading.cells.split_parts import numbers_of
from latentode.data.reading.cells.split_times import find_split_times, join_times
from latentode.data.reading.cells.time_scales import serial_in_name, unit_in_name, years_in_name
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample, SampledColumn
from latentode.data.reading.roles import TIME_NAMES, by_telling_name
from latentode.data.reading.sample_times import NOT_KNOWN, sample_times
from latentode.errors import DataError

_NO_NAME = len(TIME_NAMES)
_NEARLY_ALL = 0.95  # share of rows, or of steps
_WANDERS = 0.2  # share of steps upwards, and downwards, of numbers that are readings
_EPOCH_WORDS = {"time", "timestamp", "ts", "epoch", "unix", "unixtime", "clock", "utc"}
_TIME_WORDS = {"time", "elapsed", "cycle", "cycles", "zeit", "temps", "tiempo", "tempo", "tijd"}


def find_time(
    sample: Sample, exclude: Collection[str], time: TimeConfig, doubts: Doubts
) -> tuple[str, ...]:
    """Find the columns of the time.

    Dates with a time of day come before dates, these before epochs and other numbers; a date whose
    time of day, hour or the like stands in other columns is joined with them.

    Args:
        sample: The log.
        exclude: Columns that are known to be something else.
        time: How times are written; with a format or a unit, a name is enough.
        doubts: Takes the decision.

    Returns:
        Its columns, mostly one.

    Raises:
        DataError: If no column, or several, may be the time.
    """
    names = [name for name in sample.table.columns if name not in exclude]
    told = time.format is not None or time.unit not in ("auto", "iso")
    search = _Search(sample, names)
    if told and (named := by_telling_name(search.steady, TIME_NAMES)):
        return (named[0],)
    stamps = search.best(("stamps",))
    if stamps:
        return (_only(stamps, sample, doubts),)
    parts = find_split_times({name: sample[name].cells for name in names})
    dates = search.best(("dates",))
    if parts is not None and len(parts) > 1 and (not dates or set(dates) & set(parts)):
        joined = join_times({name: sample[name].cells for name in parts}, time)
        doubts.decide(
            "time",
            f"time joined from {joined.words}",
            "each alone repeats, and together they advance",
            confidence="likely",
            option=joined.option or "--time-column NAME",
        )
        return parts
    if dates and parts is None:
        _ask_about_intervals(sample, dates[0], names, doubts)
    likely = (
        search.best(("epoch", "serial"), named=True)
        or dates
        or search.best(("epoch", "serial", "years"))
        or search.best(("clocks",))
        or search.by_name()
    )
    if not likely:
        raise DataError(f"{sample.table.name}: {_refusal(sample, names)}")
    return (_only(likely, sample, doubts),)


def _ask_about_intervals(sample: Sample, date: str, names: Sequence[str], doubts: Doubts) -> None:
    """Ask into how many intervals a day is parted, where each has its number and none is whole."""
    for name in names:
        numbers = numbers_of(sample[name].cells)
        if name == date or numbers is None or not numbers[1].all():
            continue
        seen = numbers[0]
        repeats = sample[date].num_distinct < len(seen)
        if repeats and (np.diff(seen) > 0).any() and is_untold_interval(name, seen):
            doubts.ask(
                "time",
                f"column {name!r} counts intervals of the days in {date!r}, from {seen.min():g} to "
                f"{seen.max():g}, and no day has all: into how many a day is parted is not told. "
                "Give the log a whole day of them, or write the time of day into that column.",
            )
            return


class _Search:
    """The columns that may be the time."""

    def __init__(self, sample: Sample, names: Sequence[str]) -> None:
        self.sample, self.names = sample, names
        self.forms = {name: sample[name].form for name in names}
        #: Those that do not wander as readings do: "T" may be a time or a temperature.
        self.steady = [name for name in names if not _wanders(sample[name])]

    def best(self, kinds: Collection[str], *, named: bool = False) -> list[str]:
        """The columns of some forms that have the most telling name.

        Numbers need a name that tells of a time, or steps that never fall, as readings of any kind
        may be as large as an epoch or a year.

        Args:
            kinds: Kinds of `TimeForm`.
            named: Whether numbers need such a name.
        """
        fits = [
            name
            for name, form in self.forms.items()
            if form is not None and form.kind in kinds and self._may_be(name, named)
        ]
        return [name for name in fits if self._rank(name) == min(map(self._rank, fits))]

    def _may_be(self, name: str, named: bool) -> bool:
        column = self.sample[name]
        if not column.is_number:
            return True
        if self._rank(name) < _NO_NAME or unit_in_name(name) is not None:
            return True
        form = self.forms[name]
        if form is not None and form.kind == "epoch" and self._words(name) & _EPOCH_WORDS:
            return True
        steps = column.steps
        rises = len(steps) > 0 and bool((steps >= 0).all() or (steps <= 0).all())
        return rises and bool((steps != 0).any()) and not named

    def _rank(self, name: str) -> int:
        plain = name.strip().lower()
        for rank, words in enumerate(TIME_NAMES):
            if plain in words:
                return rank
        return _NO_NAME

    def by_name(self) -> list[str]:
        """Columns of numbers that are called like a time."""
        numeric = [name for name in self.names if self.sample[name].is_number]
        steady = [name for name in numeric if name in self.steady]
        return (
            by_telling_name(steady, TIME_NAMES)
            or [name for name in steady if unit_in_name(name) or self._goes_on(name)]
            or [name for name in steady if serial_in_name(name) or years_in_name(name)]
            or by_telling_name(numeric, TIME_NAMES[:-1])
            or (self._rising(steady) if by_telling_name(numeric, TIME_NAMES[-1:]) else [])
            or by_telling_name(numeric, TIME_NAMES)
        )

    def _rising(self, names: Sequence[str]) -> list[str]:
        """Columns that rise in nearly all rows."""
        steps = {name: self.sample[name].steps for name in names}
        return [name for name in names if (steps[name] > 0).sum() > _NEARLY_ALL * len(steps[name])]

    @staticmethod
    def _words(name: str) -> set[str]:
        return set(re.split(r"[^a-z]+", name.lower()))

    def _goes_on(self, name: str) -> bool:
        """Whether a column has a word for time in its name, and rises in nearly all rows."""
        return bool(self._words(name) & _TIME_WORDS) and bool(self._rising([name]))


def _wanders(column: SampledColumn) -> bool:
    """True of numbers that rise and fall in turn, as no clock does, in the order of any series."""
    if not column.is_number or not len(column.steps):
        return False
    signs = np.sign(column.steps)
    return bool(min((signs > 0).mean(), (signs < 0).mean()) > _WANDERS)


def _only(names: Sequence[str], sample: Sample, doubts: Doubts) -> str:
    """The one of several columns of times that the log is on; a question where they differ."""
    most = max(sample[name].num_distinct for name in names)
    # a date that hardly changes, as of the last service, is no clock of the readings
    names = [name for name in names if 2 * sample[name].num_distinct >= most]
    first, *others = names
    if not others:
        return first
    apart = [name for name in others if not _keeps_distance(sample, first, name)]
    if not apart:
        _say(doubts, first, others, "always keeps the same distance to it")
        return first
    earliest = _earliest(sample, names)
    if earliest is None:
        shown = ", ".join(map(repr, names))
        doubts.ask(
            "time",
            f"columns {shown} may all be the time, and they tell different times. If each has "
            "values of its own, write it and them to a file of its own; if one is the time of all "
            f'values, name it with --time-column "{first}" or another of them.',
        )
        return first
    others = [name for name in names if name != earliest]
    _say(doubts, earliest, others, "follows shortly after it, as the receipt of a reading does")
    return earliest


def _say(doubts: Doubts, name: str, others: Sequence[str], why: str) -> None:
    doubts.decide(
        "time",
        f"{name!r} is the time",
        f"{', '.join(map(repr, others))} {why}: left out",
        confidence="likely",
        option=f'--time-column "{others[0]}"',
    )


def _earliest(sample: Sample, names: Sequence[str]) -> str | None:
    """The clock that all others follow, by no more than its own step; None without such a one.

    The time of a reading comes before those at which it was sent, received and stored.
    """
    times = np.stack([sample_times(sample, (name,)) for name in names])
    times = times[:, (times != NOT_KNOWN).all(0)]
    if times.shape[1] <= 1:
        return None
    order = np.argsort(np.median(times, axis=1), kind="stable")
    lags = times - times[order[0]]
    moments = np.unique(times[order[0]])
    if not len(moments[1:]) or (lags < 0).any():
        return None
    late = np.median(lags, axis=1).max() > np.median(np.diff(moments))
    return None if late else names[order[0]]


def _keeps_distance(sample: Sample, first: str, second: str) -> bool:
    """True where two clocks are apart by the same time in nearly all rows that have both."""
    texts = [sample[name].texts for name in (first, second)]
    if (texts[0] == texts[1]).mean() > _NEARLY_ALL:
        return True
    times = [sample_times(sample, (name,)) for name in (first, second)]
    both = (times[0] != NOT_KNOWN) & (times[1] != NOT_KNOWN)
    apart = times[1][both] - times[0][both]
    counts = np.unique(apart, return_counts=True)[1]
    return bool(len(counts)) and bool(counts.max() >= _NEARLY_ALL * len(apart))


def _refusal(sample: Sample, names: Sequence[str]) -> str:
    shown = ", ".join(sample.table.columns[:12])
    of_day = [name for name in names if sample[name].holds_clocks]
    if of_day:
        text = sample[of_day[0]].distinct[0]
        return (
            f"column {of_day[0]!r} holds a time of day without a date ({text}). Join date and time "
            "in one column, or name another with --time-column."
        )
    return f"no column looks like the time (columns: {shown}). Name it with --time-column."
