"""Dates and times written as text, to the nanosecond, a column at once."""

import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import ns

from latentode.data.reading.cells.time_stamps import (
    BAD,
    NO_TIME,
    OK,
    OUT_OF_RANGE,
    join_stamps,
    parse_stamps,
)


def one(text, last="dmy"):
    stamps = parse_stamps(pa.array([text])).settled(last)
    return int(stamps.times[0]), bool(stamps.aware[0]), int(stamps.status[0])


@pytest.mark.parametrize(
    ("text", "expected", "aware"),
    [
        ("2024-03-01", "2024-03-01", False),
        ("2024-03-01T12:30", "2024-03-01T12:30", False),
        ("2024-03-01 12:30:05.123456789", "2024-03-01T12:30:05.123456789", False),
        ("2024-03-01 12:30:05.123456789999", "2024-03-01T12:30:05.123456789", False),
        ("2024-03-01 12:30:05,25", "2024-03-01T12:30:05.25", False),
        ("20240301T123005Z", "2024-03-01T12:30:05", True),
        ("202403011230", "2024-03-01T12:30", False),
        ("2024-03-01T12:30:05Z", "2024-03-01T12:30:05", True),
        ("2024-03-01 12:30:05 UTC", "2024-03-01T12:30:05", True),
        ("2024-03-01T12:30:05+02:00", "2024-03-01T10:30:05", True),
        ("2024-03-01T12:30:05.5-0330", "2024-03-01T16:00:05.5", True),
        ("2024-03-01T12:30:05+02", "2024-03-01T10:30:05", True),
        ("2024-03-01T12:30:05+01:00[Europe/Berlin]", "2024-03-01T11:30:05", True),
        ("2024-03-01 12:30:05 UTC+1", "2024-03-01T11:30:05", True),
        ("2024/03/01 12:30", "2024-03-01T12:30", False),
        ("2016-12-31T23:59:60Z", "2017-01-01", True),
        ("1700-01-01", "1700-01-01", False),
        ("2261-12-31T23:59:59", "2261-12-31T23:59:59", False),
        ("2024-03-01 24:00", "2024-03-02", False),
        ("2024-12-31T24:00:00", "2025-01-01", False),
        ("2024-07-01 12:00 CET", "2024-07-01T11:00", True),
        ("2024-07-01 12:00 CEST", "2024-07-01T10:00", True),
        ("2024-07-01 12:00 EDT", "2024-07-01T16:00", True),
        ("2024-07-01 12:00 PST", "2024-07-01T20:00", True),
        ("04-Mar-24 06:00:00", "2024-03-04T06:00", False),
        ("Mar 4, 2024 6:00 AM", "2024-03-04T06:00", False),
        ("4 mars 2024 06:00", "2024-03-04T06:00", False),
        ("4. März 2024 06:00 Uhr", "2024-03-04T06:00", False),
        ("4 de marzo de 2024 06:00", "2024-03-04T06:00", False),
        ("Mon, 04 Mar 2024 06:00:00 GMT", "2024-03-04T06:00", True),
        ("Mon Mar  4 06:00:00 2024", "2024-03-04T06:00", False),
        ("04/Mar/2024:06:00:00 +0100", "2024-03-04T05:00", True),
        ("04MAR2024:06:00:00", "2024-03-04T06:00", False),
        ("2024:03:04 06:00:00", "2024-03-04T06:00", False),
        ("2024-03-04_06-00-00", "2024-03-04T06:00", False),
        ("2024年3月4日 06:00", "2024-03-04T06:00", False),
        ("04.03.2024 06.00", "2024-03-04T06:00", False),
        ("4.3.2024 6h30", "2024-03-04T06:30", False),
        ("04.03.24 12:05:01 p. m.", "2024-03-04T12:05:01", False),
        ("14.03.2024 klo 6.00", "2024-03-14T06:00", False),
        ("2024-03-04 06.00", "2024-03-04T06:00", False),
        ("14/03/2024 06.00.30", "2024-03-14T06:00:30", False),
        ("14/03/2024 alle ore 06:00", "2024-03-14T06:00", False),
        ("14:03:2024 06:00:00", "2024-03-14T06:00", False),
        ("14:03:2024", "2024-03-14", False),
        ("2024-03-04 6:05p", "2024-03-04T18:05", False),
        ("2024/065 06:00", "2024-03-05T06:00", False),
        ("2024-03-04@06:00", "2024-03-04T06:00", False),
        ("2024-03-04 06:00:00:000123", "2024-03-04T06:00:00.000123", False),
        ("lundi 4 mars 2024 à 06:00", "2024-03-04T06:00", False),
        ("Q2 1950", "1950-04-01", False),
        ("2024-03-04 06:00 Europe/Berlin", "2024-03-04T06:00", False),
        (
            "Mon Mar 04 2024 06:00:00 GMT+0100 (Central European Standard Time)",
            "2024-03-04T05:00",
            True,
        ),
        ("06:00 04.03.2024", "2024-03-04T06:00", False),
        ("2024-01", "2024-01-01", False),
        ("03/2024", "2024-03-01", False),
        ("2024-W05", "2024-01-29", False),
        ("2024-W05-3", "2024-01-31", False),
        ("2024-064", "2024-03-04", False),
        ("2024-Q2", "2024-04-01", False),
        ("1970-01-01 00:00 CET", "1969-12-31T23:00", True),
        ("01-Jan-1970", "1970-01-01", False),
    ],
)
def test_times_of_one_meaning_are_read(text, expected, aware):
    assert one(text) == (ns(expected), aware, OK)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", NO_TIME),
        ("  ", NO_TIME),
        ("NaN", NO_TIME),
        ("1600-01-01", OUT_OF_RANGE),
        ("9999-12-31T23:59:59Z", OUT_OF_RANGE),
        ("2262-04-12", OUT_OF_RANGE),
        ("2023-02-29", BAD),
        ("2024-01-01 24:30", BAD),
        ("2024-01-01 24:00:00.5", BAD),
        ("2024-01-01 12:00:60", BAD),
        ("2024-13-13", BAD),
        ("13:05 PM 2024-01-01", BAD),
        ("now", BAD),
        ("2024", BAD),
        ("yesterday at noon", BAD),
        ("2024-01-01 12:00 XYZT", BAD),
        ("Pump-3 mar 2024", BAD),
        ("2024-W54", BAD),
    ],
)
def test_what_is_no_time_says_why(text, status):
    assert one(text)[2] == status


@pytest.mark.parametrize(
    ("order", "text", "expected"),
    [
        ("dmy", "03/04/2024", "2024-04-03"),
        ("mdy", "03/04/2024", "2024-03-04"),
        ("dmy", "3.4.2024 7:05", "2024-04-03T07:05"),
        ("mdy", "3-4-2024 12:05:01 AM", "2024-03-04T00:05:01"),
        ("mdy", "03/04/2024 12:05 PM", "2024-03-04T12:05"),
        ("ymd", "24-03-04 06:00", "2024-03-04T06:00"),
        ("dmy", "2024-03-04", "2024-03-04"),
        ("dmy", "04.03.70", "1970-03-04"),
    ],
)
def test_open_dates_are_read_in_the_order_that_is_settled(order, text, expected):
    assert one(text, order) == (ns(expected), False, OK)
    assert one("13/13/2024", order)[2] == BAD


ZONES = st.one_of(
    st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
STAMPS = st.datetimes(datetime(1680, 1, 1), datetime(2260, 1, 1), timezones=ZONES)


@settings(max_examples=50, deadline=None)
@given(st.lists(STAMPS, min_size=1, max_size=8), st.sampled_from("T "))
def test_iso_times_agree_with_the_standard_library(stamps, sep):
    parsed = parse_stamps(pa.array([stamp.isoformat(sep=sep) for stamp in stamps])).settled()
    epoch = datetime(1970, 1, 1)
    for stamp, moment, aware in zip(stamps, parsed.times, parsed.aware, strict=True):
        naive = stamp if stamp.tzinfo is None else (stamp - stamp.utcoffset()).replace(tzinfo=None)
        assert int(moment) == (naive - epoch) // timedelta(microseconds=1) * 1000
        assert aware == (stamp.tzinfo is not None)


FORMS = [
    "%d.%m.%Y %H:%M:%S",
    "%d-%b-%y %I:%M:%S %p",
    "%b %d, %Y %H:%M:%S",
    "%A, %d %B %Y %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%G-W%V-%u %H:%M:%S",
    "%Y-%j %H:%M:%S",
    "%d%b%Y:%H:%M:%S",
    "%H:%M:%S %d.%m.%Y",
]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2068, 1, 1)), min_size=1, max_size=6),
    st.sampled_from(FORMS),
)
def test_each_form_is_read_back(stamps, form):
    stamps = [stamp.replace(microsecond=0) for stamp in stamps]
    parsed = parse_stamps(pa.array([stamp.strftime(form) for stamp in stamps])).settled()
    assert parsed.times.tolist() == [ns(stamp.isoformat()) for stamp in stamps]
    assert not parsed.aware.any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["2024-03-04 06:00", "", "x", "5.3.2024", "2024-03-04 24:00Z"])))
def test_a_cell_is_read_alike_whatever_stands_around_it(cells):
    together = parse_stamps(pa.array(cells, pa.string())).settled()
    assert together.times.tolist() == [one(cell)[0] for cell in cells]
    assert together.status.tolist() == [one(cell)[2] for cell in cells]


def test_one_damaged_cell_leaves_a_long_column_as_it_is():
    cells = [f"2024-01-{1 + i // 86_400:02d} {i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}"
             for i in range(150_000)]  # fmt: skip
    cells[70_000] = "2024-01-32 00:00:00"
    stamps = parse_stamps(pa.array(cells)).settled()
    expected = ns("2024-01-01") + np.arange(150_000) * 10**9
    expected[70_000] = 0
    assert np.array_equal(stamps.times, expected)
    assert np.flatnonzero(stamps.status).tolist() == [70_000]


def test_coded_and_empty_columns_are_read():
    coded = pa.array(["2024-01-01", "2024-01-02", "2024-01-01", None]).dictionary_encode()
    stamps = parse_stamps(pa.chunked_array([coded, coded]))
    assert stamps.times[:3].tolist() == [ns("2024-01-01"), ns("2024-01-02"), ns("2024-01-01")]
    assert stamps.status.tolist() == [OK, OK, OK, NO_TIME] * 2
    assert len(parse_stamps(pa.array([], pa.string())).times) == 0


def test_joined_columns_keep_their_open_dates():
    parts = [parse_stamps(pa.array([text])) for text in ("03/04/2024", "2024-01-01", "05/04/2024")]
    assert join_stamps(parts).settled("mdy").times.tolist() == [
        ns(text) for text in ("2024-03-04", "2024-01-01", "2024-05-04")
    ]


def test_a_million_iso_times_need_no_loop():
    seconds = np.datetime64("2024-01-01", "s") + np.arange(500_000)
    cells = pa.array(seconds).cast(pa.string())
    start = time.process_time()
    stamps = parse_stamps(cells)
    assert time.process_time() - start < 0.5
    assert np.array_equal(stamps.times, seconds.astype("M8[ns]").astype(np.int64))
