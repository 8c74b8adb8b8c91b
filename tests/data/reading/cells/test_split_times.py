"""A time that is split over columns."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from time_cells import column, grid, nanoseconds, read_cells

from latentode.data.reading.cells.split_choice import in_order
from latentode.data.reading.cells.split_times import find_split_times, join_times
from latentode.errors import DataError

HOURLY = grid("2024-03-04T06:00", 3600, 400)
MINUTES = grid("2024-03-04T06:00", 600, 400)
SLOW = np.round(12 + 8 * np.sin(np.arange(400) / 20)).astype(int)
NOISE = np.random.default_rng(0).integers(0, 24, 400)


def table(moments, **forms):
    """Columns of a log: the parts of its time, and two channels of small numbers."""
    parts = {name: column([form(moment) for moment in moments]) for name, form in forms.items()}
    rows = len(moments)
    return {"a": column(np.resize(SLOW, rows)), **parts, "b": column(np.resize(NOISE, rows))}


def joined(columns, names=None):
    """Times of the columns that are found, or named."""
    names = find_split_times(columns) if names is None else names
    assert names is not None
    result = join_times({name: columns[name] for name in names})
    times, doubts = read_cells(result.column, name=",".join(names))
    return names, times, result, doubts


def text(form):
    return lambda moment: moment.strftime(form)


def before(moment):
    return moment - dt.timedelta(hours=1)


CASES = {
    "date and time": (MINUTES, {"Date": text("%Y-%m-%d"), "Time": text("%H:%M:%S")}),
    "typed": (MINUTES, {"Date": lambda m: m.date(), "Time": lambda m: m.time()}),
    "am and pm": (MINUTES, {"Date": text("%Y/%m/%d"), "Time": text("%I:%M %p")}),
    "a and p": (MINUTES, {"Date": text("%m/%d/%y"),
                          "Time": lambda m: f"{m.hour % 12 or 12}:{m:%M}{'ap'[m.hour > 11]}"}),
    "AM and PM apart": (MINUTES, {"Date": text("%Y-%m-%d"), "Time": text("%I:%M"),
                                  "AM/PM": text("%p")}),
    "hours of half a day": (HOURLY, {"Date": text("%Y-%m-%d"), "Hr": lambda m: m.hour % 12 or 12,
                                     "ap": lambda m: m.strftime("%p").lower()}),
    "fraction of the year's day": (MINUTES, {
        "Year": lambda m: m.year,
        "DOY": lambda m: round(m.timetuple().tm_yday + (m.hour * 60 + m.minute) / 1440, 5),
    }),
    "14h30": (MINUTES, {"Date": text("%d/%m/%Y"), "Heure": lambda m: f"{m.hour}h{m:%M}"}),
    "German": (HOURLY, {"Tag": text("%d.%m.%Y"), "Stunde": lambda m: m.hour}),
    "nameless": (HOURLY, {"x": text("%Y-%m-%d"), "y": lambda m: m.hour}),
    "US dates": (HOURLY, {"Date": text("%m/%d/%Y"), "Hr": lambda m: m.hour}),
    "hours 1 to 24": (HOURLY, {"Date": lambda m: before(m).date(),
                               "HE": lambda m: before(m).hour + 1}),
    "HHMM": (MINUTES, {"Date": text("%Y-%m-%d"), "Time": lambda m: m.hour * 100 + m.minute}),
    "digits": (MINUTES, {"DATE": lambda m: int(m.strftime("%Y%m%d")),
                         "TIME": lambda m: int(m.strftime("%H%M%S"))}),
    "y m d h": (HOURLY, {"année": lambda m: m.year, "mois": lambda m: m.month,
                         "jour": lambda m: m.day, "heure": lambda m: m.hour}),
    "nameless y m d h": (HOURLY, {"p": lambda m: m.year, "q": lambda m: m.month,
                                  "r": lambda m: m.day, "s": lambda m: m.hour}),
    "YY MM DD hh mm": (MINUTES, {"#YY": lambda m: m.year, "MM": lambda m: m.month,
                                 "DD": lambda m: m.day, "hh": lambda m: m.hour,
                                 "mm": lambda m: m.minute}),
    "seconds": (grid("2024-03-04T06:00", 20, 400),
                {"Year": lambda m: m.year, "Month": lambda m: m.month, "Day": lambda m: m.day,
                 "Hour": lambda m: m.hour, "Minute": lambda m: m.minute,
                 "Second": lambda m: m.second}),
    "day of the year": (HOURLY, {"Year": lambda m: m.year, "DOY": lambda m: m.timetuple().tm_yday,
                                 "Hour": lambda m: m.hour}),
    "weeks and hours": (HOURLY, {"Jahr": lambda m: m.isocalendar()[0],
                                   "KW": lambda m: m.isocalendar()[1],
                                   "Wochentag": lambda m: m.isocalendar()[2],
                                   "h": lambda m: m.hour}),
    "milliseconds of the day": (grid("2024-03-04T00:00", 600, 400),
                                {"Date": lambda m: m.date(), "ms": lambda m: 60_000 * (
                                    m.hour * 60 + m.minute)}),
    "2400": (grid("2024-03-04T00:30", 1800, 400),
             {"Year": lambda m: (m - dt.timedelta(minutes=1)).year,
              "Day": lambda m: (m - dt.timedelta(minutes=1)).timetuple().tm_yday,
              "HHMM": lambda m: (m.hour * 100 + m.minute) or 2400}),
    "spreadsheet": (MINUTES, {"Date": text("%Y-%m-%d 00:00:00"),
                              "Time": text("1899-12-30 %H:%M:%S")}),
    "minutes of the day": (MINUTES, {"Date": text("%Y-%m-%d"),
                                     "m": lambda m: m.hour * 60 + m.minute}),
    "seconds of the day": (MINUTES, {"date": lambda m: m.date(),
                                     "s": lambda m: m.hour * 3600 + m.minute * 60}),
    "fraction of the day": (MINUTES, {"Date": text("%Y-%m-%d"), "Time": lambda m: round(
        (m.hour * 60 + m.minute) / 1440, 6)}),
    "HH.MM": (MINUTES, {"Datum": text("%d.%m.%Y"), "Zeit": text("%H.%M")}),
    "spans": (MINUTES, {"Datum": text("%d.%m.%Y"), "Zeitraum": lambda m:
                        f"{m:%H:%M} - {m + dt.timedelta(minutes=10):%H:%M}"}),
    "hours of spans": (HOURLY, {"Datum": text("%d.%m.%Y"), "Stunde": lambda m:
                                f"{m.hour:02d}-{m.hour + 1:02d} Uhr"}),
    "whole minutes": (MINUTES, {"Date": text("%Y-%m-%d"), "H": lambda m: m.hour,
                                "M": lambda m: m.minute, "S": lambda m: m.second}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("newest_first", [False, True])
def test_parts_are_found_by_content_and_joined(case, newest_first):
    moments, forms = CASES[case]
    moments = moments[::-1] if newest_first else moments
    columns = table(moments, **forms)
    names, times, result, doubts = joined(columns)
    assert set(names) == set(forms)
    assert times.times.tolist() == nanoseconds(moments)
    assert not doubts.questions
    assert all(repr(name) in result.words for name in names)
    by_hand = joined(columns, tuple(forms))[1]
    assert by_hand.times.tolist() == times.times.tolist()


def test_months_of_years_are_joined():
    moments = [dt.datetime(1990 + i // 12, i % 12 + 1, 1) for i in range(400)]
    columns = table(moments, Year=lambda m: m.year, Month=lambda m: m.month)
    names, times, _, _ = joined(columns)
    assert names == ("Year", "Month")
    assert times.times.tolist() == nanoseconds(moments)


def test_a_week_is_never_a_day_of_the_year():
    moments = grid("2024-12-02", 86_400, 60)
    by_calendar = table(moments, year=lambda m: m.year, week=lambda m: m.isocalendar()[1],
                        weekday=lambda m: m.isocalendar()[2])  # fmt: skip
    assert find_split_times(by_calendar) is None  # week 1 of 2025 begins in December 2024
    moments = grid("2024-01-01", 7 * 86_400, 40)
    columns = table(moments, year=lambda m: m.year, week=lambda m: m.isocalendar()[1])
    names, times, *_ = joined(columns)
    assert names == ("year", "week")
    assert times.times.tolist() == nanoseconds(moments)


def test_quarters_and_weeks_of_years_are_joined():
    quarters = [dt.datetime(1990 + i // 4, 3 * (i % 4) + 1, 1) for i in range(100)]
    for form in (lambda m: (m.month + 2) // 3, lambda m: f"Q{(m.month + 2) // 3}"):
        names, times, *_ = joined(table(quarters, Year=lambda m: m.year, Quarter=form))
        assert (names, times.times.tolist()) == (("Year", "Quarter"), nanoseconds(quarters))
    weeks = grid("2019-01-07", 7 * 86_400, 300)  # Mondays
    columns = table(weeks, Jahr=lambda m: m.isocalendar()[0], KW=lambda m: m.isocalendar()[1])
    names, times, *_ = joined(columns)
    assert (names, times.times.tolist()) == (("Jahr", "KW"), nanoseconds(weeks))


@pytest.mark.parametrize(
    ("days", "is_one_way"), [([3, 4], True), ([4, 3], True), ([3, 3], False), ([3, 4, 3], False)]
)
def test_days_run_in_one_direction(days, is_one_way):
    assert in_order(np.array(days)) == is_one_way


@pytest.mark.parametrize("step", [1800, 900, 300])
def test_numbers_of_periods_are_intervals_and_no_minutes(step):
    moments = grid("2024-03-04", step, 2000)
    columns = table(moments, date=lambda m: m.date(), period=lambda m: (
        (m.hour * 3600 + m.minute * 60) // step + 1))  # fmt: skip
    names, times, result, _ = joined(columns)
    assert (names, times.times.tolist()) == (("date", "period"), nanoseconds(moments))
    assert f"intervals 1 to {86_400 // step} of the day" in result.words


@pytest.mark.parametrize("name", ["Seconds of day", "secondsOfDay", "sod"])
def test_a_telling_name_needs_no_afternoon(name):
    moments = [m for day in range(4, 9) for m in grid(f"2024-03-{day:02}T08:00", 60, 90)]
    columns = table(moments, date=lambda m: m.date(), **{name: lambda m: (
        m.hour * 3600 + m.minute * 60)})  # fmt: skip
    names, times, *_ = joined(columns)
    assert (names, times.times.tolist()) == (("date", name), nanoseconds(moments))


def test_days_of_the_first_months_are_no_intervals():
    moments = grid("2024-01-01", 3 * 3600, 8 * 96)
    columns = table(moments, Year=lambda m: m.year, DOY=lambda m: m.timetuple().tm_yday,
                    Hour=lambda m: m.hour)  # fmt: skip
    names, times, *_ = joined(columns)
    assert (names, times.times.tolist()) == (("Year", "DOY", "Hour"), nanoseconds(moments))


def test_seconds_since_the_start_are_no_time_of_day():
    moments = grid("2024-03-04T20:00", 100, 800)  # begins in the evening, ends on the next day
    columns = table(moments, date=lambda m: m.date(), s=lambda m: int(
        (m - moments[0]).total_seconds()))  # fmt: skip
    assert find_split_times(columns) is None


def test_hours_to_24_are_said_to_end():
    moments, forms = CASES["hours 1 to 24"]
    assert "hours 1 to 24, each the end of its hour" in joined(table(moments, **forms))[2].words


@pytest.mark.parametrize("sites", ["interleaved", "one after another"])
def test_ids_are_no_part_of_the_time(sites):
    rows = [(site, moment) for moment in HOURLY for site in (1, 2, 3)]
    rows = rows if sites == "interleaved" else sorted(rows)
    columns = {
        "site": column([site for site, _ in rows]),
        "day": column([str(moment.date()) for _, moment in rows]),
        "h": column([moment.hour for _, moment in rows]),
    }
    assert find_split_times(columns) == ("day", "h")
    daily = [(site, moment) for moment in grid("2024-01-01", 86_400, 60) for site in (1, 2, 3)]
    columns = {
        "date": column([str(moment.date()) for _, moment in daily]),
        "site": column([site for site, _ in daily]),
    }
    assert find_split_times(columns) is None


@pytest.mark.parametrize(
    "columns",
    [
        {"Date": [str(m.date()) for m in HOURLY]},
        {"time": [str(m) for m in HOURLY], "Date": [str(m.date()) for m in HOURLY],
         "Hour": [m.hour for m in HOURLY]},
        {"Year": list(range(1600, 2000))},
        {"Date": [str(m.date()) for m in grid("2024-01-01", 86_400, 400)]},
        {"Date": [str(m.date()) for m in MINUTES], "rain": [i % 144 // 10 for i in range(400)]},
    ],
    ids=["date alone", "whole stamp", "years", "daily", "rain since midnight"],
)  # fmt: skip
def test_other_columns_are_not_joined(columns):
    columns = {name: column(cells) for name, cells in columns.items()}
    channels = {"a": column(SLOW), "b": column(NOISE)}
    assert find_split_times(columns | channels) is None


def test_bad_parts_are_empty_and_shown_as_they_stand():
    columns = table(HOURLY, Date=lambda m: m.date(), Hour=lambda m: str(m.hour))
    cells = columns["Hour"].to_pylist()
    cells[3], cells[4] = "soon", "99"
    columns["Hour"] = column(cells)
    by_number = table(HOURLY, Date=lambda m: m.date(), Hour=lambda m: m.hour)
    hours = by_number["Hour"].to_pylist()
    hours[390] = None
    by_number["Hour"] = column(hours)
    _, _, result, _ = joined(by_number)
    assert result.column.null_count == 1
    assert result.text(slice(None))[0].as_py() == "2024-03-04 6"


def test_columns_that_are_no_time_are_refused_by_what_stands_in_them():
    columns = {"a": column(["x", "y"]), "b": column([1.5, 2.5])}
    with pytest.raises(DataError, match=r"'a' and 'b': expected a date.*got 'x' and '1.5'"):
        join_times(columns)


def test_named_columns_are_joined_in_any_order_of_rows():
    order = np.random.default_rng(1).permutation(400)
    moments = [MINUTES[i] for i in order]
    columns = table(moments, Date=text("%Y-%m-%d"), Time=text("%H:%M"))
    _, times, _, _ = joined(columns, ("Date", "Time"))
    assert times.times.tolist() == nanoseconds(moments)


@settings(max_examples=40, deadline=None)
@example(dt.datetime(2000, 1, 1), 1, "HH.MM")  # a log of one day
@given(
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1)),
    st.integers(1, 300),
    st.sampled_from(sorted(CASES)),
)
def test_any_log_of_parts_is_read_back_or_left_alone(start, minutes, case):
    _, forms = CASES[case]
    first = start.replace(second=0, microsecond=0, minute=0)
    coarse = any(word in case for word in ("German", "nameless", "US", "24", "h", "day"))
    step = 3600 * (1 + minutes % 5) if coarse else 60 * minutes
    moments = [first + dt.timedelta(seconds=step * i) for i in range(200)]
    if case == "2400":
        moments = [moment + dt.timedelta(minutes=30) for moment in moments]
    columns = table(moments, **forms)
    names = find_split_times(columns)
    if names is not None and set(names) == set(forms):
        _, times, _, doubts = joined(columns, names)
        assert doubts.questions or times.times.tolist() == nanoseconds(moments)
    assert names is None or "a" not in names
    assert names is None or "b" not in names


def test_millions_of_rows_need_no_loop():
    seconds = np.datetime64("2024-01-01", "s") + np.arange(300_000) * 10
    days = seconds.astype("M8[D]")
    clock = (seconds - days).astype(np.int64).astype(np.int32)
    columns = {
        "Date": column(pa.array(days)),
        "Time": column(pa.array(clock, pa.int32()).cast(pa.time32("s"))),
    }
    _, times, _, _ = joined(columns)
    assert np.array_equal(times.times, seconds.astype("M8[ns]").astype(np.int64))


@pytest.mark.parametrize("month", [lambda m: f"{m:%b}", lambda m: f"{m:%B}", lambda m: f"{m:%b}."])
def test_names_of_months_are_months(month):
    months = [dt.datetime(2000 + i // 12, i % 12 + 1, 1) for i in range(60)]
    columns = table(months, Year=lambda m: m.year, Month=month)
    names, times, *_ = joined(columns)
    assert names == ("Year", "Month")
    assert times.times.tolist() == nanoseconds(months)
