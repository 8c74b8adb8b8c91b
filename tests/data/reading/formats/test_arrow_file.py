"""Feather, Arrow streams and ORC: columns as they are, lists and bytes left out."""

import datetime as dt
import decimal
import io

import numpy as np
import pyarrow as pa
import pytest
from format_files import opened, said_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, ipc, orc

from latentode.config import DataConfig
from latentode.data.reading.formats.arrow_file import FORMAT
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError


def feather_bytes(table, **options):
    file = io.BytesIO()
    feather.write_feather(table, file, **options)
    return file.getvalue()


def stream_bytes(table):
    file = io.BytesIO()
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return file.getvalue()


def orc_bytes(table, **options):
    file = io.BytesIO()
    orc.write_table(table, file, **options)
    return file.getvalue()


WRITERS = {
    "feather": feather_bytes,
    "feather, packed": lambda table: feather_bytes(table, compression="zstd"),
    "stream": stream_bytes,
    "ORC": orc_bytes,
    "ORC, packed": lambda table: orc_bytes(table, compression="zstd"),
}


@pytest.fixture(params=WRITERS)
def write(request):
    return WRITERS[request.param]


@settings(max_examples=30)
@given(data=st.data(), kind=st.sampled_from(list(WRITERS)))
def test_irregular_rows_come_back_as_they_were(tmp_path_factory, data, kind):
    count = data.draw(st.integers(1, 10))
    stamps = data.draw(
        st.lists(st.none() | st.integers(0, 2 * 10**18), min_size=count, max_size=count)
    )
    numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    values = data.draw(st.lists(numbers, min_size=count, max_size=count))
    texts = data.draw(
        st.lists(st.none() | st.text("aé€", max_size=3), min_size=count, max_size=count)
    )
    table = pa.table(
        {"t": pa.array(stamps, pa.timestamp("ns", "UTC")), "x": pa.array(values, pa.float64()),
         "s": pa.array(texts, pa.string())}
    )  # fmt: skip
    log = opened(FORMAT, tmp_path_factory.mktemp("arrow"), WRITERS[kind](table))
    assert log.columns == ("t", "x", "s")
    assert log.column("t").type == pa.timestamp("ns", "UTC")
    assert log.column("t").cast(pa.int64()).to_pylist() == stamps
    assert log.column("x").to_pylist() == values
    assert log.text("s").to_pylist() == [text or "" for text in texts]


def test_zones_dates_and_codes_are_kept(tmp_path):
    table = pa.table(
        {
            "t": pa.array([1, None], pa.timestamp("us", "Europe/Berlin")),
            "naive": pa.array([1, 2], pa.timestamp("ms")),
            "day": [dt.date(2024, 1, 1)] * 2,
            "span": pa.array([1, 2], pa.duration("s")),
            "code": pa.array(["a", "b"]).dictionary_encode(),
            "on": [True, None],
            "nothing": pa.nulls(2),
        }
    )
    log = opened(FORMAT, tmp_path, feather_bytes(table))
    assert [log.column(name).type for name in log.columns] == table.schema.types
    assert log.column("on").to_pylist() == [True, None]


def test_types_that_hold_plain_cells_are_unpacked(tmp_path):
    table = pa.table(
        {
            "exact": pa.array([decimal.Decimal("1.25"), None]),
            "half": pa.array(np.array([1.5, 2], np.float16)),
            "view": pa.array(["a", "b"], pa.string_view()),
            "coded": pa.array([5, 6]).dictionary_encode(),
            "runs": pa.RunEndEncodedArray.from_arrays([2], [3.0]),
        }
    )
    log = opened(FORMAT, tmp_path, feather_bytes(table, compression="uncompressed"))
    assert log.column("exact").to_pylist() == [1.25, None]
    assert log.column("half").to_pylist() == [1.5, 2.0]
    assert log.column("view").type == pa.string()
    assert log.column("coded").type == pa.int64()
    assert log.column("runs").to_pylist() == [3.0, 3.0]


def test_decimal_numbers_become_the_nearest_double(tmp_path):
    texts = [f"{i}.{i * 7919 % 1000:03d}" for i in range(2000)]
    table = pa.table({"exact": pa.array([decimal.Decimal(text) for text in texts])})
    log = opened(FORMAT, tmp_path, feather_bytes(table, compression="uncompressed"))
    assert log.column("exact").to_pylist() == [float(text) for text in texts]


def test_lists_records_and_bytes_are_left_out_and_said(tmp_path):
    table = pa.table({"x": [1], "l": [[1, 2]], "r": [{"a": 1}], "b": [b"\1"]})
    log = opened(FORMAT, tmp_path, feather_bytes(table))
    assert log.columns == ("x",)
    assert all(f"column {name!r} left out" in said_of(log) for name in "lrb")


def test_a_name_that_stands_twice_is_refused(tmp_path):
    table = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(DataError, match="expected distinct column names, got 'x' 2 times"):
        opened(FORMAT, tmp_path, feather_bytes(table))


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_damage_is_told_with_the_file(tmp_path, write, kept):
    raw = write(pa.table({"x": np.arange(1000.0)}))
    with pytest.raises(DataError, match=r"log\.data: the file is damaged, or was not closed"):
        opened(FORMAT, tmp_path, raw[: int(len(raw) * kept)])


def test_a_stream_that_was_cut_between_two_parts_is_read_and_said(tmp_path):
    raw = stream_bytes(pa.table({"x": [1.0, 2.0, 3.0, 4.0]}))
    assert said_of(opened(FORMAT, tmp_path, raw)) == ""
    log = opened(FORMAT, tmp_path, raw[:-8])
    assert log.num_rows == 4
    assert "it may be cut off" in said_of(log)


def test_a_log_without_rows_is_refused(tmp_path, write):
    with pytest.raises(DataError, match="no data rows"):
        opened(FORMAT, tmp_path, write(pa.table({"x": pa.array([], pa.float64())})))


@pytest.mark.parametrize("start", [b"ORC,temp\n1,2\n", b"ARROW1,b\n", b"ORCHARD\n", b""])
def test_texts_are_not_taken_for_it(tmp_path, start):
    assert not FORMAT.can_open(LogSource(tmp_path / "a.orc", DataConfig(), start))
