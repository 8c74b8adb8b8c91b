"""Numbers and moments as the page of a report writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from latentode.data.calendar import time_zone

#: Where there is no number.
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Moments:
    """Moments of a log in its zone, as its charts have them.

    Attributes:
        zone: Name of the zone; None where the log has none.
        fine: Whether seconds are told: of a log with a reading each half hour they say nothing.
    """

    zone: str | None
    fine: bool

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> Moments:
        """Those of a log.

        Args:
            data: What was read, see `latentode.report.data.reading_records`.
        """
        data = data or {}
        step = data.get("median_step_seconds")
        return cls((data.get("clock") or {}).get("zone"), fine=step is None or step < 60)

    @property
    def named(self) -> str:
        """The zone as it stands behind a heading; empty where the log has none."""
        return f" ({self.zone})" if self.zone else ""

    def text(self, moment: str | None) -> str:
        """A moment as people write it; a dash where there is none.

        Args:
            moment: As the report of a log has it: in UTC, or on the log's own clock.

        Example:
            >>> from latentode.report.words import Moments
            >>> Moments("Europe/Berlin", fine=True).text("2025-10-23T01:32:07.000Z")
            '2025-10-23 03:32:07'
            >>> Moments("-07:00", fine=False).text("2024-03-07T10:49:29.999Z")
            '2024-03-07 03:49'
            >>> Moments(None, fine=True).text("12.5 h")
            '12.5 h'
        """
        if not moment or "T" not in moment:
            return moment or NONE
        found, more = datetime.fromisoformat(moment), ""
        if found.tzinfo is not None:
            found = found.astimezone(time_zone(self.zone or "UTC"))
            if found.utcoffset() != found.replace(fold=1 - found.fold).utcoffset():
                more = f" {found:%z}"  # the hour that occurs twice
        return f"{found:%Y-%m-%d %H:%M}{f':{found:%S}' if self.fine else ''}{more}"


def when(moment: str) -> str:
    """A moment of a run, in UTC.

    Args:
        moment: As ``run.json`` has it; other texts stay as they are.

    Example:
        >>> from latentode.report.words import when
        >>> when("2026-12-01T05:03:42.974+00:00"), when("done")
        ('2026-12-01 05:03:42 UTC', 'done')
    """
    if "T" not in moment or not moment.endswith("+00:00"):
        return moment
    return f"{moment[:19].replace('T', ' ')} UTC"


def number(value: Any) -> str:
    """A number with four digits; a dash where there is none.

    Args:
        value: The number, None, or a text, which stays as it is.

    Example:
        >>> from latentode.report.words import number
        >>> number(1234.56), number(None), number(7.0)
        ('1,235', '–', '7')
    """
    if value is None or isinstance(value, str):
        return value or NONE
    size = abs(value)
    if size >= 1000 and size < 1e7:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def whole(count: int | None) -> str:
    """A count; a dash where there is none.

    Args:
        count: The count.
    """
    return NONE if count is None else f"{count:,}"


def percent(share: float | None) -> str:
    """A share in percent; a dash where there is none.

    Args:
        share: Between 0 and 1.
    """
    return NONE if share is None else f"{100 * share:.3g} %"


def duration(seconds: float) -> str:
    """A length of time in its largest unit, with two digits or three.

    Args:
        seconds: The length.

    Example:
        >>> from latentode.report.words import duration
        >>> duration(32792.0), duration(1228.0), duration(0.25)
        ('9.11 h', '20.5 min', '0.25 s')
    """
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
