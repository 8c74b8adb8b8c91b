"""Which column tells the series apart: by what it does to repeated times; names break ties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from latentode.data.reading.cells.states import are_modes
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.profile import Sample
from latentode.data.reading.roles import ID_NAMES, QUALITY_NAMES, UNIT_NAMES, by_telling_name
from latentode.data.reading.sample_times import sample_times
from latentode.data.reading.series_clocks import own_clocks
from latentode.data.reading.series_evidence import SeriesSearch
from latentode.data.reading.series_readings import own_readings

# below this share repeated times are a fault of the logger, not several series
_REPEATS = 0.1
_TWO = 2
_MILLISECONDS = re.compile(r"milli|msec|^ms$|[_ ]ms$")
_MOST_PAIRED = 8  # columns that are tried in pairs


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
    search = SeriesSearch(sample, time, channel)
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
    search: SeriesSearch, able: Sequence[str], free: Sequence[str], doubts: Doubts
) -> str | None:
    """A column of any name that splits repeated times as ids do, or a tangle of clocks."""
    sample = search.sample
    others = {*sum(ID_NAMES, ()), *QUALITY_NAMES, *UNIT_NAMES}
    every = able
    able = [name for name in able if name.lower() not in others or sample[name].is_words]
    if search.repeats <= _REPEATS:
        return _mingled(search, able, free, doubts)
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


def _ask_for_time_of_day(search: SeriesSearch, name: str, doubts: Doubts) -> None:
    doubts.ask(
        "time",
        f"the dates of {search.time[0]!r} repeat, and {name!r} counts the rows of each day "
        f"({search.sample[name].num_distinct} of them): it may be the time of day. Write date and "
        "time of day into one column; "
        f'or, if each number is a series, pass --id-column "{name}".',
    )


def _ask_for_columns(
    search: SeriesSearch, able: Sequence[str], free: Sequence[str], doubts: Doubts, *, least: int
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


def _say(search: SeriesSearch, name: str, doubts: Doubts) -> None:
    doubts.decide(
        "series",
        f"series told apart by {name!r}",
        search.evidence(name),
        confidence="likely",
        option="--id-column NAME",
    )


def _mingled(
    search: SeriesSearch, able: Sequence[str], free: Sequence[str], doubts: Doubts
) -> str | None:
    """A column of words with clocks, or readings, of their own, where times do not repeat."""
    sample = search.sample
    words = [name for name in able if sample[name].is_words]
    if not words or not search.time:
        return None
    times = sample_times(sample, search.time)
    clocks = {name: shown for name in words if (shown := own_clocks(sample, name, times))}
    if not clocks and search.channel is None:
        channels = [name for name in free if sample[name].is_number]
        named = [name for name in words if not are_modes(sample[name].distinct)]
        clocks = {name: shown for name in named if (shown := own_readings(sample, name, channels))}
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
