"""The zone of a log that the lines above its rows tell: "Timezone: UTC+2", "# all times CET"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from latentode.data.reading.cells.zone_names import (
    UNCLEAR_LETTERS,
    offset_minutes,
    offset_name,
    summer_time_in_name,
    zone_in_name,
)
from latentode.data.reading.doubts import Doubts

# words by which a line speaks of the clock of the readings
_OF_CLOCK = re.compile(
    r"(?i)\b(?:time\W?zone|tz\b|clock\b|zeitzone|fuseau|zona horaria|fuso|tijdzone"
    r"|(?:utc|gmt)[ _]offset|time reference|times?\b|time ?stamps?|zeit(?:en|angaben|stempel)?\b"
    r"|uhrzeit|heures?\b|horas?\b)"
)
_NAMES_ZONE = re.compile(
    r"(?i)(?:time\W?zone|\btz|zeitzone|fuseau(?: horaire)?|zona horaria|fuso(?: orario)?"
    r"|tijdzone|(?:utc|gmt)[ _]offset)\W*[:=,;\t ]\s*(?P<told>.+)"
)
_OFFSET = re.compile(r"([+\-\u2212]?\d{1,2})(?:\.0+|:?(\d\d))?\s*(?:h|hours?|hrs?)?\b")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}:\d\d:\d\d")
_SUMMER = re.compile(r"(?i)\bdst\b|daylight|summer ?time|sommerzeit|heure d.été")
_LOCAL = re.compile(r"(?i)\blocal|\blokal|\bnone\b|\bn/?a\b|ortszeit")
_UNCLEAR = re.compile(rf"\b({'|'.join(UNCLEAR_LETTERS)})\b")


def zone_above(lines: Sequence[str], doubts: Doubts) -> str | None:
    """Tell the zone of times without an offset by the lines above the rows.

    Args:
        lines: The lines, as they stand.
        doubts: Takes what is decided or asked.

    Returns:
        The zone; None where no line tells one. What is asked is answered by the likeliest.
    """
    told: dict[str, str] = {}
    for line in lines:
        text = line.strip().strip("#%!/;, \t\"'").strip()
        zone = _zone_in(text, doubts)
        if zone is not None:
            told.setdefault(zone, text)
    if len(told) > 1:
        said = " and ".join(f"{line!r}" for line in told.values())
        doubts.ask(
            "time",
            f"lines above the rows tell several zones: {said}. Pass that of the times: "
            f"{' or '.join(f'--tz {zone}' for zone in told)}.",
        )
    elif told:
        zone, line = next(iter(told.items()))
        doubts.decide(
            "time",
            f"times read in the zone {zone}",
            f"so a line above the rows says: {line[:60]!r}",
            confidence="likely",
            option="--tz ZONE",
        )
    return next(iter(told), None)


def _zone_in(text: str, doubts: Doubts) -> str | None:
    """Zone that one line tells of the readings."""
    named = _NAMES_ZONE.search(text)
    # "UTC offset: +2" names UTC too
    zone = None if named is None else _bare_offset(named["told"])
    zone = zone or zone_in_name(text if named is None else named["told"])
    if _STAMP.search(text) and named is None:
        if zone is not None:
            doubts.decide(
                "time",
                f"the zone {zone} is not taken for that of the readings",
                f"it stands at a time of its own above the rows: {text[:60]!r}",
                confidence="guess",
                option=f"--tz {zone}",
            )
        return None
    if not _OF_CLOCK.search(text):
        return zone if zone is not None and re.search(r"[/+\-\u2212]", text) else None
    return _asked(text, zone, named, doubts)


def _asked(text: str, zone: str | None, named: re.Match[str] | None, doubts: Doubts) -> str | None:
    """The zone of a line that speaks of the clock, once what it leaves open is asked."""
    turns = summer_time_in_name(text)
    unclear = _UNCLEAR.search(text)
    ways = ""
    if turns is not None:
        ways = f"--tz {turns[1]}, or that of another place"
    elif unclear is not None and zone is None:
        ways = " or ".join(f"--tz {place}" for place in UNCLEAR_LETTERS[unclear[1]])
    elif zone is not None and "/" not in zone and _SUMMER.search(text):
        ways = f"--tz {zone} for a clock without summer time, else --tz PLACE as Europe/Berlin"
    elif zone is None and named is not None and not _LOCAL.search(text):
        ways = "--tz ZONE, as Europe/Berlin or +01:00"
    if ways:
        doubts.ask(
            "time",
            f"a line above the rows tells a zone that may mean several: {text[:60]!r}. Pass "
            f"{ways}.",
        )
    return turns[1] if turns is not None else zone


def _bare_offset(told: str) -> str | None:
    """Offset of "-8", "+2 h" or "CET" that stands alone behind a word for a zone."""
    text = told.strip(" \t\"'()[],;")
    minutes = offset_minutes(text)
    match = _OFFSET.fullmatch(text)
    if minutes is None and match is not None:
        hours = int(match[1].replace("\u2212", "-"))
        minutes = 60 * hours + (-1 if match[1][0] in "-\u2212" else 1) * int(match[2] or 0)
    return None if minutes is None or abs(minutes) > 14 * 60 else offset_name(minutes)
