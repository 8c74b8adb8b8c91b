"""Hours, minutes and seconds without a date: elapsed, or a time of day."""

from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import SECOND, question, read_cells, stamps_of

from latentode.data.reading.cells.clock_texts import parse_clock_texts, parse_spans
from latentode.data.reading.cells.time_stamps import BAD, NO_TIME, OK


def one(text, form=None):
    cells = parse_clock_texts(pa.array([text]), form)
    return int(cells.times[0]) / SECOND, int(cells.status[0])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:30", 30),
        ("27:15:00", 98_100),
        ("1.02:03:04", 93_784),
        ("1 day, 2:03:04", 93_784),
        ("2 days, 0:00:01", 172_801),
        ("0 days 00:00:30.5", 30.5),
        ("3d 01:00:00", 262_800),
        ("-00:00:30", -30),
        ("06:10", 22_200),
        ("06:10.5", 370.5),
        ("00:00:01,25", 1.25),
        ("1000:00:00", 3_600_000),
        ("6h30", 23_400),
        ("6 h 30", 23_400),
        ("1h02m03s", 3723),
        ("100h15m", 360_900),
    ],
)
def test_elapsed_times_are_read(text, seconds):
    assert one(text) == (seconds, OK)


@pytest.mark.parametrize(
    ("text", "status"), [("", NO_TIME), ("00:61:00", BAD), ("00:00:75", BAD), ("1.25:00:00", BAD)]
)
def test_what_is_no_elapsed_time_says_why(text, status):
    assert one(text)[1] == status


def test_two_numbers_are_minutes_and_seconds_where_told():
    assert one("90:10", "%M:%S") == (5410, OK)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_elapsed_times_from_zero_are_read_back_or_asked_about(seconds):
    seconds = [0, *sorted(seconds)]
    cells = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds]
    times, doubts = read_cells(cells)
    assert times.clock.kind == "elapsed"
    assert doubts.questions or times.times.tolist() == [s * SECOND for s in seconds]
    cells = [str(timedelta(seconds=s)) for s in seconds]
    times, doubts = read_cells(cells)
    assert doubts.questions or times.times.tolist() == [s * SECOND for s in seconds]


def test_elapsed_times_beyond_a_day_are_certain():
    cells = [f"{i:02d}:30:00" for i in range(20, 30)]
    times, doubts = read_cells(cells)
    assert times.times[9] == (29 * 3600 + 1800) * SECOND
    assert doubts.decisions[0].confidence == "certain"


def test_times_of_day_that_start_again_have_no_date():
    cells = [f"{i % 24:02d}:00:00" for i in range(0, 100)]
    for rows in (cells, cells[::-1]):
        message = question(rows, name="Zeit")
        assert "--time-column DATE,Zeit" in message
        assert "--time-unit" not in message
        assert question(rows, name="Zeit", unit="s") == message
        assert question(rows, name="Zeit", format="%H:%M:%S") == message


@pytest.mark.parametrize("hours", [1, 2, 3, 4, 6, 8, 12])
def test_sparse_times_of_day_from_midnight_are_asked_about(hours):
    cells = [f"{i * hours % 24:02d}:00:00" for i in range(60)]
    assert "--time-unit" not in question(cells)


def test_times_of_half_days_have_no_date():
    assert "--time-column DATE,Time" in question(["06:00 AM", "07:00 AM"], name="Time")


def test_few_elapsed_times_with_long_steps_are_read():
    assert stamps_of(["00:00:00", "10:00:00", "20:00:00"])[2] == 20 * 3600 * SECOND


def test_several_series_that_each_start_at_zero_are_asked_about():
    cells = [f"00:{i % 50:02d}:00" for i in range(150)]
    assert "pass --time-unit s" in question(cells)
    assert stamps_of(cells, unit="s")[51] == 60 * SECOND


def test_times_of_day_that_do_not_start_at_zero_are_asked_about():
    cells = [f"{i:02d}:00:00" for i in range(6, 18)]
    assert "pass --time-unit s" in question(cells)
    assert stamps_of(cells, unit="s")[0] == 6 * 3600 * SECOND


def test_hours_and_minutes_are_not_told_from_minutes_and_seconds():
    cells = ["00:00", "00:10", "00:20"]
    message = question(cells)
    assert "--time-format %H:%M or --time-format %M:%S" in message
    assert stamps_of(cells, format="%H:%M")[1] == 600 * SECOND
    assert stamps_of(cells, format="%M:%S")[1] == 10 * SECOND


def test_types_of_durations_and_times_of_day_are_read():
    steps = pa.array(pd.to_timedelta([0, 90, 10**6], unit="s"))
    assert stamps_of(steps) == [0, 90 * SECOND, 10**6 * SECOND]
    for kind in (pa.time32("s"), pa.time64("us")):
        hours = pa.array([3600 * i for i in range(5)], pa.int32()).cast(pa.time32("s")).cast(kind)
        assert stamps_of(hours)[4] == 4 * 3600 * SECOND


@given(st.integers(-(10**6), 10**6), st.sampled_from(["ms", "sec", "s", "min", "hr", "days"]))
def test_spans_with_a_unit_are_elapsed_times(tenths, unit):
    size = {"ms": 10**6, "sec": 10**9, "s": 10**9, "min": 60 * 10**9, "hr": 3600 * 10**9}
    spans = parse_spans(pa.array([f"{tenths / 10} {unit}", "", "soon"]))
    assert spans.times[0] == tenths * size.get(unit, 86_400 * 10**9) // 10
    assert spans.status.tolist() == [OK, NO_TIME, BAD]
    assert spans.surely_elapsed
