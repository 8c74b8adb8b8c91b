"""Which columns are the time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import said, settings
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError


def time_of(frame, **values):
    return read_log(frame, settings(**values))[1].columns["time"]


@few
@given(
    st.sampled_from([("created_at", "received_at"), ("sampled", "stored"), ("a", "b")]),
    SEEDS,
    st.booleans(),
)
def test_the_earlier_of_two_clocks_is_the_time_where_the_other_follows_shortly(
    names, seed, swapped
):
    times = stamps(60, "1min")
    late = times + pd.to_timedelta(np.random.default_rng(seed).integers(1, 20, 60), unit="s")
    clocks = {names[0]: times, names[1]: late}
    if swapped:
        clocks = dict(reversed(clocks.items()))
    frame = pd.DataFrame(clocks | {"t": walk(60, seed)})
    dataset, report = read_log(frame, settings())
    assert (report.columns["time"], dataset.channels) == (names[0], ("t",))
    assert any(f'--time-column "{names[1]}"' in each for each in said(report))


@few
@given(SEEDS, st.sampled_from(["%Y%m%d%H%M", "%Y-%m-%d %H:%M"]))
def test_the_start_of_a_period_is_its_time(seed, form):
    times = stamps(60, "30min")
    frame = pd.DataFrame(
        {
            "TIMESTAMP_START": times.strftime(form),
            "TIMESTAMP_END": (times + pd.Timedelta("30min")).strftime(form),
            "NEE": walk(60, seed),
        }
    )
    dataset, report = read_log(frame, settings())
    assert (report.columns["time"], dataset.channels) == ("TIMESTAMP_START", ("NEE",))


def test_clocks_that_differ_by_more_than_a_step_are_asked_about():
    frame = pd.DataFrame(
        {"a": stamps(60, "1min"), "b": stamps(60, "5h", start="2023-01-01"), "t": walk(60, 0)}
    )
    with pytest.raises(DataError, match="may all be the time"):
        read_log(frame, settings())
    assert time_of(frame, columns__time="b") == "b"


@few
@given(SEEDS, st.integers(1, 3))
def test_a_date_that_hardly_changes_is_no_clock(seed, number):
    service = np.sort(np.random.default_rng(seed).integers(0, number, 80))
    frame = pd.DataFrame(
        {
            "last_service": pd.Timestamp("2024-01-01 10:00") + pd.to_timedelta(40 * service, "D"),
            "measured": stamps(80),
            "t": walk(80, seed),
        }
    )
    dataset, report = read_log(frame, settings())
    assert (report.columns["time"], dataset.channels) == ("measured", ("t",))


@few
@given(
    st.sampled_from(
        [
            (("Date", "%Y-%m-%d"), ("Time", "%H:%M")),
            (("Jour", "%d/%m/%Y"), ("Heure", "%H:%M:%S")),
            (("Datum", "%d.%m.%Y"), ("Uhrzeit", "%H:%M")),
            (("Fecha", "%d/%m/%Y"), ("Hora", "%H")),
            (("Día", "%Y%m%d"), ("x1", "%H")),
        ]
    ),
    SEEDS,
)
def test_a_time_in_two_columns_is_joined_in_any_language(parts, seed):
    times = stamps(24 * 20, "1h")
    frame = pd.DataFrame({name: times.strftime(form) for name, form in parts})
    frame["t"] = walk(len(times), seed)
    dataset, report = read_log(frame, settings())
    assert report.columns["time"] == ",".join(name for name, _ in parts)
    assert np.array_equal(dataset.readings.times, times.astype("datetime64[ns]").astype("int64"))


def test_parts_of_a_time_may_be_named_even_with_commas():
    times = stamps(60)
    frame = pd.DataFrame(
        {
            "Date, local": times.strftime("%Y-%m-%d"),
            "Time, local": times.strftime("%H:%M"),
            "t": walk(60, 0),
        }
    )
    dataset, _ = read_log(frame, settings(columns__time='"Date, local","Time, local"'))
    assert np.array_equal(dataset.readings.times, times.astype("datetime64[ns]").astype("int64"))


def test_dates_that_do_not_repeat_need_no_year_and_month_beside_them():
    times = stamps(400, "1D")
    frame = pd.DataFrame(
        {"dteday": times.strftime("%Y-%m-%d"), "yr": times.year, "mnth": times.month}
    ).assign(t=walk(400, 0))
    assert time_of(frame) == "dteday"


def test_numbers_that_are_called_a_time_need_their_unit():
    cycles = np.concatenate([np.arange(1, 100), np.arange(1, 80)])
    frame = pd.DataFrame(
        {"unit_number": [1] * 99 + [2] * 79, "time_cycles": cycles, "s": walk(178, 0)}
    )
    with pytest.raises(DataError, match="--time-unit"):
        read_log(frame, settings())
    assert time_of(frame, time__unit="h") == "time_cycles"


@few
@given(SEEDS, st.sampled_from(["T", "t", "Date"]), st.sampled_from(["Zeit", "MJD", "stamp"]))
def test_readings_that_wander_are_no_time_whatever_their_name(seed, channel, clock):
    days = 60_374 + np.arange(200) / 96
    frame = pd.DataFrame({clock: days.round(9), channel: walk(200, seed)})
    dataset, report = read_log(frame, settings(time__unit="mjd"))
    assert (report.columns["time"], dataset.channels) == (clock, (channel,))


def test_a_format_is_of_the_column_that_is_a_clock():
    times = stamps(300, "10min", "2024-02-25")
    frame = pd.DataFrame({"zeit": times.strftime("%d%m%Y%H%M").astype("int64"), "T": walk(300, 0)})
    dataset, _ = read_log(frame, settings(time__format="%d%m%Y%H%M"))
    assert dataset.channels == ("T",)
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()
