"""Times of whole logs: what is refused, dropped or put on one clock, with the lines."""

import numpy as np
import pandas as pd
import pytest
from log_files import arrays, ns, read, readings_of, said, settings

from latentode.data.reading.log import read_log
from latentode.errors import ConfigError, DataError

SECOND = 1_000_000_000


def times_of(folder, cells, name="time", **values):
    rows = "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
    dataset, report = read(folder, f"{name},x\n{rows}", **values)
    order = np.argsort(dataset.readings.values)
    return dataset.readings.times[order].tolist(), dataset.clock, report


def test_frames_beyond_nanoseconds_are_refused_with_the_row():
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-01", "9999-01-01"]), "x": [1, 2]})
    with pytest.raises(DataError, match=r"years 1678 to 2261.*row 1"):
        read_log(frame)


def test_unreadable_times_are_refused_or_dropped_with_their_lines(tmp_path):
    cells = [f"2024-01-01 00:{i // 60:02d}:{i % 60:02d}" for i in range(600)]
    cells[3], cells[5], cells[7] = "soon", "2024-01-32", "9999-01-01"
    with pytest.raises(DataError, match="line 5: 'soon', line 7: '2024-01-32', line 9"):
        times_of(tmp_path, cells)
    times, _, report = times_of(tmp_path, cells, cells__on_bad_row="drop")
    assert len(times) == 597
    assert report.counts["rows_with_bad_time"] == 3


def test_empty_times_are_dropped_up_to_the_limit(tmp_path):
    cells = [f"2024-01-01 00:00:00.{i:03d}" for i in range(300)]
    cells[4] = ""
    times, _, report = times_of(tmp_path, cells)
    assert len(times) == 299
    assert report.counts["rows_without_time"] == 1
    with pytest.raises(DataError, match=r"1 rows without one of 300 .first: line 6"):
        times_of(tmp_path, cells, cells__max_bad=0)


def test_leap_second_and_far_years_in_a_log(tmp_path):
    times, _, _ = times_of(tmp_path, ["2016-12-31 23:59:59", "2016-12-31 23:59:60"])
    assert times == [ns("2016-12-31T23:59:59"), ns("2017-01-01")]
    for year in ("1600", "9999"):
        with pytest.raises(DataError, match=f"line 3: '{year}-01-01'"):
            times_of(tmp_path, ["2024-01-01", f"{year}-01-01"])


def test_readings_of_one_time_in_two_spellings_are_one_row(tmp_path):
    text = "time,x\n2024-01-01T00:00:00Z,1\n2024-01-01 01:00:00+01:00,3\n"
    dataset, _ = read(tmp_path, text, duplicates="mean")
    assert readings_of(dataset) == {("log", "x", ns("2024-01-01")): 2.0}


def test_naive_and_aware_times_do_not_mix_without_a_zone(tmp_path):
    cells = ["2024-07-01T12:00:00Z", "2024-07-01T12:00:00", "2024-07-01T12:00:01Z"]
    with pytest.raises(DataError, match=r"line 2 has one, line 3 has none.*--tz"):
        times_of(tmp_path, cells)
    times, _, _ = times_of(tmp_path, cells, time__tz="Europe/Berlin")
    assert times[1] == ns("2024-07-01T10:00")


def autumn(minutes):
    """Wall-clock times of Berlin from 2024-10-26T23:00 UTC, with the hour that is lived twice."""
    utc = pd.date_range("2024-10-26 23:00", periods=360 // minutes, freq=f"{minutes}min", tz="UTC")
    wall = utc.tz_convert("Europe/Berlin").tz_localize(None)
    return utc.as_unit("ns").asi8.tolist(), [str(stamp) for stamp in wall]


@pytest.mark.parametrize("minutes", [20, 60])
def test_reversed_log_gives_equal_bits(tmp_path, minutes):
    _, cells = autumn(minutes)
    rows = [f"{cell},{i}" for i, cell in enumerate(cells)]
    results = [
        read(tmp_path, "\n".join(["time,x", *order]) + "\n", time__tz="Europe/Berlin")[0]
        for order in (rows, rows[::-1])
    ]
    assert arrays(results[0].readings) == arrays(results[1].readings)


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


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_nanoseconds_beyond_what_floats_hold_are_exact(kind):
    first = 1_760_566_777_000_000_001
    times = np.array([first + 3 * row for row in range(40)], dtype=kind)
    dataset, report = read_log(pd.DataFrame({"t": times, "n": times[::-1], "x": np.arange(40) % 7}))
    assert dataset.readings.times.tolist() == [first + 3 * row for row in range(40)]
    assert report.clock.unit == "ns"


def spans(moments, form, length, mark):
    return [f"{m:{form}}{mark}{m + pd.Timedelta(length):{form}}" for m in moments]


@pytest.mark.parametrize("length", ["15min", "1h"])
@pytest.mark.parametrize("mark", [" - ", " bis ", "/", " \u2013 "])
@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%MZ"])
def test_spans_of_time_stand_at_their_start(form, mark, length):
    moments = pd.date_range("2024-03-20", periods=60, freq=length)
    frame = pd.DataFrame({"Zeitraum": spans(moments, form, length, mark), "p": range(60)})
    dataset, report = read_log(frame, settings())
    assert dataset.readings.times.tolist() == moments.as_unit("ns").asi8.tolist()
    assert any("the time is the start of each span" in each for each in said(report))


def test_a_name_with_the_letters_of_summer_and_winter_is_asked_about():
    moments = pd.date_range("2024-05-01", periods=60, freq="h")
    name = "MTU (CET/CEST)"
    frame = pd.DataFrame({name: spans(moments, "%d.%m.%Y %H:%M", "1h", " - "), "p": range(60)})
    with pytest.raises(DataError, match="--tz Europe/Berlin"):
        read_log(frame, settings())
    dataset, _ = read_log(frame, settings(time__tz="Europe/Berlin"))
    first = dataset.readings.times[0]
    assert np.datetime64(int(first), "ns") == np.datetime64("2024-04-30T22:00")  # summer time


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M:%S", "%Y", "%Y-%m-%d %H:%M"])
def test_a_format_that_no_cell_has_is_refused_though_the_times_could_be_read(tmp_path, form):
    moments = pd.date_range("2024-05-01", periods=60, freq="h")
    text = pd.DataFrame({"time": moments, "p": range(60)}).to_csv(index=False)
    with pytest.raises(ConfigError, match="Correct --time-format, or leave it out"):
        read(tmp_path, text, time__format=form)


def test_a_format_that_many_cells_lack_is_to_be_corrected_not_their_rows_dropped(tmp_path):
    days = [f"{day}/{month}/2024" for month in (1, 2) for day in range(1, 25)]
    text = "time,p\n" + "".join(f"{day},{row}\n" for row, day in enumerate(days))
    with pytest.raises(DataError, match=r"24 other cells.*Correct --time-format '%m/") as no:
        read(tmp_path, text, time__format="%m/%d/%Y")
    assert "--on-bad-row" not in str(no.value)
