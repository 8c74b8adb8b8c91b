"""What only a person can settle: codes for "missing", stamps far from all others, a short log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from latentode.config import CellsConfig, TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.dataset import Clock, Readings
from latentode.data.reading.cells.bad_cells import na_option
from latentode.data.reading.cells.zones import hour_set_back
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.second_look.clock_faults import OutOfOrder, Strays
from latentode.data.reading.second_look.codes import Code, number_text
from latentode.data.reading.second_look.log_rows import LogRows, long_duration, short_instant
from latentode.data.reading.second_look.time_bounds import ANY

#: Readings of a channel without which nothing is trained: of 20, 14 show its spread (to a fifth),
#: two when to stop, and four how good a forecast is.
FEWEST_READINGS = 20
_MOST_CODES = 3  # of one channel that are told one by one
_MOST_CHANNELS = 8  # that one message names
_DAY = NS_PER_UNIT["d"]


def ask_about_length(counts: Mapping[str, int], doubts: Doubts) -> None:
    """Ask for a longer log where no channel has enough readings; name those that have too few.

    Args:
        counts: Channel -> number of its readings.
        doubts: Takes the question.
    """
    most = max(counts, key=counts.__getitem__)
    if counts[most] < FEWEST_READINGS:
        doubts.ask(
            "length",
            f"too few readings to train on: expected at least {FEWEST_READINGS} of a channel, got "
            f"{counts[most]} of {most!r}. Give a longer log, or more files of it.",
            blocks="training",
        )
        return
    few = {name: count for name, count in counts.items() if 0 < count < FEWEST_READINGS}
    if few:
        listed = _listed([f"{name!r} ({count})" for name, count in few.items()])
        doubts.decide(
            "channel",
            f"channels with few readings are kept: {listed}",
            f"fewer than {FEWEST_READINGS} show neither range nor course: expect little of them",
            confidence="likely",
        )


def ask_about_codes(
    codes: Sequence[Code],
    readings: Readings,
    rows: LogRows,
    cells: CellsConfig,
    doubts: Doubts,
    proposed: Sequence[str] = (),
) -> None:
    """Ask whether numbers far from all others mean "missing", all of a log in one question.

    Args:
        codes: What was found.
        readings: What was read.
        rows: Rows in the order of the file.
        cells: Where ``na`` is given, nothing is asked: it is said which of them are readings.
        doubts: Takes the question.
        proposed: Spellings that another question proposes for ``na``, which goes with this one.
    """
    told = [code for code in codes if cells.tells_na(code.channel)]
    for code in (each for each in told if each.sure):
        choice = f"channel {code.channel!r}: {code.text} is a reading, as --na says"
        doubts.decide("missing", choice, str(code))
    sure = [code for code in codes if code.sure and code not in told]
    unsure = [code for code in codes if not code.sure and not cells.tells_all_of(code.channel)]
    for name in _channels(unsure):
        here = [code for code in unsure if code.channel == name]
        _keep(here, _in_words(here, readings, rows), cells, doubts)
    if sure:
        message = _codes_message(sure, readings, rows, (*(cells.na or ()), *proposed))
        doubts.ask("missing", message, blocks="training")


def _keep(codes: Sequence[Code], said: str, cells: CellsConfig, doubts: Doubts) -> None:
    """Say that numbers of one channel, far from its others, are read as they are."""
    name, texts = codes[0].channel, [code.text for code in codes]
    are = "is read as a value" if len(texts) == 1 else "are read as values"
    doubts.decide(
        "missing",
        f"channel {name!r}: {', '.join(texts)} {are}",
        said,
        confidence="guess",
        option=na_option([*(cells.na or ()), *(f"{name}={text}" for text in texts)]),
    )


def _codes_message(
    codes: Sequence[Code], readings: Readings, rows: LogRows, told: Sequence[str]
) -> str:
    said = {name: [c for c in codes if c.channel == name] for name in _channels(codes)}
    listed = "; ".join(
        f"channel {name!r}: {_in_words(here, readings, rows)}"
        for name, here in list(said.items())[:_MOST_CHANNELS]
    )
    if len(said) > _MOST_CHANNELS:
        listed += f"; and {len(said) - _MOST_CHANNELS} more channels"
    clashes = _clashes(codes, readings)
    values = [
        # in one channel, where the others have it as an ordinary reading, or were told of theirs
        f"{code.channel}={code.text}" if told or code.value in clashes else code.text
        for code in codes
    ]
    values = list(dict.fromkeys(values))
    some = "that means" if len(values) == 1 else "these mean"
    every = [f"{name}=" for name in said] if told else []
    advice = f"Pass {na_option([*told, *values])} if {some} missing, or "
    advice += f"{na_option([*told, *every])} if every value counts."
    for value, other in clashes.items():
        advice += f" {number_text(value)} is an ordinary reading of {other!r}."
    return f"numbers that look like codes for missing values: {listed}. {advice}"


def _clashes(codes: Sequence[Code], readings: Readings) -> dict[float, str]:
    """Codes that are ordinary readings of a channel, and which."""
    clashes: dict[float, str] = {}
    for value in dict.fromkeys(code.value for code in codes):
        suspected = [code.channel for code in codes if code.value == value]
        apart = np.isin(readings.channels, suspected)
        channels = np.unique(readings.channel_index[readings.values == value])
        ordinary = channels[~apart[channels]]
        if len(ordinary):
            clashes[value] = readings.channels[int(ordinary[0])]
    return clashes


def _channels(codes: Sequence[Code]) -> list[str]:
    return list(dict.fromkeys(code.channel for code in codes))


def _in_words(codes: Sequence[Code], readings: Readings, rows: LogRows) -> str:
    """Codes of one channel, each where they are few."""
    if len(codes) <= _MOST_CODES:
        return ", ".join(f"{code}{_place(code.row, readings, rows)}" for code in codes)
    values = sorted(code.value for code in codes)
    nearest = " and ".join(dict.fromkeys(f"{code.neighbour:.6g}" for code in codes))
    place = _place(min(code.row for code in codes), readings, rows)
    return (
        f"{sum(code.count for code in codes):,} readings from {number_text(values[0])} to "
        f"{number_text(values[-1])}, far from the next value {nearest}{place}"
    )


def _place(row: int, readings: Readings, rows: LogRows) -> str:
    series = int(np.searchsorted(readings.series_starts, row, side="right")) - 1
    first = rows.row_of(series, int(readings.times[row]))
    return "" if first is None else f" (first: {rows.at(first)})"


def ask_about_hour_set_back(
    order: OutOfOrder | None, place: str, clock: Clock, doubts: Doubts
) -> None:
    """Ask for the zone of a log whose local times fall back in an hour that occurs twice.

    Args:
        order: Rows out of order.
        place: Where the first of them stands.
        clock: What times mean.
        doubts: Takes the question.
    """
    if order is None or clock.kind != "calendar" or clock.zone is not None:
        return
    said = hour_set_back(np.array(order.hours, dtype=np.int64))
    if said is not None:
        doubts.ask(
            "time",
            f"{said} A logger without summer time has an offset, such as --tz +01:00 (first row "
            f"out of order: {place}).",
            blocks="training",
        )


def ask_about_strays(
    strays: Sequence[Strays],
    places: Mapping[Any, str],
    rows: LogRows,
    clock: Clock,
    time: TimeConfig,
    doubts: Doubts,
) -> None:
    """Ask about stamps far from all others, early and late ones in one question.

    Args:
        strays: What was found.
        places: Where they stand.
        rows: Rows in the order of the file.
        clock: What times mean.
        time: Where ``start`` or ``end`` is given, nothing is asked of that side.
        doubts: Takes the question.
    """
    asked = [each for each in strays if (time.start if each.is_early else time.end) is None]
    for stray in (each for each in strays if each not in asked):
        doubts.decide("time", "times far from all others are kept", _far(stray, places, clock))
    if not asked:
        return
    options = " ".join(f"--{_side(each)}{_typed(_bound(each, clock))}" for each in asked)
    keep = " ".join(f"--{_side(each)} {ANY}" for each in asked)
    first, last = asked[-1].bulk
    doubts.ask(
        "time",
        f"{sum(each.count for each in asked):,} of {len(rows.times):,} rows have times far from "
        f"all others: {'; '.join(_far(each, places, clock) for each in asked)}, which last from "
        f"{short_instant(first, clock)} to {short_instant(last, clock)}. Pass {options} to leave "
        f"them out, or {keep} to keep them.",
        blocks="training",
    )


def _side(stray: Strays) -> str:
    return "start" if stray.is_early else "end"


def _far(stray: Strays, places: Mapping[Any, str], clock: Clock) -> str:
    times = short_instant(stray.first, clock)
    if stray.last > stray.first:
        times += f" to {short_instant(stray.last, clock)}"
    place = f" ({places[stray]})" if places[stray] else ""
    side = "before" if stray.is_early else "after"
    return f"{times}{place}, {long_duration(stray.distance)} {side} the others"


def _typed(text: str) -> str:
    return f"={text}" if text.startswith("-") else f" {text}"


def _bound(stray: Strays, clock: Clock) -> str:
    """A round time between strays and bulk, as the setting takes it."""
    first, last = stray.bulk
    unit = _DAY if clock.kind == "calendar" else NS_PER_UNIT[clock.unit]
    moment = first // unit * unit if stray.is_early else -(-last // unit) * unit
    is_between = stray.last < moment if stray.is_early else moment < stray.first
    if not is_between:
        moment = first if stray.is_early else last
    if clock.kind == "elapsed":
        return number_text(moment / unit)
    return _date_text(moment, clock)


def _date_text(moment: int, clock: Clock) -> str:
    stamp = np.datetime64(moment, "ns")
    day = stamp.astype("M8[D]")
    if clock.zone is None and stamp == day:
        return str(day)
    text = np.datetime_as_string(stamp, unit="s" if moment % 10**9 == 0 else "ns")
    return f"{text}Z" if clock.zone else str(text)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_CHANNELS} more" if len(names) > _MOST_CHANNELS else ""
    return ", ".join(names[:_MOST_CHANNELS]) + more
