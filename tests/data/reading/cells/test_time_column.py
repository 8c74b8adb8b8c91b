"""A column of any type to times of one clock."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import SECOND, grid, nanoseconds, ns, question, read_cells, stamps_of

from latentode.config import TimeConfig
from latentode.data.dataset import Clock
from latentode.data.reading.cells.merged_times import merge_times
from latentode.data.reading.cells.time_column import read_times, time_on_clock
from latentode.data.reading.cells.time_stamps import BAD, NO_TIME, OK, OUT_OF_RANGE
from latentode.data.reading.doubts import Doubts
from latentode.errors import ConfigError, DataError

EPOCH = 1_488_355_200


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+01:00"])
def test_time_stamps_of_any_unit_and_zone_keep_their_nanoseconds(unit, zone):
    ticks = np.array([1_704_067_201, 1_704_067_202]) * {"s": 1, "ms": 10**3, "us": 10**6}.get(
        unit, SECOND
    )
    times, doubts = read_cells(pa.array(ticks).cast(pa.timestamp(unit, zone)))
    assert times.times.tolist() == [ns("2024-01-01T00:00:01"), ns("2024-01-01T00:00:02")]
    assert times.clock == Clock("calendar", zone, "iso")
    assert times.naive.all() == (zone is None)
    assert not doubts.questions + doubts.decisions


def test_dates_and_objects_of_python_are_read():
    assert stamps_of([dt.date(2024, 1, 1)]) == [ns("2024-01-01")]
    days = pa.array([19_723], pa.int32()).cast(pa.date32())
    assert stamps_of(days.cast(pa.date64())) == [ns("2024-01-01")]
    assert stamps_of([Decimal("1488355200.25"), Decimal("1488355201.25")]) == [
        EPOCH * SECOND + 250_000_000,
        (EPOCH + 1) * SECOND + 250_000_000,
    ]
    categories = pa.array(pd.Series(["2024-01-01", "2024-01-02", "2024-01-01"], dtype="category"))
    assert stamps_of(categories)[1:] == [ns("2024-01-02"), ns("2024-01-01")]


def test_times_beyond_int64_are_out_of_range():
    far = pa.array([0, 253_370_764_800], pa.int64()).cast(pa.timestamp("s"))
    times, _ = read_cells(far)
    assert times.status.tolist() == [OK, OUT_OF_RANGE]
    assert times.examples[0][0] == 1
    assert read_cells(["2024-01-01", "1600-01-01"])[0].status.tolist() == [OK, OUT_OF_RANGE]


@pytest.mark.parametrize("cells", [[None, None], ["", "NaN"], [float("nan")] * 2])
def test_empty_columns_hold_no_time(cells):
    times, doubts = read_cells(pa.array(cells) if cells[0] is not None else pa.nulls(2))
    assert times.status.tolist() == [NO_TIME, NO_TIME]
    assert not doubts.questions


def test_booleans_are_no_times():
    assert (read_cells([True, False])[0].status == BAD).all()


def test_bad_cells_are_given_as_they_stand():
    times, _ = read_cells(["2024-01-01", "soon", "2024-01-32", "2024-01-02"])
    assert times.examples == [(1, "soon"), (2, "2024-01-32")]
    times, _ = read_cells(["2024-01-01", "soon"], ["x", "2024-01-02"])
    assert times.examples == [(1, "soon"), (2, "x")]
    numbers, _ = read_cells([str(EPOCH), str(EPOCH + 1), "later"])
    assert numbers.examples == [(2, "later")]


def test_whole_nanoseconds_survive_beyond_the_floats():
    cells = [EPOCH * SECOND + 1, EPOCH * SECOND + 2]
    assert stamps_of(cells) == cells
    assert stamps_of([str(cell) for cell in cells]) == cells
    times, _ = read_cells([*map(str, cells), ""])
    assert times.times[:2].tolist() == cells


def test_numbers_in_text_may_have_a_decimal_comma():
    assert stamps_of(["1488355200,25", "1488355201,5"], decimal=",") == [
        EPOCH * SECOND + 250_000_000,
        (EPOCH + 1) * SECOND + 500_000_000,
    ]


def test_files_of_one_log_are_read_on_one_clock():
    first, second = grid("2024-01-01", 60, 3), grid("2024-01-02", 60, 3)
    files = [[str(moment) for moment in moments] for moments in (first, second)]
    assert stamps_of(*files) == nanoseconds([*first, *second])
    times, _ = read_cells(["", ""], [EPOCH, EPOCH + 1])
    assert times.times[2:].tolist() == [EPOCH * SECOND, (EPOCH + 1) * SECOND]
    with pytest.raises(DataError, match="one form in all files, got dates and numbers"):
        read_cells(["2024-01-01"], [EPOCH])


def test_a_zone_is_taken_from_the_settings_the_type_or_the_name():
    naive = ["2024-07-01 12:00"]
    assert read_cells(naive)[0].clock.zone is None
    assert read_cells(naive, tz="Europe/Berlin")[0].clock.zone == "Europe/Berlin"
    assert read_cells(naive, tz="UTC+1")[0].clock.zone == "+01:00"
    times, doubts = read_cells(naive, name="Date Time, GMT-07:00")
    assert times.clock.zone == "-07:00"
    assert times.naive.all()
    assert "GMT-07:00" in doubts.decisions[0].choice
    aware, _ = read_cells(["2024-07-01T12:00:00Z"], name="Date Time, GMT-07:00")
    assert aware.clock.zone == "UTC"
    assert not aware.naive.any()


def test_a_name_in_brackets_is_the_zone():
    times, _ = read_cells(["2024-07-01T12:00[Europe/Berlin]"])
    assert (times.clock.zone, times.naive.tolist()) == ("Europe/Berlin", [True])


def test_several_names_in_brackets_are_asked_about():
    cells = ["2024-07-01T12:00[Europe/Berlin]", "2024-07-01T12:00[Europe/London]"]
    assert "several zones, Europe/Berlin and Europe/London" in question(cells)


def test_letters_of_several_zones_are_asked_about():
    message = question(["2024-07-01 12:00 IST", "2024-07-01 13:00 IST"])
    assert "--tz Asia/Kolkata" in message
    times, doubts = read_cells(["2024-07-01 12:00 IST"], tz="Asia/Kolkata")
    assert (times.clock.zone, doubts.questions) == ("Asia/Kolkata", [])


def test_letters_are_offsets_all_year():
    times, doubts = read_cells(["2024-07-01 00:00:00 CET"])
    assert times.times.tolist() == [ns("2024-06-30T23:00")]
    assert "CET in 'time' read as +01:00" in doubts.decisions[0].choice
    form = "%Y-%m-%d %H:%M:%S %Z"
    assert stamps_of(["2024-07-01 00:00:00 CET"], format=form) == [ns("2024-06-30T23:00")]


def test_numbers_told_for_a_column_of_dates_are_refused():
    with pytest.raises(ConfigError, match=r"holds dates such as '2024-01-01'.*Leave out"):
        read_cells(["2024-01-01"], unit="s")


def test_dates_beside_a_log_of_elapsed_times_are_left_to_the_caller():
    cells = pa.chunked_array([pa.array(["2024-01-01"])])
    time = TimeConfig(unit="s")
    raw = read_times(cells, lambda rows: cells[rows], time)
    known = Clock("elapsed", None, "s")
    assert merge_times([raw], "t", time, Doubts(), str, known).clock.kind == "calendar"


def test_times_beside_a_log_are_on_its_clock():
    time = TimeConfig()
    assert time_on_clock(Clock("elapsed", None, "min"), time).unit == "min"
    assert time_on_clock(Clock("calendar", None, "matlab"), time).unit == "matlab"
    assert time_on_clock(Clock("calendar", "UTC", "ms"), time) == time.model_copy(
        update={"tz": "UTC"}
    )
    column = pa.chunked_array([pa.array([1.5, 2.5])])
    raw = read_times(column, lambda rows: column[rows], time)
    doubts = Doubts()
    elapsed = merge_times([raw], "t", time, doubts, str, Clock("elapsed", None, "h"))
    assert elapsed.times.tolist() == [5400 * SECOND, 9000 * SECOND]
    assert not doubts.questions


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.datetimes(dt.datetime(1975, 1, 1), dt.datetime(2060, 1, 1)), min_size=1, max_size=9
    ),
    st.sampled_from(["s", "ms", "us"]),
)
def test_a_column_is_read_alike_typed_or_written(moments, unit):
    typed = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)
    assert stamps_of(typed) == stamps_of(typed.cast(pa.string()))
