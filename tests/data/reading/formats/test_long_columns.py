"""Channels with times of their own, one reading per row."""

import numpy as np
import pyarrow as pa
import pytest

from latentode.config import DataConfig
from latentode.data.reading.formats.long_columns import ChannelPart, LongFormat, LongTable
from latentode.errors import DataError


def part(channel="a", times=(0, 5), values=(1.0, 2.0), **rest):
    return ChannelPart(channel, np.array(times, dtype=np.int64), np.array(values), **rest)


class Known(LongFormat):
    name = "known"

    def can_open(self, source):  # noqa: ARG002
        return False

    def open(self, source):  # noqa: ARG002
        raise AssertionError


def test_each_channel_keeps_its_own_times():
    table = LongTable([part(), part("b", (1, 2, 9), (3.0, np.nan, 5.0))])
    assert table.columns == ("time", "channel", "value")
    assert table.column("time").type == pa.timestamp("ns")
    assert table.column("time").cast(pa.int64()).to_pylist() == [0, 5, 1, 2, 9]
    assert table.column("channel").to_pylist() == ["a", "a", "b", "b", "b"]
    assert table.column("value").to_pylist() == [1.0, 2.0, 3.0, None, 5.0]


def test_series_units_and_zone_are_kept():
    table = LongTable([part(series="x", unit="K"), part(series="y", unit="K")], tz="UTC")
    assert table.column("series").to_pylist() == ["x", "x", "y", "y"]
    assert table.column("time").type == pa.timestamp("ns", "UTC")
    assert table.units == {"a": "K"}


def test_a_channel_in_two_units_is_two_channels_and_it_is_said():
    table = LongTable([part(unit="K"), part(unit="degC")])
    assert table.column("channel").to_pylist() == ["a (K)", "a (K)", "a (degC)", "a (degC)"]
    assert table.units == {"a (K)": "K", "a (degC)": "degC"}
    assert len(table.doubts.decisions) == 2


def test_arrays_of_stamps_and_of_durations_are_taken_as_they_are():
    stamps = pa.array([1_500], pa.timestamp("us", "UTC"))
    table = LongTable([ChannelPart("a", stamps, np.ones(1))])
    assert table.column("time").cast(pa.int64()).to_pylist() == [1_500_000]
    elapsed = pa.array([7], pa.duration("s"))
    table = LongTable([ChannelPart("a", elapsed, np.ones(1))])
    assert table.column("time").type == pa.duration("ns")


def test_nothing_to_read_is_refused():
    with pytest.raises(DataError, match="got none"):
        LongTable([])
    with pytest.raises(DataError, match="no data rows"):
        LongTable([part(times=(), values=())])


def test_roles_are_known_and_settings_come_first():
    table = LongTable([part(series="x")])
    roles = Known().roles(table, DataConfig())
    assert (roles.layout, roles.time, roles.id) == ("long", "time", "series")
    assert (roles.channel, roles.value) == ("channel", "value")
    with pytest.raises(DataError, match="no column 'tme'"):
        Known().roles(table, DataConfig(columns={"time": "tme"}))
    assert Known().roles(LongTable([part()]), DataConfig()).id is None
