"""Several tables below one another in one file of separated values, each with its own header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile

from latentode.data.reading.doubts import Doubts
from latentode.data.reading.formats.csv_header import names_something
from latentode.data.reading.formats.csv_records import BLANKS, Record, records_of, split_records

_BELOW = 4  # lines below a header in which readings begin
_HEAD = 50  # lines in which the first header stands
_TITLES = 3  # lines between a blank line and a header
_FEWEST = 2  # rows of readings above and below a header
_FEWEST_NAMED = 5  # the same, where they begin with a word as lines about a station may do


def tables_below(
    lines: Sequence[str], sep: str, skipped: int, source: str
) -> Iterator[tuple[int, Record]]:
    """Find headers of other names that stand below readings.

    Args:
        lines: Lines of the file.
        sep: Separator.
        skipped: Lines above everything that is read.
        source: Name of the log.

    Yields:
        Place of the line, from 0, where such a table begins, and its header.
    """
    seen = set[str]()
    above = _Above(lines, sep, source, skipped)
    for start, places in _candidates(lines, sep, skipped):
        if start < above.top or not above.has_readings(start):
            continue
        seen |= above.heads
        for place in places:
            header, *below = split_records(
                lines[place : place + _BELOW + 1], sep, source, place + 1
            )
            if header.raw.strip() in seen or header.has_readings:
                break
            if _heads(header, below, start < place):
                yield start, header
                above = _Above(lines, sep, source, place + 1)
                seen.add(header.raw.strip())
                break


def say_tables(headers: Sequence[Record], line: int, told: bool, doubts: Doubts) -> None:
    """Ask which of several tables is read; where its header was named, say that it ends.

    Args:
        headers: Headers of the tables below the first.
        line: Line of the header of the first; 0 for none.
        told: Whether that line was named.
        doubts: Takes the question or the decision.
    """
    if not headers:
        return
    shown = " and ".join(f"line {each.line} ({each.raw.strip()[:40]})" for each in headers)
    options = [f"--header-row {each.line}" for each in headers]
    if told:
        doubts.decide(
            "layout",
            f"what begins with {shown} is left out",
            "it is the header of another table",
            option=" or ".join(options),
        )
        return
    doubts.ask(
        "layout",
        f"{shown} {'is a header' if len(headers) == 1 else 'are headers'} below readings of other "
        f"columns: the file holds {len(headers) + 1} tables. Pass --header-row {line} for the "
        f"first, or {' or '.join(options)} for another.",
    )


def _candidates(
    lines: Sequence[str], sep: str, skipped: int
) -> Iterator[tuple[int, Sequence[int]]]:
    """Where tables may begin, and the lines that may be their headers."""
    last, width = len(lines) - 1, -1
    starts = _starts_of_names(lines[skipped : skipped + _HEAD], sep)
    for place in range(skipped, last):
        line = lines[place]
        if not line.strip():
            if lines[place + 1].strip():
                yield place, range(place + 1, min(place + 1 + _TITLES, last))
            continue
        number = line.count(sep)
        if sep != BLANKS and (width not in (-1, number) or line.startswith(starts)):
            yield place, (place,)
        width = number


def _starts_of_names(lines: Sequence[str], sep: str) -> tuple[str, ...]:
    """First fields of the rows of names at the head of a file, with the separator."""
    records = takewhile(lambda each: not each.has_readings, split_records(lines, sep, ""))
    named = [each for each in records if names_something(each) and len(each.fields) >= _FEWEST]
    return tuple({each.raw.partition(sep)[0] + sep for each in named} - {sep})


class _Above:
    """What stands above a line, of which each record is looked at once.

    Attributes:
        top: Place of the first line, from 0.
        heads: Lines above the first readings, and that of these.
    """

    def __init__(self, lines: Sequence[str], sep: str, source: str, top: int) -> None:
        self.top = top
        self.heads: set[str] = set()
        self._records = records_of(lines[top:], sep, source, top + 1)
        self._next = next(self._records, None)
        self._rows = 0
        self._last = ""

    def has_readings(self, start: int) -> bool:
        """Whether readings stand above a line, of which the place is given and never falls."""
        while self._next is not None and self._next.line <= start:
            record = self._next
            self._next = next(self._records, None)
            if record.is_comment:
                continue
            if not self._rows:
                self.heads.add(record.raw.strip())
            if _is_reading(record):
                self._rows += 1
                self._last = record.kinds[0]
        return self._rows >= (_FEWEST_NAMED if self._last == "word" else _FEWEST)


def _is_reading(record: Record) -> bool:
    return record.has_readings and ("date" in record.kinds or "word" not in record.kinds)


def _heads(header: Record, below: Sequence[Record], after_blank: bool) -> bool:
    """Whether a row of names stands above readings."""
    if not names_something(header) or header.kinds.count("word") < _FEWEST or header.is_comment:
        return False
    rows = [each for each in below if each.has_readings]
    if after_blank:
        return bool(rows)
    alike = [each for each in rows if len(each.fields) == len(header.fields)]
    return len(alike) >= _FEWEST and len(alike) == len(rows)
