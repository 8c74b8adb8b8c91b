"""GPS weeks and times of the week, as UTC."""

import importlib.resources
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import read, readings_of, said

from latentode.data.reading.cells.gps_times import leap_seconds, universal
from latentode.data.reading.cells.split_times import find_split_times, join_times
from latentode.errors import DataError

EPOCH = pd.Timestamp("1980-01-06")
NAMES = [("GPS_Week", "GPS_TOW"), ("week", "tow"), ("WN", "seconds of week"), ("GWk", "GMS")]


def leaps_of_tzdata():
    """Days after which a second was added since 1980, by the list of the time zone database."""
    file = importlib.resources.files("tzdata.zoneinfo").joinpath("leapseconds")
    found = re.findall(r"^Leap\t(\d+)\t(\w+)\t(\d+)\t23:59:60\t\+", file.read_text(), re.MULTILINE)
    days = [pd.Timestamp("-".join(parts)) + pd.Timedelta("1D") for parts in found]
    return [day for day in days if day > EPOCH]


def gps_of(utc):
    """GPS time of a UTC time: one second more for each that was added."""
    return utc + pd.Timedelta(sum(day <= utc for day in leaps_of_tzdata()), "s")


def test_each_leap_second_counts_from_its_day_on():
    days = leaps_of_tzdata()
    assert len(days) == 18
    for number, day in enumerate(days):
        for utc, seconds in ((day - pd.Timedelta("1s"), number), (day, number + 1)):
            gps = np.array([gps_of(utc).as_unit("ns").value])
            assert leap_seconds(gps).tolist() == [seconds]
            week, rest = divmod(int(gps[0]) - EPOCH.as_unit("ns").value, 7 * 86_400 * 10**9)
            found = universal(np.array([week]), np.array([rest]))
            assert found.tolist() == [utc.as_unit("ns").value]


@settings(max_examples=20, deadline=None)
@given(
    st.datetimes(pd.Timestamp("2001-01-01"), pd.Timestamp("2030-01-01")),
    st.sampled_from(NAMES),
    st.sampled_from([50, 1000, 60_000]),
)
def test_weeks_and_times_of_the_week_are_found_and_read_as_utc(start, names, step):
    utc = pd.date_range(pd.Timestamp(start).floor("s"), periods=200, freq=f"{step}ms")
    gps = pd.DatetimeIndex([gps_of(moment) for moment in utc])
    since = (gps - EPOCH) // pd.Timedelta("1ms")
    week, rest = np.divmod(since.to_numpy(), 7 * 86_400_000)
    cells = rest if names[1] == "GMS" else rest / 1000
    columns = {
        names[0]: pa.chunked_array([pa.array(week)]),
        names[1]: pa.chunked_array([pa.array(cells)]),
        "height": pa.chunked_array([pa.array(np.sin(np.arange(200)))]),
    }
    assert find_split_times(columns) == names
    joined = join_times({name: columns[name] for name in names})
    times = joined.column.cast(pa.int64()).to_numpy().tolist()
    assert times == utc.as_unit("ns").asi8.tolist()
    assert "leap seconds behind GPS time" in joined.words


def log_of(week, names):
    rows = [f"{week},{345_600 + i},{20 + i % 7}" for i in range(60)]
    return "\n".join([f"{names},height", *rows, ""])


def test_the_zone_is_utc_and_the_leap_seconds_are_said(tmp_path):
    log, report = read(tmp_path, log_of(2303, "week,tow"))
    assert log.clock.zone == "UTC"
    first = min(time for *_, time in readings_of(log))
    assert first == pd.Timestamp("2024-02-28 23:59:42").as_unit("ns").value
    assert any("UTC, 18 leap seconds behind" in words for words in said(report))


def test_columns_of_other_names_are_read_when_they_are_named(tmp_path):
    log, _ = read(tmp_path, log_of(2303, "a,b"), columns__time="a,b")
    first = min(time for *_, time in readings_of(log))
    assert first == pd.Timestamp("2024-02-28 23:59:42").as_unit("ns").value


def test_weeks_that_rolled_over_are_asked_about_and_right_when_written_whole(tmp_path):
    with pytest.raises(DataError, match=r"week 255 is of 1984.*2004 or 2024.*add 1024 or 2048"):
        read(tmp_path, log_of(255, "week,tow"))
    assert read(tmp_path, log_of(255 + 2048, "week,tow"))[0].readings.values.size == 60


@pytest.mark.parametrize("weeks", [list(range(1, 53)), [2303] * 52])
def test_a_week_without_its_seconds_is_no_gps_time(weeks):
    columns = {
        "week": pa.chunked_array([pa.array(weeks)]),
        "flow": pa.chunked_array([pa.array(np.arange(52.0) * 1e4)]),
    }
    assert find_split_times(columns) is None
