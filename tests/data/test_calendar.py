from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentode.data.calendar import DAY_NS, WEEK_NS, phases, utc_offsets
from latentode.data.dataset import Clock

SECOND = 1_000_000_000
BOTH = np.array([DAY_NS, WEEK_NS])


def ns(*args):
    return int(datetime(*args, tzinfo=UTC).timestamp()) * SECOND


def turns(moment, zone):
    """Day and week of a moment as shares of a turn."""
    found = phases(np.array([moment]), Clock("calendar", zone), BOTH)[0]
    return (found / (2 * np.pi)).tolist()


def test_a_day_begins_at_midnight_and_a_week_on_monday():
    assert turns(ns(2024, 1, 1), "UTC") == [0.0, 0.0]  # a Monday
    assert turns(ns(2024, 1, 3, 18), "UTC") == pytest.approx([0.75, 2.75 / 7])


def test_phases_are_of_local_time():
    # 23:30 UTC on Sunday is 00:30 on Monday in winter in Berlin, and 01:30 in summer
    assert turns(ns(2024, 1, 7, 23, 30), "Europe/Berlin") == pytest.approx([0.5 / 24, 0.5 / 168])
    assert turns(ns(2024, 7, 7, 23, 30), "Europe/Berlin") == pytest.approx([1.5 / 24, 1.5 / 168])


def test_a_naive_clock_is_taken_as_it_is():
    assert turns(ns(2024, 7, 8, 6), None) == turns(ns(2024, 7, 8, 6), "UTC")


def test_the_offset_changes_with_daylight_saving_to_the_second():
    change = ns(2024, 3, 31, 1)
    times = np.array([change - SECOND, change, change + SECOND])
    offsets = utc_offsets(times, Clock("calendar", "Europe/Berlin"))
    assert (offsets // (3600 * SECOND)).tolist() == [1, 2, 2]


@given(
    seconds=st.lists(st.integers(0, 2**31), min_size=1, max_size=20),
    zone=st.sampled_from(["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_offsets_are_those_of_the_zone_database(seconds, zone):
    found = utc_offsets(np.array(seconds, dtype=np.int64) * SECOND, Clock("calendar", zone))
    for second, offset in zip(seconds, found, strict=True):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        expected = moment.astimezone(ZoneInfo(zone)).utcoffset()
        assert timedelta(seconds=int(offset) // SECOND) == expected


def test_times_before_1970_have_phases_too():
    assert turns(ns(1969, 12, 29, 12), "UTC") == pytest.approx([0.5, 0.5 / 7])  # a Monday


def test_without_periods_there_are_no_phases():
    none = np.zeros(0, dtype=np.int64)
    assert phases(np.arange(3), Clock("elapsed", None, "s"), none).shape == (3, 0)
