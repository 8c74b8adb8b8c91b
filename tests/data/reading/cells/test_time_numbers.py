"""Numbers of a time column: epochs, digits, serial days, years, elapsed times."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from time_cells import DAY, SECOND, grid, nanoseconds, ns, question, read_cells, stamps_of

from latentode.data.reading.cells.time_scales import scale_numbers, unit_in_name
from latentode.data.reading.cells.time_stamps import OK

EPOCH = 1_488_355_200
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("unit", UNITS)
def test_epochs_are_told_by_their_magnitude(unit):
    cells = [(EPOCH + i) * UNITS[unit] for i in range(3)]
    times, doubts = read_cells(cells)
    assert times.times.tolist() == [(EPOCH + i) * SECOND for i in range(3)]
    assert (times.clock.kind, times.clock.zone, times.clock.unit) == ("calendar", "UTC", unit)
    assert not doubts.questions
    assert stamps_of(cells, unit=unit) == times.times.tolist()


@pytest.mark.parametrize(
    ("form", "step"),
    [
        ("%Y%m%d", 86_400),
        ("%Y%m%d%H", 3_600),
        ("%Y%m%d%H%M", 1_800),
        ("%Y%m%d%H%M%S", 60),
        ("%Y%j", 86_400),
        ("%y%m%d%H%M", 1_800),
        ("%y%m%d%H%M%S", 60),
    ],
)
@pytest.mark.parametrize("kind", [int, float, str])
def test_digits_that_spell_dates_are_dates(form, step, kind):
    moments = grid("2023-11-04T06:00" if step < 86_400 else "2023-11-04", step, 400)
    cells = [kind(moment.strftime(form)) for moment in moments]
    times, doubts = read_cells(cells, name="TIMESTAMP")
    assert times.times.tolist() == nanoseconds(moments)
    assert "digits of 'TIMESTAMP'" in doubts.decisions[0].choice
    assert times.naive.all()


def test_months_of_six_digits_are_dates():
    cells = [y * 100 + m for y in (2022, 2023) for m in range(1, 13)]
    assert stamps_of(cells)[:2] == [ns("2022-01-01"), ns("2022-02-01")]


def test_digits_that_may_be_months_are_asked_about():
    cells = [202301, 202302, 202303]
    assert "--time-format %Y%m if they spell dates" in question(cells)
    assert stamps_of(cells, format="%Y%m")[2] == ns("2023-03-01")


def test_2400_is_the_next_midnight():
    assert stamps_of([202403042330, 202403042400]) == [ns("2024-03-04T23:30"), ns("2024-03-05")]


def test_digits_with_the_day_in_front_are_asked_about_or_settled():
    moments = grid("2024-03-04", 86_400, 20)
    assert stamps_of([int(m.strftime("%d%m%Y")) for m in moments]) == nanoseconds(moments)
    short = [int(m.strftime("%d%m%Y")) for m in moments[:5]]
    assert "--dayfirst" in question(short)
    assert stamps_of(short, dayfirst=True) == nanoseconds(moments[:5])
    assert stamps_of(short, format="%d%m%Y") == nanoseconds(moments[:5])


@settings(max_examples=50, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2068, 1, 1)),
    st.sampled_from([("%Y%m%d", 86_400), ("%Y%m%d%H", 3600), ("%Y%m%d%H%M", 60),
                     ("%Y%m%d%H%M%S", 1)]),
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
)  # fmt: skip
def test_digit_dates_of_any_log_are_read_back(start, form, steps):
    first = datetime.strptime(start.strftime(form[0]), form[0])
    moments = [first]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=form[1] * step))
    assert stamps_of([int(m.strftime(form[0])) for m in moments]) == nanoseconds(moments)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(100_000_000, 4_000_000_000),
    st.lists(st.integers(0, 100_000), min_size=1, max_size=80),
    st.sampled_from([1, 10**3, 10**6]),
)
def test_epochs_of_any_log_are_never_taken_for_digits(start, steps, scale):
    seconds = np.cumsum([start, *steps])
    # a few hours of the years 2019 to 2034 whose seconds look like dates in every row
    spells = any(str(int(s))[:4] in map(str, range(1900, 2101)) for s in seconds) and scale == 1
    assume(not spells)
    times, _ = read_cells((seconds * scale).tolist())
    assert times.times.tolist() == (seconds * SECOND).tolist()


@pytest.mark.parametrize(("first", "second"), [(1, 10**3), (10**3, 1), (10**6, 1)])
def test_an_epoch_that_changes_its_unit_is_asked_about_with_the_line(first, second):
    cells = [(1_709_532_000 + 600 * i) * (first if i < 200 else second) for i in range(400)]
    expected = [(1_709_532_000 + 600 * i) * SECOND for i in range(400)]
    for unit in ("auto", "s", "ms", "us"):
        message = question(cells, unit=unit)
        assert "changes at line 202" in message
        assert "--time-unit mixed" in message
        assert "confirm" not in message
    assert stamps_of(cells, unit="mixed") == expected


def test_stamps_of_a_clock_that_was_reset_stay_on_the_calendar():
    cells = [EPOCH + i for i in range(100)]
    cells[50] = 0
    times, doubts = read_cells(cells)
    assert times.times[50] == 0
    assert times.times[51] == (EPOCH + 51) * SECOND
    assert (times.clock.kind, doubts.questions) == ("calendar", [])


def test_elapsed_times_are_never_taken_for_an_epoch():
    cells = list(range(0, 4_000_000_000, 10_000_000))
    times, _ = read_cells(cells, name="t_us")
    assert (times.clock.kind, times.clock.unit) == ("elapsed", "us")
    assert "not an epoch" in question(cells)
    told, _ = read_cells(cells, unit="us")
    assert told.clock.kind == "elapsed"
    assert told.times[1] == 10 * SECOND


def test_elapsed_times_need_a_unit_from_option_or_name():
    assert "--time-unit s|ms" in question([0, 1, 2.5])
    assert stamps_of([0, 1, 2.5], name="t_min") == [0, 60 * SECOND, 150 * SECOND]
    assert stamps_of([0, 1, 2.5], name="t_min", unit="h")[1] == 3600 * SECOND
    assert stamps_of([-2, 0], unit="s") == [-2 * SECOND, 0]


def test_a_name_against_its_numbers_is_asked_about():
    message = question([EPOCH, EPOCH + 1], name="time_ms")
    assert "its name says ms" in message
    assert "--time-unit s or --time-unit ms" in message


@pytest.mark.parametrize(
    ("unit", "zero"),
    [("excel", 25_569), ("matlab", 719_529), ("julian", 2_440_587.5), ("mjd", 40_587)],
)
def test_serial_days_are_read_as_told_and_when_named(unit, zero):
    moments = grid("2012-07-30T00:15", 900, 200)
    days = [time / DAY + zero for time in nanoseconds(moments)]
    assert stamps_of(days, unit=unit) == nanoseconds(moments)
    rounded = [round(day, 6) for day in days]
    assert stamps_of(rounded, unit=unit) == nanoseconds(moments)
    name = {"julian": "JD", "matlab": "datenum"}.get(unit, unit)
    times, doubts = read_cells(rounded, name=name)
    assert times.times.tolist() == nanoseconds(moments)
    assert doubts.decisions[0].option == "--time-unit d"
    if unit in ("matlab", "julian"):
        assert stamps_of(rounded) == nanoseconds(moments)
    else:
        assert f"--time-unit {unit} (2012-07-30 00:15)" in question(rounded)


def test_serial_days_without_round_steps_are_asked_about():
    assert "--time-unit" in question([735_080 + 0.37 * i for i in range(50)])


def test_years_are_read_when_named_and_asked_about_otherwise():
    years = list(range(1880, 2020))
    expected = [ns(f"{year}-01-01") for year in years]
    for name in ("Year", "Jahr", "année", "date"):
        assert stamps_of(years, name=name) == expected
    assert "--time-unit year" in question(years)
    assert stamps_of(years, unit="year") == expected
    assert stamps_of(years, format="%Y") == expected


def test_years_with_fractions():
    assert stamps_of([1949 + month / 12 for month in range(30)])[13] == ns("1950-02-01")
    assert stamps_of([round(1949 + m / 12, 3) for m in range(30)])[1] == ns("1949-02-01")
    half = stamps_of([1958.2027, 1958.5], name="decimal year")
    assert half[1] - ns("1958-01-01") == 365 * DAY // 2


def test_days_that_nanoseconds_cannot_hold_are_counted_from_the_first():
    cells = [200_000 + i / 2 for i in range(10)]
    times, doubts = read_cells(cells, unit="d")
    assert times.times.tolist() == [i * DAY // 2 for i in range(10)]
    assert "counted from 200000 d" in doubts.decisions[0].choice


def test_strange_readings_of_an_epoch_are_guesses():
    _, doubts = read_cells([4_000_000_000, 4_000_000_600])
    assert doubts.decisions[0].confidence == "guess"
    _, doubts = read_cells([EPOCH * 10**9 + i for i in range(2_000)])
    assert "2,000 rows" in doubts.decisions[0].evidence


@settings(max_examples=50, deadline=None)
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


def test_cells_that_fit_no_unit_of_a_mixed_epoch_are_bad():
    times, _ = read_cells([EPOCH, EPOCH * 1000, 5, *range(EPOCH, EPOCH + 40)], unit="mixed")
    assert (times.status[:3] == OK).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("time_s", "s"),
        ("t_min", "min"),
        ("elapsed [h]", "h"),
        ("Time(ms)", "ms"),
        ("seconds", "s"),
        ("days", "d"),
        ("days since 2000-01-01", "d"),
        ("time", None),
        ("s", None),
        ("day", None),
        ("items", None),
    ],
)
def test_unit_in_a_name(name, unit):
    assert unit_in_name(name) == unit


@pytest.mark.parametrize(("first", "words"), [(1, "the year 1"), (1601, "since 1601")])
def test_ticks_are_never_taken_for_nanoseconds(first, words):
    since = [(moment - datetime(first, 1, 1)) for moment in grid("2024-03-04T06:00", 600, 5)]
    cells = [int(each.total_seconds()) * 10**7 for each in since]
    assert words in question(cells)
    assert "(2024-03-04 06:00)" in question(cells)
    assert stamps_of(cells, unit="ns") == cells


@pytest.mark.parametrize("form", ["%d%m%Y%H%M%S", "%d%m%Y%H%M", "%m%d%Y%H%M%S"])
def test_digits_of_day_and_time_of_day_are_asked_about(form):
    moments = grid("2024-03-14T06:00", 600, 50)
    cells = [moment.strftime(form) for moment in moments]
    assert f"--time-format {form} " in question(cells)
    assert stamps_of(cells, format=form) == nanoseconds(moments)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([("%Y.%m%d", 86_400), ("%Y%j%H%M", 1_800), ("%Y%j%H%M", 21_600)]),
    st.integers(0, 3000),
    st.integers(40, 400),
)
def test_digits_with_a_point_or_a_day_of_the_year_spell_dates(form, start, count):
    pattern, step = form
    first = datetime(2015, 1, 1) + timedelta(days=start)
    moments = [first + timedelta(seconds=step * index) for index in range(count)]
    numbers = [float(moment.strftime(pattern)) for moment in moments]
    assert stamps_of(numbers) == nanoseconds(moments)


def test_months_behind_a_point_are_months_and_years_with_decimals_stay_years():
    months = [(year, month) for year in range(2000, 2005) for month in range(1, 13)]
    spelled = [year + month / 100 for year, month in months]
    assert stamps_of(spelled)[:2] == [ns("2000-01-01"), ns("2000-02-01")]
    times, _ = read_cells([year + (month - 1) / 12 for year, month in months], name="year")
    assert times.clock.unit == "year"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([0.25, 0.5, 0.125]))
def test_a_fraction_behind_a_spelled_date_is_one_of_its_day(start, part):
    first = datetime(2015, 1, 1) + timedelta(days=start)
    moments = [first + timedelta(days=part * index) for index in range(100)]
    cells = [
        int(moment.strftime("%Y%m%d")) + (moment.hour / 24 + moment.minute / 1440)
        for moment in moments
    ]
    assert stamps_of(cells) == nanoseconds(moments)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 20 * 3600), st.integers(5, 90))
def test_digits_of_a_time_of_day_are_asked_about_with_a_format_that_reads_them(start, step):
    seconds = [start + step * index for index in range(150)]
    cells = [each // 3600 * 10_000 + each // 60 % 60 * 100 + each % 60 for each in seconds]
    assume(seconds[0] // 3600 != seconds[-1] // 3600 and seconds[-1] < 86_400)
    assert "--time-format %H%M%S" in question(cells)
    assert stamps_of(cells, format="%H%M%S") == [each * SECOND for each in seconds]


def test_seconds_since_1904_are_asked_about_where_those_since_1970_lie_ahead():
    cells = [EPOCH + 2_082_844_800 + index for index in range(9)]
    asked = question(cells)
    assert "LabVIEW" in asked
    assert "--time-unit s" in asked
    assert stamps_of(cells, unit="s")[0] == cells[0] * SECOND
    assert stamps_of(cells, name="seconds since 1904-01-01")[0] == EPOCH * SECOND
