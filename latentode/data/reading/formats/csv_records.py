"""Records of a text of separated values, and what kind of thing stands in a cell."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from latentode.data.reading.formats.table import MISSING_TEXTS
from latentode.errors import DataError

#: Stands for runs of blanks and tabulators between the fields.
BLANKS = " "
Kind = Literal["number", "date", "missing", "word"]

_NUMBER = re.compile(
    r"'?[+-]?(?:inf(?:inity)?|(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?\s*%?)",
    re.ASCII | re.IGNORECASE,
)
_THOUSANDS = re.compile(r"[+-]?\d[\d.,' ]*", re.ASCII)
_MONTH_OR_DAY = r"[^\W\d_]{2,10}\.?,?"
_DATE = re.compile(
    rf"""(?:{_MONTH_OR_DAY}\s+)?(?:
      \d{{1,4}}[-/.]\s?\d{{1,2}}[-/.]\s?\d{{1,4}}(?!\d)  # 2024-03-04, 04.03.24
    | \d{{1,4}}[-/.](?:\d{{1,3}}|W\d\d)(?:$|[ T])        # 2024-03, 2024-W05, 2024-064
    | \d{{4}}W\d\d | \d{{8}}[T_ ]\d{{2,6}}               # 2024W05, 20240304T0600
    | \d{{1,4}}[- /.]*{_MONTH_OR_DAY}[- /]*\d{{2,4}}(?!\d) # 04-Mar-24, 4. März 2024
    | \d\d\s?(?:\d{{4}}|\d{{6}})\s?[A-Za-z]?\s?[A-Za-z]{{3}}\s?(?:\d{{2,4}})?$ # 141030ZMAR24
    | \d{{1,2}}\.?\s+\d{{1,2}}:\d\d                    # (Mar) 4 06:00
    | \d{{1,3}},?\s+\d{{4}}(?!\d)                        # (Mar) 4, 2024
    | \d{{1,4}}:\d\d(?::\d\d)?                           # 06:00, 100:30:00
    )""",
    re.VERBOSE,
)
_LONGEST_DATE = 45  # with weekday and zone; a title that begins with a date is longer
_LONGEST_KEPT = 100  # characters of cells whose kind is kept, which bounds the memory they take
_EMPTY = frozenset(MISSING_TEXTS)


def kind_of(cell: str) -> Kind:
    """What stands in a cell, by its form."""
    return _kind_of(cell) if len(cell) > _LONGEST_KEPT else _known_kind_of(cell)


def _kind_of(cell: str) -> Kind:
    text = cell.strip()
    if text in _EMPTY:
        return "missing"
    if _NUMBER.fullmatch(text):
        return "number"
    if _DATE.match(text) and len(text.partition(" (")[0]) <= _LONGEST_DATE:
        return "date"
    return "number" if _THOUSANDS.fullmatch(text) else "word"


# asked of the first cells of a file again for each separator
_known_kind_of = lru_cache(maxsize=8_192)(_kind_of)


@dataclass(frozen=True)
class Record:
    """A record of a text.

    Attributes:
        line: Line where it begins, from 1.
        fields: Its cells.
        raw: The line as it stands.
    """

    line: int
    fields: tuple[str, ...]
    raw: str

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Kind of each cell."""
        return tuple(kind_of(cell) for cell in self.fields)

    @property
    def is_blank(self) -> bool:
        """True where nothing stands in the line."""
        return not self.raw.strip()

    @property
    def is_comment(self) -> bool:
        """True for a line that is marked as a comment."""
        return self.raw.lstrip().startswith(("#", "%", "//", "!"))

    @property
    def has_readings(self) -> bool:
        """True where a number, a date or a time stands in a cell; not for a name and its value."""
        if len(self.fields) == 2 and kind_of(self.fields[0]) == "word":
            return False
        # mostly one of the first cells tells
        return any(kind_of(cell) in ("number", "date") for cell in self.fields)


def split_records(lines: Sequence[str], sep: str, source: str, first: int = 1) -> list[Record]:
    """All of `records_of`.

    Args:
        lines: The lines, with their ends.
        sep: Separator; `BLANKS` for runs of blanks.
        source: Name of the log.
        first: Number of the first line.

    Raises:
        DataError: If a quote never closes.
    """
    return list(records_of(lines, sep, source, first))


def records_of(lines: Sequence[str], sep: str, source: str, first: int = 1) -> Iterator[Record]:
    """Split lines into records, one after another; a quoted line break does not end one.

    Args:
        lines: The lines, with their ends.
        sep: Separator; `BLANKS` for runs of blanks.
        source: Name of the log.
        first: Number of the first line.

    Yields:
        The records.

    Raises:
        DataError: If a quote never closes.
    """
    plain = [" ".join(line.split()) + "\n" for line in lines] if sep == BLANKS else lines
    reader = csv.reader(plain, delimiter=sep, skipinitialspace=True)
    start = 0
    try:
        for fields in reader:
            yield Record(first + start, tuple(fields), lines[start])
            start = reader.line_num
    except csv.Error as error:
        raise DataError(f"{source}: line {first + start} is not CSV ({error}).") from None


def split_lines(text: str) -> list[str]:
    """Lines of a text with their ends."""
    return list(io.StringIO(text, newline=""))


def usual_width(records: Sequence[Record]) -> int:
    """Number of fields of the many records with readings; of the many if none has any."""
    filled = [record for record in records if not record.is_blank]
    widths = Counter(len(record.fields) for record in filled)
    readings = Counter(len(record.fields) for record in filled if record.has_readings)
    return max(widths, key=lambda width: (readings[width] > 0, readings[width] + widths[width]))
