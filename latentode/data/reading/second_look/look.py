"""The second look: what was read is looked at as numbers, and what looks wrong is said or asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from latentode.config import CellsConfig, TimeConfig
from latentode.data.dataset import Clock, Float64, Readings
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.second_look.channel_readings import (
    ChannelFacts,
    ChannelReadings,
    by_channel,
    facts_of,
)
from latentode.data.reading.second_look.clock_faults import (
    Gap,
    Gaps,
    OutOfOrder,
    Silence,
    Strays,
    find_ended_series,
    find_gaps,
    find_order,
    find_silences,
    find_strays,
    steps_between,
    usual_steps,
)
from latentode.data.reading.second_look.codes import (
    Code,
    find_codes,
    near_codes,
    shared_codes,
)
from latentode.data.reading.second_look.counters import Counter, find_counter, room_text
from latentode.data.reading.second_look.log_rows import LogRows, instant, short_instant
from latentode.data.reading.second_look.questions import (
    ask_about_codes,
    ask_about_hour_set_back,
    ask_about_length,
    ask_about_strays,
)

_MOST_GAPS = 5  # that are listed
_MOST_SILENCES = 100  # that are listed: each channel of each series may fall silent


@dataclass(frozen=True)
class Look:
    """What the numbers of a log look like.

    Attributes:
        clock: What times mean.
        series_ids: Ids of the series.
        channels: Range and span of each channel.
        codes: Numbers that seem to stand for "missing".
        counters: Channels that only rise, but for wraps and resets.
        silences: Channels and series that end long before the others, at most a hundred.
        num_silences: How many there are.
        gaps: Gaps far above the usual step.
        order: Stamps out of order; None where all are in order.
        strays: Stamps far from all others.
        median_step: Median gap between successive times of a series, nanoseconds; None without.
        places: Gap, stray or counter -> where it stands in the source, in words.
    """

    clock: Clock
    series_ids: tuple[str, ...]
    channels: tuple[ChannelFacts, ...]
    codes: tuple[Code, ...]
    counters: tuple[Counter, ...]
    silences: tuple[Silence, ...]
    num_silences: int
    gaps: Gaps
    order: OutOfOrder | None
    strays: tuple[Strays, ...]
    median_step: int | None
    places: Mapping[Any, str]

    def to_dict(self, units: Mapping[str, str]) -> dict[str, Any]:
        """Everything as JSON types.

        Args:
            units: Unit of each channel where it is known.
        """
        return {
            "channel_details": [self._channel(facts, units) for facts in self.channels],
            "num_gaps": self.gaps.number,
            "gaps": [
                {
                    "series": self.series_ids[gap.series],
                    "from": instant(gap.start, self.clock),
                    "to": instant(gap.end, self.clock),
                    "seconds": (gap.end - gap.start) / 1e9,
                    "at": self.places[gap],
                }
                for gap in self.gaps.longest
            ],
            "out_of_order": self._out_of_order(),
            "silent": [
                {
                    "series": self.series_ids[silence.series],
                    "channel": silence.channel,
                    "last": instant(silence.last, self.clock),
                    "seconds_before_end": silence.missed / 1e9,
                }
                for silence in self.silences
            ],
            "num_silent": self.num_silences,
            "far_times": [
                {
                    "from": instant(stray.first, self.clock),
                    "to": instant(stray.last, self.clock),
                    "rows": stray.count,
                    "at": self.places[stray],
                }
                for stray in self.strays
            ],
        }

    def _channel(self, facts: ChannelFacts, units: Mapping[str, str]) -> dict[str, Any]:
        counter = next((each for each in self.counters if each.channel == facts.name), None)
        return {
            "name": facts.name,
            "unit": units.get(facts.name),
            "count": facts.count,
            "min": facts.low,
            "median": facts.median,
            "max": facts.high,
            "first": None if facts.first is None else instant(facts.first, self.clock),
            "last": None if facts.last is None else instant(facts.last, self.clock),
            "share_of_rows": facts.share,
            "constant": facts.constant,
            "state": facts.state,
            "codes": [
                {"value": code.value, "count": code.count, "next_value": code.neighbour}
                for code in self.codes
                if code.channel == facts.name
            ],
            "counter": None if counter is None else self._counter(counter),
        }

    def _counter(self, counter: Counter) -> dict[str, Any]:
        return {
            "resets": counter.resets,
            "wraps": counter.wraps,
            "room": None if counter.room is None else room_text(counter.room),
            "at": self.places[counter],
        }

    def _out_of_order(self) -> dict[str, Any] | None:
        if self.order is None:
            return None
        return {
            "count": self.order.count,
            "newest_first": self.order.newest_first,
            "at": self.places[self.order],
        }


def second_look(
    readings: Readings,
    series_ids: Sequence[str],
    clock: Clock,
    *,
    rows: LogRows,
    cells: CellsConfig,
    time: TimeConfig,
    doubts: Doubts,
    columns: Sequence[Float64] | None = None,
) -> Look:
    """Look at what was read; ask, decide and state what can be seen in the numbers alone.

    Args:
        readings: What was read, one reading at least.
        series_ids: Ids of its series.
        clock: What its times mean.
        rows: Rows that count, in the order of the file.
        cells: What the settings say of codes for "missing".
        time: What the settings say of the times that count.
        doubts: Takes questions that block training, and decisions.
        columns: The readings side by side, as in `by_channel`.
    """
    seen = _look_at_channels(readings, cells, columns)
    steps = steps_between(readings)
    usual = usual_steps(steps)
    gaps, order = find_gaps(readings, steps, usual, _MOST_GAPS), find_order(rows)
    del steps
    strays = tuple(find_strays(readings, clock, order))
    silences: list[Silence] = []
    if clock.kind == "calendar":  # series of an elapsed clock have an end each
        silences += find_ended_series(readings, usual[0] if usual else 0)
    silences += [silence for each in seen for silence in each.silences]
    counters = [each.counter for each in seen if each.counter is not None]
    places: dict[Any, str] = {stray: _far_rows(rows, stray) for stray in strays}
    places |= {gap: _gap_place(gap, rows) for gap in gaps.longest}
    if order is not None:
        places[order] = "" if order.row is None else rows.at(order.row)
    for counter in counters:
        row = counter.row
        places[counter] = "" if row is None else _row_place(readings, row, rows, clock)
    codes = [code for each in seen for code in each.codes]
    facts = tuple(each.facts for each in seen)
    ask_about_length({each.name: each.count for each in facts}, doubts)
    ask_about_codes(codes, readings, rows, cells, doubts)
    ask_about_hour_set_back(order, places.get(order, ""), clock, doubts)
    ask_about_strays(strays, places, rows, clock, time, doubts)
    return Look(
        clock=clock,
        series_ids=tuple(series_ids),
        channels=facts,
        codes=tuple(codes),
        counters=tuple(counters),
        silences=tuple(silences[:_MOST_SILENCES]),
        num_silences=len(silences),
        gaps=gaps,
        order=order,
        strays=strays,
        median_step=usual[0] if usual else None,
        places=places,
    )


def codes_of(readings: Readings) -> list[Code]:
    """Numbers of all channels that seem to stand for "missing"."""
    return [
        code for each in _look_at_channels(readings, CellsConfig(), None) for code in each.codes
    ]


class _Seen(NamedTuple):
    """What one channel looks like."""

    facts: ChannelFacts
    codes: list[Code]
    counter: Counter | None
    silences: list[Silence]


def _look_at_channels(
    readings: Readings, cells: CellsConfig, columns: Sequence[Float64] | None
) -> list[_Seen]:
    parts = by_channel(readings, columns)
    seen = [_look_at(each, readings, cells, find_codes(each)) for each in parts]
    values = {code.value for each in seen for code in each.codes if code.sure}
    if values and len(seen) > 1:
        for index, channel in enumerate(by_channel(readings, columns)):
            known = near_codes(seen[index].codes, values)
            if known != seen[index].codes:
                seen[index] = _look_at(channel, readings, cells, known)
            if more := shared_codes(channel, known, values):
                seen[index] = _look_at(channel, readings, cells, [*known, *more])
    return seen


def _look_at(
    channel: ChannelReadings, readings: Readings, cells: CellsConfig, codes: list[Code]
) -> _Seen:
    # where the user said what is missing, all that is left are readings like others
    apart = [] if cells.tells_na(channel.name) else [code.value for code in codes if code.sure]
    return _Seen(
        facts_of(channel, readings.times, apart),
        codes,
        find_counter(channel),
        list(find_silences(channel, readings)),
    )


def _gap_place(gap: Gap, rows: LogRows) -> str:
    first, last = (rows.row_of(gap.series, moment) for moment in (gap.start, gap.end))
    return "" if first is None or last is None else rows.span(first, last)


def _far_rows(rows: LogRows, stray: Strays) -> str:
    """First and last row of the file that is far from all others on one side."""
    low, high = stray.bulk
    far = (rows.times < low if stray.is_early else rows.times > high).nonzero()[0]
    return rows.span(int(far[0]), int(far[-1])) if len(far) else ""


def _row_place(readings: Readings, row: int, rows: LogRows, clock: Clock) -> str:
    """Time of a row of the readings, and where it stands in the source."""
    series = int(readings.series_starts.searchsorted(row, side="right")) - 1
    moment = int(readings.times[row])
    first = rows.row_of(series, moment)
    return short_instant(moment, clock) + ("" if first is None else f", {rows.at(first)}")
