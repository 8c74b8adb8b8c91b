"""TDMS: a start a segment, exact stamps, and channels of times."""

import io

import numpy as np
import pyarrow as pa
import pytest
from format_files import ns, opened, rows_of, said_of, source_of
from hypothesis import given, settings
from hypothesis import strategies as st

from latentode.data.reading.formats.tdms import FORMAT
from latentode.errors import DataError

nptdms = pytest.importorskip("nptdms", reason="npTDMS is not installed")
timestamp = pytest.importorskip("nptdms.timestamp")

EPOCH = 2_082_844_800


def stamp(time_ns):
    """The stamp that is nearest to a time, as the format has it."""
    seconds, rest = divmod(time_ns, 10**9)
    return timestamp.TdmsTimestamp(seconds + EPOCH, (rest << 64) // 10**9)


def channel(values, name="p", group="g", **properties):
    return nptdms.ChannelObject(group, name, np.asarray(values), properties)


def waveform(values, start_ns, step=0.5, name="p", **rest):
    told = {"wf_start_offset": 0.0, "wf_increment": step}
    if start_ns is not None:
        told["wf_start_time"] = stamp(start_ns)
    return channel(values, name, **told, **rest)


def tdms_bytes(*segments):
    file = io.BytesIO()
    with nptdms.TdmsWriter(file) as writer:
        for segment in segments:
            writer.write_segment(segment)
    return file.getvalue()


def opened_tdms(folder, *segments):
    return opened(FORMAT, folder, tdms_bytes(*segments))


@settings(max_examples=40)
@given(data=st.data())
def test_each_restart_keeps_its_own_start(tmp_path_factory, data):
    gaps = data.draw(st.lists(st.integers(1, 10**13), min_size=1, max_size=5))
    starts = (ns("2024-05-06T07:08:09.123456789") + np.cumsum(gaps)).tolist()
    step_ns = data.draw(st.integers(1, 10**7)) * 1000
    segments, expected, value = [], [], 0
    for start in starts:
        repeats = data.draw(st.integers(1, 2))  # a recording goes on in a second segment
        counts = [data.draw(st.integers(1, 4)) for _ in range(repeats)]
        for count in counts:
            values = np.arange(value, value + count, dtype=float)
            segments.append([waveform(values, start, step_ns / 1e9)])
            value += count
        expected += [start + k * step_ns for k in range(sum(counts))]
    table = opened_tdms(tmp_path_factory.mktemp("tdms"), *segments)
    times, _, values = zip(*rows_of(table), strict=True)
    assert values == tuple(range(value))
    assert np.abs(np.array(times) - expected).max() <= 1  # the step is a float of seconds


def test_times_are_utc_and_units_kept(tmp_path):
    start = ns("2024-01-01T00:00:00.000000001")
    table = opened_tdms(
        tmp_path,
        [waveform([1, 2], start, unit_string="bar"), waveform([3.5], start, name="T")],
    )
    assert table.column("time").type == pa.timestamp("ns", "UTC")
    assert rows_of(table) == [(start, "p", 1), (start + 500_000_000, "p", 2), (start, "T", 3.5)]
    assert table.units == {"p": "bar"}


def test_offset_is_added_and_a_step_may_change_midway(tmp_path):
    start = ns("2024-01-01")
    first = channel([1, 2], wf_start_time=stamp(start), wf_increment=1.0, wf_start_offset=0.25)
    table = opened_tdms(tmp_path, [first], [channel([3, 4], wf_increment=2.0)])
    after = [(row[0] - start) / 1e9 for row in rows_of(table)]
    assert after == [0.25, 1.25, 2.25, 4.25]


def test_properties_that_come_late_are_those_of_all_readings(tmp_path):
    start = ns("2024-01-01")
    table = opened_tdms(tmp_path, [channel([1, 2])], [waveform([3], start)])
    assert [(row[0] - start) / 1e9 for row in rows_of(table)] == [0, 0.5, 1]


def test_scaling_of_the_file_is_applied(tmp_path):
    scale = {
        "NI_Number_Of_Scales": 1,
        "NI_Scale[0]_Scale_Type": "Linear",
        "NI_Scale[0]_Linear_Slope": 0.1,
        "NI_Scale[0]_Linear_Y_Intercept": 5.0,
        "NI_Scale[0]_Linear_Input_Source": 0xFFFFFFFF,
    }
    table = opened_tdms(tmp_path, [waveform(np.array([10, 20], "i2"), ns("2024-01-01"), **scale)])
    assert [row[2] for row in rows_of(table)] == pytest.approx([6, 7])


def test_channels_without_a_waveform_take_the_stamps_of_their_group(tmp_path):
    times = ["2024-01-01T00:00:00.1", "2024-01-01T00:00:07", "2024-01-01T01:00:00.000001"]
    stamps = channel(np.array(times, "M8[us]"), "when")
    table = opened_tdms(tmp_path, [stamps, channel([1.0, 2, 3])])
    assert rows_of(table) == [(ns(t), "p", v) for t, v in zip(times, (1, 2, 3), strict=True)]
    assert "times of the channel 'when'" in said_of(table)


def test_a_channel_of_seconds_gives_elapsed_times(tmp_path):
    table = opened_tdms(tmp_path, [channel([0.5, 2.0], "Time", unit_string="min"), channel([1, 2])])
    assert table.column("time").type == pa.duration("ns")
    assert rows_of(table) == [(30 * 10**9, "p", 1), (120 * 10**9, "p", 2)]
    assert "times count from the start" in said_of(table)


@pytest.mark.parametrize("start_ns", [None, -EPOCH * 10**9])
def test_times_are_elapsed_where_no_start_is_told(tmp_path, start_ns):
    table = opened_tdms(tmp_path, [waveform([1, 2], start_ns)])
    assert table.column("time").type == pa.duration("ns")
    assert [row[0] for row in rows_of(table)] == [0, 500_000_000]


def test_same_names_in_several_groups_are_several_channels(tmp_path):
    start = ns("2024-01-01")
    table = opened_tdms(tmp_path, [waveform([1], start), waveform([2], start, group="h")])
    assert rows_of(table) == [(start, "g/p", 1), (start, "h/p", 2)]


def test_texts_are_left_out_and_said(tmp_path):
    texts = channel(["a", "b"], "note")
    table = opened_tdms(tmp_path, [waveform([1, 2], ns("2024-01-01")), texts])
    assert {row[1] for row in rows_of(table)} == {"p"}
    assert "channel 'note' left out (no numbers)" in said_of(table)


def test_channels_without_times_are_asked_about_with_those_that_have_them(tmp_path):
    other = channel([1.0, 2, 3], "index only")
    raw = tdms_bytes([waveform([1], ns("2024-01-01")), other])
    question = opened(FORMAT, tmp_path, raw).doubts.questions[0]
    assert "'index only' (neither wf_increment nor a channel of times" in question.message
    assert "--channels 'p'" in question.message
    source = source_of(tmp_path / "log.data")
    columns = source.config.columns.model_copy(update={"channels": ("p",)})
    config = source.config.model_copy(update={"columns": columns})
    table = FORMAT.open(type(source)(source.path, config, source.start))
    assert not table.doubts.questions
    assert "channels without times left out" in said_of(table)


def test_an_axis_that_is_no_time_is_no_time(tmp_path):
    start = ns("2024-01-01")
    spectrum = waveform([1, 2], start, name="spectrum", wf_xunit_string="Hz")
    table = opened_tdms(tmp_path, [waveform([1], start), spectrum])
    assert {row[1] for row in rows_of(table)} == {"p"}
    assert "its axis is in 'Hz'" in table.doubts.questions[0].message


@pytest.mark.parametrize(
    "values", [np.array([1.0, 2]), np.array([3.8e9, 3.8e9 + 1])], ids=["no clock", "unknown epoch"]
)
def test_a_file_without_any_times_is_refused_with_what_to_write(tmp_path, values):
    with pytest.raises(DataError, match=r"expected channels with times.* Write .* wf_increment"):
        opened_tdms(tmp_path, [channel(values, "time" if values[0] > 9 else "x"), channel([1, 2])])


def test_an_old_index_file_beside_it_is_not_believed(tmp_path):
    path = tmp_path / "log.tdms"
    with nptdms.TdmsWriter(str(path), index_file=True) as writer:
        writer.write_segment([waveform([1, 2], ns("2024-01-01"))])
    path.write_bytes(tdms_bytes([waveform([3, 4], ns("2025-01-01"))]))
    assert rows_of(FORMAT.open(source_of(path)))[0] == (ns("2025-01-01"), "p", 3)


def test_a_file_that_breaks_off_is_read_to_there(tmp_path):
    raw = tdms_bytes([waveform([1.0, 2, 3], ns("2024-01-01"))])
    table = opened(FORMAT, tmp_path, raw[:-8])
    assert [row[2] for row in rows_of(table)] == [1, 2]
    assert "read to where the file breaks off" in said_of(table)


def test_damage_is_told_with_the_file(tmp_path):
    start = waveform([1.0], ns("2024-01-01"))
    raw = tdms_bytes([start], [start])
    cut = raw.rfind(b"TDSm")
    with pytest.raises(DataError, match=r"log\.data: the TDMS file is damaged"):
        opened(FORMAT, tmp_path, raw[:cut] + b"TDSX" + raw[cut + 4 :])
