"""The contract of formats, kept by every one of them."""

import json
import logging
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from format_samples import KINDS, LONG, TEXT, Log, sample_file
from log_files import arrays, readings_of, settings
from places import ROOT

from latentode.data.reading.formats import open_table
from latentode.data.reading.formats.csv_table import CsvTable
from latentode.data.reading.formats.table import LogSource, Table
from latentode.data.reading.log import read_log
from latentode.data.reading.understand import understand
from latentode.errors import DataError

FIXTURES = ROOT / "datasets" / "fixtures"
FORMATS = {log_format.name: log_format for log_format in open_table.FORMATS}
FRAME = "pandas data frame"
OTHER_FRAME = "frame of Polars, DuckDB or pyarrow"  # tested in test_arrow_frame
ROWS = 30
LOG = Log.of(ROWS)
EXPORTS = {
    "Home Assistant export": ("homeassistant", FIXTURES / "home_assistant.csv"),
    "InfluxDB annotated CSV": ("influx", FIXTURES / "influx_annotated.csv"),
}
# shares of the file, so that some cuts fall into the header and others among readings
CUTS = (0.02, 0.3, 0.5, 0.7, 0.97)
# damage to the inside of an HDF5 file can keep its own library in a loop for ever
DAMAGED = [kind for kind in KINDS if kind != "netCDF-4"]


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def path(kind, tmp_path):
    path = tmp_path / "log.data"
    path.write_bytes(sample_bytes(kind))
    return path


@cache
def sample_bytes(kind):
    with TemporaryDirectory() as folder:
        return sample_file(kind, LOG, Path(folder)).read_bytes()


@pytest.fixture(autouse=True)
def _quiet_packages():
    """npTDMS logs what is wrong with a file before it raises."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def source_of(path, **values):
    return LogSource(path, settings(**values), path.read_bytes()[:512])


def opened(log, **values):
    return open_table.open_table(log, settings(**values))


def refused(path):
    """The message with which a file is refused."""
    with pytest.raises(DataError, match=re.escape(path.name)) as caught:
        opened(path)
    return str(caught.value)


def test_every_format_has_a_sample():
    assert set(FORMATS) == {FRAME, OTHER_FRAME, *(name for name, _ in KINDS.values())}


def test_formats_are_asked_by_rank_and_csv_last():
    ranks = [log_format.rank for log_format in open_table.FORMATS]
    assert ranks == sorted(ranks)
    assert open_table.FORMATS[-1].name == "CSV"


def test_exactly_one_format_can_open_a_file_besides_csv_that_takes_what_is_left(kind, path):
    able = [each.name for each in open_table.FORMATS if each.can_open(source_of(path))]
    assert able[0] == KINDS[kind][0]
    assert able[1:] in ([], ["CSV"])


def test_a_file_is_told_by_its_bytes_whatever_it_is_called(kind, path):
    columns = opened(path).columns
    for name in ("log.csv", "log.parquet", "log.xlsx", "log.nc", "log"):
        table = opened(path.rename(path.with_name(name)))
        path = path.with_name(name)
        assert table.columns == columns
        assert table.num_rows == len(LOG.long if kind in LONG else LOG.seconds)


def test_formats_of_files_open_no_data_frame():
    source = LogSource(LOG.frame, settings())
    assert [each.name for each in open_table.FORMATS if each.can_open(source)] == [FRAME]


@pytest.mark.parametrize("start", [b"\x89PNG", b"%PDF", b"\xff\xd8\xff"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_format_opens_other_kinds_of_files(name, start, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(start + b"entity_id,state,last_changed\n")
    for layout in ("auto", FORMATS[name].layout or "wide"):
        assert not FORMATS[name].can_open(LogSource(path, settings(layout=layout), start))


def test_an_opened_log_has_the_attributes_of_tables(kind, path):
    table = opened(path)
    assert isinstance(table, Table)
    assert (table.name, table.decimal) == (str(path), ".")
    assert table.stem in ("log", "series")
    assert table.line_word == ("line" if kind in TEXT else "row")
    assert (table.ragged, table.doubts.questions) == ([], [])
    assert len(set(table.columns)) == len(table.columns) > 2
    assert "" not in table.columns
    assert table.num_fields >= len(table.columns)


def test_columns_texts_and_lines_have_one_cell_for_each_row(path):
    table = opened(path)
    assert len(table.lines) == table.num_rows
    assert (np.diff(table.lines) > 0).all()
    for name in table.columns:
        column, text = table.column(name), table.text(name)
        assert isinstance(column, pa.ChunkedArray)
        assert len(column) == len(text) == table.num_rows
        kind_of_text = text.type.value_type if hasattr(text.type, "value_type") else text.type
        assert pa.types.is_string(kind_of_text)
        assert text.null_count == 0


def test_text_of_a_number_is_that_number_and_whole_ones_have_no_point(kind, path):
    table = opened(path)
    numbers = [
        name
        for name in table.columns
        if pa.types.is_integer(table.column(name).type)
        or pa.types.is_floating(table.column(name).type)
    ]
    assert numbers or kind == "InfluxDB"  # whose cells are text
    for name in numbers:
        texts = table.text(name).to_pylist()
        assert [float(text) for text in texts if text] == table.column(name).drop_null().to_pylist()
        assert not any(text.endswith(".0") for text in texts)


@pytest.mark.parametrize("kind", TEXT)
def test_lines_of_a_text_are_those_where_its_cells_stand(path):
    table = opened(path)
    written = path.read_text().splitlines()
    for row, line in enumerate(table.lines):
        cells = [table.text(name)[row].as_py() for name in table.columns]
        assert all(cell in written[line - 1] for cell in cells)
        assert table.at(row) == f"line {line}"


def test_the_same_log_is_the_same_arrays_in_every_format(path):
    dataset, report = read_log(path)
    first = dataset.readings.times.min()
    got = {
        (channel, time - first): value for (_, channel, time), value in readings_of(dataset).items()
    }
    assert got == LOG.readings
    assert not report.questions
    expected, _ = read_log(LOG.frame)
    if dataset.clock == expected.clock:
        assert arrays(dataset.readings) == arrays(expected.readings)
    else:  # in UTC, or counted from a start that the format does not tell
        assert dataset.clock.zone == "UTC" or dataset.clock.kind == "elapsed"


def test_a_file_that_breaks_off_is_refused_or_said(kind, path, tmp_path):
    raw = path.read_bytes()
    cut = tmp_path / "cut.data"
    for share in CUTS:
        cut.write_bytes(raw[: int(share * len(raw))])
        if kind not in TEXT and share > CUTS[0]:
            _is_refused_or_said(cut)
        else:  # rows of a text that are there are whole, but for the last
            _opened_unless_refused(cut)


def _opened_unless_refused(path):
    """The table, or None where it is refused with the name of the file."""
    try:
        table, message = opened(path), ""
    except DataError as error:
        table, message = None, str(error)
    assert table is not None or path.name in message
    return table


def _is_refused_or_said(path):
    table = _opened_unless_refused(path)
    said = [] if table is None else [str(each) for each in table.doubts.decisions]
    assert table is None or re.search("breaks off", " ".join(said)), said


@pytest.mark.parametrize("kind", DAMAGED)
def test_no_error_of_a_package_comes_through_from_a_damaged_file(kind, path, tmp_path):
    raw, bad = path.read_bytes(), tmp_path / "bad.data"
    draw = random.Random(kind)
    for _ in range(30):
        content = bytearray(raw)
        for at in draw.sample(range(len(raw)), draw.choice([1, 4, 20])):
            content[at] = draw.randrange(256)
        first = draw.randrange(len(raw))
        if draw.random() < 0.3:
            content[first : first + 16] = draw.choice([b"", bytes(16), b"\xff" * 16])
        bad.write_bytes(content)
        _opened_unless_refused(bad)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in TEXT])
def test_a_damaged_beginning_is_refused_and_named(path):
    raw = path.read_bytes()
    path.write_bytes(raw[:4] + b"\xff" * (len(raw) - 4))
    with pytest.raises(DataError, match=re.escape(str(path))):
        read_log(path)


def test_an_empty_file_is_refused(path):
    path.write_bytes(b"")
    assert refused(path).startswith("no data rows in")


def test_a_log_without_rows_is_refused(kind, tmp_path):
    path = sample_file(kind, Log.of(0), tmp_path)
    assert re.search(r"no data rows|expected", refused(path))


def test_columns_are_known_to_their_own_format_alone(kind, path):
    table = opened(path)
    roles = {each.name: each.roles(table, settings()) for each in open_table.FORMATS}
    known = {name: meaning.layout for name, meaning in roles.items() if meaning is not None}
    name = KINDS[kind][0]
    if name in EXPORTS:
        assert known == {name: EXPORTS[name][0]}
    else:  # a table of channels at times of their own is known to all that make such
        assert set(known.values()) == ({"long"} if kind in LONG else set())


@pytest.mark.parametrize("name", EXPORTS)
def test_columns_of_an_export_are_known_whatever_opened_it(name):
    table = opened(EXPORTS[name][1])
    texts = {column: table.text(column).to_pylist() for column in table.columns}
    copied = opened(pd.DataFrame(texts))
    meanings = [understand(each, settings())[1].roles for each in (copied, table)]
    assert meanings[0] == meanings[1]


@pytest.mark.parametrize("name", EXPORTS)
def test_a_layout_in_the_settings_rules_the_formats_of_others_out(name, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "entity_id,state,last_changed,_time,_field,_value\n"
        "a,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,f,5\n"
        "a,2,2024-01-01T01:00:00Z,2024-01-02T01:00:00Z,f,6\n"
    )
    layout = EXPORTS[name][0]
    forced, report = read_log(path, settings(layout=layout, columns__id="entity_id"))
    assert report.layout == layout
    assert forced.channels == {"influx": ("f",), "homeassistant": ("a",)}[layout]
    chosen = {"columns__time": "_time", "columns__channel": "_field", "columns__value": "_value"}
    assert read_log(path, settings(layout="long", **chosen))[1].layout == "long"


@pytest.mark.parametrize("layout", ["wide", "long", "homeassistant"])
def test_influx_export_is_a_csv_file_where_the_layout_says_so(layout):
    table = opened(EXPORTS["InfluxDB annotated CSV"][1], layout=layout)
    assert isinstance(table, CsvTable)


def test_columns_of_influx_tables_keep_the_order_in_which_they_come(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("#group\n,_time,b,a\n,1,2,3\n\n#group\n,c,a,_time\n,4,5,6\n")
    table = opened(path)
    assert table.columns == ("_time", "b", "a", "c")
    rows = zip(*(table.text(name).to_pylist() for name in table.columns), strict=True)
    assert list(rows) == [("1", "2", "3", ""), ("6", "", "5", "4")]


def test_influx_export_without_its_annotations_is_opened_where_the_layout_says_so(tmp_path):
    export = EXPORTS["InfluxDB annotated CSV"][1]
    path = tmp_path / "log.csv"
    lines = export.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("#")))
    expected, _ = read_log(export)
    dataset, _ = read_log(path, settings(layout="influx"))
    assert readings_of(dataset) == readings_of(expected)


@pytest.mark.parametrize("source", [{"time": [1]}, [1, 2], None, b"log.csv", np.zeros(3)])
def test_error_for_an_object_that_is_no_log_names_all_formats(source):
    with pytest.raises(DataError, match=r"^log: expected one of .* Export it as CSV") as caught:
        read_log(source)
    wrong = source[0] if isinstance(source, list) else source
    assert repr(type(wrong).__name__) in str(caught.value)
    assert all(format_name in str(caught.value) for format_name in FORMATS)


def test_error_for_a_file_that_no_format_can_open_names_all_formats(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(DataError, match=r"got a PNG picture\. Export it") as caught:
        read_log(path)
    assert all(format_name in str(caught.value) for format_name in FORMATS)


NEW_FORMAT = """
import numpy as np
import pyarrow as pa
from latentode.data.reading.formats.table import Format, Table
from latentode.data.reading.roles import Roles


class RecordingFormat(Format):
    name = "recording of a test"

    def can_open(self, source):
        return source.start.startswith(b"GAUGE")

    def open(self, source):
        rows = [line.split() for line in source.path.read_text().splitlines()[1:]]
        columns = zip(("when", "gauge", "reads"), zip(*rows))
        table = Table({name: pa.chunked_array([cells]) for name, cells in columns}, source.path)
        table.lines = np.arange(len(rows)) + 2
        return table

    def roles(self, table, config):
        if table.columns != ("when", "gauge", "reads"):
            return None
        return Roles("long", ("when",), channel="gauge", value="reads")


FORMAT = RecordingFormat()
"""
WITH_NEW_FORMAT = """
import json, sys
from latentode.data.reading import formats

formats.__path__.append(sys.argv[1])
from latentode.data.reading.formats.open_table import FORMATS
from latentode.data.reading.log import read_log
from latentode.data.reading.understand import understand

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
