"""Times in a format that was told with ``--time-format``."""

from __future__ import annotations

import re
from collections.abc import Set

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from latentode.data.reading.cells.date_texts import NO_YEAR
from latentode.data.reading.cells.time_stamps import (
    BAD,
    DAY,
    NO_TIME,
    OK,
    OUT_OF_RANGE,
    Stamps,
    plain_stamps,
)
from latentode.data.reading.cells.zone_names import offset_minutes
from latentode.data.reading.formats.table import MISSING_TEXTS
from latentode.errors import ConfigError

_DIRECTIVES = set("aAbBdmyYHIpMSfzZjUWcxXGuV%")
_HINTS = {
    "s": "Pass --time-unit s for seconds since 1970",
    "T": "Write %H:%M:%S",
    "R": "Write %H:%M",
    "F": "Write %Y-%m-%d",
    "D": "Write %m/%d/%y",
    "h": "Write %b for the name of a month, %H for the hour",
    "e": "Write %d",
    "k": "Write %H",
    "l": "Write %I",
    "L": "Write %f",
    "N": "Write %f",
    "-": "Write the directive without the hyphen; %d reads 4 as well as 04",
}
_HAS_YEAR = set("yYcxG")
_DAY_AND_MONTH = ({"d", "m"}, {"d", "b"}, {"d", "B"})
_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
#: Formats of elapsed times, whose first number may be of any size.
ELAPSED_FORMATS = {"%H:%M:%S": 3, "%H:%M": 2, "%M:%S": 2, "%H:%M:%S.%f": 3, "%M:%S.%f": 2}
#: The one without colons: 95959 and 100000 are a second apart.
CLOCK_DIGITS = "%H%M%S"


def check_format(form: str) -> None:
    """Refuse a format that cannot be read.

    Raises:
        ConfigError: Naming the directive.
    """
    for directive in re.findall(r"%(.?)", form.replace("%%", "")):
        if directive not in _DIRECTIVES:
            hint = _HINTS.get(directive, "Use %Y %m %d %H %M %S %f %b %p %z and the like")
            raise ConfigError(
                f"--time-format: expected directives of strptime, got '%{directive}' in {form!r}. "
                f"{hint}."
            )
    directives = set(re.findall(r"%(.)", form))
    if "I" in directives and "p" not in directives:
        raise ConfigError(
            f"--time-format: expected AM or PM (%p) beside the hour %I, got {form!r}. Write %H for "
            "hours of 0 to 23."
        )
    if form in ELAPSED_FORMATS or form == CLOCK_DIGITS:
        return
    if not directives & _HAS_YEAR and not _tells_no_year(directives):
        raise ConfigError(
            f"--time-format: expected a format with a year, got {form!r}. Write the format of the "
            "whole cell, such as '%d.%m.%Y %H:%M'."
        )


def _tells_no_year(directives: Set[str]) -> bool:
    """Whether a format has a day and a month, whose year is told apart from it."""
    return not directives & _HAS_YEAR and any(pair <= directives for pair in _DAY_AND_MONTH)


def parse_by_format(texts: pa.Array, form: str, *, from_numbers: bool) -> Stamps:
    """Parse times of one format.

    Args:
        texts: Cells of strings, shape (row,).
        form: strptime format; ``%Z`` stands for letters of a fixed offset.
        from_numbers: True where the cells are numbers, which may have lost a zero in front.

    Returns:
        The times; BAD where a cell has another form.

    Raises:
        ConfigError: If the format cannot be read.
    """
    check_format(form)
    coded = texts.dictionary_encode()
    cells = pd.Series([text.strip() for text in coded.dictionary.to_pylist()], dtype=object)
    width = _digits_of(form)
    if from_numbers and width:
        cells = cells.str.zfill(width)
    offsets = np.zeros(len(cells), dtype=np.int64)
    letters = "%Z" in form
    if letters:
        cells, offsets = _without_letters(cells)
        form = " ".join(form.replace("%Z", "").split())
    if _tells_no_year(set(re.findall(r"%(.)", form))):
        blank = cells.isin(MISSING_TEXTS)
        cells, form = cells.where(blank, f"{NO_YEAR} " + cells), f"%Y {form}"
    try:
        parsed = pd.to_datetime(cells, format=form, utc=True, errors="coerce")
    except ValueError as error:
        raise ConfigError(f"--time-format: {form!r} cannot be used: {error}.") from None
    times, status = to_nanoseconds(pd.DatetimeIndex(parsed))
    missing = cells.isin(MISSING_TEXTS).to_numpy()
    status[(status == NO_TIME) & ~missing] = BAD
    stamps = plain_stamps(times - offsets, "%z" in form or letters, status)
    rows = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)
    return stamps.take(rows)


def _digits_of(form: str) -> int:
    """Number of digits of a format of digits only; 0 of any other."""
    parts = re.findall(r"%(.)", form)
    plain = "".join(f"%{part}" for part in parts) == form
    return sum(_WIDTHS[part] for part in parts) if plain and set(parts) <= set(_WIDTHS) else 0


def _without_letters(cells: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Cells without the letters of their zone, and its offset in nanoseconds."""
    words = cells.str.extract(r"(?<![A-Za-z])([A-Z]{1,4}T|UTC|Z|MEZ|MESZ)(?![A-Za-z])")[0]
    minutes = [offset_minutes(word) if isinstance(word, str) else None for word in words]
    known = [minute is not None for minute in minutes]
    rest = [
        " ".join(re.sub(rf"(?<![A-Za-z]){word}(?![A-Za-z])", "", cell).split()) if good else cell
        for cell, word, good in zip(cells, words, known, strict=True)
    ]
    offsets = np.array([minute or 0 for minute in minutes], dtype=np.int64) * (DAY // 1440)
    return pd.Series(rest, dtype=object), offsets


def to_nanoseconds(index: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Nanoseconds since 1970 of times of any resolution, with NO_TIME for NaT, and OUT_OF_RANGE."""
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[index.unit]
    ticks = index.asi8
    status = np.where(index.isna(), np.uint8(NO_TIME), np.uint8(OK))
    limit = (2**63 - 1) // factor
    status[(status == OK) & ((ticks > limit) | (ticks < -limit))] = OUT_OF_RANGE
    return np.where(status == OK, ticks, 0) * factor, status
