"""How a log is read, split and cut into windows."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from latentode.config.base import Config, Duration


class ColumnsConfig(Config):
    """Which columns of a log mean what; None is detected."""

    time: str | None = None
    id: str | None = None
    channels: tuple[str, ...] | None = None
    channel: str | None = Field(None, description="long layout: column with the channel's name")
    value: str | None = Field(None, description="long layout: column with the value")
    static: tuple[str, ...] = ()
    future: tuple[str, ...] = Field((), description="known inputs, given for future times as well")


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
    dayfirst: bool | None = None
    format: str | None = Field(None, description="strptime format of the time column")


class CellsConfig(Config):
    """How cells are written, and what to do with bad ones."""

    sep: str | None = None
    decimal: Literal[".", ","] = "."
    encoding: str | None = None
    na: tuple[str, ...] = ()
    on_bad_row: Literal["error", "drop", "nan"] = "error"
    max_bad: float = Field(
        0.01, ge=0, le=1, description="largest share of bad cells that is accepted"
    )


class DataConfig(Config):
    """How a log is read."""

    layout: Literal["auto", "wide", "long", "influx", "homeassistant"] = "auto"
    columns: ColumnsConfig = ColumnsConfig()
    time: TimeConfig = TimeConfig()
    cells: CellsConfig = CellsConfig()
    duplicates: Literal["error", "mean", "first", "last"] = "mean"
    min_obs: int = Field(2, ge=1, description="series with fewer readings are left out of training")
    clip_outliers: float | None = Field(None, gt=0, description="clip beyond this many robust sd")
    max_channels: int = Field(1_000, ge=1)


class WindowConfig(Config):
    """How series are split and cut into windows."""

    context: Duration = None
    horizon: Duration = None
    split: Literal["auto", "time", "series"] = "auto"
    train_fraction: float = Field(0.7, gt=0, lt=1)
    validation_fraction: float = Field(0.1, gt=0, lt=1)
    max_rows: int = Field(512, ge=2, description="newest rows of a context that the encoder reads")
    max_queries: int = Field(
        128, ge=1, description="most rows that are predicted in a training window"
    )

    @model_validator(mode="after")
    def _leaves_a_test_part(self) -> Self:
        if self.train_fraction + self.validation_fraction >= 1:
            raise ValueError(
                "expected train_fraction + validation_fraction below 1, so that a test part is "
                f"left, got {self.train_fraction} + {self.validation_fraction}"
            )
        return self
