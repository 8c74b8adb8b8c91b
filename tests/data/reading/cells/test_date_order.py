"""Day, month or year first: decided by evidence, or asked."""

import re
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from time_cells import grid, nanoseconds, ns, question, read_cells, read_or_asked, stamps_of

from latentode.data.reading.cells.date_order import format_like


def written(moments, form):
    return [moment.strftime(form) for moment in moments]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("%d/%m/%Y %H:%M", "day/month/year"),
        ("%m/%d/%Y %H:%M", "month/day/year"),
        ("%d-%m-%y %H:%M", "day/month/year"),
        ("%m/%d/%Y %I:%M %p", "month/day/year"),
        ("%Y.%d.%m %H:%M", "year/day/month"),
    ],
)
def test_a_day_above_12_anywhere_settles_the_order(form, words):
    moments = grid("2024-03-04T06:00", 3600, 300)
    times, doubts = read_cells(written(moments, form))
    assert times.times.tolist() == nanoseconds(moments)
    (decision,) = doubts.decisions
    assert words in decision.choice
    assert re.search(r"\(line \d+\)", decision.evidence)
    assert decision.confidence == "certain"


def test_the_order_is_one_for_all_files():
    first, second = grid("2024-03-04", 86_400, 3), grid("2024-03-13", 86_400, 3)
    files = [written(moments, "%d/%m/%Y") for moments in (first, second)]
    assert stamps_of(*files) == nanoseconds([*first, *second])


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%y %H:%M"])
def test_even_steps_settle_the_order(form):
    moments = grid("2024-03-04T06:00", 300, 500)
    times, doubts = read_cells(written(moments, form))
    assert times.times.tolist() == nanoseconds(moments)
    assert not doubts.questions
    assert [decision.confidence for decision in doubts.decisions] == ["likely"]


def test_full_stops_stand_after_the_day():
    moments = grid("2024-03-04", 86_400, 9)
    times, doubts = read_cells(written(moments, "%d.%m.%Y"))
    assert times.times.tolist() == nanoseconds(moments)
    assert not doubts.questions
    (decision,) = doubts.decisions
    assert "day/month/year" in decision.choice
    assert decision.option == "--no-dayfirst"
    assert stamps_of(["04.03.24 06:00"]) == [ns("2024-03-04T06:00")]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Date (dd/mm/yyyy)", "%d/%m/%Y"),
        ("Date(dd:mm:yyyy)", "%d:%m:%Y"),
        ("Datum TT/MM/JJJJ", "%d/%m/%Y"),
        ("JJ/MM/AAAA HH:MM", "%d/%m/%Y %H:%M"),
        ("MM/DD/YYYY", "%m/%d/%Y"),
        ("Time (m/d/yy)", "%m/%d/%y"),
    ],
)
def test_the_name_of_the_column_may_spell_the_order(name, form):
    moments = grid("2024-03-04", 3600, 3)
    times, doubts = read_cells(written(moments, form), name=name)
    expected = nanoseconds(moments if "%H" in form else [each.replace(hour=0) for each in moments])
    assert times.times.tolist() == expected
    assert not doubts.questions
    later, _ = read_cells(written(grid("2024-03-14", 86_400, 3), "%m/%d/%Y"), name=name)
    assert later.times.tolist() == nanoseconds(grid("2024-03-14", 86_400, 3))  # its cells tell more


def test_the_order_is_asked_for_where_no_row_tells():
    cells = written(grid("2024-03-04", 86_400, 9), "%d/%m/%Y")
    message = question(cells)
    assert "'04/03/2024' (line 2)" in message
    assert "Pass --dayfirst or --no-dayfirst." in message
    assert stamps_of(cells, dayfirst=True) == nanoseconds(grid("2024-03-04", 86_400, 9))
    assert stamps_of(cells, dayfirst=False)[:2] == [ns("2024-04-03"), ns("2024-05-03")]


def test_years_of_two_digits_may_stand_first():
    cells = ["04/03/07 06:00", "04/03/08 06:00"]
    message = question(cells)
    (form,) = re.findall(r"--time-format '(.*?)'", message)
    assert stamps_of(cells, format=form) == [ns("2004-03-07T06:00"), ns("2004-03-08T06:00")]
    assert stamps_of(["31-12-05", "32-01-05"]) == [ns("2031-12-05"), ns("2032-01-05")]


def test_two_orders_in_one_log_are_asked_about_with_their_lines():
    message = question(["13/02/2024", "14/02/2024", "02/15/2024", "02/16/2024"])
    assert "two orders" in message
    assert "line 2" in message
    assert "line 4" in message


@pytest.mark.parametrize("step", [600, 7200, 86_400])
def test_dates_that_a_spreadsheet_turned_around_are_asked_about(step):
    moments = grid("2024-03-01", step, max(400, 25 * 86_400 // step))
    cells = [f"{m:%d/%m/%Y %H:%M}" if m.day <= 12 else f"{m:%m/%d/%Y %H:%M}" for m in moments]
    asked = question(cells)
    assert "in two orders" in asked
    assert "--no-dayfirst" in asked
    _, doubts = read_cells(cells, dayfirst=False)
    assert not doubts.questions


def test_a_lone_damaged_date_is_bad_and_not_asked_about():
    cells = [*written(grid("2024-03-01", 86_400, 28), "%d/%m/%Y"), "03/29/2024"]
    times, doubts = read_cells(cells)
    assert not doubts.questions
    assert times.examples == [(28, "03/29/2024")]


def test_year_day_month_is_never_read_as_a_month_a_day():
    moments = grid("2024-03-04T06:00", 600, 500)
    message = question(written(moments, "%Y.%d.%m %H:%M"))
    right, wrong = re.findall(r"--time-format '(.*?)'", message)
    assert stamps_of(written(moments, "%Y.%d.%m %H:%M"), format=right) == nanoseconds(moments)
    assert right != wrong
    assert stamps_of(written(moments, "%Y.%m.%d %H:%M")) == nanoseconds(moments)


@pytest.mark.parametrize(
    ("cell", "order", "form"),
    [
        ("24-03-04 06:00:00", "ymd", "%y-%m-%d %H:%M:%S"),
        ("2024.04.03 06:00", "ydm", "%Y.%d.%m %H:%M"),
        ("03/04/2024 6:00 am", "mdy", "%m/%d/%Y %I:%M %p"),
        ("03/04/2024 6:00:01.25", "dmy", "%d/%m/%Y %H:%M:%S.%f"),
        ("04032024", "dmy", "%d%m%Y"),
    ],
)
def test_format_of_a_cell(cell, order, form):
    assert format_like(cell, order) == form


@settings(max_examples=50, deadline=None)
@given(
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.integers(1, 400_000),
    st.integers(1, 60),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%m/%d/%y", "%Y/%m/%d"]),
    st.sampled_from([" %H:%M:%S", " %I:%M:%S %p"]),
    st.booleans(),
)
def test_dates_of_any_log_are_read_back_or_asked_about(day, step, count, form, clock, newest):
    start = datetime(day.year, day.month, day.day)
    moments = [start + timedelta(seconds=step * i) for i in range(count)]
    moments = moments[::-1] if newest else moments
    assert read_or_asked(written(moments, form + clock), nanoseconds(moments))


@settings(max_examples=50, deadline=None)
@given(
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.lists(st.integers(1, 40 * 86_400), min_size=1, max_size=40),
    st.sampled_from(["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"]),
)
def test_dates_of_uneven_logs_are_read_back_or_asked_about(day, steps, form):
    moments = [datetime(day.year, day.month, day.day)]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    assert read_or_asked(written(moments, form), nanoseconds(moments))
