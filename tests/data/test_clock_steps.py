"""Full steps of the clock, against pandas and by hand where the clocks change."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentode.data.clock_steps import clock_steps
from latentode.data.dataset import Clock

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
BERLIN = "Europe/Berlin"


def shown(begin, end, spacing, zone=BERLIN):
    """Local times of the steps, written with their offset."""
    edges = (pd.Timestamp(edge, tz=zone).value for edge in (begin, end))
    steps = clock_steps(*edges, spacing, Clock("calendar", zone))
    local = pd.DatetimeIndex(steps).tz_localize("UTC").tz_convert(zone)
    return [moment.strftime("%d %H:%M%z") for moment in local]


def test_steps_begin_after_the_begin_and_the_end_is_one():
    assert shown("2024-05-01 00:48", "2024-05-01 03:00", HOUR) == [
        "01 01:00+0200", "01 02:00+0200", "01 03:00+0200",
    ]  # fmt: skip
    assert shown("2024-05-01 01:00", "2024-05-01 02:59", HOUR) == ["01 02:00+0200"]
    assert shown("2024-05-01 01:01", "2024-05-01 01:59", HOUR) == []


def test_short_steps_go_on_in_time_where_the_clocks_change():
    assert shown("2024-03-31 00:48", "2024-03-31 04:00", HOUR) == [
        "31 01:00+0100", "31 03:00+0200", "31 04:00+0200",
    ]  # fmt: skip
    assert shown("2024-10-27 01:48", "2024-10-27 03:00", HOUR // 2) == [
        "27 02:00+0200", "27 02:30+0200", "27 02:00+0100", "27 02:30+0100", "27 03:00+0100",
    ]  # fmt: skip


def test_long_steps_keep_their_local_times_where_the_clocks_change():
    assert shown("2024-10-26 23:00", "2024-10-27 06:00", 2 * HOUR) == [
        "27 00:00+0200", "27 02:00+0200", "27 04:00+0100", "27 06:00+0100",
    ]  # fmt: skip
    assert shown("2024-03-31 00:00", "2024-03-31 06:00", 2 * HOUR) == [
        "31 03:00+0200", "31 04:00+0200", "31 06:00+0200",
    ]  # fmt: skip


def test_days_begin_at_local_midnight_and_weeks_on_mondays():
    days = shown("2024-03-29 20:48", "2024-04-02 08:00", DAY)
    assert days == ["30 00:00+0100", "31 00:00+0100", "01 00:00+0200", "02 00:00+0200"]
    assert shown("2024-03-20 20:48", "2024-04-02 08:00", 7 * DAY) == [
        "25 00:00+0100", "01 00:00+0200",
    ]  # fmt: skip


def test_a_midnight_that_is_skipped_is_the_moment_after():
    days = shown("2024-09-07 20:00", "2024-09-09 08:00", DAY, "America/Santiago")
    assert days == ["08 01:00-0300", "09 00:00-0300"]


@pytest.mark.parametrize("zone", ["+05:30", "Asia/Kolkata"])
def test_hours_are_those_of_the_zone(zone):
    assert shown("2024-01-01 20:10", "2024-01-02 08:00", 6 * HOUR, zone) == [
        "02 00:00+0530", "02 06:00+0530",
    ]  # fmt: skip


def test_without_dates_steps_are_multiples():
    assert clock_steps(3, 20, 5, Clock("elapsed", unit="s")).tolist() == [5, 10, 15, 20]
    assert clock_steps(-7, 0, 5, Clock("elapsed", unit="s")).tolist() == [-5, 0]


ZONES = st.sampled_from([None, "UTC", BERLIN, "America/New_York", "Australia/Lord_Howe"])
MINUTES = st.integers(0, 2 * 365 * 24 * 60)


@given(MINUTES, st.integers(0, 40 * 24 * 60), st.sampled_from([5, 10, 30, 60]), ZONES)
def test_short_steps_are_all_moments_at_which_the_clock_shows_a_multiple(
    begin, length, spacing, zone
):
    begin, unit = pd.Timestamp("2023-01-01").value + begin * HOUR // 60, HOUR // 60
    end = begin + length * unit
    minutes = pd.DatetimeIndex(np.arange(begin + unit, end + 1, unit)).tz_localize("UTC")
    local = minutes if zone is None else minutes.tz_convert(zone)
    full = (local.hour * 60 + local.minute) % spacing == 0
    found = clock_steps(begin, end, spacing * unit, Clock("calendar", zone))
    assert found.tolist() == minutes[full].as_unit("ns").asi8.tolist()


@given(MINUTES, MINUTES, st.sampled_from([60, 360, 1440, 10_080]), ZONES)
def test_steps_do_not_depend_on_where_a_stretch_begins(first, second, spacing, zone):
    day = pd.Timestamp("2023-01-01").value
    begin, middle = (day + each * HOUR // 60 for each in sorted((first, second)))
    end, clock, step = middle + 40 * DAY, Clock("calendar", zone), spacing * HOUR // 60
    whole = clock_steps(begin, end, step, clock)
    assert whole[whole > middle].tolist() == clock_steps(middle, end, step, clock).tolist()
