"""Date-time groups of services, such as 141030ZMAR24."""

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, said, write
from random_logs import SEEDS, few, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError

_FORMS = st.sampled_from(
    ["%d%H%M{}%b%y", "%d%H%M{} %b %y", "%d%H%M%S{}%b%Y", "%d %H%M{} %b %Y", "%d%H%M %b%y"]
)


def log(times, form, seed=0):
    cells = times.strftime(form).str.upper()
    rows = zip(cells, walk(len(times), seed), strict=True)
    return "dtg,temp\n" + "".join(f"{cell},{value:.4f}\n" for cell, value in rows)


@few
@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2025, 1, 1)),
    _FORMS,
    st.sampled_from([("Z", 0), ("A", 1), ("M", 12), ("N", -1), ("R", -5), ("Y", -12), ("J", None)]),
    SEEDS,
)
def test_a_group_is_read_with_its_letter(tmp_path_factory, start, form, zone, seed):
    letter, hours = zone if "{}" in form else ("", None)
    times = pd.date_range(start.replace(second=0, microsecond=0), periods=60, freq="37min")
    path = write(tmp_path_factory.mktemp("log"), log(times, form.format(letter), seed))
    dataset, report = read_log(path)
    utc = times - pd.Timedelta(hours=hours or 0)
    assert dataset.readings.times.tolist() == utc.as_unit("ns").asi8.tolist()
    assert dataset.clock.zone == (None if hours is None else "UTC")
    assert any(f"{letter} in 'dtg' read as" in note for note in said(report)) == bool(hours)


def test_a_group_without_a_year_is_asked_about(tmp_path):
    times = pd.date_range("2024-03-10", periods=60, freq="37min")
    with pytest.raises(DataError, match=r"'100000ZMAR' \(line 2\) tells no year"):
        read(tmp_path, log(times, "%d%H%MZ%b"))
    dataset, _ = read(tmp_path, log(times, "%d%H%MZ%b"), time__year=2024)
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()


@pytest.mark.parametrize("cell", ["320017ZMAR24", "102417AMAR24", "100017ZXXX24"])
def test_what_is_no_date_is_refused_by_line(tmp_path, cell):
    text = log(pd.date_range("2024-03-10", periods=60, freq="37min"), "%d%H%MZ%b%y")
    with pytest.raises(DataError, match=rf"line 62: '{cell}'"):
        read(tmp_path, text + f"{cell},1.5\n")
