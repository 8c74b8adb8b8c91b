"""Numbers whose name tells what they count from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import DAY, HOUR, SECOND, ns, read_cells, stamps_of

from latentode.data.reading.cells.told_clocks import clock_in_name

UNITS = {"seconds": SECOND, "minutes": 60 * SECOND, "hours": HOUR, "days": DAY}


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(UNITS)),
    st.sampled_from(["1900-01-01", "1904-01-01", "2000-1-1", "2010-01-01 00:00:00"]),
    st.sampled_from(["{} since {}", "time [{} since {}]", "Time ({} since {} UTC)"]),
    st.integers(10_000, 40_000),
)
def test_numbers_count_from_the_date_in_their_name(unit, start, form, first_day):
    length = UNITS[unit]
    numbers = [
        first_day * DAY // length + step * max(1, 60 * SECOND // length) for step in range(9)
    ]
    year, month, day = map(int, start.split()[0].split("-"))
    origin = ns(f"{year}-{month:02d}-{day:02d}")
    expected = [origin + number * length for number in numbers]
    assert stamps_of(numbers, name=form.format(unit, start)) == expected
    assert stamps_of([float(each) for each in numbers], name=form.format(unit, start)) == expected


def test_a_unit_that_is_told_comes_before_the_name():
    times, _ = read_cells([0, 1, 2], name="days since 2020-01-01", unit="h")
    assert times.times.tolist() == [0, HOUR, 2 * HOUR]


@pytest.mark.parametrize("name", ["days since start", "since 2020-01-01", "fish since 2020-01-01"])
def test_other_names_tell_no_date(name):
    assert clock_in_name(name) is None


def test_numbers_beyond_all_years_are_marked():
    times, _ = read_cells([0.0, 1.0, 1e12], name="days since 2020-01-01")
    assert (np.array(times.status) == 0).tolist() == [True, True, False]
