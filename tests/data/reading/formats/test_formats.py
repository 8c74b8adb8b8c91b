"""The contract of formats, kept by every one of them."""

import json
import re
import subprocess
import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from log_files import readings_of, settings
from places import ROOT

from latentode.data.reading.column_roles import detect_roles
from latentode.data.reading.formats import data_frame, open_table, parquet, text_blocks
from latentode.data.reading.formats.csv_table import CsvTable
from latentode.data.reading.formats.table import HEAD_ROWS, LogSource, ReadPlan, Table
from latentode.data.reading.log import read_log
from latentode.errors import DataError

FIXTURES = ROOT / "datasets" / "fixtures"
FORMATS = {log_format.name: log_format for log_format in open_table.FORMATS}
TIME = {
    "pandas data frame": "timestamp",
    "Parquet": "timestamp",
    "Home Assistant export": "last_changed",
    "InfluxDB annotated CSV": "_time",
    "CSV": "timestamp",
}
FILES = {
    "Home Assistant export": FIXTURES / "home_assistant.csv",
    "InfluxDB annotated CSV": FIXTURES / "influx_annotated.csv",
    "CSV": FIXTURES / "iso_wide.csv",
}
LAYOUTS = {"Home Assistant export": "homeassistant", "InfluxDB annotated CSV": "influx"}


def sample_of(name, folder):
    if name in FILES:
        return FILES[name]
    frame = pd.read_csv(FILES["CSV"])
    if name == "pandas data frame":
        return frame
    frame.to_parquet(folder / "log.data")  # no name tells the format
    return folder / "log.data"


def source_of(name, folder, **values):
    sample = sample_of(name, folder)
    start = b"" if isinstance(sample, pd.DataFrame) else sample.read_bytes()[:512]
    return LogSource(sample, settings(**values), start)


def all_chunks(table, time):
    return [make() for make in table.chunks(ReadPlan((), time, stamps=True, numbers=()))]


@pytest.fixture(params=sorted(FORMATS))
def name(request):
    return request.param


@pytest.fixture
def small_chunks(monkeypatch):
    """Samples come in many chunks."""
    monkeypatch.setattr(data_frame, "ROWS_PER_CHUNK", 10)
    monkeypatch.setattr(parquet, "ROWS_PER_CHUNK", 10)
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", 400)


def test_every_format_has_a_sample_here():
    assert set(FORMATS) == set(TIME)


def test_formats_are_asked_by_rank_and_csv_last():
    ranks = [log_format.rank for log_format in open_table.FORMATS]
    assert ranks == sorted(ranks)
    assert open_table.FORMATS[-1].name == "CSV"


def test_first_format_that_can_open_a_log_is_its_own(name, tmp_path):
    source = source_of(name, tmp_path)
    able = [each.name for each in open_table.FORMATS if each.can_open(source)]
    assert able[0] == name


@pytest.mark.parametrize(("earlier", "later"), list(combinations(FORMATS, 2)))
def test_no_format_takes_the_logs_of_one_that_is_asked_later(earlier, later, tmp_path):
    assert not FORMATS[earlier].can_open(source_of(later, tmp_path))


def test_formats_of_files_open_no_data_frame(tmp_path):
    source = source_of("pandas data frame", tmp_path)
    assert [each.name for each in open_table.FORMATS if each.can_open(source)] == [
        "pandas data frame"
    ]


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x89PNG", b"%PDF", b"SQLite format 3\0"])
def test_no_format_opens_other_kinds_of_files(name, start, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(start + b"entity_id,state,last_changed\n")
    for layout in ("auto", FORMATS[name].layout or "wide"):
        assert not FORMATS[name].can_open(LogSource(path, settings(layout=layout), start))


def test_opened_log_has_the_attributes_of_tables(name, tmp_path):
    sample = sample_of(name, tmp_path)
    table = open_table.open_table(sample, settings())
    is_frame = isinstance(sample, pd.DataFrame)
    assert isinstance(table, Table)
    assert table.name == ("DataFrame" if is_frame else str(sample))
    assert table.stem == ("series" if is_frame else sample.name.split(".")[0])
    assert table.line_word == ("line" if name in FILES else "row")
    assert table.decimal == "."
    assert (table.notes, table.ragged) == ([], [])
    assert TIME[name] in table.columns
    assert "" not in table.columns
    assert list(table.head.columns) == list(table.columns)
    assert table.num_fields >= len(table.columns)


def test_head_is_the_first_rows_as_the_chunks_give_them(name, tmp_path):
    table = open_table.open_table(sample_of(name, tmp_path), settings())
    texts = [text for chunk in all_chunks(table, TIME[name]) for text in chunk.text(TIME[name])]
    assert 10 < len(table.head) <= HEAD_ROWS
    assert table.head[TIME[name]].tolist() == texts[: len(table.head)]


@pytest.mark.usefixtures("small_chunks")
def test_chunks_hold_every_row_once_with_its_line(name, tmp_path):
    sample = sample_of(name, tmp_path)
    table = open_table.open_table(sample, settings())
    chunks = all_chunks(table, TIME[name])
    lines = np.concatenate([chunk.lines for chunk in chunks]).tolist()
    texts = [text for chunk in chunks for text in chunk.text(TIME[name])]
    if name in FILES:
        written = enumerate(sample.read_text().split("\n"), start=1)
        of_rows = {line: text for line, text in written if re.search(r"\d\d:\d\d:\d\d", text)}
        assert lines == list(of_rows)
        assert all(text in of_rows[line] for line, text in zip(lines, texts, strict=True))
    else:
        assert lines == list(range(len(lines)))
        assert texts == pd.read_csv(FILES["CSV"], dtype=str)[TIME[name]].tolist()
    # annotated CSV is read as a whole
    assert len(chunks) > 3


def test_columns_of_a_chunk_have_a_cell_for_each_row(name, tmp_path):
    table = open_table.open_table(sample_of(name, tmp_path), settings())
    for chunk in all_chunks(table, TIME[name]):
        for column in table.columns:
            texts = chunk.text(column).tolist()
            assert len(texts) == len(chunk.column(column)) == len(chunk.lines)
            assert all(isinstance(text, str) for text in texts)
            raw = chunk.fixed_width(column)
            if raw is not None:
                assert [row.tobytes().decode() for row in raw] == texts


def test_columns_are_known_to_their_own_format_alone(name, tmp_path):
    table = open_table.open_table(sample_of(name, tmp_path), settings())
    roles = {each.name: each.roles(table, settings()) for each in open_table.FORMATS}
    known = {each: meaning.layout for each, meaning in roles.items() if meaning is not None}
    assert known == ({name: LAYOUTS[name]} if name in LAYOUTS else {})


@pytest.mark.parametrize("name", LAYOUTS)
def test_columns_of_an_export_are_known_whatever_opened_it(name):
    table = open_table.open_table(FILES[name], settings())
    copied = open_table.open_table(table.head.astype(str), settings())
    assert detect_roles(copied, settings()) == detect_roles(table, settings())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_in_the_settings_rules_the_formats_of_others_out(name, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "entity_id,state,last_changed,_time,_field,_value\n"
        "a,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,f,5\n"
        "a,2,2024-01-01T01:00:00Z,2024-01-02T01:00:00Z,f,6\n"
    )
    forced, report = read_log(path, settings(layout=LAYOUTS[name], columns__id="entity_id"))
    assert report.layout == LAYOUTS[name]
    assert forced.channels == {"influx": ("f",), "homeassistant": ("a",)}[LAYOUTS[name]]
    chosen = {"columns__time": "_time", "columns__channel": "_field", "columns__value": "_value"}
    assert read_log(path, settings(layout="long", **chosen))[1].layout == "long"


@pytest.mark.parametrize("layout", ["wide", "long", "homeassistant"])
def test_influx_export_is_a_csv_file_where_the_layout_says_so(layout):
    table = open_table.open_table(FILES["InfluxDB annotated CSV"], settings(layout=layout))
    assert isinstance(table, CsvTable)


def test_columns_of_influx_tables_keep_the_order_in_which_they_come(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("#group\n,_time,b,a\n,1,2,3\n\n#group\n,c,a,_time\n,4,5,6\n")
    table = open_table.open_table(path, settings())
    assert table.columns == ("_time", "b", "a", "c")
    assert table.head.to_numpy().tolist() == [["1", "2", "3", ""], ["6", "", "5", "4"]]


def test_influx_export_without_its_annotations_is_opened_where_the_layout_says_so(tmp_path):
    path = tmp_path / "log.csv"
    lines = FILES["InfluxDB annotated CSV"].read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("#")))
    expected, _ = read_log(FILES["InfluxDB annotated CSV"])
    dataset, _ = read_log(path, settings(layout="influx"))
    assert readings_of(dataset) == readings_of(expected)


@pytest.mark.parametrize("source", [{"time": [1]}, [1, 2], None, b"log.csv", np.zeros(3)])
def test_error_for_an_object_that_is_no_log_names_all_formats(source):
    with pytest.raises(DataError, match=r"^log: expected one of .* Export it as CSV") as caught:
        read_log(source)
    assert all(format_name in str(caught.value) for format_name in FORMATS)
    assert repr(type(source).__name__) in str(caught.value)


def test_error_for_a_file_that_no_format_can_open_names_all_formats(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(DataError, match=r"got a PNG picture\. Export it") as caught:
        read_log(path)
    assert all(format_name in str(caught.value) for format_name in FORMATS)


NEW_FORMAT = """
import numpy as np
import pandas as pd
from latentode.data.reading.formats.data_frame import FrameTable
from latentode.data.reading.formats.table import Format
from latentode.data.reading.roles import Roles


class RecordingFormat(Format):
    name = "recording of a test"

    def can_open(self, source):
        return source.start.startswith(b"GAUGE")

    def open(self, source):
        rows = [line.split() for line in source.path.read_text().splitlines()[1:]]
        frame = pd.DataFrame(rows, columns=["when", "gauge", "reads"])
        return FrameTable(frame, source.path, np.arange(len(rows)) + 2)

    def roles(self, table, config):
        if table.columns != ("when", "gauge", "reads"):
            return None
        return Roles(layout="long", time="when", channel="gauge", value="reads")


FORMAT = RecordingFormat()
"""
WITH_NEW_FORMAT = """
import json, sys
from latentode.data.reading import formats

formats.__path__.append(sys.argv[1])
from latentode.data.reading.formats.open_table import FORMATS
from latentode.data.reading.log import read_log

dataset, report = read_log(sys.argv[2])
again, _ = read_log(sys.argv[2], report.pinned(__import__("latentode").LatentODEConfig().data))
names = [log_format.name for log_format in FORMATS]
values = [data.readings.values.tolist() for data in (dataset, again)]
print(json.dumps([names, dataset.channels, dataset.series_ids, report.layout, *values]))
"""


def test_a_format_in_one_new_module_is_asked_before_csv_and_read(tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "recording.py").write_text(NEW_FORMAT)
    path = tmp_path / "tank.txt"
    path.write_text("GAUGE 1\n2024-01-01T00:00:00Z b 5\n2024-01-01T00:00:00Z a 7\n")
    done = subprocess.run(
        [sys.executable, "-c", WITH_NEW_FORMAT, str(folder), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    names, channels, series_ids, layout, values, again = json.loads(done.stdout)
    assert (set(names), names[-1]) == ({*FORMATS, "recording of a test"}, "CSV")
    assert (channels, series_ids, layout) == (["a", "b"], ["tank"], "long")
    assert values == again == [7.0, 5.0]
