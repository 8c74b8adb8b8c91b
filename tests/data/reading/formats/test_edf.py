"""EDF and EDF+: records at their own onsets, signals at their own rates, scaling of the file."""

import datetime as dt
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from format_files import ns, opened, rows_of, said_of
from hypothesis import given
from hypothesis import strategies as st
from sensor_files import edf_bytes

from latentode.config import DataConfig
from latentode.data.reading.formats.edf import FORMAT
from latentode.data.reading.formats.table import LogSource
from latentode.errors import DataError

edfio = pytest.importorskip("edfio", reason="edfio is not installed")

RAW = ("flow", "l/s", (-32768, 32767))  # the physical values are the digital ones


def opened_edf(folder, raw):
    return opened(FORMAT, folder, raw)


@given(data=st.data())
def test_gaps_between_records_stay_where_they_are(tmp_path_factory, data):
    counts = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    gaps = data.draw(st.lists(st.integers(1000, 5_000_000), min_size=1, max_size=8))
    onsets_ms = np.cumsum([data.draw(st.integers(0, 999)), *gaps])
    onsets = [f"{ms // 1000}.{ms % 1000:03}" for ms in onsets_ms.tolist()]
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    signals = [
        (f"s{k}", "mV", (-32768, 32767), rng.integers(-32768, 32768, (len(onsets), count)))
        for k, count in enumerate(counts)
    ]
    table = opened_edf(tmp_path_factory.mktemp("edf"), edf_bytes(signals, onsets))
    start = ns("2024-03-02T22:58:07")
    expected = [
        (start + onset * 10**6 + round(Fraction(10**9 * i, samples.shape[1])), name, value)
        for name, _, _, samples in signals
        for onset, record in zip(onsets_ms.tolist(), samples.tolist(), strict=True)
        for i, value in enumerate(record)
    ]
    for row, (time, name, value) in zip(rows_of(table), expected, strict=True):
        assert abs(row[0] - time) <= 1  # halves of a nanosecond are rounded to either side
        assert row[1:] == (name, value)


def test_continuous_recording_is_read_as_its_own_writer_wrote_it(tmp_path):
    fast, slow = np.sin(np.arange(40)), 20 + np.cos(np.arange(10))
    signals = [
        edfio.EdfSignal(fast, 8, label="EEG", physical_dimension="uV"),
        edfio.EdfSignal(slow, 2, label="Temp", physical_dimension="degreeC"),
    ]
    path = tmp_path / "night.edf"
    recording = edfio.Recording(startdate=dt.date(2011, 4, 30))
    edfio.Edf(signals, recording=recording, starttime=dt.time(23, 59, 58)).write(path)
    table = opened_edf(tmp_path, path.read_bytes())
    step = 10**9 // 8
    start = ns("2011-04-30T23:59:58")
    assert rows_of(table)[:40] == [
        (start + i * step, "EEG", value) for i, value in enumerate(signals[0].data)
    ]
    assert [row[0] for row in rows_of(table)[40:]] == [start + i * 4 * step for i in range(10)]
    assert table.units == {"EEG": "uV", "Temp": "degreeC"}
    assert table.column("time").type == pa.timestamp("ns")  # local: the format has no zones


def test_saturated_samples_are_readings(tmp_path):
    table = opened_edf(tmp_path, edf_bytes([(*RAW, [[-32768, 0, 32767]])], ["0"]))
    assert [row[2] for row in rows_of(table)] == [-32768, 0, 32767]


def test_scaling_is_that_of_the_file(tmp_path):
    table = opened_edf(tmp_path, edf_bytes([("t", "degC", (20, 40), [[-32768, 32767]])], ["0"]))
    assert [row[2] for row in rows_of(table)] == pytest.approx([20, 40], rel=1e-12)


def test_first_record_may_start_within_the_second(tmp_path):
    table = opened_edf(tmp_path, edf_bytes([(*RAW, [[5]])], ["0.25"], kind="EDF+C"))
    assert rows_of(table)[0][0] == ns("2024-03-02T22:58:07.25")


def test_noise_of_the_writer_in_onsets_is_no_gap(tmp_path):
    onsets = ["0.1", "1.0999999999", "2.1000000002"]
    table = opened_edf(tmp_path, edf_bytes([(*RAW, [[5], [6], [7]])], onsets, kind="EDF+C"))
    assert np.diff([row[0] for row in rows_of(table)]).tolist() == [10**9, 10**9]
    assert "own onset" not in said_of(table)


def test_annotations_are_left_out_and_counted(tmp_path):
    texts = ("+0.5\x14lights off\x14\0", "+0.7\x151\x14cough\x14\0")
    table = opened_edf(tmp_path, edf_bytes([(*RAW, [[5]])], ["0"], texts=texts))
    assert len(rows_of(table)) == 1
    assert "2 annotations left out" in said_of(table)


@pytest.mark.parametrize(
    ("short", "long", "date", "why"),
    [
        ("02.03.24", "Startdate 02-MAR-2024 X X X", "2024-03-02", "02-MAR-2024 in the header"),
        ("01.01.85", "Startdate X X X X", "1985-01-01", "anonymised"),
        ("01.01.85", "somebody's night", "1985-01-01", "anonymised"),
        ("03.03.24", "Startdate 02-MAR-2024 X X X", "2024-03-02", "another field says 03.03.24"),
        ("02.03.yy", "Startdate 02-MAR-2094 X X X", "2094-03-02", "02-MAR-2094"),
        ("31.12.84", "", "2084-12-31", "31.12.84"),
        ("31.12.85", "", "1985-12-31", "31.12.85"),
    ],
)
def test_start_date_is_told_with_its_evidence(tmp_path, short, long, date, why):
    raw = edf_bytes([(*RAW, [[5]])], ["0"], date=short, recording=long)
    table = opened_edf(tmp_path, raw)
    assert rows_of(table)[0][0] == ns(f"{date}T22:58:07")
    assert f"the recording starts on {date}" in said_of(table)
    assert why in said_of(table)


def test_times_are_elapsed_where_no_start_is_told(tmp_path):
    raw = edf_bytes([(*RAW, [[5, 6]])], ["3"], date="00.00.00", recording="")
    table = opened_edf(tmp_path, raw)
    assert table.column("time").type == pa.duration("ns")
    assert rows_of(table) == [(3 * 10**9, "flow", 5), (3_500_000_000, "flow", 6)]
    assert "times count from the start" in said_of(table)


def test_labels_that_stand_twice_are_two_channels(tmp_path):
    signals = [
        ("EEG", "uV", (-1, 1), [[1]]),
        ("EEG", "uV", (-1, 1), [[2]]),
        ("", "", (-1, 1), [[3]]),
    ]
    table = opened_edf(tmp_path, edf_bytes(signals, ["0"]))
    assert [row[1] for row in rows_of(table)] == ["EEG", "EEG (2)", "channel 3"]


def test_units_beyond_ascii_are_kept(tmp_path):
    assert opened_edf(tmp_path, edf_bytes([("a", "µV", (-1, 1), [[1]])], ["0"])).units == {
        "a": "µV"
    }


def test_a_recording_that_was_not_closed_is_read_as_far_as_it_goes(tmp_path):
    raw = edf_bytes([(*RAW, [[5], [6], [7]])], ["0", "1", "2"])
    table = opened_edf(tmp_path, raw[:-10])
    assert [row[2] for row in rows_of(table)] == [5, 6]
    assert "breaks off (2 are there, the header tells of 3)" in said_of(table)


def test_signals_that_cannot_be_scaled_are_said(tmp_path):
    table = opened_edf(tmp_path, edf_bytes([("a", "", (1, 1), [[7]])], ["0"]))
    assert [row[2] for row in rows_of(table)] == [7]
    assert "Physical minimum equals physical maximum" in said_of(table)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            edf_bytes([(*RAW, [[5]])], ["0"], clock="29.00.00"),
            r"log\.data: the EDF file is damaged",
        ),
        (edf_bytes([(*RAW, [[5]])], ["x"]), r"record 0 has no onset"),
        (edf_bytes([(*RAW, [[5]])], duration="0"), r"a record duration above 0, got .* '0'"),
        (edf_bytes([(*RAW, [[5]])])[:400], r"expected a whole header .* got 400 bytes"),
    ],
)
def test_damage_is_told_with_the_file(tmp_path, raw, message):
    with pytest.raises(DataError, match=message):
        opened_edf(tmp_path, raw)


@pytest.mark.parametrize(
    "start", [b"0       ,1,2\n", b"0       " + b" " * 300, b"\xffBIOSEMI" + b" " * 300]
)
def test_other_files_are_not_taken_for_it(tmp_path, start):
    assert not FORMAT.can_open(LogSource(tmp_path / "log.edf", DataConfig(), start))
