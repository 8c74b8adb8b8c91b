"""Sheets of spreadsheets: which one, where its table begins, and what its cells are."""

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as quick
from hypothesis import strategies as st

from latentode.config import CellsConfig, DataConfig
from latentode.data.reading.formats.excel import FORMAT, SheetTable, understood
from latentode.data.reading.formats.sheet_cells import column_of, plain_cell
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

START = datetime(2024, 3, 1)
TIMES = [START + timedelta(minutes=7 * i, milliseconds=i) for i in range(8)]
ROWS = [["When", "Temp"], *([t, 20.5 + i] for i, t in enumerate(TIMES))]


def workbook(path, formats=None, merged=(), **sheets):
    """Write sheets of rows; `formats` are number formats by column, `merged` groups of cells."""
    openpyxl = pytest.importorskip("openpyxl", reason="spreadsheets are written by openpyxl")
    pytest.importorskip("python_calamine", reason="spreadsheets are read by python-calamine")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
            for column, kind in (formats or {}).items():
                sheet.cell(sheet.max_row, column + 1).number_format = kind
        for group in merged:
            sheet.merge_cells(group)
    book.save(path)
    return path


def opened(path, **source):
    log = LogSource(path, DataConfig(source=source), path.read_bytes()[:512])
    assert FORMAT.can_open(log)
    return FORMAT.open(log)


def open_rows(folder, rows, formats=None, merged=()):
    return opened(workbook(folder / "log.data", formats, merged, Log=rows))


def asked(table):
    return [question.message for question in table.doubts.questions]


def test_dates_are_stamps_also_where_midnight_is_a_day_without_a_time(tmp_path):
    table = open_rows(tmp_path, ROWS)
    assert table.column("When").type == pa.timestamp("us")
    assert table.column("When").to_pylist() == TIMES
    assert table.column("Temp").to_pylist() == [20.5 + i for i in range(8)]
    assert table.lines.tolist() == list(range(2, 10))


def test_the_table_begins_below_a_merged_title_and_lines_of_settings(tmp_path):
    head = [["Plant north, monthly log"], [], ["Serial", 12345], ["Interval", "7 min"], []]
    units = [["", "°C"]]
    rows = [*head, ROWS[0], *units, *ROWS[1:], [], ["", ""]]
    table = open_rows(tmp_path, rows, merged=["A1:B1"])
    assert table.columns == ("When", "Temp")
    assert table.units == {"Temp": "°C"}
    assert table.column("When").to_pylist() == TIMES
    assert table.lines[0] == 8
    assert any("header taken from line 6" in str(each) for each in table.doubts.decisions)


def test_the_row_of_names_can_be_named(tmp_path):
    path = workbook(tmp_path / "log.xlsx", Log=[["Hour", "Level"], *ROWS])
    log = LogSource(path, DataConfig(cells={"header_row": 2}), path.read_bytes()[:512])
    assert FORMAT.open(log).columns == ("When", "Temp")


def test_names_that_repeat_are_told_apart_by_merged_cells_above(tmp_path):
    rows = [["", "Pump 1", "", "Pump 2", ""], ["When", "Flow", "Temp", "Flow", "Temp"]]
    rows += [[t, 1.0, 2.0, 3.0, 4.0] for t in TIMES]
    table = open_rows(tmp_path, rows, merged=["B1:C1", "D1:E1"])
    assert table.columns == ("When", "Pump 1 Flow", "Pump 1 Temp", "Pump 2 Flow", "Pump 2 Temp")


def test_a_table_without_names_calls_columns_by_their_place(tmp_path):
    table = open_rows(tmp_path, ROWS[1:])
    assert table.columns == ("column_1", "column_2")
    assert table.num_rows == 8


def test_empty_columns_and_rows_are_no_part_of_the_table(tmp_path):
    rows = [["When", None, "Temp", None], *([t, None, 1.5, ""] for t in TIMES)]
    rows[4:4] = [[None] * 4]
    table = open_rows(tmp_path, rows)
    assert table.columns == ("When", "Temp")
    assert table.lines.tolist() == [2, 3, 4, 6, 7, 8, 9, 10]


def test_a_named_column_without_values_is_kept(tmp_path):
    rows = [["When", "Spare", "Temp"], *([t, None, 1.5] for t in TIMES)]
    assert open_rows(tmp_path, rows).column("Spare").type == pa.null()


@pytest.mark.parametrize("kind", ["[h]:mm", "[h]:mm:ss", "[mm]:ss"])
def test_elapsed_time_goes_on_beyond_a_day(tmp_path, kind):
    hours = [timedelta(hours=5 * i) for i in range(8)]
    rows = [["Elapsed", "Temp"], *([each, 1.0] for each in hours)]
    table = open_rows(tmp_path, rows, {0: kind})
    assert table.column("Elapsed").type == pa.duration("us")
    assert table.column("Elapsed").to_pylist() == hours


def test_elapsed_time_shown_as_a_clock_goes_on_beyond_a_day(tmp_path):
    rows = [["Elapsed", "Temp"], *([5 * i / 24, 1.0] for i in range(8))]
    table = open_rows(tmp_path, rows, {0: "hh:mm"})
    assert table.column("Elapsed").to_pylist() == [timedelta(hours=5 * i) for i in range(8)]


def test_percent_and_number_formats_leave_the_stored_number(tmp_path):
    rows = [["When", "Share"], *([t, 0.4567 + i] for i, t in enumerate(TIMES))]
    table = open_rows(tmp_path, rows, {1: "0%"})
    assert table.column("Share").to_pylist() == [0.4567 + i for i in range(8)]


def test_a_column_of_mixed_cells_is_text_as_in_a_csv_file():
    cells = [1.0, 2.5, "n/a", True, time(6, 7), timedelta(hours=30), datetime(2024, 3, 1, 5), ""]
    texts = ["1", "2.5", "n/a", "TRUE", "06:07:00", "30:00:00", "2024-03-01 05:00:00", ""]
    assert column_of(cells).to_pylist() == texts


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([1, 2.5, ""], pa.float64()),
        ([True, False], pa.bool_()),
        ([time(5), ""], pa.time64("us")),
        ([date(2024, 3, 1), datetime(2024, 3, 1, 5)], pa.timestamp("us")),
        (["", ""], pa.null()),
    ],
)
def test_a_column_of_one_kind_of_cell_keeps_its_type(cells, kind):
    column = column_of(cells)
    assert column.type == kind
    assert column.null_count == cells.count("")


def test_the_sheet_with_a_clock_is_the_log(tmp_path):
    notes = [["Setting", "Value"], ["gain", 3.5], ["offset", 1.0], ["range", 2.0]]
    path = workbook(tmp_path / "log.xlsx", Notes=notes, Text=[["Read me"]], Log=ROWS)
    table = opened(path)
    assert table.columns == ("When", "Temp")
    assert any("sheet 'Log'" in str(each) for each in table.doubts.decisions)
    assert not asked(table)


def test_several_logs_are_asked_about_and_the_advice_works(tmp_path):
    later = [ROWS[0], *([t + timedelta(days=1), 1.0] for t in TIMES)]
    path = workbook(tmp_path / "log.xlsx", Monday=ROWS, **{"Tues day": later})
    (question,) = asked(opened(path))
    assert "Sheets 'Monday', 'Tues day' may all be the log" in question
    assert "--table Monday" in question
    table = opened(path, table="Tues day")
    assert table.column("When").to_pylist() == [t + timedelta(days=1) for t in TIMES]
    assert not asked(table)


def test_a_sheet_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    path = workbook(tmp_path / "log.xlsx", Monday=ROWS)
    with pytest.raises(DataError, match="Did you mean 'Monday'"):
        opened(path, table="Munday")


def test_a_sheet_of_notes_is_refused(tmp_path):
    path = workbook(tmp_path / "log.xlsx", Notes=[["Read me"], ["by hand"]])
    with pytest.raises(DataError, match="expected a sheet with rows of numbers or dates"):
        opened(path)


def test_dates_of_which_the_spreadsheet_understood_some_only_are_asked_about(tmp_path):
    cells = [datetime(2024, day, 3, 5) for day in range(1, 6)] + ["13/03/2024 05:00"] * 3
    table = open_rows(tmp_path, [["When", "Temp"], *([cell, 1.0] for cell in cells)])
    (question,) = asked(table)
    assert "5 dates and 3 texts such as '13/03/2024 05:00'" in question


def test_a_document_that_is_no_spreadsheet_is_refused(tmp_path):
    pytest.importorskip("python_calamine")
    path = tmp_path / "log.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(2000))
    with pytest.raises(DataError, match="damaged, protected by a password, or another kind"):
        opened(path)


def test_an_archive_of_other_files_is_left_to_others(tmp_path):
    path = tmp_path / "log.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("log.csv", "a,b\n")
    assert not FORMAT.can_open(LogSource(path, DataConfig(), path.read_bytes()[:512]))


def test_an_open_document_sheet_is_read_with_times_beyond_a_day(tmp_path):
    pytest.importorskip("python_calamine")
    cell = '<table:table-cell office:value-type="{}" office:{}="{}"/>'
    text = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = [text.format("Elapsed") + text.format("Temp")]
    rows += [
        cell.format("time", "time-value", f"PT{9 * i}H30M00S") + cell.format("float", "value", i)
        for i in range(5)
    ]
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    path = tmp_path / "log.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content{spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="O">{body}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr("META-INF/manifest.xml", "<m/>")
    table = opened(path)
    elapsed = [timedelta(hours=9 * i, minutes=30) for i in range(5)]
    assert table.column("Elapsed").to_pylist() == elapsed
    assert table.column("Temp").to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0]


TITLES = st.lists(
    st.sampled_from([["Plant log"], [], ["Serial", 12345], ["Site", "north"]]), max_size=5
)
MINUTES = st.lists(st.integers(0, 10**6), min_size=3, max_size=12, unique=True).map(sorted)


@given(TITLES, MINUTES, st.booleans(), st.data())
@quick(max_examples=25)
def test_any_table_is_found_below_any_title(titles, minutes, has_units, data):
    path = Path("any.xlsx")
    reading = st.none() | st.floats(-1e9, 1e9)
    times = [START + timedelta(minutes=each) for each in minutes]
    values = [data.draw(st.lists(reading, min_size=3, max_size=3)) for _ in times]
    values[-1] = [1.0, 2.0, 3.0]
    rows = [["Zeit", "Druck", "Temperatur", "Feuchte"]]
    rows += [["", "mbar", "°C", "%"]] if has_units else []
    rows += [[stamp, *cells] for stamp, cells in zip(times, values, strict=True)]
    rows = [
        ["" if cell is None else plain_cell(cell) for cell in [*row, *[""] * 4][:4]]
        for row in [*titles, *rows]
    ]
    table = SheetTable(understood("any", rows, [], CellsConfig(), path), path)
    assert table.columns == ("Zeit", "Druck", "Temperatur", "Feuchte")
    assert table.column("Zeit").to_pylist() == times
    for index, name in enumerate(table.columns[1:]):
        assert table.column(name).to_pylist() == [cells[index] for cells in values]


def test_text_cells_lose_blanks_around_and_nothing_else():
    assert plain_cell(" a b ") == "a b"
    assert plain_cell("PT30H05M01.5S") == timedelta(hours=30, minutes=5, seconds=1.5)
