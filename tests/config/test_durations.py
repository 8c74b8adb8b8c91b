"""Durations: texts of people, differences of times, and what is none."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentode.config import LatentODEConfig
from latentode.config.durations import NS_PER_UNIT, exact_duration, format_duration, parse_duration
from latentode.errors import ConfigError

HOUR, MINUTE, DAY = NS_PER_UNIT["h"], NS_PER_UNIT["min"], NS_PER_UNIT["d"]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        *((f"6{unit}", 6 * HOUR) for unit in ("h", " h", "hr", "hrs", " hours", "H", " Hours")),
        *((f"90 {unit}", 90 * MINUTE) for unit in ("m", "min", "mins", "minutes", "Min")),
        *((f"1{unit}", 7 * DAY) for unit in ("w", " week", "wk", " weeks")),
        *((f"2{unit}", 2 * DAY) for unit in ("d", " day", " days", "D")),
        ("1.5 hours", 90 * MINUTE),
        ("30 seconds", MINUTE // 2),
        ("5 µs", 5000),
        ("1h 30min", 90 * MINUTE),
        ("1 day 12 hours", 36 * HOUR),
        ("1e3ms", NS_PER_UNIT["s"]),
    ],
)
def test_people_write_units_as_they_are_used_to(text, nanoseconds):
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "duration",
    [
        timedelta(hours=6),
        pd.Timedelta("6h"),
        pd.Timedelta(hours=6).as_unit("s"),
        np.timedelta64(6, "h"),
        np.timedelta64(360, "m"),
        pd.Series(pd.to_timedelta(["6h"])).iloc[0],
    ],
)
def test_differences_of_times_are_durations(duration):
    assert parse_duration(duration) == 6 * HOUR
    assert LatentODEConfig().updated(**{"windows.horizon": duration}).windows.horizon == "6h"


@given(st.integers(1, 2**62 - 1))
def test_no_nanosecond_is_lost(nanoseconds):
    assert parse_duration(pd.Timedelta(nanoseconds, "ns")) == nanoseconds
    assert parse_duration(np.timedelta64(nanoseconds, "ns")) == nanoseconds
    whole = nanoseconds - nanoseconds % 1000
    if 0 < whole < 2**53:  # a text counts in float64
        assert parse_duration(exact_duration(whole)) == whole


@pytest.mark.parametrize(
    "wrong",
    [
        "soon", "", "h", "6x", "6M", "3 months", "1h 30", "-1h", "6:00", True, None, pd.NaT,
        np.timedelta64(3, "M"), np.timedelta64("NaT", "ns"), 3,
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_examples(wrong):
    with pytest.raises(
        ConfigError, match=r'expected a number with a unit.* Write for example "48h"'
    ):
        parse_duration(wrong)


@pytest.mark.parametrize(
    "wrong", ["0h", timedelta(0), timedelta(hours=-1), "200000 days", "1e400s"]
)
def test_durations_are_positive_and_fit_into_the_calendar(wrong):
    with pytest.raises(ConfigError, match="at least 1 ns and less than 146 years"):
        parse_duration(wrong)


def test_a_plain_number_counts_in_the_unit_that_is_known():
    assert parse_duration("3", "min") == parse_duration(3, "min") == 3 * MINUTE
    assert parse_duration("3s", "min") == 3 * NS_PER_UNIT["s"]


def test_a_duration_is_written_so_that_it_is_read_back():
    assert [exact_duration(n) for n in (90 * MINUTE, 6 * HOUR, 7 * DAY)] == ["90min", "6h", "7d"]
    assert format_duration(90 * MINUTE) == "90min"
