"""Wall clocks, daylight saving time and mixed offsets."""

import numpy as np
import pandas as pd
import pytest
from log_files import arrays, ns, read

from latentode.data.reading.cells.zones import localize
from latentode.errors import DataError

HOUR = 3_600_000_000_000


def times_of(folder, cells, **values):
    rows = "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
    dataset, _ = read(folder, "time,x\n" + rows, **values)
    order = np.argsort(dataset.readings.values)
    return dataset.readings.times[order].tolist(), dataset.clock


def test_naive_times_without_a_zone_stay_on_the_wall_clock(tmp_path):
    times, clock = times_of(tmp_path, ["2024-07-01 12:00:00"])
    assert times == [ns("2024-07-01T12:00")]
    assert (clock.kind, clock.zone) == ("calendar", None)


def test_naive_times_with_a_zone_become_utc(tmp_path):
    times, clock = times_of(tmp_path, ["2024-07-01 12:00:00"], time__tz="Europe/Berlin")
    assert times == [ns("2024-07-01T10:00")]
    assert clock.zone == "Europe/Berlin"


def test_offsets_that_change_with_summer_time_are_exact(tmp_path):
    cells = ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-10-27T03:30:00+01:00"]
    times, clock = times_of(tmp_path, cells)
    assert times == [ns("2024-10-27T00:30"), ns("2024-10-27T01:30"), ns("2024-10-27T02:30")]
    assert clock.zone == "UTC"
    named, clock = times_of(tmp_path, cells, time__tz="Europe/Berlin")
    assert named == times
    assert clock.zone == "Europe/Berlin"


def test_naive_and_aware_times_do_not_mix_without_a_zone(tmp_path):
    cells = ["2024-07-01T12:00:00Z", "2024-07-01T12:00:00", "2024-07-01T12:00:01Z"]
    with pytest.raises(DataError, match=r"line 2 has one, line 3 has none.*--tz"):
        times_of(tmp_path, cells)
    times, _ = times_of(tmp_path, cells, time__tz="Europe/Berlin")
    assert times[1] == ns("2024-07-01T10:00")


def test_time_that_does_not_exist_is_refused_with_the_line(tmp_path):
    with pytest.raises(
        DataError, match="line 3: 2024-03-31 02:30:00 does not exist in Europe/Berlin"
    ):
        times_of(tmp_path, ["2024-03-31 01:30", "2024-03-31 02:30"], time__tz="Europe/Berlin")


def autumn(minutes):
    """Wall-clock times of Berlin from 2024-10-26T23:00 UTC, with the hour that is lived twice."""
    utc = pd.date_range("2024-10-26 23:00", periods=360 // minutes, freq=f"{minutes}min", tz="UTC")
    wall = utc.tz_convert("Europe/Berlin").tz_localize(None)
    return utc.as_unit("ns").asi8.tolist(), [str(stamp) for stamp in wall]


@pytest.mark.parametrize("minutes", [5, 20, 30, 60])
def test_hour_lived_twice_is_told_by_the_order_of_rows(tmp_path, minutes):
    utc, cells = autumn(minutes)
    assert times_of(tmp_path, cells, time__tz="Europe/Berlin")[0] == utc


@pytest.mark.parametrize("minutes", [20, 60])
def test_reversed_log_gives_equal_bits(tmp_path, minutes):
    _, cells = autumn(minutes)
    rows = [f"{cell},{i}" for i, cell in enumerate(cells)]
    results = [
        read(tmp_path, "\n".join(["time,x", *order]) + "\n", time__tz="Europe/Berlin")[0]
        for order in (rows, rows[::-1])
    ]
    assert arrays(results[0].readings) == arrays(results[1].readings)


def test_irregular_first_pass_of_one_reading_is_told_by_the_step_back(tmp_path):
    cells = ["2024-10-27 01:00", "2024-10-27 02:50", "2024-10-27 02:10", "2024-10-27 03:00"]
    times, _ = times_of(tmp_path, cells, time__tz="Europe/Berlin")
    assert times == [
        ns("2024-10-26T23:00"),
        ns("2024-10-27T00:50"),
        ns("2024-10-27T01:10"),
        ns("2024-10-27T02:00"),
    ]


def test_hour_lived_twice_is_told_by_series_and_channel(tmp_path):
    utc, cells = autumn(30)
    rows = [f"{s},{cell},{c},{i}" for i, cell in enumerate(cells) for s in "ab" for c in "xy"]
    text = "series,time,channel,value\n" + "\n".join(rows) + "\n"
    dataset, report = read(tmp_path, text, time__tz="Europe/Berlin")
    assert dataset.readings.times.tolist() == utc * 2
    assert "duplicates_merged" not in report.counts
    by_channel = sorted(rows, key=lambda row: row.split(",")[2])
    again, _ = read(
        tmp_path,
        "\n".join(["series,time,channel,value", *by_channel]) + "\n",
        time__tz="Europe/Berlin",
    )
    assert arrays(again.readings) == arrays(dataset.readings)


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-10-27 01:30", "2024-10-27 02:30", "2024-10-27 03:30"],
        ["2024-10-27 02:30"],
        ["2024-10-27 02:10", "2024-10-27 02:05", "2024-10-27 02:20", "2024-10-27 02:15"],
        ["2024-10-27 05:00", "2024-10-27 02:20", "2024-10-27 02:10", "2024-10-27 04:00",
         "2024-10-27 00:00", "2024-10-27 01:00"],
    ],
    ids=["passed once", "alone", "back twice", "shuffled"],
)  # fmt: skip
def test_hour_that_order_does_not_tell_is_refused_with_the_line(tmp_path, cells):
    with pytest.raises(DataError, match=r"line \d+: 2024-10-27 02:.*is ambiguous in Europe/Berlin"):
        times_of(tmp_path, cells, time__tz="Europe/Berlin")


def test_localize_leaves_utc_as_it_is():
    wall = np.arange(0, 50 * HOUR, HOUR)
    series, lines = np.zeros(50, dtype=np.int32), np.arange(50)
    times = localize(wall, "UTC", series=series, slots=None, lines=lines, where=str)
    assert times.tolist() == wall.tolist()


def test_frame_with_zone_keeps_it(tmp_path):
    utc, cells = autumn(30)
    aware = [f"{cell}{'+02:00' if i < 4 else '+01:00'}" for i, cell in enumerate(cells)]
    assert times_of(tmp_path, aware)[0] == utc
