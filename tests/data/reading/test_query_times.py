"""Times at which predictions are wanted."""

import numpy as np
import pandas as pd
import pytest
from log_files import ns, settings, write

from latentode.data.dataset import Clock
from latentode.data.reading.query_times import read_query_times
from latentode.errors import DataError

NAIVE = Clock("calendar")
BERLIN = Clock("calendar", "Europe/Berlin")
HOURS = Clock("elapsed", None, "h")
HOUR = 3_600_000_000_000


def ask(source, ids=("a", "b"), clock=NAIVE, **values):
    series, times = read_query_times(source, series_ids=ids, clock=clock, config=settings(**values))
    assert (series.dtype, times.dtype) == (np.int64, np.int64)
    return series.tolist(), times.tolist()


def test_queries_come_in_the_order_of_the_user_with_duplicates(tmp_path):
    path = write(tmp_path, "id,time\nb,2024-01-02\na,2024-01-03\nb,2024-01-01\nb,2024-01-02\n")
    times = [ns(f"2024-01-0{day}") for day in (2, 3, 1, 2)]
    assert ask(path) == ([1, 0, 1, 1], times)


def test_one_series_needs_no_ids(tmp_path):
    path = write(tmp_path, "when\n2024-01-02\n2024-01-01\n")
    assert ask(path, ids=("log",)) == ([0, 0], [ns("2024-01-02"), ns("2024-01-01")])
    with pytest.raises(DataError, match=r"as there are 2 series.*--id-column"):
        ask(path)


def test_ids_are_matched_as_text(tmp_path):
    path = write(tmp_path, "id,time\n007,2024-01-01\n7,2024-01-01\n")
    assert ask(path, ids=("7", "007"))[0] == [1, 0]
    frame = pd.DataFrame({"id": [7, 8], "time": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    assert ask(frame, ids=("7", "8"))[0] == [0, 1]


def test_column_that_holds_ids_is_found_whatever_its_name(tmp_path):
    path = write(tmp_path, "which,time\nb,2024-01-01\na,2024-01-01\n")
    assert ask(path)[0] == [1, 0]


def test_unknown_id_is_refused_with_the_line(tmp_path):
    path = write(tmp_path, "id,time\npump-1,2024-01-01\npump-9,2024-01-01\n")
    with pytest.raises(DataError, match=r"line 3: no series 'pump-9'.*Did you mean 'pump-1'"):
        ask(path, ids=("pump-1", "valve"))


def test_elapsed_times_are_in_the_unit_of_the_log(tmp_path):
    path = write(tmp_path, "time\n3\n1.5\n-2\n")
    assert ask(path, ids=("a",), clock=HOURS)[1] == [3 * HOUR, HOUR * 3 // 2, -2 * HOUR]
    assert ask(path, ids=("a",), clock=HOURS, time__unit="min")[1][0] == HOUR // 20
    frame = pd.DataFrame({"time": [2, 1]})
    assert ask(frame, ids=("a",), clock=HOURS)[1] == [2 * HOUR, HOUR]
    # an hour count that looks like an epoch of seconds is an hour count still
    assert ask(pd.DataFrame({"time": [2_000_000]}), ("a",), HOURS)[1] == [2_000_000 * HOUR]


def test_calendar_queries_may_be_an_epoch(tmp_path):
    path = write(tmp_path, "time\n1704067200000\n")
    assert ask(path, ids=("a",), clock=Clock("calendar", "UTC"))[1] == [ns("2024-01-01")]


def test_naive_queries_are_in_the_zone_of_the_log(tmp_path):
    path = write(tmp_path, "time\n2024-07-01 12:00\n2024-07-01T12:00:00Z\n")
    noon = ns("2024-07-01T12:00")
    assert ask(path, ids=("a",), clock=BERLIN)[1] == [noon - 2 * HOUR, noon]
    for bad in ("2024-03-31 02:30", "2024-10-27 02:30"):
        with pytest.raises(DataError, match="line 2"):
            ask(write(tmp_path, f"time\n{bad}\n"), ids=("a",), clock=BERLIN)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_frames_with_datetimes_and_strings_agree(unit):
    stamps = pd.DatetimeIndex(["2024-01-02", "2024-01-01"]).as_unit(unit)
    expected = [ns("2024-01-02"), ns("2024-01-01")]
    for column in (stamps, stamps.astype(str)):
        assert ask(pd.DataFrame({"time": column}), ids=("a",))[1] == expected
    aware = pd.DataFrame({"time": stamps.tz_localize("Asia/Tokyo")})
    assert ask(aware, ("a",), BERLIN)[1] == [time - 9 * HOUR for time in expected]


@pytest.mark.parametrize(
    ("text", "clock", "match"),
    [
        ("time\n2024-01-01\n\nsoon\n", NAIVE, r"expected times in 'time'.*line 4: 'soon'"),
        ("id,time\na,2024-01-01\na,\n", NAIVE, "line 3"),
        ("time\n2024-01-01\n", HOURS, "holds dates, but the log counts elapsed h"),
        ("time\n17\n", NAIVE, "holds elapsed times, but the log is on a calendar"),
        ("time\n2024-01-01T00:00:00Z\n", NAIVE, "the time has an offset from UTC, but the log"),
        ("time\n03/04/2024\n", NAIVE, "--dayfirst"),
        ("time\n9999-01-01\n", NAIVE, "1678 to 2261"),
        ("time\n", NAIVE, "no data rows"),
        (
            "time,id\n2024-01-01,a\n2024-01-01,a,5\n",
            NAIVE,
            "line 3: expected 2 fields .* got 3",
        ),
        ("x,y\na,b\n", NAIVE, "--time-column"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(tmp_path, text, clock, match):
    with pytest.raises(DataError, match=match):
        ask(write(tmp_path, text), ids=("a",), clock=clock)


def test_names_of_the_log_count_where_the_queries_have_them(tmp_path):
    path = write(tmp_path, "unit,stamp,time\na,2024-01-05,2024-01-01\n")
    found = ask(path, columns__time="stamp", columns__id="unit")
    assert found == ([0], [ns("2024-01-05")])
    other = write(tmp_path, "id,time\na,2024-01-01\n")
    assert ask(other, columns__time="stamp", columns__id="unit") == ([0], [ns("2024-01-01")])
