"""Names below names of groups that stand once, as merged cells do."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, said, write
from random_logs import few, stamps, walk

from latentode.data.reading.log import read_log

_GROUPS = st.lists(
    st.tuples(
        st.sampled_from(["Boiler", "Pump 1", "Kessel Süd", "Zone B", "Tank", "North wing"]),
        st.lists(
            st.sampled_from(["temp", "flow", "level", "speed", "state of valve"]),
            min_size=1,
            max_size=4,
            unique=True,
        ),
    ),
    min_size=2,
    max_size=4,
    unique_by=lambda group: group[0],
)


def rows_of(groups, timed_above, size=30):
    """Two rows of names, rows of readings, and the joined names."""
    above, names, joined = [], [], []
    for group, below in groups:
        above += [group, *[""] * (len(below) - 1)]
        names += below
        joined += [f"{group} {name}" for name in below]
    first, second = ("Date", "") if timed_above else ("", "Date")
    values = [walk(size, seed) for seed in range(len(names))]
    readings = [
        [time, *(float(column[row]) for column in values)] for row, time in enumerate(stamps(size))
    ]
    return [[first, *above], [second, *names], *readings], joined


@few
@given(_GROUPS, st.booleans(), st.sampled_from(",;"))
def test_each_name_of_a_text_stands_below_its_group(tmp_path_factory, groups, timed_above, sep):
    rows, joined = rows_of(groups, timed_above)
    text = "".join(sep.join(map(str, row)) + "\n" for row in rows)
    dataset, report = read_log(write(tmp_path_factory.mktemp("log"), text))
    assert dataset.channels == tuple(joined)
    assert any("names joined from lines 1 to 2" in note for note in said(report))


@few
@given(_GROUPS, st.booleans(), st.booleans())
def test_each_name_of_a_sheet_stands_below_its_merged_cells(
    tmp_path_factory, groups, timed_above, merged
):
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets are written by openpyxl")
    pytest.importorskip("python_calamine", reason="spreadsheets are read by python-calamine")
    rows, joined = rows_of(groups, timed_above)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([cell if cell != "" else None for cell in row])
    place = 2
    for _, below in groups:
        if merged and len(below) > 1:
            book.active.merge_cells(None, 1, place, 1, place + len(below) - 1)
        place += len(below)
    path = tmp_path_factory.mktemp("log") / "log.xlsx"
    book.save(path)
    assert read_log(path)[0].channels == tuple(joined)


def test_groups_stand_in_groups_above_units(tmp_path):
    head = "Plant;;;;\nTime;North;;South;\n;Boiler;;Pump;\n;temp;flow;level;speed\n;C;m3/h;m;rpm\n"
    rows = "".join(f"{t};1.{i};2.{i};3.{i};4.{i}\n" for i, t in enumerate(stamps(20)))
    dataset, _ = read(tmp_path, head + rows)
    assert dataset.channels == (
        "North Boiler temp", "North Boiler flow", "South Pump level", "South Pump speed"
    )  # fmt: skip


def test_a_name_above_nothing_is_no_group(tmp_path):
    text = "Time,,Room,\n,rain,temp,flow\n"
    rows = "".join(f"{t},1.{i},2.{i},3.{i}\n" for i, t in enumerate(stamps(20)))
    dataset, report = read(tmp_path, text + rows)
    assert report.columns["time"] == "Time"
    assert dataset.channels == ("rain", "Room temp", "Room flow")


def test_one_group_beside_the_name_of_the_time_is_no_title(tmp_path):
    rows = "".join(f"{t},1.{i},2.{i},3.{i}\n" for i, t in enumerate(stamps(20)))
    dataset, report = read(tmp_path, "Time,Room,,\n,temp,flow,rain\n" + rows)
    assert report.columns["time"] == "Time"
    assert dataset.channels == ("Room temp", "Room flow", "Room rain")
    named, _ = read(tmp_path, "Logger,7B,,\nTime,temp,flow,rain\n" + rows)
    assert named.channels == ("temp", "flow", "rain")


def test_days_of_a_sheet_hold_for_the_rows_that_are_merged_with_them(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets are written by openpyxl")
    pytest.importorskip("python_calamine", reason="spreadsheets are read by python-calamine")
    book, times = openpyxl.Workbook(), stamps(288, "30min")
    book.active.append(["Date", "Time", "temp"])
    for row, time in enumerate(times):
        new = row % 48 == 0
        book.active.append([time.date() if new else None, time.time(), row + 0.5])
        if new:
            book.active.merge_cells(None, row + 2, 1, row + 49, 1)
    book.save(tmp_path / "log.xlsx")
    dataset, report = read_log(tmp_path / "log.xlsx")
    assert dataset.readings.times.tolist() == times.as_unit("ns").asi8.tolist()
    assert any("each date in 'Date' holds" in note for note in said(report))
    assert times[1] - times[0] == timedelta(minutes=30)
