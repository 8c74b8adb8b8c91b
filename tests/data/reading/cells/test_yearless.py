"""Dates that tell no year."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import ns, read, said, settings, write
from random_logs import SEEDS, few, walk

from latentode.data.reading.cells.yearless import count_years, in_years
from latentode.data.reading.log import read_log
from latentode.errors import DataError

_FORMS = st.sampled_from(
    [
        *("%m-%d %H:%M", "%d.%m. %H:%M:%S", "%d %b %H:%M", "%b %d %H:%M:%S", "%d/%m %H:%M"),
        *("%d. %B %H:%M", "%a %d %b %H:%M", "%d-%b %I:%M %p", "%b %d,%H:%M", "%m/%d,%H:%M"),
        *("%d.%m.,%H:%M", "%d-%b,%H:%M:%S"),
    ]
)
# with a day above 12 near to them, which settles the order of day and month
_STARTS = st.builds(
    datetime, st.integers(2001, 2024), st.integers(1, 12), st.integers(13, 28), st.integers(0, 23)
)


def log(times, form, seed):
    names = "date,time" if "," in form else "time"
    rows = zip(times.strftime(form), walk(len(times), seed), strict=True)
    return f"{names},temp\n" + "".join(f"{time},{value:.4f}\n" for time, value in rows)


def read_times(folder, text, **told):
    dataset, report = read_log(write(folder.mktemp("log"), text), settings(**told))
    return dataset.readings.times.tolist(), report


@few
@given(_STARTS, _FORMS, st.sampled_from(["35min", "5h", "2D"]), st.booleans(), SEEDS)
def test_a_year_that_lacks_is_asked_for_and_read_over_new_year(
    tmp_path_factory, start, form, step, newest_first, seed
):
    times = pd.date_range(start, periods=150, freq=step)
    times = times[::-1] if newest_first else times
    text = log(times, form, seed)
    with pytest.raises(DataError, match=r"tells no year\. Pass --year YYYY"):
        read_times(tmp_path_factory, text)
    found, report = read_times(tmp_path_factory, text, time__year=times[0].year)
    assert found == sorted(times.as_unit("ns").asi8.tolist())
    notes = [note for note in said(report) if "tell no year" in note]
    assert len(notes) == 1
    assert ("another year begins" in notes[0]) == (len(set(times.year)) > 1)


def test_series_below_one_another_begin_in_one_year_each(tmp_path):
    times = pd.date_range("2023-12-20", periods=60, freq="9h")
    rows = [
        f"{name},{time:%m-%d %H:%M},{place + 0.5}\n"
        for name in "ab"
        for place, time in enumerate(times)
    ]
    dataset, report = read(tmp_path, "id,time,x\n" + "".join(rows), time__year=2023)
    assert dataset.readings.times.tolist() == 2 * times.as_unit("ns").asi8.tolist()
    assert any("begins at line 34, line 94" in note for note in said(report))


def test_one_series_over_new_year_beside_another_is_asked_to_write_years(tmp_path):
    first = pd.date_range("2023-12-20", periods=60, freq="9h")
    other = pd.date_range("2024-01-02", periods=40, freq="9h")
    rows = [f"a,{t:%m-%d %H:%M},1.5\n" for t in first] + [f"b,{t:%m-%d %H:%M},2.5\n" for t in other]
    with pytest.raises(DataError, match=r"'01-02 00:00' \(line 62\) lies so far.*Write the year"):
        read(tmp_path, "id,time,x\n" + "".join(rows), time__year=2023)


def test_a_step_back_of_two_months_is_neither_new_year_nor_a_row_out_of_order(tmp_path):
    times = [*pd.date_range("2023-05-01", periods=30), *pd.date_range("2023-03-01", periods=30)]
    rows = "".join(f"{t:%d %b %H:%M},{i + 0.5}\n" for i, t in enumerate(times))
    with pytest.raises(DataError, match=r"'01 Mar 00:00' \(line 32\) lies so far from the row"):
        read(tmp_path, "time,x\n" + rows, time__year=2023)


def test_29_february_is_a_date_of_leap_years_alone(tmp_path):
    times = pd.date_range("2024-02-20", periods=20)
    text = "time,x\n" + "".join(f"{t:%d %b %H:%M},{i + 0.5}\n" for i, t in enumerate(times))
    with pytest.raises(DataError, match=r"'29 Feb 00:00' \(line 11\) is no date of 2023. Correct"):
        read(tmp_path, text, time__year=2023)
    assert read(tmp_path, text, time__year=2024)[0].readings.times[-1] == ns("2024-03-10")


def test_some_dates_with_a_year_and_some_without_are_asked_about(tmp_path):
    times = pd.date_range("2024-02-20", periods=20)
    cells = [f"{t:%b %d %H:%M}" if i > 4 else f"{t:%b %d %Y %H:%M}" for i, t in enumerate(times)]
    text = "time,x\n" + "".join(f"{cell},{i + 0.5}\n" for i, cell in enumerate(cells))
    with pytest.raises(DataError, match=r"'Feb 25 00:00' \(line 7\) tells no year, and others do"):
        read(tmp_path, text)


def test_a_format_may_lack_the_year(tmp_path):
    times = pd.date_range("2024-02-20", periods=20)
    text = "time,x\n" + "".join(f"{t:%d*%m*%H%M},{i + 0.5}\n" for i, t in enumerate(times))
    dataset, _ = read(tmp_path, text, time__format="%d*%m*%H%M", time__year=2024)
    assert dataset.readings.times[9] == ns("2024-02-29")


def test_a_year_is_told_of_no_log_whose_dates_have_theirs(tmp_path):
    text = "time,x\n2024-01-01 00:00,1.5\n2024-01-02 00:00,2.5\n"
    assert any(
        "--year 2020 changes nothing" in n for n in said(read(tmp_path, text, time__year=2020)[1])
    )


def test_the_year_of_one_log_holds_for_no_other(tmp_path):
    times = pd.date_range("2024-02-20", periods=20)
    text = "time,x\n" + "".join(f"{t:%d %b %H:%M},{i + 0.5}\n" for i, t in enumerate(times))
    told = settings(time__year=2024)
    assert read_log(write(tmp_path, text), told)[1].pinned(told).time.year is None


@pytest.mark.parametrize("cells", ["{}/{}", "{}-{}", "{}.{}."])
def test_numbers_beside_one_another_are_no_dates_where_they_wander(tmp_path, cells):
    times = pd.date_range("2024-02-20", periods=60)
    pairs = np.random.default_rng(0).integers(1, 13, (60, 2))
    rows = [
        f"{t},{cells.format(*pair)},{i + 0.5}\n"
        for i, (t, pair) in enumerate(zip(times, pairs, strict=True))
    ]
    with pytest.raises(
        DataError, match=r"column 'pair'(?:: its cells hold digits| has two numbers in each cell)"
    ):
        read(tmp_path, "time,pair,x\n" + "".join(rows))


@few
@given(
    st.dates(datetime(1970, 1, 1).date(), datetime(2060, 1, 1).date()),
    st.sampled_from(["%b-%y", "%b %y", "%B '%y", "%b/%y", "%b. %y"]),
    st.sampled_from(["MS", "QS", "2MS"]),
    st.booleans(),
)
def test_a_month_and_two_digits_advance_by_months(tmp_path_factory, start, form, step, newest):
    months = pd.date_range(start, periods=40, freq=step)
    months = months[::-1] if newest else months
    text = "time,x\n" + "".join(f"{t.strftime(form)},{i + 0.5}\n" for i, t in enumerate(months))
    times, report = read_times(tmp_path_factory, text)
    assert times == sorted(ns(str(t)[:10]) for t in months)
    assert any(
        "are a month and a year" in note and "--time-format" in note for note in said(report)
    )


@pytest.mark.parametrize("step", ["1D", "7D", "36h"])
def test_a_month_and_two_digits_that_advance_by_days_are_no_months(tmp_path, step):
    days = pd.date_range("2023-03-01", periods=40, freq=step)
    text = "time,x\n" + "".join(f"{t:%b %d %H:%M},{i + 0.5}\n" for i, t in enumerate(days))
    dataset, report = read(tmp_path, text, time__year=2023)
    assert dataset.readings.times.tolist() == [ns(str(t)) for t in days]
    text = "time,x\n" + "".join(f"{t:%b %d},{i + 0.5}\n" for i, t in enumerate(days.normalize()))
    if step == "1D":  # fewer days of the month than months may be months, and ask
        dataset, report = read(tmp_path, text, time__year=2023)
        assert dataset.readings.times.tolist() == [ns(str(t)) for t in days]
        assert not any("a month and a year" in note for note in said(report))


def test_two_months_may_be_days_and_are_told_by_a_format(tmp_path):
    with pytest.raises(DataError, match="no column looks like the time"):
        read(tmp_path, "time,x\nJan-22,1.5\nFeb-22,1.7\n")
    dataset, _ = read(tmp_path, "time,x\nJan-22,1.5\nFeb-22,1.7\n", time__format="%b-%y")
    assert dataset.readings.times.tolist() == [ns("2022-01-01"), ns("2022-02-01")]


def test_years_are_counted_against_the_order_of_rows_out_of_place():
    days = pd.to_datetime(["2260-12-30", "2260-12-31", "2260-01-02", "2260-01-01", "2260-01-03"])
    years = count_years(days.as_unit("ns").asi8, np.zeros(5, np.int64))
    assert years.later.tolist() == [0, 0, 1, 1, 1]
    times, exist = in_years(days.as_unit("ns").asi8, 2023 + years.later)
    assert exist.all()
    assert times[-1] == ns("2024-01-03")
