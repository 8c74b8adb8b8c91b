"""Dates, epochs and elapsed times, to the nanosecond."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import ns, read, readings_of, settings

from latentode.data.reading.cells.time_column import choose_unit, scale_numbers, unit_in_name
from latentode.data.reading.cells.time_stamps import (
    AMBIGUOUS,
    BAD,
    NO_TIME,
    OK,
    OUT_OF_RANGE,
    parse_fixed_width,
    parse_stamps,
)
from latentode.data.reading.log import read_log
from latentode.errors import DataError

SECOND = 1_000_000_000
EPOCH = 1_488_355_200


def times_of(folder, cells, name="time", **values):
    rows = "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
    dataset, report = read(folder, f"{name},x\n{rows}", **values)
    order = np.argsort(dataset.readings.values)
    return dataset.readings.times[order].tolist(), dataset.clock, report


def one(text, **options):
    parsed = parse_stamps([text], **options)
    return int(parsed.times[0]), bool(parsed.aware[0]), int(parsed.status[0])


@pytest.mark.parametrize(
    ("text", "expected", "aware"),
    [
        ("2024-03-01", "2024-03-01", False),
        ("2024-03-01T12:30", "2024-03-01T12:30", False),
        ("2024-03-01 12:30:05.123456789", "2024-03-01T12:30:05.123456789", False),
        ("2024-03-01 12:30:05,25", "2024-03-01T12:30:05.25", False),
        ("20240301T123005Z", "2024-03-01T12:30:05", True),
        ("2024-03-01T12:30:05Z", "2024-03-01T12:30:05", True),
        ("2024-03-01 12:30:05 UTC", "2024-03-01T12:30:05", True),
        ("2024-03-01T12:30:05+02:00", "2024-03-01T10:30:05", True),
        ("2024-03-01T12:30:05.5-0330", "2024-03-01T16:00:05.5", True),
        ("2024-03-01T12:30:05+02", "2024-03-01T10:30:05", True),
        ("2024/03/01 12:30", "2024-03-01T12:30", False),
        ("2016-12-31T23:59:60Z", "2017-01-01", True),
        ("1700-01-01", "1700-01-01", False),
        ("2261-12-31T23:59:59", "2261-12-31T23:59:59", False),
    ],
)
def test_iso_times_are_read(text, expected, aware):
    assert one(text) == (ns(expected), aware, OK)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", NO_TIME),
        ("1600-01-01", OUT_OF_RANGE),
        ("9999-12-31T23:59:59Z", OUT_OF_RANGE),
        ("2262-04-12", OUT_OF_RANGE),
        ("03/04/2024", AMBIGUOUS),
        ("13/04/2024", AMBIGUOUS),
        ("2023-02-29", BAD),
        ("2024-01-01 24:30", BAD),
        ("2024-01-01 12:00:60", BAD),
        ("2024-13-01", BAD),
        ("now", BAD),
        ("today", BAD),
        ("2024", BAD),
        ("yesterday at noon", BAD),
    ],
)
def test_what_is_no_time_says_why(text, status):
    assert one(text)[2] == status


@pytest.mark.parametrize(
    ("dayfirst", "text", "expected"),
    [
        (True, "03/04/2024", "2024-04-03"),
        (False, "03/04/2024", "2024-03-04"),
        (True, "3.4.2024 7:05", "2024-04-03T07:05"),
        (False, "3-4-2024 12:05:01 AM", "2024-03-04T00:05:01"),
        (False, "03/04/2024 12:05 PM", "2024-03-04T12:05"),
        (True, "2024-03-04", "2024-03-04"),
    ],
)
def test_order_of_day_and_month_is_as_told(dayfirst, text, expected):
    assert one(text, dayfirst=dayfirst) == (ns(expected), False, OK)
    assert one("13/13/2024", dayfirst=dayfirst)[2] == BAD


def test_format_is_obeyed():
    assert one("01Mar24 12h", form="%d%b%y %Hh") == (ns("2024-03-01T12:00"), False, OK)
    assert one("2024-03-01", form="%d%b%y")[2] == BAD
    assert one("2024-03-01 +0200", form="%Y-%m-%d %z") == (ns("2024-02-29T22:00"), True, OK)


ZONES = st.one_of(
    st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
STAMPS = st.datetimes(datetime(1680, 1, 1), datetime(2260, 1, 1), timezones=ZONES)


@given(st.lists(STAMPS, min_size=1, max_size=8), st.sampled_from("T "))
def test_times_agree_with_the_standard_library(stamps, sep):
    parsed = parse_stamps([stamp.isoformat(sep=sep) for stamp in stamps])
    epoch = datetime(1970, 1, 1)
    for stamp, time, aware in zip(stamps, parsed.times, parsed.aware, strict=True):
        naive = stamp if stamp.tzinfo is None else (stamp - stamp.utcoffset()).replace(tzinfo=None)
        assert int(time) == (naive - epoch) // timedelta(microseconds=1) * 1000
        assert aware == (stamp.tzinfo is not None)


@given(
    st.lists(STAMPS, min_size=1, max_size=8),
    st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_the_fast_way_agrees_with_the_slow_one(stamps, precision):
    texts = [stamp.isoformat(timespec=precision) for stamp in stamps]
    if len({len(text) for text in texts}) > 1:
        texts = texts[:1]
    rows = np.array([list(text.encode()) for text in texts], dtype=np.uint8)
    fast, slow = parse_fixed_width(rows), parse_stamps(texts)
    if fast is None:  # mixed: an offset stands where another text has none
        assert len({text[-6:] for text in texts}) > 1
        return
    assert fast.times.tolist() == slow.times.tolist()
    assert fast.aware.tolist() == slow.aware.tolist()
    assert (fast.status == OK).all()


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01", "2024-01-0x"],
        ["2024-01-01", "2023-02-29"],
        ["2024-01-01", "1600-01-01"],
        ["2024-01-01", "2024/01/01"],
        ["2024-01-01 00:00:59", "2016-12-31 23:59:60"],
        ["2024-01-01 00:00:00+02:00", "2024-01-01 00:00:00-0200."],
        ["01/02/2024", "01/02/2024"],
    ],
)
def test_the_fast_way_leaves_odd_cells_to_the_slow_one(texts):
    assert parse_fixed_width(np.array([list(t.encode()) for t in texts], dtype=np.uint8)) is None


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_epochs_are_told_by_their_magnitude(tmp_path, unit, factor):
    cells = [EPOCH * factor + i * factor for i in range(3)]
    times, clock, report = times_of(tmp_path, cells)
    assert times == [cell * (SECOND // factor) for cell in cells]
    assert (clock.kind, clock.zone, clock.unit) == ("calendar", "UTC", unit)
    assert f"unit {unit}" in "\n".join(report.plan())
    assert times_of(tmp_path, cells, time__unit=unit)[0] == times


def test_seconds_and_milliseconds_give_equal_times(tmp_path):
    steps = np.random.default_rng(0).integers(0, 10**9, 300)
    seconds = [f"{EPOCH + s // 1000}.{s % 1000:03d}" for s in np.unique(steps)]
    from_seconds = times_of(tmp_path, seconds)[0]
    from_milliseconds = times_of(tmp_path, [s.replace(".", "") for s in seconds])[0]
    assert from_seconds == from_milliseconds


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_floats_are_their_shortest_decimal(microseconds):
    exact = np.array([EPOCH * 10**6 + item for item in microseconds])
    nanoseconds, outside = scale_numbers(exact / 1e6, "s")
    assert nanoseconds.tolist() == (exact * 1000).tolist()
    assert not outside.any()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "min", "h", "d"])
def test_numbers_beyond_int64_are_outside(unit):
    for numbers in (np.array([2**62, -5]), np.array([1e300, -5.0])):
        nanoseconds, outside = scale_numbers(numbers, unit)
        assert outside.tolist() == [unit != "ns" or numbers.dtype.kind == "f", False]
        assert nanoseconds[1] == -5 * {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}.get(
            unit, {"min": 60, "h": 3600, "d": 86400}.get(unit, 0) * 10**9
        )


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("time_s", "s"),
        ("t_min", "min"),
        ("elapsed [h]", "h"),
        ("Time(ms)", "ms"),
        ("seconds", "s"),
        ("days", "d"),
        ("time", None),
        ("s", None),
        ("day", None),
        ("items", None),
    ],
)
def test_unit_in_a_name(name, unit):
    assert unit_in_name(name) == unit


def test_elapsed_times_need_a_unit_from_option_or_name(tmp_path):
    with pytest.raises(DataError, match=r"--time-unit s\|ms"):
        times_of(tmp_path, [0, 1, 2.5])
    named, clock, _ = times_of(tmp_path, [0, 1, 2.5], name="t_min")
    assert named == [0, 60 * SECOND, 150 * SECOND]
    assert (clock.kind, clock.unit, clock.zone) == ("elapsed", "min", None)
    told = times_of(tmp_path, [0, 1, 2.5], name="t_min", time__unit="h")
    assert told[0][1] == 3600 * SECOND
    assert times_of(tmp_path, [-2, 0], time__unit="s")[0] == [-2 * SECOND, 0]


def test_numbers_of_no_single_epoch_unit_ask_for_one(tmp_path):
    with pytest.raises(DataError, match="--time-unit ms to confirm"):
        times_of(tmp_path, [0, EPOCH * 1000])
    with pytest.raises(DataError, match="--time-unit"):
        times_of(tmp_path, [5_000_000_000])  # 2128 in seconds
    with pytest.raises(DataError, match=r"its name says ms, but its values .* in s"):
        times_of(tmp_path, [EPOCH, EPOCH + 1], name="time_ms")
    times, clock, _ = times_of(tmp_path, [0, EPOCH * 1000], time__unit="ms")
    assert clock.kind == "elapsed"
    assert times[1] == EPOCH * SECOND


def test_whole_nanoseconds_survive_beyond_the_floats(tmp_path):
    cells = [EPOCH * SECOND + 1, EPOCH * SECOND + 2]
    assert times_of(tmp_path, cells)[0] == cells
    # a missing cell makes the parser read floats, which are 256 ns apart here
    rows = "".join(f"{cell},{i}\n" for i, cell in enumerate(cells)) + ",5\n"
    dataset, report = read(tmp_path, "time,x\n" + rows, cells__max_bad=0.5)
    assert dataset.readings.times.tolist() == cells
    assert report.counts["rows_without_time"] == 1


def test_serial_days_of_a_spreadsheet_are_calendar_days(tmp_path):
    days = ["25569", "45000.5", "45000.520833333336"]
    times, clock, _ = times_of(tmp_path, days, time__unit="excel")
    expected = ["1970-01-01", "2023-03-15T12:00", "2023-03-15T12:30"]
    assert times == [ns(text) for text in expected]
    assert (clock.kind, clock.unit, clock.zone) == ("calendar", "excel", None)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_frames_of_any_resolution_keep_their_nanoseconds(unit):
    stamps = pd.DatetimeIndex(["2024-01-01 00:00:01", "2024-01-01 00:00:02"]).as_unit(unit)
    for zone, name in ((None, None), ("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin")):
        frame = pd.DataFrame({"time": stamps.tz_localize(zone), "x": [1.0, 2.0]})
        dataset, _ = read_log(frame)
        offset = 3600 * SECOND if zone == "Europe/Berlin" else 0
        assert dataset.readings.times[0] == ns("2024-01-01T00:00:01") - offset
        assert (dataset.clock.zone, dataset.clock.kind) == (name, "calendar")


def test_frames_beyond_nanoseconds_are_refused_with_the_row():
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-01", "9999-01-01"]), "x": [1, 2]})
    with pytest.raises(DataError, match=r"years 1678 to 2261.*row 1"):
        read_log(frame)


def test_frame_of_numbers_and_objects_as_times():
    for times in ([EPOCH, EPOCH + 1], [float(EPOCH), EPOCH + 1.0]):
        dataset, _ = read_log(pd.DataFrame({"time": times, "x": [1, 2]}))
        assert dataset.readings.times.tolist() == [EPOCH * SECOND, (EPOCH + 1) * SECOND]
    objects = [pd.Timestamp("2024-01-01 00:00:00.5"), datetime(2024, 1, 2)]
    frame = pd.DataFrame({"time": pd.Series(objects, dtype=object), "x": [1, 2]})
    assert read_log(frame)[0].readings.times.tolist() == [
        ns("2024-01-01T00:00:00.5"),
        ns("2024-01-02"),
    ]


def test_unreadable_times_are_refused_or_dropped_with_their_lines(tmp_path):
    cells = [f"2024-01-01 00:{i // 60:02d}:{i % 60:02d}" for i in range(600)]
    cells[3], cells[5], cells[7] = "soon", "2024-01-32", "9999-01-01"
    with pytest.raises(DataError, match="line 5: 'soon', line 7: '2024-01-32', line 9"):
        times_of(tmp_path, cells)
    times, _, report = times_of(tmp_path, cells, cells__on_bad_row="drop")
    assert len(times) == 597
    assert report.counts["rows_with_bad_time"] == 3


def test_empty_times_are_dropped_up_to_the_limit(tmp_path):
    cells = [f"2024-01-01 00:00:00.{i:03d}" for i in range(300)]
    cells[4] = ""
    times, _, report = times_of(tmp_path, cells)
    assert len(times) == 299
    assert report.counts["rows_without_time"] == 1
    with pytest.raises(DataError, match=r"1 rows without one of 300 .first: line 6"):
        times_of(tmp_path, cells, cells__max_bad=0)


def test_day_or_month_first_is_asked_for_with_the_line(tmp_path):
    with pytest.raises(DataError, match=r"line 2: '03/04/2024'.*--dayfirst.*--time-format"):
        times_of(tmp_path, ["03/04/2024", "13/04/2024"])
    european = times_of(tmp_path, ["03/04/2024", "13/04/2024"], time__dayfirst=True)[0]
    assert european == [ns("2024-04-03"), ns("2024-04-13")]
    form = times_of(tmp_path, ["03/04/2024", "12/04/2024"], time__format="%m/%d/%Y")[0]
    assert form == [ns("2024-03-04"), ns("2024-12-04")]


def test_leap_second_and_far_years_in_a_log(tmp_path):
    times, _, _ = times_of(tmp_path, ["2016-12-31 23:59:59", "2016-12-31 23:59:60"])
    assert times == [ns("2016-12-31T23:59:59"), ns("2017-01-01")]
    for year in ("1600", "9999"):
        with pytest.raises(DataError, match=f"line 3: '{year}-01-01'"):
            times_of(tmp_path, ["2024-01-01", f"{year}-01-01"])


def test_fractions_of_mixed_length_are_read(tmp_path):
    cells = ["2024-01-01T00:00:00", "2024-01-01T00:00:00.5", "2024-01-01T00:00:00.123456789"]
    times, _, _ = times_of(tmp_path, cells)
    assert [t - times[0] for t in times] == [0, SECOND // 2, 123_456_789]


def test_shift_of_all_times_changes_nothing_but_times(tmp_path):
    steps = np.cumsum(np.random.default_rng(1).integers(1, 5 * 10**8, 200)) * 10
    plain = read(tmp_path, log_of(steps), time__unit="ns")[0]
    shifted = read(tmp_path, log_of(steps + 1_700_000_000 * SECOND), time__unit="ns")[0]
    assert (plain.clock.kind, shifted.clock.kind) == ("elapsed", "calendar")
    difference = shifted.readings.times - plain.readings.times
    assert set(difference.tolist()) == {1_700_000_000 * SECOND}
    assert shifted.readings.values.tobytes() == plain.readings.values.tobytes()


def log_of(nanoseconds):
    return "time,x\n" + "".join(f"{t},{i}\n" for i, t in enumerate(nanoseconds.tolist()))


def test_range_decides_between_calendar_and_elapsed():
    time = settings(time__unit="ms").time
    assert choose_unit(1.5e12, 1.6e12, "t", time).kind == "calendar"
    assert choose_unit(0, 1.6e12, "t", time).kind == "elapsed"
    assert choose_unit(1e7, 2e7, "t", settings(time__unit="min").time).kind == "elapsed"


def test_readings_of_one_time_in_two_spellings_are_one_row(tmp_path):
    text = "time,x\n2024-01-01T00:00:00Z,1\n2024-01-01 01:00:00+01:00,3\n"
    dataset, _ = read(tmp_path, text)
    assert readings_of(dataset) == {("log", "x", ns("2024-01-01")): 2.0}
