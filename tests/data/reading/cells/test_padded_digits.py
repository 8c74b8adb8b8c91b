"""Cells of digits with two for the year, the first of them 0."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_logs import few, stamps

from latentode.data.reading.cells.padded_digits import padded_formats


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
