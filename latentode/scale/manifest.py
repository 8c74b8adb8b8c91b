"""What a folder of parts says of itself: ``manifest.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from latentode.data.dataset import Clock, Readings
from latentode.data.reading.formats.part_folder import MANIFEST, MOST_BYTES
from latentode.errors import CheckpointError, DataError
from latentode.files.regular import read_regular


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockEntry(_Entry):
    """What a time of the log means; see `latentode.data.dataset.Clock`."""

    kind: Literal["calendar", "elapsed"]
    zone: str | None
    unit: str


class ChannelEntry(_Entry):
    """A channel or known input.

    Attributes:
        name: Its name in the log.
        column: Its column in every part.
        unit: Unit, where it is known.
        readings: How many readings it has.
        minimum: Least of them; None without any.
        maximum: Greatest.
        mean: Mean.
        std: Standard deviation.
    """

    name: str
    column: str
    unit: str | None = None
    readings: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None


class PartEntry(_Entry):
    """A part.

    Attributes:
        file: Its name in the folder.
        series: How many series it holds.
        rows: Their distinct (series, time) pairs.
        readings: Their readings.
        bytes: Size of the file.
        sha256: Sum of its content.
    """

    file: str = Field(pattern=r"^part-[0-9]+\.parquet$")  # no path that leads elsewhere
    series: int
    rows: int
    readings: int
    bytes: int
    sha256: str


class Manifest(_Entry):
    """A folder of parts.

    Attributes:
        format: Always "latentode parts".
        version: Of this layout.
        log: Names of the files or the address that were read, without folders or passwords.
        clock: What times mean; columns of times are nanoseconds of it.
        first_ns: First time of all.
        last_ns: Last time.
        series: Number of series.
        rows: Number of rows.
        readings: Number of readings.
        id_column: Column of series ids.
        time_column: Column of times.
        channels: Channels, in the order of the data set.
        inputs: Known inputs.
        static_columns: (name, column) of static covariates.
        reading: Settings under which the log was read, as `DataConfig` takes them.
        left_out: Readings and rows that were left out, by reason.
        parts: The parts.
    """

    format: Literal["latentode parts"] = "latentode parts"
    version: Literal[1] = 1
    log: tuple[str, ...]
    clock: ClockEntry
    first_ns: int
    last_ns: int
    series: int
    rows: int
    readings: int
    id_column: str
    time_column: str
    channels: tuple[ChannelEntry, ...]
    inputs: tuple[ChannelEntry, ...]
    static_columns: tuple[tuple[str, str], ...]
    reading: dict[str, Any]
    left_out: dict[str, int]
    parts: tuple[PartEntry, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Manifest:
        if not self.parts or len({each.file for each in self.parts}) < len(self.parts):
            raise ValueError("parts: expected at least one, each of its own file")
        for name in ("series", "rows", "readings"):
            total = sum(getattr(each, name) for each in self.parts)
            if getattr(self, name) != total or any(getattr(each, name) < 0 for each in self.parts):
                raise ValueError(f"{name}: expected the sum over the parts, {total}")
        return self

    @property
    def clock_of(self) -> Clock:
        """The clock as data sets have it."""
        return Clock(self.clock.kind, self.clock.zone, self.clock.unit)

    @property
    def units(self) -> tuple[tuple[str, str], ...]:
        """(channel, unit) pairs, where units are known."""
        return tuple((each.name, each.unit) for each in self.channels if each.unit is not None)

    def to_json(self) -> bytes:
        """As it is written."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a folder.

        Args:
            folder: The folder.

        Raises:
            DataError: If there is none, or it is not as `partition` writes it.
        """
        path = folder / MANIFEST
        try:
            return cls.model_validate_json(read_regular(path, MOST_BYTES))
        except CheckpointError:
            raise DataError(
                f"{folder}: expected a folder of parts with a readable {MANIFEST}, got none. Make "
                "it with `partition`."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise DataError(
                f"{path}: expected a manifest of parts as `partition` writes it, got another "
                f"content ({where}: {first['msg']}). Make the parts again with `partition`."
            ) from None


class ChannelTally:
    """Statistics of channels that are told one part after another.

    Args:
        count: Number of channels.
    """

    def __init__(self, count: int) -> None:
        self._count = np.zeros(count, dtype=np.int64)
        self._mean, self._squares = np.zeros(count), np.zeros(count)
        self._low, self._high = np.full(count, np.inf), np.full(count, -np.inf)

    def add(self, readings: Readings) -> None:
        """Count further readings; see Chan, Golub and LeVeque (1983) for the sums of squares."""
        channel, values, size = readings.channel_index, readings.values, len(self._count)
        count = np.bincount(channel, minlength=size)
        own = np.maximum(count, 1)
        mean = np.bincount(channel, values, minlength=size) / own
        squares = np.bincount(channel, np.square(values - mean[channel]), minlength=size)
        total, apart = np.maximum(self._count + count, 1), mean - self._mean
        self._squares += squares + np.square(apart) * self._count * count / total
        self._mean += np.where(count > 0, apart * count / total, 0.0)
        self._count += count
        np.minimum.at(self._low, channel, values)
        np.maximum.at(self._high, channel, values)

    def entries(
        self, names: Sequence[str], columns: Sequence[str], units: dict[str, str]
    ) -> tuple[ChannelEntry, ...]:
        """Entries of the manifest.

        Args:
            names: Names of the channels.
            columns: Their columns.
            units: Units that are known.
        """
        std = np.sqrt(self._squares / np.maximum(self._count, 1))
        numbers = np.stack([self._low, self._high, self._mean, std], axis=1).tolist()
        entries = []
        for name, column, count, row in zip(
            names, columns, self._count.tolist(), numbers, strict=True
        ):
            shown = [value if count and math.isfinite(value) else None for value in row]
            low, high, mean, spread = shown
            entries.append(
                ChannelEntry(
                    name=name,
                    column=column,
                    unit=units.get(name),
                    readings=count,
                    minimum=low,
                    maximum=high,
                    mean=mean,
                    std=spread,
                )
            )
        return tuple(entries)
