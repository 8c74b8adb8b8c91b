"""XDF: each stream at its own stamps, gaps kept, clocks brought to the recorder's."""

import numpy as np
import pyarrow as pa
import pytest
from format_files import opened, rows_of, said_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_files import header, offset, samples, xdf_bytes

from latentode.data.reading.formats.xdf import FORMAT
from latentode.errors import DataError

pytest.importorskip("pyxdf", reason="pyxdf is not installed")


def opened_xdf(folder, *chunks):
    return opened(FORMAT, folder, xdf_bytes(*chunks))


@settings(max_examples=40)
@given(data=st.data())
def test_irregular_stamps_and_gaps_stay_as_they_are(tmp_path_factory, data):
    chunks, expected = [], []
    num_streams = data.draw(st.integers(1, 3))
    for stream in range(num_streams):
        rate = data.draw(st.sampled_from([0.0, 10.0, 100.0]))
        gaps = data.draw(st.lists(st.integers(1, 10**10), min_size=1, max_size=10))
        stamps_us = (5_000_000 + np.cumsum(gaps)).tolist()
        values = np.arange(2 * len(gaps), dtype=float).reshape(-1, 2)
        rows = list(zip([us / 1e6 for us in stamps_us], values.tolist(), strict=True))
        cut = data.draw(st.integers(0, len(rows)))
        chunks += [header(stream, f"s{stream}", 2, rate=rate)]
        chunks += [samples(stream, part) for part in (rows[:cut], rows[cut:]) if part]
        prefix = f"s{stream}/" if num_streams > 1 else ""
        expected += [
            (us * 1000, f"{prefix}channel {place + 1}", row[place])
            for place in range(2)
            for us, row in zip(stamps_us, values.tolist(), strict=True)
        ]
    rows = rows_of(opened_xdf(tmp_path_factory.mktemp("xdf"), *chunks))
    assert [row[1:] for row in rows] == [row[1:] for row in expected]
    # stamps are floats of seconds: a microsecond of a day is exact to a nanosecond or so
    assert max(abs(a[0] - b[0]) for a, b in zip(rows, expected, strict=True)) <= 20


def test_labels_units_and_elapsed_clock_are_those_of_the_stream(tmp_path):
    channels = [("Fz", "microvolts"), ("Cz", "microvolts")]
    chunks = [header(1, "EEG", 3, "float32", channels=channels)]
    table = opened_xdf(tmp_path, *chunks, samples(1, [(2.5, [1, 2, 3])], "float32"))
    ns = 2_500_000_000
    assert rows_of(table) == [(ns, "Fz", 1), (ns, "Cz", 2), (ns, "channel 3", 3)]
    assert table.units == {"Fz": "microvolts", "Cz": "microvolts"}
    assert table.column("time").type == pa.duration("ns")
    assert "no date" in said_of(table)


def test_samples_without_a_stamp_follow_at_the_nominal_rate(tmp_path):
    rows = [(1.0, [1]), (None, [2]), (None, [3])]
    table = opened_xdf(tmp_path, header(1, "a", 1, "int16", rate=4.0), samples(1, rows, "int16"))
    assert [row[0] / 1e9 for row in rows_of(table)] == [1, 1.25, 1.5]


def test_clocks_are_brought_to_that_of_the_recorder_and_said(tmp_path):
    chunks = [
        header(1, "far", 1), header(2, "near", 1),
        offset(1, 0.0, 100.0), samples(1, [(1.0, [5])]), samples(2, [(1.0, [6])]),
    ]  # fmt: skip
    table = opened_xdf(tmp_path, *chunks)
    assert [(row[0] / 1e9, row[1]) for row in rows_of(table)] == [
        (101, "far/channel 1"),
        (1, "near/channel 1"),
    ]
    assert "far moved to the recorder's clock (clock offsets of up to 100 s" in said_of(table)
    assert "stamps of near as they were sent" in said_of(table)


def test_markers_and_empty_streams_are_left_out_and_said(tmp_path):
    chunks = [header(1, "a", 1), header(2, "Markers", 1, "string"), header(3, "silent", 1)]
    chunks += [samples(1, [(1.0, [5])]), samples(2, [(1.0, ["go"])], "string")]
    table = opened_xdf(tmp_path, *chunks)
    assert rows_of(table) == [(10**9, "channel 1", 5)]
    assert "stream 'Markers' left out (texts)" in said_of(table)
    assert "stream 'silent' left out (no samples)" in said_of(table)


def test_streams_of_the_same_name_are_several_channels(tmp_path):
    chunks = [header(1, "a", 1), header(2, "a", 1)]
    table = opened_xdf(tmp_path, *chunks, samples(1, [(1.0, [5])]), samples(2, [(1.0, [6])]))
    assert [row[1] for row in rows_of(table)] == ["a/channel 1", "a/channel 1 (2)"]


@pytest.mark.parametrize("lost", [1, 3, 9, 20])
def test_a_file_that_breaks_off_is_read_to_its_last_whole_chunk(tmp_path, lost):
    chunks = [header(1, "a", 1), samples(1, [(1.0, [5])]), samples(1, [(2.0, [6])])]
    table = opened(FORMAT, tmp_path, xdf_bytes(*chunks)[:-lost])
    assert rows_of(table) == [(10**9, "channel 1", 5)]
    assert "read to where the file breaks off" in said_of(table)


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([samples(1, [(1.0, [5])])], r"log\.data: the XDF file is damaged"),
        (
            [header(1, "m", 1, "string"), samples(1, [(1.0, ["go"])], "string")],
            r"\{'m': 'string'\}",
        ),
        (
            [header(1, "a", 1), samples(1, [(1.0, [5]), (float("nan"), [6])])],
            r"expected stamps of seconds, got nan in sample 1 of stream 'a'",
        ),
        ([], r"expected streams of numbers"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_file(tmp_path, chunks, message):
    with pytest.raises(DataError, match=message):
        opened_xdf(tmp_path, *chunks)
