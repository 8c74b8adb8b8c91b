from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latentode.config.durations import NS_PER_UNIT
from latentode.data import synthetic
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.frames import to_frame, to_timestamps
from latentode.errors import ConfigError

HOUR = 3_600_000_000_000


def small(clock: Clock) -> TimeSeriesDataset:
    """Two series with readings at 0 h and 1 h, and an empty one between them."""
    readings = Readings.from_triplets(
        np.array([2, 0, 0, 2]),
        np.array([HOUR, 0, HOUR, HOUR]),
        np.array([1, 0, 1, 0]),
        np.array([4.0, 1.0, 2.0, 3.0]),
        num_series=3,
        channels=("p", "q"),
    )
    return TimeSeriesDataset(("007", "empty", "7"), readings, clock)


def test_wide_frame_has_a_row_a_time_and_nan_where_nothing_was_read():
    frame = to_frame(small(Clock("elapsed", unit="min")))
    assert list(frame.columns) == ["series", "time", "p", "q"]
    assert frame["series"].tolist() == ["007", "007", "7"]
    assert frame["time"].tolist() == [0.0, 60.0, 60.0]
    np.testing.assert_array_equal(frame[["p", "q"]], [[1, np.nan], [np.nan, 2], [3, 4]])


def test_long_frame_has_a_row_a_reading_and_the_names_asked_for():
    frame = to_frame(
        small(Clock("calendar", "UTC")),
        "long",
        id_column="pump",
        time_column="at",
        channel_column="what",
        value_column="x",
    )
    assert list(frame.columns) == ["pump", "at", "what", "x"]
    assert frame["what"].tolist() == ["p", "q", "p", "q"]
    assert frame["x"].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("clock", "dtype"),
    [
        (Clock("calendar", "Europe/Berlin"), "datetime64[ns, UTC]"),
        (Clock("calendar", None), "datetime64[ns]"),
        (Clock("elapsed", unit="h"), "float64"),
        (Clock("elapsed", unit="ns"), "int64"),
    ],
)
def test_time_stamps_follow_the_clock_of_the_log(clock, dtype):
    assert str(to_frame(small(clock))["time"].dtype) == dtype


def test_zoned_time_stamps_are_utc():
    stamps = to_timestamps(np.array([1_760_566_777 * 10**9]), Clock("calendar", "Europe/Berlin"))
    assert stamps[0] == pd.Timestamp("2025-10-15T22:19:37Z")


def test_naive_time_stamps_keep_the_wall_clock():
    stamps = to_timestamps(np.array([1_760_566_777 * 10**9]), Clock("calendar", None))
    assert stamps[0] == pd.Timestamp("2025-10-15T22:19:37")


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_calendar_and_ns_stamps_keep_every_nanosecond(times):
    array = np.array(times, dtype=np.int64)
    stamps = to_timestamps(array, Clock("calendar", "UTC"))
    np.testing.assert_array_equal(stamps.astype("int64"), array)
    np.testing.assert_array_equal(to_timestamps(array, Clock("elapsed", unit="ns")), array)


# there and back are two roundings of 2^-53 each: less than half a nanosecond below 2^51
@given(st.lists(st.integers(0, 2**51), min_size=1, max_size=5), st.sampled_from(["s", "h", "d"]))
@example([4503599627370491 // 2], "s")
@settings(max_examples=50, deadline=None)
def test_elapsed_stamps_return_to_the_same_nanosecond_within_26_days(times, unit):
    array = np.array(times, dtype=np.int64)
    stamps = to_timestamps(array, Clock("elapsed", unit=unit))
    np.testing.assert_array_equal(np.rint(stamps.to_numpy() * NS_PER_UNIT[unit]), array)


def test_wide_and_long_frames_hold_the_same_readings():
    dataset = synthetic.sensor(3, 2).dataset
    wide, long = to_frame(dataset), to_frame(dataset, "long")
    melted = wide.melt(["series", "time"], var_name="channel").dropna()
    keys = ["series", "time", "channel"]
    pd.testing.assert_frame_equal(
        melted.sort_values(keys).reset_index(drop=True),
        long.sort_values(keys).reset_index(drop=True),
        check_dtype=False,
    )
    assert len(long) == dataset.readings.num_readings


def test_data_set_without_readings_gives_an_empty_table():
    dataset = small(Clock("calendar", "UTC"))
    empty = dataset.with_readings(dataset.readings.select_readings(np.zeros(4, dtype=bool)))
    for layout in ("wide", "long"):
        assert to_frame(empty, layout).shape == (0, 4)


def test_frame_refuses_an_unknown_layout():
    with pytest.raises(ConfigError, match='layout: expected "wide" or "long", got \'tall\''):
        to_frame(small(Clock("elapsed", unit="s")), "tall")


def test_frame_refuses_a_channel_named_like_the_time_column():
    with pytest.raises(ConfigError, match="expected each name once, got 'p' twice"):
        to_frame(small(Clock("elapsed", unit="s")), time_column="p")
