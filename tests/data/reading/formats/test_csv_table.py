"""Cells of a file of separated values: typed by all, kept as they stand, with their lines."""

import gzip
import math

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentode.config import CellsConfig, DataConfig
from latentode.data.reading.formats import csv_source, text_blocks
from latentode.data.reading.formats.csv_table import FORMAT, CsvTable, csv_blocks
from latentode.data.reading.formats.table import LogSource
from latentode.errors import ConfigError, DataError

WIDE = "time,x\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n"


def open_csv(folder, content, name="log.csv", encoding="utf-8", **cells):
    path = folder / name
    data = content if isinstance(content, bytes) else content.encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return CsvTable(path, CellsConfig(**cells))


def said(table):
    return "\n".join(map(str, table.doubts.decisions))


def column(folder, cells, **settings_of_cells):
    body = "".join(f"{cell},1\n" for cell in cells)
    return open_csv(folder, "x,note\n" + body, header_row=1, **settings_of_cells)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-2"], pa.int64(), [1, -2]),
        (["1.5", "1e3"], pa.float64(), [1.5, 1000.0]),
        (["1.5", "", "NaN"], pa.float64(), [1.5, None, None]),
        (["1.5", "nan", "-nan"], pa.float64(), [1.5, None, None]),
        (["NA", "7", "n/a"], pa.int64(), [None, 7, None]),
        (["inf", "1.5"], pa.float64(), [math.inf, 1.5]),
        (["True", "false"], pa.bool_(), [True, False]),
        (["", "NA"], pa.null(), [None, None]),
        (["9007199254740993", "", "1"], pa.int64(), [9007199254740993, None, 1]),
        (["06:00", "07:00"], "text", ["06:00", "07:00"]),
        (["9007199254740993", "0.5"], "text", ["9007199254740993", "0.5"]),
        (["18446744073709551616", "1"], "text", ["18446744073709551616", "1"]),
        (["1", "ERR"], "text", ["1", "ERR"]),
        (["on", "NA"], "text", ["on", "NA"]),
        (["24:00:00", "01:00:00"], "text", ["24:00:00", "01:00:00"]),
        ([" x", "y "], "text", [" x", "y "]),
    ],
)
def test_a_column_is_typed_by_all_of_its_cells(tmp_path, cells, kind, values):
    table = column(tmp_path, cells)
    got = table.column("x")
    assert got.to_pylist() == values
    assert got.type == kind or (kind == "text" and "string" in str(got.type))
    assert table.text("x").to_pylist() == cells


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["2024-01-01 00:00:00", "2024-01-02 06:30"], "timestamp[s]"),
        (["2024-01-01T00:00:00.5", "2024-01-02T00:00:00"], "timestamp[ns]"),
        (["2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00"], "timestamp[s, tz=UTC]"),
        (["1500-01-01 00:00:00", "2024-01-01 00:00:00.5"], "string"),
        (["2024-01-01 00:00:00Z", "2024-01-01 00:00:00"], "string"),
        (["2024-01-01", "2024-02-30"], "string"),
        (["04.03.2024 06:00", "05.03.2024 06:00"], "string"),
        (["2024-01-01", "2024-01-02"], "date32"),
    ],
)
def test_iso_stamps_are_times_and_others_text(tmp_path, cells, kind):
    table = column(tmp_path, cells)
    assert kind in str(table.column("x").type)
    assert table.text("x").to_pylist() == cells


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["007", "1e3", "True", " x", "0x1F", "+5", "-0", "1_0", "NA", "5 "]),
            st.integers(-(10**20), 10**20).map(str),
            st.floats().map(repr),
            st.text(st.characters(exclude_categories=["C"], exclude_characters='",'), max_size=4),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_text_is_what_stands_in_the_file_whatever_the_type(tmp_path, cells):
    assert column(tmp_path, cells).text("x").to_pylist() == cells


def test_own_texts_for_missing_are_none_in_numbers_and_stay_in_text(tmp_path):
    table = open_csv(tmp_path, "time,x,s\n2024-01-01,bad,bad\n2024-01-02,5,on\n", na=("bad",))
    assert table.column("x").to_pylist() == [None, 5]
    assert table.column("s").to_pylist() == ["bad", "on"]


def test_types_of_a_long_file_follow_all_rows_not_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_source, "HEAD_BYTES", 200)
    monkeypatch.setattr("latentode.data.reading.formats.csv_table.HEAD_BYTES", 200)
    rows = [f"2024-01-01 00:{i:02d},{i},{i},a{i % 3}" for i in range(60)]
    plain = open_csv(tmp_path, "time,n,late,id\n" + "\n".join(rows) + "\n")
    assert [str(plain.column(name).type)[:9] for name in plain.columns] == [
        "timestamp", "int64", "int64", "dictionar",
    ]  # fmt: skip
    rows[50] = "2024-01-01 00:50,50,0.5,a2"
    rows[55] = "2024-01-01 00:55,55,5,9"
    table = open_csv(tmp_path, "time,n,late,id\n" + "\n".join(rows) + "\n")
    assert table.column("late").to_pylist()[50:52] == [0.5, 51.0]
    assert table.text("late").to_pylist()[50:52] == ["0.5", "51"]
    assert table.column("id").to_pylist()[55] == "9"
    assert table.lines.tolist() == list(range(2, 62))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("block", [16, 64, 1 << 20])
def test_line_ends_and_block_borders_do_not_matter(tmp_path, monkeypatch, end, last, block):
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", block)
    text = "id,time,x\na,2024-01-01,1\na,2024-01-02,2.5\nb,2024-01-01,3\n".replace("\n", end)
    table = open_csv(tmp_path, text if last else text.removesuffix(end))
    assert table.column("x").to_pylist() == [1.0, 2.5, 3.0]
    assert table.lines.tolist() == [2, 3, 4]


def test_lines_are_right_beside_blank_lines_quoted_breaks_and_quotes_in_cells(tmp_path):
    text = (
        '# logger\n\ntime,x,s\n2024-01-01,1,"a\nb"\n\n2024-01-02,2,5" pipe\n   \n2024-01-03,3,""\n'
    )
    for content in (text, text.replace("\n", "\r\n")):
        table = open_csv(tmp_path, content)
        assert table.lines.tolist() == [4, 7, 9]
        assert table.text("s").to_pylist()[1:] == ['5" pipe', ""]
        assert table.ragged == []
    assert table.at(2) == "line 9"


def test_ragged_rows_are_left_out_with_their_lines(tmp_path):
    rows = [f"2024-01-01 00:00:00.{i:03d},{i}" for i in range(300)]
    rows[7] += ",1"
    rows[9] = rows[9].split(",")[0]
    table = open_csv(tmp_path, "time,x\n\n" + "\n".join(rows) + "\n")
    assert table.ragged == [(10, 3), (12, 1)]
    assert (table.num_rows, table.num_fields) == (298, 2)
    assert table.lines[[6, 7, 8]].tolist() == [9, 11, 13]


def test_comments_between_rows_are_left_out_and_said(tmp_path):
    table = open_csv(tmp_path, "time,x\n2024-01-01,1\n# battery changed\n2024-01-02,2\n")
    assert table.column("x").to_pylist() == [1, 2]
    assert (table.ragged, table.lines.tolist()) == ([], [2, 4])
    assert "comments between the rows left out: 1, the first in line 3" in said(table)


def test_rows_that_repeat_the_header_are_left_out_counted_and_said(tmp_path):
    part = "Export\ntime,x,s\n,°C,%\n2024-01-01,1,a\n2024-01-02,2,b\n"
    for sep in (",", ";"):
        table = open_csv(tmp_path, (part * 3).replace(",", sep))
        assert table.column("x").to_pylist() == [1, 2] * 3
        assert table.lines.tolist() == [4, 5, 9, 10, 14, 15]
        assert table.ragged == []
        assert "that repeat the header left out" in said(table)


def test_a_header_with_the_mark_of_a_comment_may_be_repeated(tmp_path):
    table = open_csv(
        tmp_path, "#YY MM  WSPD\n2024 01 5.5\n2024 02 6.5\n#YY MM  WSPD\n2024 03 7.5\n"
    )
    assert table.column("WSPD").to_pylist() == [5.5, 6.5, 7.5]
    assert table.lines.tolist() == [2, 3, 5]


def test_summary_rows_at_the_end_are_rows_of_text_or_ragged(tmp_path):
    rows = "time,t,h\n" + "".join(f"2024-01-01 06:{i:02d},{i}.5,6\n" for i in range(20))
    table = open_csv(tmp_path, rows + "Minimum,0.5,6\nAverage,3.5,6\n")
    assert table.text("time").to_pylist()[-2:] == ["Minimum", "Average"]
    assert table.column("t").to_pylist()[-2:] == [0.5, 3.5]
    assert open_csv(tmp_path, rows + "Minimum,0.5\n").ragged == [(22, 2)]


def test_empty_fields_without_a_name_are_left_out_and_others_kept(tmp_path):
    rows = "".join(f"2024-01-01 06:{i:02d},{i},\n" for i in range(20))
    table = open_csv(tmp_path, "time,x\n" + rows)
    assert (table.columns, table.num_fields) == (("time", "x"), 3)
    assert "the separator at the end of the rows is left out" in said(table)
    assert not open_csv(tmp_path, "time,x,\n" + rows).doubts.decisions
    held = open_csv(tmp_path, "time,x,\n" + rows + "2024-01-02 00:00,1,9\n")
    assert held.columns == ("time", "x", "Unnamed: 2")
    first = open_csv(tmp_path, ",x\n2024-01-01,1\n2024-01-02,2\n")
    assert first.columns == ("Unnamed: 0", "x")
    assert "the column in place 1 is called 'Unnamed: 0' (it has no name)" in said(first)


def test_a_cell_that_stands_only_in_the_first_row_does_not_make_it_ragged(tmp_path):
    rows = "".join(f"{i},2024-03-04 06:{i:02d},20.5\n" for i in range(2, 20))
    text = "No,Time,T,Serial\n1,2024-03-04 06:00,20.5,010012\n" + rows
    table = open_csv(tmp_path, text)
    assert (table.columns, table.num_rows, table.ragged) == (("No", "Time", "T"), 19, [])
    assert table.lines[0] == 2


def test_all_rows_ragged_below_the_first_lines_are_refused(tmp_path):
    with pytest.raises(DataError, match="line 2: expected 2 fields as in the header, got 3"):
        open_csv(tmp_path, "time,x\n2024-01-01,1,9\n2024-01-02,2,9\n")


@pytest.mark.parametrize("decimal", [None, ","])
def test_decimal_commas_are_read(tmp_path, decimal):
    options = {} if decimal is None else {"decimal": decimal}
    table = open_csv(tmp_path, "Zeit;x\n04.03.2024;0,412\n05.03.2024;15,5\n", **options)
    assert table.column("x").to_pylist() == [0.412, 15.5]
    assert table.decimal == ","
    assert ("decimal comma" in said(table)) == (decimal is None)


def test_blanks_between_separators_and_quotes_do_not_matter(tmp_path):
    text = '"time", "x", "s"\n"2024-01-01", "5", "a, b"\n"2024-01-02", "6",  "c"\n'
    table = open_csv(tmp_path, text)
    assert (table.columns, table.ragged) == (("time", "x", "s"), [])
    assert table.column("x").to_pylist() == [5, 6]
    assert table.text("s").to_pylist() == ["a, b", "c"]
    kept = open_csv(tmp_path, 'time,s\n2024-01-01,"a, ""b"""\n')
    assert kept.text("s").to_pylist() == ['a, "b"']


def test_columns_parted_by_blanks_keep_quoted_cells(tmp_path):
    text = '"time" "x"\n"1" "2024-01-01 00:00"   5\n  "2" "2024-01-02 00:00"\t6 \n'
    table = open_csv(tmp_path, text)
    assert table.columns == ("Unnamed: 0", "time", "x")
    assert table.text("time").to_pylist() == ["2024-01-01 00:00", "2024-01-02 00:00"]
    assert table.column("x").to_pylist() == [5, 6]
    assert table.lines.tolist() == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings_are_detected_and_said(tmp_path, encoding):
    table = open_csv(tmp_path, WIDE.replace("x", "Temp °C"), encoding=encoding)
    assert table.columns == ("time", "Temp °C")
    assert len(table.doubts.decisions) == (encoding != "utf-8-sig")
    assert all(encoding in str(decision) for decision in table.doubts.decisions)


def test_named_encodings_are_obeyed_and_checked(tmp_path):
    text = WIDE.replace("x", "µ")
    path = tmp_path / "named.csv"
    path.write_bytes(text.encode("utf-16-le"))
    assert CsvTable(path, CellsConfig(encoding="utf-16-le")).columns == ("time", "µ")
    path.write_bytes(text.encode("latin-1"))
    for name, match in [
        ("utf-8", r"byte offset 5.*--encoding"),
        ("ascii", r"expected ascii.*byte offset 5"),
    ]:
        with pytest.raises(DataError, match=match):
            CsvTable(path, CellsConfig(encoding=name))
    with pytest.raises(ConfigError, match=r"--encoding.*'klingon'"):
        CsvTable(path, CellsConfig(encoding="klingon"))


def test_bytes_that_are_not_utf8_far_into_a_file_are_read_as_latin_1_or_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("latentode.data.reading.formats.csv_table.HEAD_BYTES", 60)
    rows = b"".join(b"2024-01-01 00:%02d,1,a\n" % i for i in range(40))
    table = open_csv(tmp_path, b"time,x,s\n" + rows + b"2024-01-02,2,\xb5\n")
    assert table.text("s")[40].as_py() == "µ"
    assert "read as latin-1" in said(table)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 64)
    content = "time,µ,s\n".encode() + rows + b"2024-01-02,2,\xb5\n"
    with pytest.raises(DataError, match=f"byte offset {content.index(0xB5, 20)}"):
        open_csv(tmp_path, content)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ragged_row_that_is_not_utf8_far_into_a_file_is_ragged(tmp_path, monkeypatch):
    monkeypatch.setattr("latentode.data.reading.formats.csv_table.HEAD_BYTES", 60)
    rows = b"".join(b"2024-01-01 00:%02d,1,a\n" % i for i in range(40))
    table = open_csv(tmp_path, b"time,x,s\n" + rows + b"2024-01-02,2,\xb5,9\n")
    assert table.ragged == [(42, 4)]
    assert "read as latin-1" in said(table)


def test_rows_may_begin_with_the_mark_of_a_comment(tmp_path):
    table = open_csv(tmp_path, "id,time,x\n#1,2024-01-01,1\n#2,2024-01-01,2\n")
    assert (table.text("id").to_pylist(), table.lines.tolist()) == (["#1", "#2"], [2, 3])


def test_nul_bytes_are_refused_with_the_offset(tmp_path, monkeypatch):
    monkeypatch.setattr("latentode.data.reading.formats.csv_table.HEAD_BYTES", 60)
    body = b"".join(b"2024-01-01 00:%02d:%02d,1\n" % divmod(i, 60) for i in range(3600))
    for end in (b"2024-01-02,\x00\n", b"2024-01-02,\x001\n"):
        content = b"time,x\n" + body + end
        with pytest.raises(DataError, match=f"NUL byte at byte offset {content.index(0)}"):
            open_csv(tmp_path, content)


def test_packed_files_are_read_and_damaged_ones_refused(tmp_path):
    assert open_csv(tmp_path, WIDE, "log.csv.gz").column("x").to_pylist() == [1, 2]
    rows = "".join(f"2024-01-01 00:00:00.{i:06d},{i % 97}\n" for i in range(20_000))
    whole = gzip.compress(("time,x\n" + rows).encode())
    path = tmp_path / "log.csv"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="breaks off or is damaged near byte offset"):
        CsvTable(path, CellsConfig())


def test_a_quote_that_never_closes_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"line 3 is not CSV \(a quote that opens"):
        open_csv(tmp_path, 'time,s\n2024-01-01,a\n2024-01-02,"b\n2024-01-03,c\n')


@pytest.mark.parametrize("text", ["", "\n\n", "time,x\n", "# only a comment\n"])
def test_a_file_without_rows_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"no data rows in .*log\.csv"):
        open_csv(tmp_path, text)


def test_numbers_are_read_to_the_nearest_float(tmp_path):
    values = [math.pi * 10.0**power for power in range(-300, 300, 7)]
    table = column(tmp_path, [repr(value) for value in values])
    assert table.column("x").to_pylist() == values


def test_texts_that_recur_are_coded_and_stay_one_dictionary(tmp_path):
    rows = "".join(f"2024-01-01 00:{i % 60:02d},node-{i % 7},{i}\n" for i in range(500))
    names = open_csv(tmp_path, "time,node,x\n" + rows).text("node")
    assert pa.types.is_dictionary(names.type)
    assert names.chunk(0).dictionary.to_pylist() == [f"node-{i}" for i in range(7)]


def test_the_format_opens_any_text(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(WIDE)
    source = LogSource(path, DataConfig(), path.read_bytes())
    assert FORMAT.can_open(source)
    assert FORMAT.open(source).columns == ("time", "x")
    assert not FORMAT.can_open(LogSource(path, DataConfig(), b"PK\x03\x04"))


@pytest.mark.parametrize("end", [bytes(64), bytes(3)])
def test_nul_bytes_at_the_end_are_left_out_and_said(tmp_path, end):
    table = open_csv(tmp_path, WIDE.encode() + end)
    assert table.num_rows == 2
    assert f"{len(end)} NUL bytes" in said(table)


def test_first_cells_are_shown_without_a_look_at_the_others(tmp_path, monkeypatch):
    rows = b"".join(b"2024-01-01 00:00:%02d,%d\n" % (n % 60, n) for n in range(5_000))
    table = open_csv(tmp_path, b"time,x\n" + rows)
    parsed = table._parser._parse
    monkeypatch.setattr(table._parser, "_parse", None)
    assert table.text("time", slice(3, 4)).to_pylist() == ["2024-01-01 00:00:03"]
    assert table.text("x", slice(0, 2)).to_pylist() == ["0", "1"]
    assert table.lines[-1] == 5_001
    monkeypatch.setattr(table._parser, "_parse", parsed)
    assert table.text("x")[4_321].as_py() == "4321"


def test_a_file_is_read_in_blocks_under_one_header(tmp_path):
    rows = [f"2024-01-01,{n},{'a' if n < 50 else 'b'}" for n in range(100)]
    rows[70] = 'ragged,"1,2\n3",4,5'
    path = tmp_path / "log.csv"
    path.write_text("made by a gauge\ntime,x,note\n" + "\n".join(rows) + "\n\n\n")
    source = LogSource(path, DataConfig())
    whole = CsvTable(path, CellsConfig())
    blocks = list(csv_blocks(source, 300))
    assert len(blocks) > 4
    assert all(each.columns == whole.columns for each in blocks)
    assert [line for each in blocks for line in each.lines] == whole.lines.tolist()
    assert [row for each in blocks for row in each.ragged] == whole.ragged == [(73, 4)]
    for name in whole.columns:
        cells = [cell for each in blocks for cell in each.text(name).to_pylist()]
        assert cells == whole.text(name).to_pylist()
    assert sum(each.weight for each in blocks) == path.stat().st_size


def test_cells_below_no_name_in_a_later_block_are_refused(tmp_path):
    rows = [f"2024-01-01,{n}," for n in range(60)] + ["2024-01-01,60,7"]
    path = tmp_path / "log.csv"
    path.write_text("time,x,\n" + "\n".join(rows) + "\n")
    with pytest.raises(
        DataError, match=r"from line \d+ on cells stand in place 3, which has no name"
    ):
        list(csv_blocks(LogSource(path, DataConfig()), 400))
