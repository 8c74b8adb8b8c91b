"""Readings that repeat: merged where they are few, refused with their cause where they are many."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import said, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError


@few
@given(
    st.sampled_from(
        [("minutes", "10s", "min"), ("seconds", "100ms", "s"), ("hours", "10min", "h")]
    ),
    SEEDS,
)
def test_stamps_that_are_too_coarse_are_refused_with_that_cause(case, seed):
    words, step, unit = case
    times = stamps(300, step)
    frame = pd.DataFrame({"time": times.floor(unit), "t": walk(300, seed)})
    with pytest.raises(DataError, match=f"stamps have whole {words}, and up to"):
        read_log(frame, settings())
    dataset, _ = read_log(frame, settings(duplicates="mean"))
    assert dataset.readings.num_rows == times.floor(unit).nunique()


@few
@given(st.integers(2, 4), st.sampled_from(["10min", "1h"]), SEEDS)
def test_series_that_nothing_tells_apart_are_refused_with_that_cause(number, step, seed):
    frame = pd.concat(
        [
            pd.DataFrame({"time": stamps(100, step), "t": walk(100, seed + each, 40.0 * each)})
            for each in range(number)
        ]
    ).sort_values("time", kind="stable")
    with pytest.raises(DataError, match=f"as where {number} series are mixed"):
        read_log(frame, settings())


@few
@given(SEEDS)
def test_few_repeats_are_averaged_and_said_with_the_place(seed):
    at = int(np.random.default_rng(seed).integers(1, 399))
    times = stamps(400).to_series().reset_index(drop=True)
    times[at] = times[at - 1]
    frame = pd.DataFrame({"time": times, "t": walk(400, seed)})
    dataset, report = read_log(frame, settings())
    assert dataset.readings.num_readings == 399
    assert report.counts["duplicates_merged"] == 1
    assert any(f"first: row {at};" in each for each in said(report))


def test_rows_that_were_written_twice_are_left_out_and_counted():
    frame = pd.DataFrame({"time": stamps(100), "t": walk(100, 0)})
    dataset, report = read_log(pd.concat([frame, frame.iloc[50:]]), settings())
    assert dataset.readings.num_readings == 100
    assert report.counts["duplicates_identical"] == 50


@pytest.mark.parametrize(
    ("zone", "start", "day"),
    [
        ("Europe/Berlin", "2023-10-01", "29 October 2023"),
        ("America/New_York", "2023-10-15", "5 November 2023"),
    ],
)
def test_the_hour_that_occurs_twice_is_named_with_its_zone(zone, start, day):
    times = pd.date_range(start, periods=96 * 35, freq="15min", tz=zone)
    frame = pd.DataFrame({"time": times.strftime("%Y-%m-%d %H:%M"), "t": walk(len(times), 0)})
    _, report = read_log(frame, settings())
    assert any(day in each and f"--tz {zone}" in each for each in said(report))
    dataset, report = read_log(frame, settings(time__tz=zone))
    assert dataset.readings.num_readings == len(times)
    assert "duplicates_merged" not in report.counts


@few
@given(SEEDS, st.integers(30, 260), st.integers(5, 20), st.booleans())
def test_a_clock_that_was_set_back_is_the_cause_and_the_later_rows_may_be_kept(
    seed, place, back, newest
):
    times = stamps(300).to_series(index=range(300))
    times[place:] -= pd.Timedelta(minutes=10 * back)
    frame = pd.DataFrame({"time": times, "t": walk(300, seed)})
    frame = frame[::-1] if newest else frame
    with pytest.raises(DataError, match="the times fall back once") as caught:
        read_log(frame, settings())
    assert "--duplicates last" in str(caught.value)
    dataset, _ = read_log(frame, settings(duplicates="last"))
    assert dataset.readings.num_readings == times.nunique()


@few
@given(SEEDS, st.integers(2, 4))
def test_times_before_a_clock_was_set_are_left_out_by_the_option_that_is_named(seed, number):
    times = stamps(60).to_series(index=range(60))
    times[5 : 5 + number] = pd.Timestamp("1970-01-01")
    frame = pd.DataFrame({"time": times, "t": walk(60, seed)})
    with pytest.raises(DataError, match=r"a clock was not set. Leave them out with --start 2024-"):
        read_log(frame, settings())
    dataset, _ = read_log(frame, settings(time__start="2024-03-05"))
    assert dataset.readings.num_readings == 60 - number


def test_the_cause_is_that_of_the_series_that_repeats():
    frame = pd.concat([
        pd.DataFrame({"id": "a", "time": stamps(200), "t": walk(200, 0)}),
        pd.DataFrame({"id": "b", "time": stamps(200, "10s").floor("min"), "t": walk(200, 1)}),
    ])  # fmt: skip
    with pytest.raises(DataError, match="stamps have whole minutes, and up to 6 readings"):
        read_log(frame, settings())
