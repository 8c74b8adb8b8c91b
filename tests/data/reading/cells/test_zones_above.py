"""Zones that lines above the rows tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import ns, read, said, write
from random_logs import few, stamps

from latentode.data.reading.cells.zones_above import zone_above
from latentode.data.reading.doubts import Doubts
from latentode.data.reading.log import read_log
from latentode.errors import DataError

HOUR = 3600 * 10**9
_LINES = st.sampled_from(
    [
        *("Timezone: UTC{sign}{hours}", "# all times UTC{sign}{hours}", "Time Zone,{sign}{hours}"),
        *("Zeitzone;GMT{sign}{hours:02d}:00", "# UTC offset: {sign}{hours}:00"),
        *("# Logger 7 (GMT{sign}{hours:02d}00)", "tz={sign}{hours:02d}:00"),
    ]
)


def rows_of(times, sep=","):
    return f"time{sep}temp\n" + "".join(f"{t}{sep}{i + 0.5}\n" for i, t in enumerate(times))


@few
@given(_LINES, st.sampled_from("+-"), st.integers(1, 11))
def test_an_offset_above_the_rows_holds_for_them(tmp_path_factory, line, sign, hours):
    sep = ";" if ";" in line else ","
    text = line.format(sign=sign, hours=hours) + "\n" + rows_of(stamps(40), sep)
    dataset, report = read_log(write(tmp_path_factory.mktemp("log"), text))
    away = int(f"{sign}{hours}") * HOUR
    assert dataset.readings.times[0] == stamps(1).as_unit("ns").asi8[0] - away
    assert any("times read in the zone" in note for note in said(report))


def test_a_place_above_the_rows_has_summer_time(tmp_path):
    text = "# Time zone: Europe/Berlin\n" + rows_of(stamps(40, start="2024-07-01"))
    dataset, _ = read(tmp_path, text)
    assert dataset.clock.zone == "Europe/Berlin"
    assert dataset.readings.times[0] == ns("2024-06-30T22:00")
    told, _ = read(tmp_path, text, time__tz="UTC")
    assert told.readings.times[0] == ns("2024-07-01")


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("Time zone: CET/CEST", "--tz Europe/Berlin"),
        ("Timezone: CST", "--tz America/Chicago or --tz Asia/Shanghai"),
        ("Timezone: Pacific Standard Time", "--tz ZONE"),
        ("Timezone: UTC+1, DST on", r"--tz \+01:00 for a clock without summer time"),
    ],
)
def test_a_zone_that_may_mean_several_is_asked_about(tmp_path, line, asked):
    text = f"{line}\n" + rows_of(stamps(40))
    with pytest.raises(DataError, match=rf"a line above the rows tells.*{asked}"):
        read(tmp_path, text)
    dataset, _ = read(tmp_path, text, time__tz="+01:00")
    assert dataset.clock.zone == "+01:00"


def test_two_zones_are_asked_about():
    doubts = Doubts()
    assert zone_above(["Timezone: UTC+2", "all times in UTC"], doubts) == "+02:00"
    assert "Pass that of the times: --tz +02:00 or --tz UTC" in doubts.questions[0].message


def test_the_time_of_an_export_tells_no_zone_of_the_readings():
    doubts = Doubts()
    assert zone_above(["# Exported 2024-03-11 12:00:00 UTC"], doubts) is None
    assert "not taken for that of the readings" in doubts.decisions[0].choice


@pytest.mark.parametrize(
    "line",
    [
        *("Device: X1", "MET station 4", "Times are in hours", "Time zone: local", "Zone: 3"),
        *("# times are local time", "Exposure time,0.5", "Time zone,,,", "Sampling time: 10 s"),
        *("Start time: 2024-03-10 00:00:00", "#datatype,string,dateTime:RFC3339", ""),
    ],
)
def test_other_lines_tell_no_zone(line):
    doubts = Doubts()
    assert zone_above([line], doubts) is None
    assert not doubts.questions
    assert not doubts.decisions


def test_stamps_with_an_offset_need_no_line(tmp_path):
    times = [f"{time:%Y-%m-%dT%H:%M}Z" for time in stamps(40)]
    dataset, report = read(tmp_path, "# all times CET\n" + rows_of(times))
    assert dataset.clock.zone == "UTC"
    assert not any("CET" in note for note in said(report))
