"""FIT: each field of the record messages at its own stamp, invalid values left out."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from format_files import ns, opened, rows_of, said_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_files import (
    ALTITUDE,
    HEART_RATE,
    LATITUDE,
    POWER,
    STAMP,
    TEMPERATURE,
    described,
    fit_bytes,
    message,
    record,
)

from latentode.data.reading.formats.fit import FORMAT
from latentode.errors import DataError

fitdecode = pytest.importorskip("fitdecode", reason="fitdecode is not installed")

START = 1_000_000_000  # in seconds since 1989-12-31
START_NS = ns("2021-09-08T01:46:40")
SESSION = 18


def opened_fit(folder, *messages):
    return opened(FORMAT, folder, fit_bytes(*messages))


@settings(max_examples=40)
@given(data=st.data())
def test_each_field_keeps_the_stamps_at_which_it_came(tmp_path_factory, data):
    gaps = data.draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=12))
    stamps = (START + np.cumsum(gaps)).tolist()
    cells = [
        (
            data.draw(st.none() | st.integers(0, 254)),
            data.draw(st.none() | st.integers(0, 1000)),
        )
        for _ in stamps
    ]
    cells[0] = (60, 200)
    messages = [
        record(stamp, (HEART_RATE, pulse), (POWER, power))
        for stamp, (pulse, power) in zip(stamps, cells, strict=True)
    ]
    table = opened_fit(tmp_path_factory.mktemp("fit"), *messages)
    expected = [
        (START_NS + (stamp - START) * 10**9, name, float(cell[place]))
        for place, name in enumerate(["heart_rate", "power"])
        for stamp, cell in zip(stamps, cells, strict=True)
        if cell[place] is not None
    ]
    assert rows_of(table) == expected


def test_times_are_utc_and_units_those_of_the_profile(tmp_path):
    table = opened_fit(tmp_path, record(START, (HEART_RATE, 61), (TEMPERATURE, -3)))
    assert table.column("time").type == pa.timestamp("ns", "UTC")
    assert table.units == {"heart_rate": "bpm", "temperature": "C"}


def test_positions_are_degrees(tmp_path):
    table = opened_fit(tmp_path, record(START, (LATITUDE, 2**29)))
    assert rows_of(table) == [(START_NS, "position_lat", 45.0)]
    assert table.units == {"position_lat": "deg"}


def test_scale_and_offset_of_the_profile_are_applied(tmp_path):
    rows = rows_of(opened_fit(tmp_path, record(START, (ALTITUDE, 3000))))
    assert {(name, value) for _, name, value in rows} == {
        ("altitude", 100.0),
        ("enhanced_altitude", 100.0),
    }


def test_a_stored_field_goes_before_one_made_of_the_bits_of_another(tmp_path):
    enhanced = (78, 0x86, "I", 0xFFFFFFFF)
    rows = rows_of(opened_fit(tmp_path, record(START, (enhanced, 3005), (ALTITUDE, 3000))))
    assert {(name, value) for _, name, value in rows} == {
        ("altitude", 100.0),
        ("enhanced_altitude", 101.0),
    }


def test_developer_fields_have_their_names_and_units(tmp_path):
    table = opened_fit(
        tmp_path,
        described(0, 0, 0x84, "core", "C", scale=100, offset=2),
        described(1, 5, 0x02, "heart_rate", "bpm"),
        record(
            START,
            (HEART_RATE, 60),
            developer=[(0, 2, 0, struct.pack("<H", 3950)), (5, 1, 1, b"\x41")],
        ),
    )
    assert rows_of(table) == [
        (START_NS, "heart_rate", 60.0),
        (START_NS, "core", 3950.0),
        (START_NS, "heart_rate (developer 1)", 65.0),
    ]
    assert table.units["core"] == "C"
    assert "some readers divide it by 100 and subtract 2" in said_of(table)


def test_texts_and_other_messages_are_left_out_and_said(tmp_path):
    activity = (42, 0x00, "B", 0xFF)
    session = message(SESSION, [STAMP], [START])
    table = opened_fit(tmp_path, record(START, (HEART_RATE, 60), (activity, 1)), session, session)
    assert rows_of(table) == [(START_NS, "heart_rate", 60.0)]
    assert "field 'activity_type' left out (text)" in said_of(table)
    assert "only record messages are read (2 session)" in said_of(table)
    assert "one series (2 sessions)" in said_of(table)


def test_activities_of_one_file_are_series(tmp_path):
    raw = fit_bytes(record(START, (POWER, 1))) + fit_bytes(record(START, (POWER, 2)))
    rows = rows_of(opened(FORMAT, tmp_path, raw))
    assert rows == [("log-1", START_NS, "power", 1.0), ("log-2", START_NS, "power", 2.0)]


def test_stamps_before_the_first_date_are_elapsed_or_left_out(tmp_path):
    table = opened_fit(tmp_path, record(5, (POWER, 1)), record(9, (POWER, 2)))
    assert rows_of(table) == [(5 * 10**9, "power", 1.0), (9 * 10**9, "power", 2.0)]
    assert table.column("time").type == pa.duration("ns")
    table = opened_fit(tmp_path, record(5, (POWER, 1)), record(START, (POWER, 2)))
    assert rows_of(table) == [(START_NS, "power", 2.0)]
    assert "when the device was switched on" in said_of(table)


@pytest.mark.parametrize("change", [lambda raw: raw[:-6], lambda raw: raw[:-1] + b"\0"])
def test_damage_is_told_with_what_was_read(tmp_path, change):
    raw = change(fit_bytes(*(record(START + k, (POWER, k)) for k in range(5))))
    message = r"log\.data: the FIT file is damaged .* after [45] records, the last at 2021-09-08T"
    with pytest.raises(DataError, match=message):
        opened(FORMAT, tmp_path, raw)


def test_a_file_without_records_names_its_messages(tmp_path):
    with pytest.raises(DataError, match=r"expected record messages .*'session': 1"):
        opened_fit(tmp_path, message(SESSION, [STAMP], [START]))
