"""Units of CF conventions: letters of zones, by the tz database."""

import datetime as dt
import zoneinfo

import pytest

from latentode.data.reading.formats.cf_time import read_clock

PLACES = (
    *("Europe/Athens", "Europe/Berlin", "Europe/Lisbon", "America/New_York", "America/Denver"),
    *("America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu", "Asia/Tokyo"),
    "Australia/Sydney",
)
HERE = [
    dt.datetime(2020, month, 1, tzinfo=zoneinfo.ZoneInfo(place))
    for place in PLACES
    for month in (1, 7)
]
OFFSETS = {moment.tzname(): moment.utcoffset() for moment in HERE}
# the other names that the middle of Europe has had, and the summer of Chicago, whose winter's
# letters mean China, too
OFFSETS |= {"MET": OFFSETS["CET"], "MEST": OFFSETS["CEST"]}
OFFSETS["CDT"] = dt.datetime(2020, 7, 1, tzinfo=zoneinfo.ZoneInfo("America/Chicago")).utcoffset()


@pytest.mark.parametrize("letters", OFFSETS)
def test_letters_of_a_zone_have_the_offset_of_the_tz_database(letters):
    clock = read_clock(f"hours since 2000-01-01 06:00 {letters}", "", "log.nc time")
    utc = dt.UTC
    start = dt.datetime(2000, 1, 1, 6, tzinfo=utc) - OFFSETS[letters]
    assert clock.reference_ns == int(start.timestamp()) * 10**9
    assert clock.is_shifted == (OFFSETS[letters] != dt.timedelta(0))
