"""Formats of times that are told."""

import contextlib
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import ns, read_cells, stamps_of

from latentode.data.reading.cells.time_format import parse_by_format
from latentode.errors import ConfigError


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        ("%d%b%y %Hh", "01Mar24 12h", "2024-03-01T12:00"),
        ("%Y-%m-%d %z", "2024-03-01 +0200", "2024-02-29T22:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-07-01 00:00:00 CET", "2024-06-30T23:00"),
        ("%Y-%m-%d %H:%M %Z", "2024-07-01 00:00 EDT", "2024-07-01T04:00"),
        ("%m/%d/%y %I:%M:%S %p", "03/04/24 06:00:00 AM", "2024-03-04T06:00"),
        ("%d.%m.%Y %H:%M:%S.%f", "04.03.2024 06:00:00.25", "2024-03-04T06:00:00.25"),
        ("%G-W%V-%u", "2024-W05-3", "2024-01-31"),
    ],
)
def test_a_format_is_obeyed(form, cell, expected):
    assert stamps_of([cell], format=form) == [ns(expected)]


def test_other_cells_are_bad():
    times, _ = read_cells(["01Mar24", "2024-03-01", ""], format="%d%b%y")
    assert times.status.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("form", "advice"),
    [
        ("%s", "got '%s'.*--time-unit s"),
        ("%Q", "got '%Q' in '%Q'"),
        ("%Y-%m-%d %T", "Write %H:%M:%S"),
        ("%F", "Write %Y-%m-%d"),
        ("%-d.%m.%Y", "without the hyphen"),
        ("%m %H:%M", "expected a format with a year"),
        ("%Y-%m-%d %I:%M", r"expected AM or PM \(%p\).* Write %H"),
        ("%", "expected directives"),
        ("%V %Y", "cannot be used"),
        ("%d.%m.%Y", r"got '2024-03-01' \(line 2\). Correct --time-format"),
    ],
)
def test_a_wrong_format_is_refused_with_what_to_write(form, advice):
    with pytest.raises(ConfigError, match=advice):
        read_cells(["2024-03-01"], format=form)


@settings(max_examples=50, deadline=None)
@given(st.text("%aAbBdmyYHIpMSfzZjUWcxXGuVsQT-:./ ", max_size=8))
def test_no_format_is_an_internal_error(form):
    with contextlib.suppress(ConfigError):
        read_cells(["2024-03-01 06:00", "x"], format=form)


def test_zeros_that_numbers_lost_are_put_back():
    assert stamps_of([4032024, 14032024], format="%d%m%Y") == [ns("2024-03-04"), ns("2024-03-14")]


@settings(max_examples=50, deadline=None)
@given(st.datetimes(datetime(1975, 1, 1), datetime(2060, 1, 1)))
def test_texts_of_a_format_are_read_back(moment):
    form = "%d/%m/%Y %H-%M-%S.%f"
    stamps = parse_by_format(pa.array([moment.strftime(form)]), form, from_numbers=False)
    assert stamps.times.tolist() == [ns(moment.isoformat())]


def test_typed_times_need_no_format():
    typed = pa.array([0], pa.timestamp("s"))
    assert stamps_of(typed, format="%d.%m.%Y") == [0]
