"""Names of zones in settings, in names of columns and behind times."""

import numpy as np
import pytest

from latentode.data.calendar import time_zone, utc_offsets
from latentode.data.dataset import Clock
from latentode.data.reading.cells.zone_names import (
    ZONE_LETTERS,
    check_zone,
    offset_minutes,
    offset_name,
    summer_time_in_name,
    zone_in_name,
)
from latentode.errors import ConfigError


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("UTC", "UTC"),
        ("+01:00", "+01:00"),
        ("UTC+1", "+01:00"),
        ("GMT-07:00", "-07:00"),
        ("-0330", "-03:30"),
        ("+00:00", "UTC"),
        ("CEST", "+02:00"),
        ("EST", "-05:00"),
    ],
)
def test_zones_of_the_settings(zone, name):
    assert check_zone(zone) == name
    time_zone(name)


@pytest.mark.parametrize(
    ("zone", "advice"),
    [
        ("Europe/Nowhere", "got 'Europe/Nowhere'. Correct --tz"),
        ("+25:00", "Correct --tz"),
        ("", "Correct --tz"),
        ("CET", r"--tz \+01:00 .* --tz Europe/Berlin"),
        ("WET", "--tz UTC .* --tz Europe/Lisbon"),
        ("CST", "--tz America/Chicago or --tz Asia/Shanghai"),
    ],
)
def test_zones_that_are_none_or_two_are_refused(zone, advice):
    with pytest.raises(ConfigError, match=advice):
        check_zone(zone)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Date Time, GMT-07:00", "-07:00"),
        ("Date Time, GMT+01:00", "+01:00"),
        ("time_utc", "UTC"),
        ("Timestamp (UTC)", "UTC"),
        ("timestamp [UTC+1]", "+01:00"),
        ("Zeit (MEZ)", "+01:00"),
        ("time CEST", "+02:00"),
        ("time [America/New_York]", "America/New_York"),
        ("local time", None),
        ("est_time", None),
        ("TIMESTAMP", None),
        ("Date/Time", None),
        ("Temp, °C", None),
        ("time", None),
    ],
)
def test_zone_in_a_name(name, zone):
    assert zone_in_name(name) == zone


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("MTU (CET/CEST)", "Europe/Berlin"),
        ("Zeit MEZ/MESZ", "Europe/Berlin"),
        ("Time (EST or EDT)", "America/New_York"),
        ("time_CET", None),
        ("Time CEST", None),
        ("offset of CET to UTC", None),
    ],
)
def test_two_letters_in_a_name_that_take_turns_with_summer_time_are_known(name, place):
    turns = summer_time_in_name(name)
    assert (None if turns is None else turns[1]) == place


@pytest.mark.parametrize("minutes", [-420, -210, 0, 60, 345, 840])
def test_names_of_offsets_are_read_back(minutes):
    name = offset_name(minutes)
    assert offset_minutes(name) == minutes
    clock = Clock("calendar", name)
    times = np.array([0, 10**18])
    assert utc_offsets(times, clock).tolist() == [minutes * 60 * 10**9] * 2


def test_letters_follow_no_summer_time():
    assert ZONE_LETTERS["CET"] == 60
    assert ZONE_LETTERS["EDT"] - ZONE_LETTERS["EST"] == 60
