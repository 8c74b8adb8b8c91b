"""How a log is read, as arguments of `LatentODE.fit`: options of the program, without dashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from latentode.config.data_options import LISTS, READING
from latentode.errors import ConfigError

Names = str | Sequence[str]


class ReadingArguments(TypedDict, total=False):
    """What is not given, or None, is detected; see docs/reading.md for each.

    Attributes:
        layout: "auto", "wide", "long", "influx" or "homeassistant".
        time_column: Column with the time.
        time_unit: Its unit: "iso", "s", "ms", "h", "d", "excel" ...
        tz: Zone of time stamps that name none, as "Europe/Berlin" or "+01:00".
        interval: Where readings of numbered intervals stand: "start" or "end".
        dayfirst: Whether 03/04 is 3 April.
        year: Year of the first row, where dates tell none.
        time_format: strptime format of the time.
        id_column: Column with the id of the series.
        channels: Columns (long layout: names) to model.
        pairs: Columns of cells as 120/80.
        channel_column: Long layout: column with the channel's name.
        value_column: Long layout: column with the value.
        static_columns: Columns that are constant in a series.
        future_columns: Planned inputs, which are known for future times too.
        sep: Separator of fields.
        decimal: Decimal mark.
        encoding: Encoding of the file.
        na: Texts and numbers that mean missing; of one channel as {"rain": -9999}; () is none.
        quality: Values that count, by a column that says how good they are.
        duplicates: What becomes of several readings at one time.
        on_bad_row: What becomes of rows that cannot be read.
        max_bad: Largest share of bad cells that is accepted.
        min_obs: Series with fewer readings are left out.
        clip_outliers: Clip beyond this many robust standard deviations.
        far_readings: "drop" or "keep" readings absurdly far from those of the training.
        max_channels: Refuse logs with more.
        states: Words that stand for numbers, as {"Auto": 1}.
        censored: What <0.05 is: "bound" or "missing".
        start: Leave out earlier rows.
        end: Leave out later rows.
        table: Table of a database, sheet of a spreadsheet.
        query: SQL that gives the log.
        header_row: Line of the column names, from 1; 0 for none.
        skip_rows: First lines to ignore.
        counters: Channels that are running totals.
        lower: Least values of channels, as {"rain": 0}.
        upper: Greatest values, likewise.
        kinds: Kinds of channels, as {"valve": "binary", "people": "count"}.
        ambiguous: Readings in the hour that occurs twice: "first", "second" or "drop".
    """

    layout: str | None
    time_column: str | None
    time_unit: str | None
    tz: str | None
    interval: str | None
    dayfirst: bool | None
    year: int | None
    time_format: str | None
    id_column: str | None
    channels: Names | None
    pairs: Names | None
    channel_column: str | None
    value_column: str | None
    static_columns: Names | None
    future_columns: Names | None
    sep: str | None
    decimal: str | None
    encoding: str | None
    na: str | float | Sequence[str | float] | Mapping[str, Any] | None
    quality: str | None
    duplicates: str | None
    on_bad_row: str | None
    max_bad: float | None
    min_obs: int | None
    clip_outliers: float | None
    far_readings: str | None
    max_channels: int | None
    states: Names | Mapping[str, float] | None
    censored: str | None
    start: Any
    end: Any
    table: str | None
    query: str | None
    header_row: int | None
    skip_rows: int | None
    ambiguous: str | None
    counters: Names | None
    lower: Names | Mapping[str, float | None] | None
    upper: Names | Mapping[str, float | None] | None
    kinds: Names | Mapping[str, str] | None


def reading_settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted name, of the arguments that were given.

    Args:
        arguments: As `ReadingArguments`.

    Raises:
        ConfigError: If one of them is unknown.
    """
    unknown = sorted(set(arguments) - set(READING))
    if unknown:
        raise ConfigError(f"fit: unknown argument {unknown[0]!r}. There are: {', '.join(READING)}.")
    given = {READING[name]: value for name, value in arguments.items() if value is not None}
    return {name: _plain(value, listed=name in LISTS) for name, value in given.items()}


def _plain(value: Any, *, listed: bool) -> Any:
    """A value as settings hold it: texts and numbers of lists as texts, times as texts."""
    if not listed:
        return value if isinstance(value, str | bool | int | float) else str(value)
    if isinstance(value, Mapping):
        return tuple(
            f"{name}={_number(each)}"
            for name, own in value.items()
            for each in (own if isinstance(own, list | tuple) else (own,))
        )
    if isinstance(value, str | int | float):
        value = (value,)
    return tuple(map(_number, value))


def _number(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
