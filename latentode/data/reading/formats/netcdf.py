"""Logs in netCDF files, by the CF conventions: readings over time, at one place or at several."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Float64, Int64
from latentode.data.reading.formats.cf_time import is_clock, read_clock, to_nanoseconds
from latentode.data.reading.formats.cf_values import (
    is_quality,
    missing_cells,
    stored_numbers,
    unpacked,
)
from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.data.reading.formats.netcdf_file import Variable, read_variables
from latentode.data.reading.formats.netcdf_series import find_layout, runs_of_series
from latentode.data.reading.formats.table import LogSource, Table
from latentode.errors import DataError

_COARSE_NS = 1_000_000_000  # a clock of single precision that tells no seconds is said to


class NetcdfFormat(LongFormat):
    """Variables over time, as channels with times of their own."""

    name = "netCDF"
    rank = 10

    def can_open(self, source: LogSource) -> bool:
        """Whether it begins as a netCDF file of any version does."""
        return source.start.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF"))

    def open(self, source: LogSource) -> Table:
        """Read every variable that has times."""
        return _NetcdfReader(source.path, source.start[:4]).table()


FORMAT = NetcdfFormat()


class _NetcdfReader:
    """Collects the readings of a file, and what is said about it."""

    def __init__(self, path: Path, magic: bytes) -> None:
        self.path = path
        self.variables = read_variables(path, magic)
        self.layout = find_layout(self.variables, str(path))
        self.said: list[tuple[str, str, str]] = []
        self.zones: set[str] = set()
        named = [
            each.text("bounds").split() + each.text("climatology").split() for each in self._all()
        ]
        self.bounds = {name for names in named for name in names}
        self.clocks = [
            each
            for each in self._all()
            if each.dims and is_clock(each.attributes.get("units")) and each.name not in self.bounds
        ]
        self.times = {clock.name: self._times(clock) for clock in self.clocks}

    def table(self) -> Table:
        """All readings, channel by channel."""
        parts = [part for each in self._channels() for part in self._parts(each)]
        lone = {part.channel for part in parts if part.series is None}
        if len(lone) < len({part.channel for part in parts}):
            parts = [part for part in parts if part.series is not None]
            self._say_ignored(lone, "they are of no series")
        if not parts:
            raise self._no_readings()
        zone_is_told = any(self.zones)
        table = LongTable(parts, self.path, "UTC" if zone_is_told else None)
        if not zone_is_told:
            table.doubts.decide(
                "time", "times have no zone", "units of the time name none; by CF they mean UTC",
                confidence="likely", option="--tz UTC",
            )  # fmt: skip
        for about, choice, evidence in self.said:
            table.doubts.decide(about, choice, evidence)
        return table

    def _no_readings(self) -> DataError:
        shown = ", ".join(f"{each.name}({', '.join(each.dims)})" for each in self._all())
        if not self.clocks:
            return DataError(
                f"{self.path}: expected a variable of times, with units such as 'hours since "
                f"1970-01-01', got {shown}. Name the units: ncatted -a units,time,c,c,'...' FILE."
            )
        timed = [each for each in self._all() if each.raw.dtype.kind in "iuf" and each.dims]
        others = {
            dim: None
            for each in timed
            if each.name not in self.times and (clock := self._clock_of(each))
            for dim, size in zip(each.dims, each.raw.shape, strict=True)
            if size > 1 and dim not in (*clock.dims, self.layout.instance_dim)
        }
        advice = "Give a file with readings."
        if others:
            places = " ".join(f"-d {dim},0" for dim in others)
            advice = (
                f"Choose one place of each other dimension, here the first: ncks {places} FILE NEW."
            )
        return DataError(
            f"{self.path}: expected numbers over time, or over series and time, got {shown}. "
            f"{advice}"
        )

    def _all(self) -> list[Variable]:
        return list(self.variables.values())

    def _where(self, variable: Variable) -> str:
        return f"{self.path}: variable {variable.name}"

    def _say_ignored(self, names: set[str], reason: str) -> None:
        if names:
            self.said.append(("channel", f"ignored: {', '.join(sorted(names))}", reason))

    def _times(self, clock: Variable) -> tuple[Int64, NDArray[np.bool_]]:
        """Nanoseconds since 1970, and where there is a time."""
        where = self._where(clock)
        meaning = read_clock(clock.text("units"), clock.text("calendar"), where)
        stored, present = self._stored(clock)
        plain = {"scale_factor", "add_offset"}.isdisjoint(clock.attributes)
        numbers = stored if plain else unpacked(stored, clock.attributes)
        times, finite, step = to_nanoseconds(numbers, present, meaning, where)
        self.zones.add(meaning.zone)
        if meaning.is_shifted:
            self.said.append(("time", f"times are {meaning.zone!r} turned into UTC", "its units"))
        if step >= _COARSE_NS:
            self.said.append(
                ("time", f"{clock.name} tells times to {step / 1e9:.0f} s only", "single precision")
            )
        return times, finite

    def _stored(self, variable: Variable) -> tuple[NDArray[np.number], NDArray[np.bool_]]:
        """Stored numbers, and where none is missing; missing ones are said."""
        stored = stored_numbers(variable.raw, variable.attributes)
        present = np.ones(stored.shape, dtype=bool)
        reasons = missing_cells(stored, variable.attributes)
        for cells in reasons.values():
            present &= ~cells
        counts = {name: int(cells.sum()) for name, cells in reasons.items() if cells.any()}
        if counts:
            why = ", ".join(f"{name}: {count}" for name, count in counts.items())
            self.said.append(
                (
                    "missing",
                    f"{variable.name}: {np.count_nonzero(~present)} of {stored.size} cells missing",
                    why,
                )
            )
        return stored, present

    def _channels(self) -> Iterator[Variable]:
        """Variables of numbers over time; what the others are is said."""
        listed = {name for each in self._all() for name in each.text("ancillary_variables").split()}
        kinds: dict[str, set[str]] = {}
        for each in self._all():
            kind = self._kind(each, listed)
            if kind:
                kinds.setdefault(kind, set()).add(each.name)
            else:
                yield each
        for kind in kinds.keys() - {"of times", "of the layout"}:
            self._say_ignored(kinds[kind], kind)

    def _kind(self, variable: Variable, listed: set[str]) -> str:
        """What a variable is that is no channel; empty for a channel."""
        name = variable.name
        if name in self.bounds or name in self.times:
            return "of times"
        is_count = variable.text("sample_dimension") or variable.text("instance_dimension")
        if is_count or name == self.layout.ids_name:
            return "of the layout"
        if variable.raw.dtype.kind not in "iufb":
            return "text"
        if not variable.dims:
            return "one number for the whole file"
        if self._clock_of(variable) is None:
            return "no times of their own"
        if name in listed or is_quality(name, variable.attributes):
            return "they grade readings of others"
        return "" if self._runs(variable) is not None else "they need more than time and series"

    def _clock_of(self, variable: Variable) -> Variable | None:
        """The time of a variable, of several the one that CF prefers.

        Raises:
            DataError: If CF prefers none.
        """
        fitting = [each for each in self.clocks if set(each.dims) <= set(variable.dims)]
        preferred = (
            [each for each in fitting if each.name in variable.dims],
            [each for each in fitting if each.text("standard_name") == "time"],
            [each for each in fitting if each.text("axis") == "T"],
            [each for each in fitting if each.name.lower() == "time"],
            fitting,
        )
        clocks = next((each for each in preferred if len(each) == 1), [])
        if fitting and not clocks:
            names = ", ".join(each.name for each in fitting)
            raise DataError(
                f"{self.path}: expected one time of {variable.name!r}, got {names}. Take the "
                f"others out: ncks -x -v {fitting[1].name} FILE NEW."
            )
        return clocks[0] if clocks else None

    def _runs(self, variable: Variable) -> list[tuple[str | None, Int64, Int64]] | None:
        """Series, cells and times of a variable, both flat; None where it has other dimensions."""
        clock = self._clock_of(variable)
        assert clock is not None, "only variables with times are asked about"
        return runs_of_series(self.layout, variable, clock)

    def _parts(self, variable: Variable) -> Iterator[ChannelPart]:
        clock, runs = self._clock_of(variable), self._runs(variable)
        assert clock is not None, "only channels are read"
        assert runs is not None, "only channels are read"
        stored, present = self._stored(variable)
        values: Float64 = np.where(present, unpacked(stored, variable.attributes), np.nan).ravel()
        times, told = (each.ravel() for each in self.times[clock.name])
        for series, cells, moments in runs:
            kept = told[moments] & ~np.isnan(values[cells])
            if kept.any():
                yield ChannelPart(
                    variable.name,
                    times[moments[kept]],
                    values[cells[kept]],
                    series,
                    variable.text("units"),
                )
