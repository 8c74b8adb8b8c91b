"""Files that are packed, encoded, truncated or damaged in every way."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from log_files import arrays, read, readings_of, said, write

from latentode.data.reading.formats import text_blocks as sources
from latentode.data.reading.log import read_log
from latentode.errors import ConfigError, DataError

WIDE = "time,x\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n"


@pytest.mark.parametrize("text", ["", "\n\n", "time,x\n", "# only a comment\n"])
def test_a_log_without_rows_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"no data rows in .*log\.csv"):
        read(tmp_path, text)


def test_a_log_without_rows_after_dropping_is_refused(tmp_path):
    with pytest.raises(DataError, match="no data rows"):
        read(tmp_path, "time,x\n2024-01-01,nan\n2024-01-02,\n")
    with pytest.raises(DataError, match="no data rows in the DataFrame"):
        read_log(pd.DataFrame({"time": [], "x": []}))


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="a folder of logs, got none"):
        read_log(tmp_path)


def test_packed_log_reads_like_the_log_whatever_it_is_called(tmp_path):
    plain, _ = read(tmp_path, WIDE, "a.csv")
    packed, _ = read(tmp_path, WIDE, "a.csv.gz")
    renamed, _ = read_log(packed_copy(tmp_path))
    assert arrays(plain.readings) == arrays(packed.readings) == arrays(renamed.readings)
    assert packed.series_ids == ("a",)


def packed_copy(folder):
    return (folder / "a.csv.gz").rename(folder / "b.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_encodings_are_detected(tmp_path, encoding):
    text = WIDE.replace("x", "Temp °C")
    dataset, report = read(tmp_path, text, encoding=encoding)
    assert dataset.channels == ("Temp °C",)
    said = [line for line in report.plan() if line.startswith("note:")]
    assert len(said) == (0 if encoding == "utf-8-sig" else 1)
    assert all(encoding in line for line in said)


def test_named_encodings_are_obeyed_and_checked(tmp_path):
    text = WIDE.replace("x", "µ")
    dataset, _ = read(tmp_path, text, encoding="utf-16-le", cells__encoding="utf-16-le")
    assert dataset.channels == ("µ",)
    with pytest.raises(DataError, match=r"byte offset 5.*--encoding"):
        read(tmp_path, text, encoding="latin-1", cells__encoding="utf-8")
    with pytest.raises(DataError, match=r"expected ascii.*byte offset 5"):
        read(tmp_path, text, encoding="latin-1", cells__encoding="ascii")
    with pytest.raises(ConfigError, match=r"--encoding.*'klingon'"):
        read(tmp_path, text, cells__encoding="klingon")


def test_two_encodings_in_one_file_are_refused_with_the_offset(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 32)
    content = "time,µ\n".encode() + b"2024-01-01,1\n" * 5 + b"2024-01-02,\xb5\n"
    with pytest.raises(DataError, match=f"byte offset {content.index(0xB5, 20)}"):
        read(tmp_path, content)


def test_nul_bytes_are_refused_with_the_offset(tmp_path):
    content = WIDE.encode() + b"2024-01-01 00:00:02,\x003\n"
    with pytest.raises(DataError, match=f"byte offset {content.index(0)}"):
        read(tmp_path, content)


def test_nul_bytes_far_into_a_file_are_refused_with_the_offset(tmp_path):
    body = b"".join(b"2024-01-01 00:%02d:%02d,1\n" % divmod(i, 60) for i in range(3600))
    content = b"time,x\n" + body + b"2024-01-02,\x00\n"
    with pytest.raises(DataError, match=f"NUL byte at byte offset {len(content) - 2}"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"PK\x03\x04", "zip"),
        (b"\x7fELF\x02\x01\x01\x00", "byte offset 4"),
        (bytes(range(1, 9)), "byte offset 0"),
    ],
)
def test_binary_files_are_refused(tmp_path, start, name):
    with pytest.raises(DataError, match=name):
        read(tmp_path, start + b"rest of the file\n" * 10)


def test_truncated_and_damaged_packed_logs_are_refused(tmp_path):
    rows = "".join(f"2024-01-01 00:00:00.{i:06d},{i % 97}\n" for i in range(20_000))
    path = write(tmp_path, "time,x\n" + rows, "log.csv.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="breaks off or is damaged near byte offset"):
        read_log(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(DataError, match="breaks off or is damaged"):
        read_log(path)


def test_extra_field_in_every_row_does_not_shift_the_columns(tmp_path):
    text = "time,x\n2024-01-01,1,9\n2024-01-02,2,9\n"
    for policy in ("error", "drop"):
        with pytest.raises(DataError, match="line 2: expected 2 fields as in the header, got 3"):
            read(tmp_path, text, cells__on_bad_row=policy)
    dataset, report = read(tmp_path, text.replace(",9", ","))
    assert dataset.channels == ("x",)
    assert any("nothing follows it" in decision for decision in said(report)), said(report)


def test_ragged_rows_are_refused_or_dropped_and_counted(tmp_path):
    rows = [f"2024-01-01 00:00:00.{i:03d},{i}" for i in range(300)]
    rows[7] += ",1"
    rows[9] = rows[9].split(",")[0]
    text = "time,x\n" + "\n".join(rows) + "\n"
    with pytest.raises(DataError, match=r"line 9: .* got 3 \(2 such rows\)"):
        read(tmp_path, text)
    dataset, report = read(tmp_path, text, cells__on_bad_row="drop")
    assert report.counts["ragged_rows"] == 2
    assert report.rows_read == 300
    assert dataset.readings.num_readings == 298
    with pytest.raises(DataError, match="--max-bad"):
        read(tmp_path, text, cells__on_bad_row="drop", cells__max_bad=0.001)


@pytest.mark.parametrize("block", [16, 64, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_line_ends_and_block_borders_do_not_matter(tmp_path, monkeypatch, block, end, last):
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    text = "id,time,x\na,2024-01-01,1\na,2024-01-02,2.5\nb,2024-01-01,3\n"
    content = text.replace("\n", end)
    dataset, report = read(tmp_path, content if last else content.removesuffix(end))
    assert sorted(readings_of(dataset).values()) == [1.0, 2.5, 3.0]
    assert report.rows_read == 3


def test_quoted_cells_may_hold_separators_quotes_and_line_breaks(tmp_path):
    text = (
        '"id","time","x","note"\n"a,1","2024-01-01","1","one ""two"""\n'
        '"a,1","2024-01-02","2","two\nlines"\n"b",2024-01-01,3,plain\n"b",2024-01-02,bad,\n'
    )
    with pytest.raises(DataError, match="line 6, column 'x': 'bad'"):
        read(tmp_path, text)
    dataset, _ = read(tmp_path, text, cells__na=("bad",))
    assert dataset.series_ids == ("a,1", "b")
    assert dataset.readings.num_readings == 3


def test_blank_lines_and_comments_before_the_header_are_skipped_but_counted(tmp_path):
    text = "# logger 7\n\ntime,x\n2024-01-01,1\n\n2024-01-02,2\n   \n2024-01-03,ERR\n"
    with pytest.raises(DataError, match="line 8, column 'x': 'ERR'"):
        read(tmp_path, text)
    dataset, _ = read(tmp_path, text.replace("ERR", "3"))
    assert dataset.readings.values.tolist() == [1.0, 2.0, 3.0]


def test_columns_of_a_file_without_header_are_named_by_their_places(tmp_path):
    dataset, report = read(tmp_path, "2024-01-01,1\n2024-01-02,2\n")
    assert (report.columns["time"], dataset.channels) == ("column_1", ("column_2",))
    assert any("--header-row" in decision for decision in said(report))


def test_index_without_a_name_is_left_out(tmp_path):
    dataset, report = read(tmp_path, ",time,x\n0,2024-01-01,1\n1,2024-01-02,2\n")
    assert dataset.channels == ("x",)
    assert report.left_out.keys() == {"Unnamed: 0"}


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_separators_are_detected_or_named(tmp_path, sep):
    text = WIDE.replace(",", sep)
    detected, _ = read(tmp_path, text)
    named, _ = read(tmp_path, text, cells__sep="tab" if sep == "\t" else sep)
    assert arrays(detected.readings) == arrays(named.readings)
    with pytest.raises(DataError, match="--sep"):
        read(tmp_path, text, cells__sep="::")


def test_parquet_reads_like_csv(tmp_path):
    text = "id,time,x,on\n007,2024-01-01,1.5,True\n7,2024-01-02,,False\n"
    expected, _ = read(tmp_path, text)
    frame = pd.read_csv(write(tmp_path, text), dtype={"id": str}, parse_dates=["time"])
    path = tmp_path / "log.csv"  # the name does not matter
    frame.to_parquet(path)
    dataset, report = read_log(path)
    assert readings_of(dataset) == readings_of(expected)
    assert dataset.series_ids == ("007", "7")
    assert report.rows_read == 2
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="Parquet file is damaged"):
        read_log(path)


def test_reading_needs_no_torch():
    code = "import sys, latentode.data.reading.log; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_float_text_is_read_to_the_nearest_float(tmp_path):
    values = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250) % 1e30
    rows = "".join(f"2024-01-01 00:00:00.{i:03d},{v!r}\n" for i, v in enumerate(values.tolist()))
    dataset, _ = read(tmp_path, "time,x\n" + rows)
    assert dataset.readings.values.tolist() == values.tolist()


def test_export_that_is_not_csv_is_refused_with_the_line(tmp_path):
    text = '#group,false\n,result,_time,_value,_field\n,,2024-01-01T00:00:00Z,1,x\n,,"never closed'
    with pytest.raises(DataError, match=r"log\.csv: line 4 is not CSV \(field larger"):
        read(tmp_path, text + "," * 200_000)
