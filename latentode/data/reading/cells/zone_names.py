"""Names of zones in settings, in the names of columns and behind times: letters and offsets."""

from __future__ import annotations

import re

from latentode.data.calendar import time_zone
from latentode.errors import ConfigError

#: Letters that mean one offset from UTC all year, in minutes. They are never moved by summer time:
#: a logger that writes CET in July means UTC+1.
ZONE_LETTERS = {
    **dict.fromkeys(("Z", "UTC", "GMT", "UT", "WET"), 0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST", "MET"), 60),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST", "MEST"), 120),
    **dict.fromkeys(("EEST", "MSK"), 180),
    **dict.fromkeys(("JST", "KST"), 540),
    **dict.fromkeys(("AEST",), 600),
    **dict.fromkeys(("ACST",), 570),
    **dict.fromkeys(("ACDT",), 630),
    **dict.fromkeys(("AEDT",), 660),
    **dict.fromkeys(("NZST",), 720),
    **dict.fromkeys(("NZDT",), 780),
    **dict.fromkeys(("AWST", "SGT", "HKT"), 480),
    **dict.fromkeys(("NST",), -210),
    **dict.fromkeys(("NDT",), -150),
    **dict.fromkeys(("ADT", "BRT"), -180),
    **dict.fromkeys(("EDT",), -240),
    **dict.fromkeys(("EST", "CDT"), -300),
    **dict.fromkeys(("MDT",), -360),
    **dict.fromkeys(("MST", "PDT"), -420),
    **dict.fromkeys(("PST", "AKDT"), -480),
    **dict.fromkeys(("AKST",), -540),
    **dict.fromkeys(("HST",), -600),
}
#: Letters of a date-time group, in minutes; J is the time of the place itself.
MILITARY_ZONES = {
    **{letter: 60 * hours for hours, letter in enumerate("ABCDEFGHIKLM", 1)},
    **{letter: -60 * hours for hours, letter in enumerate("NOPQRSTUVWXY", 1)},
    "Z": 0,
}
#: Letters that are used for several offsets, and zones that they may mean.
UNCLEAR_LETTERS = {
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
}
# names of the database of zones that follow summer time, although their letters mean a fixed offset
_SEASONAL = {
    "CET": ("+01:00", "Europe/Berlin"),
    "MET": ("+01:00", "Europe/Berlin"),
    "EET": ("+02:00", "Europe/Helsinki"),
    "WET": ("+00:00", "Europe/Lisbon"),
}
# places where the first of two letters holds in winter and the second in summer
_SUMMER_TIMES = {
    ("CET", "CEST"): "Europe/Berlin", ("MEZ", "MESZ"): "Europe/Berlin",
    ("EET", "EEST"): "Europe/Helsinki", ("WET", "WEST"): "Europe/Lisbon",
    ("GMT", "BST"): "Europe/London", ("EST", "EDT"): "America/New_York",
    ("CST", "CDT"): "America/Chicago", ("MST", "MDT"): "America/Denver",
    ("PST", "PDT"): "America/Los_Angeles", ("AKST", "AKDT"): "America/Anchorage",
    ("AEST", "AEDT"): "Australia/Sydney", ("NZST", "NZDT"): "Pacific/Auckland",
}  # fmt: skip
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+\-\u2212])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_MOST_MINUTES = 14 * 60  # no zone is farther from UTC
_IN_NAME = re.compile(
    r"(?:UTC|GMT)\s*[+\-\u2212]\s*\d{1,2}(?::?\d\d)?(?!\d)"
    r"|(?<![\w:.])[+\-\u2212]\d\d:\d\d(?!\d)"
    r"|(?<![A-Za-z])(?:[A-Z]{3,4}|[Uu]tc|[Gg]mt)(?![A-Za-z])"
)
_PLACE_IN_NAME = re.compile(r"[A-Z][a-z]+(?:/[A-Z][A-Za-z_]+){1,2}")


def offset_minutes(text: str) -> int | None:
    """Minutes east of Greenwich of ``+01:00``, ``-0700``, ``UTC+1``, ``CET`` or ``Z``.

    None where the text is none of these.
    """
    letters = ZONE_LETTERS.get(text.strip().upper())
    if letters is not None:
        return letters
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    if minutes > _MOST_MINUTES:
        return None
    return minutes if match[1] == "+" else -minutes


def offset_name(minutes: int) -> str:
    """Name of a fixed offset: ``+01:00``; ``UTC`` for 0."""
    if not minutes:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def check_zone(zone: str) -> str:
    """Check the name of a zone that was given in the settings.

    Args:
        zone: An IANA name, an offset such as ``+01:00`` or ``UTC+1``, or letters.

    Returns:
        The name as a `Clock` holds it: an IANA name, ``UTC`` or an offset ``+01:00``.

    Raises:
        ConfigError: If there is no such zone, or it has two meanings.
    """
    zone = zone.strip()
    if zone in _SEASONAL:
        fixed, place = _SEASONAL[zone]
        fixed = fixed if fixed != "+00:00" else "UTC"
        raise ConfigError(
            f"--tz: {zone!r} may be the same offset all year, or follow summer time. Pass "
            f"--tz {fixed} for a clock without summer time, --tz {place} for one with it."
        )
    if zone in UNCLEAR_LETTERS:
        raise ConfigError(
            f"--tz: {zone!r} is used for several zones. Pass one, such as "
            f"{' or '.join(f'--tz {place}' for place in UNCLEAR_LETTERS[zone])}."
        )
    minutes = offset_minutes(zone)
    if minutes is not None:
        return offset_name(minutes)
    try:
        time_zone(zone)
    except ValueError:
        raise ConfigError(
            "--tz: expected a zone such as Europe/Berlin, UTC or +01:00, got "
            f"{zone!r}. Correct --tz."
        ) from None
    return zone


def zone_in_name(name: str) -> str | None:
    """Zone in the name of a time column: ``Date Time, GMT-07:00``, ``time_utc``, ``Zeit (MEZ)``.

    Returns:
        The name as a `Clock` holds it; None where the name tells none.
    """
    for match in _PLACE_IN_NAME.finditer(name):
        try:
            return check_zone(match[0])
        except ConfigError:
            continue
    for match in _IN_NAME.finditer(name.replace("_", " ")):
        minutes = offset_minutes(match[0])
        if minutes is not None:
            return offset_name(minutes)
    return None


def summer_time_in_name(name: str) -> tuple[str, str] | None:
    """Two letters in the name of a time column that take turns, as ``MTU (CET/CEST)``.

    Returns:
        The letters as they stand there, and a place where they do; None without such a pair.
    """
    words = [match[0] for match in _IN_NAME.finditer(name.replace("_", " "))]
    for (winter, summer), place in _SUMMER_TIMES.items():
        if {winter, summer} <= {word.upper() for word in words}:
            return f"{winter} and {summer}", place
    return None
