"""Numbers of the intervals of a day beside a date."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import read, readings_of, said, write
from random_logs import SEEDS, few, walk
from typed_options import advised

from latentode.data.reading.cells.day_intervals import PER_DAY, numbering
from latentode.data.reading.log import read_log
from latentode.errors import DataError

BERLIN = "Europe/Berlin"
NAMES = ("Interval", "Settlement Period", "QH", "x", "period")


def log_of(stamps, numbers, name, form="%Y-%m-%d"):
    """Text of a log: a date, the number of the interval, and how many readings came before."""
    rows = [
        f"{stamp.strftime(form)},{number},{row / 4}"
        for row, (stamp, number) in enumerate(zip(stamps, numbers, strict=True))
    ]
    return "\n".join([f"date,{name},flow", *rows, ""])


def times_of(dataset):
    return [time for _, _, time in readings_of(dataset)]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([24, 48, 96, 144]),
    st.sampled_from(NAMES),
    st.booleans(),
    st.sampled_from([None, "start", "end"]),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d"]),
)
def test_numbers_of_intervals_are_times_of_the_day(tmp_path_factory, parts, name, one, where, form):
    step = pd.Timedelta("1D") / parts
    stamps = pd.date_range("2024-01-10", periods=20 * parts, freq=step)
    numbers = np.arange(len(stamps)) % parts + one
    folder = tmp_path_factory.mktemp("log")
    log, report = read(folder, log_of(stamps, numbers, name, form), time__interval=where)
    # a nameless column that counts from 1 to 24 is one of hours, which end
    ends = where == "end" or (where is None and name == "x" and parts == 24 and one)
    expected = stamps + step if ends else stamps
    assert times_of(log) == expected.as_unit("ns").asi8.tolist()
    assert any(repr(name) in words for words in said(report))


@pytest.mark.parametrize(("where", "hours"), [("start", 0), ("end", 1), (None, 1)])
def test_hours_from_1_to_24_stand_where_the_option_says(tmp_path, where, hours):
    stamps = pd.date_range("2024-01-10", periods=240, freq="h")
    text = log_of(stamps, stamps.hour + 1, "hour")
    log, report = read(tmp_path, text, time__interval=where)
    assert times_of(log)[0] == (stamps[0] + pd.Timedelta(hours, "h")).as_unit("ns").value
    other = "start" if hours else "end"
    assert any(f"--interval {other}" in words for words in said(report))


@pytest.mark.parametrize("first", ["2024-03-25", "2024-10-20"])
@pytest.mark.parametrize("parts", [24, 48, 96])
def test_days_of_23_and_25_hours_are_right_with_their_zone(tmp_path, first, parts):
    step = pd.Timedelta("1D") / parts
    stamps = pd.date_range(first, periods=12 * parts, freq=step, tz=BERLIN)
    numbers = pd.Series(stamps).groupby(stamps.date).cumcount() + 1
    path = write(tmp_path, log_of(stamps, numbers, "interval"))
    with pytest.raises(DataError, match="as a day on which clocks change") as caught:
        read_log(path)
    log, _ = read_log(path, advised(str(caught.value), "--tz"))
    assert times_of(log) == stamps.as_unit("ns").asi8.tolist()


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        (range(1, 97), (96, 1)),
        (range(48), (48, 0)),
        (range(1, 51), (48, 1)),
        (range(1, 24), (24, 1)),
        (range(1, 32), None),  # days of a month
        (range(0, 60), None),  # minutes
        (range(0, 48, 5), None),
        (np.arange(1, 97) / 2, None),
    ],
)
def test_a_day_is_told_by_its_last_number(numbers, found):
    counted = numbering(np.array(list(numbers), dtype=float))
    assert (None if counted is None else (counted.parts, counted.first)) == found


def test_a_channel_of_small_numbers_is_no_interval(tmp_path):
    stamps = pd.date_range("2024-01-10", periods=400, freq="D")
    level = (24 + 23 * np.sin(np.arange(400) / 9)).round().astype(int)
    log, _ = read(tmp_path, log_of(stamps, level, "level"))
    assert log.channels == ("level", "flow")


@few
@given(
    st.sampled_from(["interval", "Period", "slot", "SettlementPeriod"]),
    st.integers(0, 1),
    st.integers(5, 80).filter(lambda number: all(abs(number - n) > n // 24 for n in PER_DAY)),
    SEEDS,
)
def test_less_than_a_day_of_intervals_is_asked_about(tmp_path_factory, name, first, number, seed):
    rows = zip(range(first, first + number), walk(number, seed), strict=True)
    text = "".join(f"2024-03-05,{interval},{value}\n" for interval, value in rows)
    with pytest.raises(DataError, match=rf"column '{name}' counts intervals.*Give the log a whole"):
        read(tmp_path_factory.mktemp("log"), f"date,{name},load\n{text}")
