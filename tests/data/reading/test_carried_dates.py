"""Dates in the first row of each day alone."""

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, said, settings, write
from random_logs import SEEDS, few, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError

_DATES = st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%y", "%Y%m%d"])
_CLOCKS = st.sampled_from(["%H:%M", "%H:%M:%S", "%I:%M %p"])


def rows_of(times, date, clock, seed=0):
    days = [time.strftime(date) for time in times]
    shown = [day if day != above else "" for day, above in zip(days, ["", *days], strict=False)]
    values = walk(len(times), seed)
    return [
        f"{day};{time:{clock}};{value:.4f}\n"
        for day, time, value in zip(shown, times, values, strict=True)
    ]


@few
@given(
    st.datetimes(datetime(2001, 1, 13), datetime(2025, 1, 1)),
    _DATES,
    _CLOCKS,
    st.integers(5, 300),
    SEEDS,
)
def test_a_date_holds_for_the_rows_below_it(tmp_path_factory, start, date, clock, step, seed):
    start = start.replace(day=13, second=0, microsecond=0)
    times = pd.date_range(start, periods=150, freq=f"{step}min")
    text = "Datum;Uhrzeit;temp\n" + "".join(rows_of(times, date, clock, seed))
    dataset, report = read_log(write(tmp_path_factory.mktemp("log"), text))
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()
    assert any("each date in 'Datum' holds for the rows below it" in note for note in said(report))


def test_a_date_that_lacks_where_the_time_starts_again_is_refused(tmp_path):
    times = pd.date_range("2024-03-13", periods=150, freq="37min")
    rows = rows_of(times, "%Y-%m-%d", "%H:%M")
    second = [row for row, text in enumerate(rows) if text[0] != ";"][2]
    rows[second] = rows[second][len("2024-03-15") :]
    with pytest.raises(DataError, match="expected a time in column 'Datum' of every row"):
        read(tmp_path, "Datum;Uhrzeit;temp\n" + "".join(rows))


def test_some_dates_that_lack_are_gaps(tmp_path):
    times = pd.date_range("2024-03-13", periods=150, freq="37min")
    rows = [f"{t:%Y-%m-%d};{t:%H:%M};{i + 0.5}\n" for i, t in enumerate(times)]
    rows[7:9] = [row[10:] for row in rows[7:9]]
    with pytest.raises(DataError, match="got 2 rows without one"):
        read(tmp_path, "Datum;Uhrzeit;temp\n" + "".join(rows))


def test_a_folder_of_such_files_is_read_file_by_file(tmp_path):
    times = pd.date_range("2024-03-13", periods=240, freq="37min")
    for place in (0, 1):
        rows = rows_of(times[120 * place :][:120], "%Y-%m-%d", "%H:%M", place)
        write(tmp_path, "Datum;Uhrzeit;temp\n" + "".join(rows), f"part-{place}.csv")
    dataset, _ = read_log(tmp_path, settings())
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()
