"""The zone of times without an offset, as letters behind them or their column's name tell it."""

from __future__ import annotations

from collections.abc import Set

from latentode.data.reading.cells.time_stamps import is_zone
from latentode.data.reading.cells.zone_names import (
    MILITARY_ZONES,
    UNCLEAR_LETTERS,
    ZONE_LETTERS,
    check_zone,
    offset_name,
    summer_time_in_name,
    zone_in_name,
)
from latentode.data.reading.doubts import Doubts

_UNIVERSAL = {"Z", "UTC", "GMT", "UT"}


def say_letters(name: str, places: Set[str], doubts: Doubts) -> None:
    """Say which offsets the letters behind times stand for.

    Args:
        name: Column.
        places: What stands behind its times.
        doubts: Takes what is decided.
    """
    for letters in sorted(places & (ZONE_LETTERS.keys() - _UNIVERSAL)):
        offset = offset_name(ZONE_LETTERS[letters])
        doubts.decide(
            "time",
            f"{letters} in {name!r} read as {offset}, all year",
            "letters name an offset, never summer time that comes and goes",
        )
    for letter in sorted(place[1:] for place in places if place.startswith("=")):
        doubts.decide(
            "time",
            f"{letter} in {name!r} read as {offset_name(MILITARY_ZONES[letter])}",
            "so the letters of date-time groups stand for offsets",
        )


def zone_told(name: str, places: Set[str], doubts: Doubts) -> str | None:
    """Zone of times without an offset, by the words behind them or the name of their column.

    Args:
        name: Column.
        places: What stands behind its times.
        doubts: Takes what is decided or asked.
    """
    letters = sorted(place for place in places if place in UNCLEAR_LETTERS)
    if letters:
        meant = UNCLEAR_LETTERS[letters[0]]
        doubts.ask(
            "time",
            f"time column {name!r}: {letters[0]} is used for several zones. Pass "
            f"{' or '.join(f'--tz {zone}' for zone in meant)}.",
        )
        return meant[0]
    zones = sorted(place for place in places if is_zone(place))
    if len(zones) > 1:
        doubts.ask(
            "time",
            f"time column {name!r}: times are in several zones, {' and '.join(zones)}, "
            "without an offset. Write offsets behind the times.",
        )
    if zones:
        return check_zone(zones[0])
    return zone_called(name, doubts)


def zone_called(name: str, doubts: Doubts) -> str | None:
    """Zone that the name of a column tells; None where it tells none."""
    if turns := summer_time_in_name(name):
        letters, place = turns
        doubts.ask(
            "time",
            f"time column {name!r}: its name tells {letters}, so that summer time comes and "
            f"goes. Pass the zone, such as --tz {place}.",
        )
        return place
    zone = zone_in_name(name)
    if zone is not None:
        doubts.decide(
            "time",
            f"times of {name!r} read in the zone {zone}",
            "so its name says",
        )
    return zone
