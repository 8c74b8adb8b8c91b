"""Rows before the start or after the end of the settings are left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentode.config import TimeConfig
from latentode.data.dataset import Clock
from latentode.data.reading.second_look.time_bounds import outside
from latentode.errors import ConfigError

HOURS = np.datetime64("2024-03-04", "ns").astype(np.int64) + np.arange(48) * 3600 * 10**9


@given(st.integers(0, 47), st.integers(0, 47))
def test_both_ends_count(first, last):
    first, last = sorted((first, last))
    texts = [str(np.datetime64(int(HOURS[i]), "ns").astype("M8[m]")) for i in (first, last)]
    out = outside(HOURS, Clock("calendar"), TimeConfig(start=texts[0], end=texts[1]))
    assert np.flatnonzero(~out).tolist() == list(range(first, last + 1))


@pytest.mark.parametrize("text", [None, "any"])
def test_nothing_is_left_out_without_bounds(text):
    assert not outside(HOURS, Clock("calendar"), TimeConfig(start=text, end=text)).any()


def test_a_bound_without_a_zone_is_of_the_log_s_zone():
    berlin = Clock("calendar", "Europe/Berlin")
    local = outside(HOURS, berlin, TimeConfig(start="2024-03-04T12:00"))
    assert np.flatnonzero(~local)[0] == 11
    utc = outside(HOURS, berlin, TimeConfig(start="2024-03-04T12:00Z"))
    assert np.flatnonzero(~utc)[0] == 12


@pytest.mark.parametrize("text", ["5", "5.0", "5s"])
def test_elapsed_bounds_are_numbers_or_durations(text):
    times = np.arange(10) * 10**9
    out = outside(times, Clock("elapsed", unit="s"), TimeConfig(end=text))
    assert np.flatnonzero(~out)[-1] == 5


@pytest.mark.parametrize(
    ("clock", "bounds", "message"),
    [
        (Clock("calendar"), {"start": "soon"}, r"start: expected a date such as .*got 'soon'"),
        (Clock("calendar"), {"end": "now"}, r"end: expected a date such as .*Correct --end"),
        (Clock("calendar"), {"end": "9999-01-01"}, "end: expected a year from 1678 to 2261"),
        (Clock("calendar"), {"start": "2024-01-01T00:00Z"}, "expected a local time"),
        (Clock("calendar"), {"start": "2025-01-01", "end": "2024-01-01"}, "expected a time after"),
        (Clock("elapsed", unit="s"), {"end": "2024-01-01"}, "a number of s or a duration"),
    ],
)
def test_bounds_that_cannot_be_read_are_refused(clock, bounds, message):
    with pytest.raises(ConfigError, match=message):
        outside(HOURS, clock, TimeConfig(**bounds))
