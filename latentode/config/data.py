"""How a log is read, split and cut into windows."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from latentode.config.base import Config, Duration

_LARGEST = 3.4e38  # numbers of 32 bits end there: a larger one is a mark
_NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*")


class ColumnsConfig(Config):
    """Which columns of a log mean what; None is detected."""

    time: str | None = None
    id: str | None = None
    channels: tuple[str, ...] | None = None
    channel: str | None = Field(None, description="long layout: column with the channel's name")
    value: str | None = Field(None, description="long layout: column with the value")
    pairs: tuple[str, ...] = Field(
        (), description="columns with two numbers in each cell, as 120/80: two channels each"
    )
    static: tuple[str, ...] = ()
    future: tuple[str, ...] = Field(
        (), description="planned inputs (future covariates), known ahead"
    )


class TimeConfig(Config):
    """How time stamps are written."""

    unit: Literal[
        "auto", "iso", "s", "ms", "us", "ns", "min", "h", "d",
        "excel", "matlab", "julian", "mjd", "year", "mixed",
    ] = "auto"  # fmt: skip
    tz: str | None = Field(None, description="zone of naive time stamps, or an offset like +01:00")
    ambiguous: Literal["first", "second", "drop"] | None = Field(
        None, description="readings in the hour that occurs twice, where the rows do not tell"
    )
    interval: Literal["start", "end"] | None = Field(
        None, description="where readings stand whose time is the number of an interval"
    )
    dayfirst: bool | None = None
    year: int | None = Field(
        None, ge=1678, le=2261, description="year of the first row, where dates tell none"
    )
    format: str | None = Field(None, description="strptime format of the time column")
    start: str | None = Field(None, description="earlier rows are left out; any: none is")
    end: str | None = Field(None, description="later rows are left out; any: none is")


class CellsConfig(Config):
    """How cells are written, and what to do with bad ones."""

    sep: str | None = None
    decimal: Literal[".", ","] | None = Field(None, description="decimal mark; None is detected")
    encoding: str | None = None
    header_row: int | None = Field(
        None, ge=0, description="line of the column names, from 1; 0 where there are none"
    )
    skip_rows: int = Field(0, ge=0, description="lines above everything that is read")
    na: tuple[str, ...] | None = Field(
        None,
        description="texts and numbers that stand for a missing value, in one channel as "
        "'rain=-9999'; () is none at all",
    )
    states: tuple[str, ...] = Field((), description="words that stand for numbers: 'Auto=1'")
    censored: Literal["bound", "missing"] | None = Field(
        None, description="'<0.05' is read as the bound, or left out; None asks"
    )
    on_bad_row: Literal["error", "drop", "nan"] = "error"
    quality: str = Field(
        "good",
        min_length=1,
        description="which readings count where a column says how good they are: good, all, or "
        "its words or codes, with commas",
    )
    max_bad: float = Field(
        0.01, ge=0, le=1, description="largest share of bad cells that is accepted"
    )

    @property
    def na_by_channel(self) -> dict[str, tuple[str, ...]]:
        """Texts and numbers that stand for a missing value in one channel alone."""
        own: dict[str, tuple[str, ...]] = {}
        for channel, mark, text in (each.rpartition("=") for each in self.na or ()):
            if mark and channel.strip():
                name = channel.strip()
                own[name] = (*own.get(name, ()), *([text.strip()] if text.strip() else []))
        return own

    def tells_na(self, channel: str) -> bool:
        """Whether it is told which numbers stand for a missing value in a channel.

        Words alone, and numbers that can be no readings anyway, tell of no others: a log that
        writes "Err" or 3.4e38 may write -9999 too.
        """
        if self.na is None or not self.na:
            return self.na is not None
        common = [each for each in self.na if not each.rpartition("=")[0].strip()]
        own = self.na_by_channel.get(channel)
        return own == () or any(map(_may_be_read, [*(own or ()), *common]))

    def tells_all_of(self, channel: str) -> bool:
        """Whether nothing is left to say of a channel: it is named, or no number is missing."""
        return self.na == () or channel in self.na_by_channel

    @field_validator("states")
    @classmethod
    def _are_states(cls, states: tuple[str, ...]) -> tuple[str, ...]:
        for state in states:
            word, _, number = state.rpartition("=")
            if not word.strip() or not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", number):
                raise ValueError(f"expected WORD=NUMBER such as Auto=1, got {state!r}")
        return states


def _may_be_read(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and abs(float(text.replace(",", "."))) < _LARGEST


class SourceConfig(Config):
    """Which table of a database or a spreadsheet is the log; None is detected."""

    table: str | None = Field(None, description="table of a database, sheet of a spreadsheet")
    query: str | None = Field(None, description="SQL that gives the log")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.table is not None and self.query is not None:
            raise ValueError("expected a table or a query, got both")
        return self


class DataConfig(Config):
    """How a log is read."""

    layout: Literal["auto", "wide", "long", "influx", "homeassistant"] = "auto"
    source: SourceConfig = SourceConfig()
    columns: ColumnsConfig = ColumnsConfig()
    time: TimeConfig = TimeConfig()
    cells: CellsConfig = CellsConfig()
    duplicates: Literal["auto", "error", "mean", "first", "last"] = Field(
        "auto", description="auto averages a few, and asks where they are many"
    )
    min_obs: int = Field(2, ge=1, description="series with fewer readings are left out of training")
    clip_outliers: float | None = Field(
        None, gt=0, description="clip beyond this many robust standard deviations"
    )
    far_readings: Literal["drop", "keep"] = Field(
        "drop", description="readings absurdly far from those of the training, in predictions"
    )
    max_channels: int = Field(1_000, ge=1)


class WindowConfig(Config):
    """How series are split and cut into windows."""

    context: Duration = None
    horizon: Duration = None
    split: Literal["auto", "time", "series"] = "auto"
    train_fraction: float = Field(0.7, gt=0, le=1)
    validation_fraction: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="by which training is stopped; what is left of train_fraction and this is the "
        "test part",
    )
    max_rows: int = Field(512, ge=2, description="newest rows of a history that the encoder reads")
    max_queries: int = Field(
        128, ge=1, description="most rows that are predicted in a training window"
    )

    @model_validator(mode="after")
    def _are_shares_of_one_log(self) -> Self:
        if self.train_fraction + self.validation_fraction > 1 + 1e-9:
            raise ValueError(
                "expected train_fraction + validation_fraction of at most 1, got "
                f"{self.train_fraction} + {self.validation_fraction}"
            )
        return self
