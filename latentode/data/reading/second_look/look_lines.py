"""A second look in short lines for a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from latentode.data.reading.cells.bad_cells import list_option
from latentode.data.reading.second_look.channel_readings import ChannelFacts
from latentode.data.reading.second_look.clock_faults import Gap, Silence
from latentode.data.reading.second_look.log_rows import long_duration, short_instant
from latentode.data.reading.second_look.look import Look

_MOST = 12  # channels, and silences, that have a line each
_MOST_NAMES = 12  # in a line of names
_EXAMPLES = 3  # gaps, and silences where there are more than that, that have a line each


def look_lines(look: Look, units: dict[str, str]) -> list[str]:
    """Say what the numbers of a log look like, but for what is asked or decided in words.

    Args:
        look: What was seen.
        units: Unit of each channel where it is known.
    """
    return [
        *_ranges(look, units),
        *_named("0/1 states", [each.name for each in look.channels if each.state]),
        *_named("constant", [each.name for each in look.channels if each.constant]),
        *_named("no reading", [each.name for each in look.channels if not each.count]),
        *_counters(look),
        *_silences(look),
        *_gaps(look),
        *_order(look),
    ]


def number(value: float) -> str:
    """Write a reading with as many digits as tell it from its neighbours."""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.12g}"


def _ranges(look: Look, units: dict[str, str]) -> list[str]:
    filled = [facts for facts in look.channels if facts.count]
    lines = [_range(facts, units.get(facts.name, "")) for facts in filled[:_MOST]]
    return lines + _more(len(filled) - _MOST, "channel")


def _range(facts: ChannelFacts, unit: str) -> str:
    if facts.low is None or facts.median is None or facts.high is None:
        return f"channel {facts.name}: {facts.count:,} readings"
    words = f"{number(facts.low)} to {number(facts.high)}"
    words += f" {unit}" if unit else ""
    readings = "1 reading" if facts.count == 1 else f"{facts.count:,} readings"
    return f"channel {facts.name}: {words}, median {number(facts.median)}, {readings}"


def _more(number_left: int, what: str) -> list[str]:
    if number_left <= 0:
        return []
    return [f"... and {number_left:,} more {what}{'s' if number_left > 1 else ''}"]


def _named(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f", ... ({len(names)} in all)" if len(names) > _MOST_NAMES else ""
    return [f"{what}: {', '.join(names[:_MOST_NAMES])}{more}"]


def _counters(look: Look) -> list[str]:
    rising = [each.channel for each in look.counters if each.row is None]
    fallen = [each for each in look.counters if each.row is not None]
    lines = [
        f"{each.channel}: {each} (first: {look.places[each]}, from {number(each.before)} to "
        f"{number(each.after)})"
        for each in fallen[:_MOST]
    ]
    return [
        *_named("running totals, which only rise", rising),
        *lines,
        *_more(len(fallen) - _MOST, "counter"),
    ]


def suggested_counters(look: Look, declared: Collection[str] = ()) -> list[str]:
    """Suggest to declare what looks like running totals: only a person knows that none can fall.

    Args:
        look: What was seen.
        declared: Channels that are declared already.

    Returns:
        One line, or nothing.
    """
    names = [each.channel for each in look.counters if each.channel not in declared]
    option = list_option("--counters", names)
    return [f"to have forecasts of them that never fall: train {option}"] if names else []


def _silences(look: Look) -> list[str]:
    # where so many end early, as visits to patients do, a few stand for all
    shown = _MOST if look.num_silences <= _MOST else _EXAMPLES
    lines = [_silence(look, silence) for silence in look.silences[:shown]]
    left = look.num_silences - shown
    return lines + ([f"... and {left:,} more end long before their series"] if left > 0 else [])


def _silence(look: Look, silence: Silence) -> str:
    series = look.series_ids[silence.series]
    last, missed = short_instant(silence.last, look.clock), long_duration(silence.missed)
    if silence.channel is None:
        return f"series {series}: last reading {last}, {missed} before the end of the log"
    of = f" of series {series}" if len(look.series_ids) > 1 else ""
    return f"{silence.channel}{of}: last reading {last}, {missed} before the end"


def _gaps(look: Look) -> list[str]:
    gaps = look.gaps
    lines = [_gap(look, gap) for gap in gaps.longest[:_EXAMPLES]]
    if gaps.number > _EXAMPLES:
        lines.append(f"{gaps.number:,} gaps are longer than {long_duration(gaps.least)}")
    return lines


def _gap(look: Look, gap: Gap) -> str:
    of = f" in series {look.series_ids[gap.series]}" if len(look.series_ids) > 1 else ""
    start, end = (short_instant(moment, look.clock) for moment in (gap.start, gap.end))
    place = f" ({look.places[gap]})" if look.places[gap] else ""
    return f"gap of {long_duration(gap.end - gap.start)}{of}: {start} to {end}{place}"


def _order(look: Look) -> list[str]:
    order = look.order
    if order is None:
        return []
    lines = ["the log is written newest first"] if order.newest_first else []
    if order.count:
        number_of = "1 row is" if order.count == 1 else f"{order.count:,} rows are"
        lines.append(f"{number_of} out of order of time (first: {look.places[order]})")
    return lines
