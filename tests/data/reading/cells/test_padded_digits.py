"""Cells of digits with two for the year, the first of them 0."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.cells.padded_digits import padded_formats
from latentode.errors import DataError


def formats(cells):
    return padded_formats(np.array([int(cell) for cell in cells]), lambda row: cells[row])


@few
@given(
    st.sampled_from(["%y%m%d%H%M", "%d%m%y%H%M%S"]),
    st.dates(pd.Timestamp("2001-01-01").date(), pd.Timestamp("2009-12-01").date()),
)
def test_times_of_more_than_a_month_tell_the_order(form, start):
    assert formats(list(stamps(60, "D", start.replace(day=1)).strftime(form))) == [form]


def test_times_of_one_day_leave_the_order_open():
    cells = list(stamps(24, "h", "2003-02-01").strftime("%y%m%d%H%M%S"))
    assert formats(cells) == ["%y%m%d%H%M%S", "%d%m%y%H%M%S", "%m%d%y%H%M%S"]


@pytest.mark.parametrize(
    "cells",
    [
        ["0000000001", "0000000002"],  # a count of one width
        ["010203040506", "10203040507"],  # of several widths
        ["110203040506", "110203040507"],  # no zero in front
        ["01020304", "01020305"],  # with the year in full, which are read elsewhere
        ["0102030405", "0102036005"],  # no hour 60
    ],
)
def test_other_digits_have_no_format(cells):
    assert formats(cells) == []


@few
@given(
    st.sampled_from(["%y%m%d", "%d%m%y", "%m%d%y"]),
    st.dates(pd.Timestamp("2001-01-01").date(), pd.Timestamp("2024-10-01").date()),
    SEEDS,
)
def test_days_of_six_digits_are_asked_about_by_their_format_alone(
    tmp_path_factory, form, start, seed
):
    times = stamps(70, "D", start)
    rows = zip(times.strftime(form), walk(70, seed), strict=True)
    text = "date,flow\n" + "".join(f"{cell},{value:.4f}\n" for cell, value in rows)
    folder = tmp_path_factory.mktemp("log")
    with pytest.raises(DataError, match=rf"Pass --time-format {form}\.$"):
        read(folder, text)
    dataset, _ = read(folder, text, time__format=form)
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()


def test_numbers_that_may_be_days_or_count_are_asked_for_both(tmp_path):
    text = "date,flow\n" + "".join(f"{240301 + i},{i + 0.5}\n" for i in range(20))
    with pytest.raises(DataError, match=r"--time-format %y%m%d, or the unit .*--time-unit s\|ms"):
        read(tmp_path, text)
