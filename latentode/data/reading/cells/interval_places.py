"""Where readings stand whose time of day is the number of an hour or of another interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from latentode.config import TimeConfig
from latentode.config.durations import NS_PER_UNIT
from latentode.data.reading.cells.day_intervals import interval_clock
from latentode.data.reading.cells.part_names import roles_in_name
from latentode.data.reading.cells.split_parts import Part
from latentode.data.reading.cells.time_stamps import DAY
from latentode.data.reading.cells.zone_names import check_zone

_HOUR = NS_PER_UNIT["h"]


def is_numbered(roles: Mapping[str, Part]) -> bool:
    """Whether hours, or other intervals, are numbers alone."""
    return "interval" in roles or ("hour" in roles and not {"minute", "half"} & set(roles))


def is_end(roles: Mapping[str, Part], time: TimeConfig) -> bool:
    """Whether readings stand at the end of their interval: hours that count from 1 say so.

    Args:
        roles: Columns of a time by their role.
        time: What is told of it.
    """
    part = next((roles[role] for role in ("interval", "hour") if role in roles), None)
    if part is None:
        return False
    if time.interval is not None and is_numbered(roles):
        return time.interval == "end"
    counted = part.numbering
    if counted is None:
        return _counts_to_24(part)
    return (counted.parts, counted.first) == (24, 1) and "hour" in roles_in_name(part.name)


def _counts_to_24(hours: Part) -> bool:
    seen = hours.values[hours.good]
    return bool(len(seen)) and int(seen.max()) == DAY and int(seen.min()) > 0


def placed(
    roles: dict[str, Part], date: Part, at_end: bool, zone: str | None
) -> tuple[dict[str, Part], str]:
    """Numbered hours and intervals where their readings stand, and what is to be asked.

    Args:
        roles: Columns of a time by their role.
        date: Its days.
        at_end: Whether readings stand at the end of their interval.
        zone: Zone of the days, if it is known.
    """
    if not is_numbered(roles):
        return roles, ""
    role = "interval" if "interval" in roles else "hour"
    part = roles[role]
    if part.numbering is None:
        shift = _HOUR * (int(at_end) - int(_counts_to_24(part)))
        return roles | {role: replace(part, values=part.values + shift)}, ""
    good = date.good & part.good
    numbers = part.values[good] // (DAY // part.numbering.parts)
    clock, question = interval_clock(
        date.values[good],
        numbers,
        part.numbering.parts,
        None if zone is None else check_zone(zone),
        at_end=at_end,
    )
    values = part.values.copy()
    values[good] = clock
    return roles | {role: replace(part, values=values)}, question
