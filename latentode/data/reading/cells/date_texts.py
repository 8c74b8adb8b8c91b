"""One date as it is written, without its time of day: what it may mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from latentode.data.reading.cells.zone_names import MILITARY_ZONES, UNCLEAR_LETTERS, offset_minutes

#: Between what stands before and what stands after the time of day, see `parse_date`.
JOINT = "\x1f"
_EPOCH_DAY = date(1970, 1, 1).toordinal()  # ordinals count from the year 1
#: Stands for the year of a date that tells none: a leap year after all logs, within int64.
NO_YEAR = 2260
_CENTURY_TURNS = 69  # as strptime: 69 is 1969, 68 is 2068
# English, German, French, Spanish, Italian, Portuguese, Dutch, Danish/Swedish, Polish; names are
# looked up without a full stop, and by three letters where these are clear
_MONTHS = (
    "january jan januar jänner januari janvier janv enero ene gennaio gen janeiro styczeń sty",
    "february feb februar februari février fevrier févr fevr fév fev febrero febbraio fevereiro "
    "luty",
    "march mar märz mär maerz mrz mars maart mrt marzo março marco marts marzec",
    "april apr avril avr abril abr aprile kwiecień kwi",
    "may mai mei maj mayo maggio mag maio",
    "june jun juni juin junio giugno giu junho czerwiec cze",
    "july jul juli juillet juil julio luglio lug julho lipiec lip",
    "august aug août aout agosto ago augustus augusti sierpień sie",
    "september sep sept septembre septiembre settembre set setembro wrzesień wrz",
    "october oct oktober okt octobre octubre ottobre ott outubro out oktobar październik paź",
    "november nov novembre noviembre novembro listopad lis",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro grudzień gru",
)
MONTH_OF = {word: month for month, words in enumerate(_MONTHS, 1) for word in words.split()}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})\.?")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})")
_DAY_MONTH = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\.?")
_YEAR_MONTH = re.compile(r"(\d{4})(?:[-/.]|-?M)(\d{1,2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/.](\d{4})")
_WEEK = re.compile(r"(\d{4})-?\s?W(\d{1,2})(?:-?([1-7]))?", re.IGNORECASE)
_QUARTER = re.compile(r"(\d{4})[-/]?\s?Q([1-4])", re.IGNORECASE)
_QUARTER_YEAR = re.compile(r"Q([1-4])[-/ ]?\s?(\d{4})", re.IGNORECASE)
_YEAR_DAY = re.compile(r"(\d{4})[-/](\d{3})")
_MONTH_SHORT_YEAR = re.compile(r"([^\W\d]{3,})\.?[-/ .']+(\d\d)")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_WEEKDAY = re.compile(r"[^\W\d]{2,10}\.?,?\s+(?=\S)")
_PLACE = re.compile(
    r"\[(?P<name>[\w/+-]+)\]$|(?<!\S)(?P<bare>[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_-]+){1,2})$"
)
_FILLERS = set(
    [
        "de",
        "of",
        "del",
        "di",
        "uhr",
        "h",
        "le",
        "den",
        "the",
        "at",
        "um",
        "à",
        "às",
        "alle",
        "ore",
        "klo",
        "kl",
        "om",
    ]
)
# how JavaScript writes the name of a zone behind its offset
_ZONE_IN_WORDS = re.compile(r"\s*\([^()\d]* [^()\d]*\)$")


@dataclass(frozen=True)
class OpenDate:
    """Three numbers whose order is not told by the date alone.

    Attributes:
        numbers: As they stand.
        mark: What stands between them.
        year_first: True where the first is a year of four digits.
        short: True where the year has two digits, so that it may stand first too.
    """

    numbers: tuple[int, int, int]
    mark: str
    year_first: bool = False
    short: bool = False

    def day(self, order: str) -> int | None:
        """Days since 1970 if the numbers stand for day, month and year in some order.

        Args:
            order: ``dmy``, ``mdy``, ``ymd`` or ``ydm``.

        Returns:
            None where there is no such date.
        """
        number = dict(zip(order, self.numbers, strict=True))
        year = number["y"]
        if self.short:
            if not 0 <= year <= 99:
                return None
            year = _full_year(year)
        elif year < 100:
            return None
        return day_number(year, number["m"], number["d"])

    def text(self) -> str:
        """The date as it stands."""
        return self.mark.join(f"{number:02d}" for number in self.numbers)


@dataclass(frozen=True)
class WrittenDate:
    """What a text says beside its time of day.

    Attributes:
        day: Days since 1970; None where `numbers` are open, or where it is no date.
        numbers: The date, if its order has to be decided.
        offset: Minutes east of Greenwich, where the text has an offset or letters of one.
        place: IANA name behind the time, in brackets.
        letters: Letters of a zone, of one offset or of several.
        month: Of "Mar 24" where no time of day follows: the day that it is as March of 2024.
    """

    day: int | None = None
    numbers: OpenDate | None = None
    offset: int | None = None
    place: str | None = None
    letters: str | None = None
    month: int | None = None


def day_number(year: int, month: int, day: int) -> int | None:
    """Days since 1970 of a date; None where there is no such date.

    Args:
        year: From 1.
        month: From 1.
        day: From 1.
    """
    try:
        return date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def parse_date(text: str) -> WrittenDate:
    """Read the date and the zone that stand before and behind a time of day.

    Args:
        text: What stands before, `JOINT`, and what stands behind.

    Returns:
        What they say; neither ``day`` nor ``numbers`` where they are no date.
    """
    before, _, after = text.partition(JOINT)
    before, after = before.rstrip(" ,;T\t_-@").strip(), _ZONE_IN_WORDS.sub("", after).strip()
    place = _PLACE.search(after)
    if place is not None:
        after = after[: place.start()].strip()
    offset, letters, after = _zone(after)
    if after.lower() in _FILLERS:
        after = ""
    body = f"{before} {after}".strip()
    day, numbers = _date(body)
    if day is None and numbers is None:
        # weekdays say nothing that the date does not
        shorter = _WEEKDAY.sub("", body, count=1)
        if shorter != body and not body[:1].isdigit():
            day, numbers = _date(shorter.strip())
    named = (place["name"] or place["bare"]) if place else None
    return WrittenDate(day, numbers, offset, named, letters, _month_of_short_year(body))


def _zone(after: str) -> tuple[int | None, str | None, str]:
    """(offset, letters, the rest) of what stands behind a time of day."""
    if after.startswith("="):  # of a date-time group
        letter = after[1:].upper()
        minutes = MILITARY_ZONES.get(letter)
        known = minutes is not None or letter in ("", "J")
        return minutes, f"={letter}" if minutes else None, "" if known else after
    words = after.split()
    for index, word in enumerate(words):
        rest = " ".join(words[:index] + words[index + 1 :])
        bare = word.strip("()")
        minutes = offset_minutes(bare)
        if minutes is not None:
            return minutes, bare.upper() if bare.isalpha() else None, rest
        if bare in UNCLEAR_LETTERS:
            return None, bare, rest
    return None, None, after


def _date(text: str) -> tuple[int | None, OpenDate | None]:
    if match := _YEAR_FIRST.fullmatch(text):
        numbers = (int(match[1]), int(match[3]), int(match[4]))
        return None, OpenDate(numbers, match[2], year_first=True)
    if match := _YEAR_LAST.fullmatch(text):
        numbers = (int(match[1]), int(match[3]), int(match[4]))
        return None, OpenDate(numbers, match[2], short=len(match[4]) == 2)
    if match := _COMPACT.fullmatch(text) or _YEAR_MONTH.fullmatch(text):
        parts = [int(part) for part in match.groups()]
        return day_number(*parts, *([1] * (3 - len(parts)))), None
    if match := _MONTH_YEAR.fullmatch(text):
        return day_number(int(match[2]), int(match[1]), 1), None
    if match := _QUARTER.fullmatch(text):
        return day_number(int(match[1]), 3 * int(match[2]) - 2, 1), None
    if match := _QUARTER_YEAR.fullmatch(text):
        return day_number(int(match[2]), 3 * int(match[1]) - 2, 1), None
    if match := _DAY_MONTH.fullmatch(text):
        return None, OpenDate((int(match[1]), int(match[3]), NO_YEAR), match[2])
    counted = _counted_day(text)
    return _named_month(text) if counted is None else counted, None


def _counted_day(text: str) -> int | None:
    """A week of ISO 8601, by its Monday or its day, or a day of a year."""
    try:
        if match := _WEEK.fullmatch(text):
            week = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1))
            return week.toordinal() - _EPOCH_DAY
        if match := _YEAR_DAY.fullmatch(text):
            return day_of_year(int(match[1]), int(match[2]))
    except ValueError:
        return None
    return None


def day_of_year(year: int, day: int) -> int | None:
    """Days since 1970 of a day of a year, from 1; None where there is no such day."""
    first, following = day_number(year, 1, 1), day_number(year + 1, 1, 1)
    if first is None or following is None or not 1 <= day <= following - first:
        return None
    return first + day - 1


def _full_year(two_digits: int) -> int:
    return two_digits + (1900 if two_digits >= _CENTURY_TURNS else 2000)


def _month_of_short_year(text: str) -> int | None:
    match = _MONTH_SHORT_YEAR.fullmatch(text)
    month = MONTH_OF.get(match[1].lower()) if match else None
    return day_number(_full_year(int(match[2])), month, 1) if match and month else None


def _named_month(text: str) -> int | None:
    words = [word.rstrip(".") for word in re.findall(r"\d+|[^\W\d]+\.?", text)]
    if re.search(r"[^\w\s./,;'-]", text):
        return None
    words = [word for word in words if word.lower() not in _FILLERS]
    words = [word for word in words if word.lower() not in {"st", "nd", "rd", "th", "er", "º"}]
    months = [place for place, word in enumerate(words) if word.lower() in MONTH_OF]
    if len(months) != 1 or not all(w.isdigit() for i, w in enumerate(words) if i != months[0]):
        return None
    month = MONTH_OF[words[months[0]].lower()]
    numbers = [word for place, word in enumerate(words) if place != months[0]]
    if len(numbers) == 1 and len(numbers[0]) <= 2:
        return day_number(NO_YEAR, month, int(numbers[0]))
    if len(numbers) == 1 and len(numbers[0]) == 4:
        return day_number(int(numbers[0]), month, 1)
    if len(numbers) != 2 or not all(len(number) in (1, 2, 4) for number in numbers):
        return None
    day, year = numbers if len(numbers[0]) < 4 else reversed(numbers)
    if len(year) == 2:
        return OpenDate((int(day), month, int(year)), "-", short=True).day("dmy")
    return day_number(int(year), month, int(day)) if len(year) == 4 else None
