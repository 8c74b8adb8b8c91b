"""Later blocks of a long log are read as the first, or refused where that may be wrong."""

import numpy as np
import pandas as pd
import pytest

from latentode.config import LatentODEConfig
from latentode.data.reading.blocks import LogBlocks
from latentode.data.reading.log import read_log
from latentode.errors import DataError, ResourceError

ROWS, SIZE = 120, 500
MINUTES = [f"{n // 60 % 24:02}:{n % 60:02}" for n in range(ROWS)]


def config(**values):
    names = {f"data.{name.replace('__', '.')}": each for name, each in values.items()}
    return LatentODEConfig().updated(**names).data


def write(tmp_path, header, rows):
    path = tmp_path / "log.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(path, settings=None, size=SIZE):
    blocks = LogBlocks(path, settings or LatentODEConfig().data, size)
    assert not blocks.fit
    return blocks, list(blocks.read())


def rows_of(time, value=lambda n: f"{n % 17}.5", name=lambda n: f"s{n % 4}"):
    return [f"{name(n)},{time(n)},{value(n)}" for n in range(ROWS)]


def usual(n):
    return f"2024-03-05 {MINUTES[n]}"


def test_blocks_are_data_sets_that_hold_all_rows(tmp_path):
    path = write(tmp_path, "series,time,x", rows_of(usual))
    blocks, parts = read(path)
    assert len(parts) > 2
    whole, report = read_log(path)
    assert sum(part.readings.num_readings for part in parts) == whole.readings.num_readings
    assert {name for part in parts for name in part.series_ids} == {*whole.series_ids}
    assert blocks.channels == whole.channels
    assert blocks.rows_read == report.rows_read
    assert blocks.pinned == report.pinned(LatentODEConfig().data)


def late(n, first, other):
    """One form in the first rows, another in the last."""
    return other if n > ROWS - 20 else first


@pytest.mark.parametrize(
    ("first", "other", "match"),
    [
        (usual, lambda n: f"{usual(n)}+01:00", r"with and without an offset"),
        (usual, lambda n: 1_700_000_000 + 60 * n, r"from line \d+ on times are|other cells"),
        (lambda n: 60 * n, lambda n: 1_700_000_000 + n, r"from line \d+ on times are|one unit"),
        (usual, lambda n: f"05.03.2024 {MINUTES[n]}", r"from line \d+ on dates.*--time-format"),
        (lambda n: f"05.03.2024 {MINUTES[n]}", lambda n: f"03/25/2024 {MINUTES[n]}", "other cells"),
    ],
    ids=["offset", "epoch", "unit", "order", "day"],
)  # fmt: skip
def test_times_of_another_form_in_a_later_block_are_refused(tmp_path, first, other, match):
    path = write(tmp_path, "series,time,x", rows_of(lambda n: late(n, first, other)(n)))
    settings = config(time__unit="s") if isinstance(first(0), int) else config(time__dayfirst=True)
    with pytest.raises(DataError, match=match):
        read(path, settings)


@pytest.mark.parametrize(
    ("time", "match"),
    [
        (lambda n: f"05 Mar {MINUTES[n]}", r"depend on all rows.*each with its year"),
        (lambda n: f"2024-03-0{1 + n // 8 % 8},{MINUTES[n]}" if n % 8 == 0 else f",{MINUTES[n]}",
         "Write the date into every row"),
    ],
    ids=["yearless", "carried"],
)  # fmt: skip
def test_times_that_depend_on_rows_far_above_are_refused(tmp_path, time, match):
    path = write(tmp_path, "date,clock,x" if "," in time(0) else "time,x", [
        f"{time(n)},{n % 17}.5" for n in range(ROWS)
    ])  # fmt: skip
    with pytest.raises(DataError, match=match):
        read(path, config(time__year=2024) if "," not in time(0) else None, 700)


def test_a_column_that_begins_to_tell_series_apart_is_refused(tmp_path):
    rows = rows_of(usual, name=lambda n: "north" if n < ROWS - 20 else "south")
    path = write(tmp_path, "Anlage,time,x", rows)
    with pytest.raises(DataError, match=r"column 'Anlage' holds 'south'.*--id-column \"Anlage\""):
        read(path)
    blocks, parts = read(path, config(columns__id="Anlage"))
    assert parts[-1].series_ids[-1] == "south"
    assert blocks.channels == ("x",)


def test_a_number_of_a_place_that_changes_is_refused(tmp_path):
    rows = [f"{usual(n)},{n % 17}.5,{5 if n < 100 else 6}" for n in range(ROWS)]
    path = write(tmp_path, "time,x,station number", rows)
    with pytest.raises(DataError, match=r"'station number' holds '6', and '5' in all rows above"):
        read(path)


def test_a_column_that_is_empty_in_the_first_block_and_filled_later_is_refused(tmp_path):
    rows = rows_of(usual, value=lambda n: f"{n % 17}.5,{n if n > 100 else ''}")
    path = write(tmp_path, "series,time,x,y", rows)
    with pytest.raises(DataError, match=r"'y', and in the rows above it is empty.*--channels x,y"):
        read(path)
    blocks, _ = read(path, config(columns__channels=["x", "y"]))
    assert blocks.channels == ("x", "y")
    read(path, config(columns__channels=["x"]))


def test_a_new_word_of_quality_is_refused(tmp_path):
    def value(n):
        return f"{n % 17}.5,{'suspect' if n % 5 == 0 else 'verified' if n > 100 else 'good'}"

    path = write(tmp_path, "series,time,x,quality", rows_of(usual, value))
    with pytest.raises(DataError, match=r"'quality'.*holds 'verified'.*--quality good") as error:
        read(path)
    assert "--quality all" in str(error.value)
    _, parts = read(path, config(cells__quality="good,verified"))
    assert sum(part.readings.num_readings for part in parts) == 96


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (lambda n: f"{n % 17}.5,{'auto' if n > 90 else n % 13}", "'auto' 4 times"),
        (lambda n: f"{n % 17}.5,{n % 9} {'°F' if n > 90 else '°C'}", "mixes units"),
        (lambda n: f'{n % 17}.5,"{n % 13 if n < 90 else f"{n % 7},{n:03}"}"', "--decimal"),
    ],
    ids=["words", "units", "thousands"],
)  # fmt: skip
def test_cells_of_another_kind_in_a_later_block_are_refused(tmp_path, value, match):
    path = write(tmp_path, "series,time,x,y", rows_of(usual, value))
    with pytest.raises(DataError, match=match):
        read(path)


def test_bad_cells_are_named_by_their_lines_of_the_file(tmp_path):
    path = write(tmp_path, "series,time,x", rows_of(usual, lambda n: "?!" if n == 99 else f"{n}.5"))
    with pytest.raises(DataError, match=r"line 101, column 'x': '\?!'"):
        read(path)
    _, parts = read(path, config(cells__on_bad_row="drop", cells__max_bad=0.1))
    assert sum(part.readings.num_readings for part in parts) == ROWS - 1


def test_codes_for_missing_are_asked_about_in_any_block(tmp_path):
    def value(n):
        return "-999" if n in (95, 97, 99, 101, 103) else f"{n % 17}.5"

    path = write(tmp_path, "series,time,x", rows_of(usual, value))
    with pytest.raises(DataError, match=r"-999 stands . times.*--na=-999"):
        read(path)
    _, parts = read(path, config(cells__na=("-999",)))
    assert sum(part.readings.num_readings for part in parts) == ROWS - 5


def test_a_lone_number_far_from_others_in_several_blocks_is_asked_about(tmp_path):
    def value(n):
        return "431" if n % 45 == 30 else f"{n % 17}.{n % 10}"

    path = write(tmp_path, "series,time,x", rows_of(usual, value))
    with pytest.raises(DataError, match=r"431 stands once.*--na x=431") as error:
        read(path)
    assert "--na x=" in str(error.value)
    read(path, config(cells__na=("x=",)))


def hours():
    """Local times of a night on which clocks go back, in two series."""
    utc = pd.date_range("2024-10-26 20:00", periods=60, freq="10min", tz="UTC")
    local = utc.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M")
    rows = [
        (f"s{s}", time, (n * 7919 + s) % 997 / 10) for s in range(2) for n, time in enumerate(local)
    ]
    return [f"{name},{time},{value}" for name, time, value in rows]


def test_the_hour_that_occurs_twice_is_told_within_a_block_and_refused_across(tmp_path):
    settings = config(time__tz="Europe/Berlin")
    path = write(tmp_path, "series,time,x", hours())
    whole = read_log(path, settings)[0]
    _, parts = read(path, settings, 1_700)
    times = np.concatenate([part.readings.times for part in parts])
    assert np.array_equal(np.unique(times), np.unique(whole.readings.times))
    with pytest.raises(
        DataError, match=r"stand in the hour of 2024-10-2. that occurs twice.*offset"
    ):
        read(path, settings, 750)


def test_what_needs_all_readings_at_once_is_refused_by_name(tmp_path):
    path = write(tmp_path, "series,time,x", rows_of(usual))
    with pytest.raises(DataError, match="--clip-outliers: expected a log that is read at once"):
        read(path, config(clip_outliers=9.0))
    with pytest.raises(DataError, match=r"no channel 'z' in the log.*Correct --na"):
        read(path, config(cells__na=("z=-1",)))


def test_channels_of_all_blocks_together_are_limited(tmp_path):
    rows = [f"s{n % 3},{usual(n)},c{n // 30},{n}.5" for n in range(ROWS)]
    path = write(tmp_path, "series,time,channel,value", rows)
    with pytest.raises(ResourceError, match="at most 3 channels, got 4"):
        read(path, config(max_channels=3), 300)


def test_what_is_decided_of_later_blocks_is_noted(tmp_path):
    path = write(
        tmp_path,
        "series,time,x",
        rows_of(usual, lambda n: "444" if n == 99 else f"{n % 17}.{n % 9}"),
    )
    blocks, _ = read(path)
    assert any("444" in note and "--na" in note for note in blocks.notes)


@pytest.mark.parametrize(
    ("first", "other", "match"),
    [
        ("{}", "auto", r"from line \d+ on or above channel 'y' holds text alone, and numbers"),
        ("auto", "{}", r"from line \d+ on or above channel 'y' holds text alone, and numbers"),
        ("{} °C", "{} °F", r"channel 'y' is in '°F', and in '°C' above"),
        ("{}.75", '"{},5"', r"numbers have marks that no row above has.*--decimal"),
    ],
)
def test_cells_of_another_kind_from_a_block_on_are_refused(tmp_path, first, other, match):
    lines = [[f"s{n % 4},{usual(n)},{n % 17}.5," for n in range(40)] for _ in range(2)]
    lines[1] = [line.replace("03-05", "03-06") for line in lines[1]]
    rows = [line + form.format(n % 9 + 1) for part, form in zip(lines, (first, other), strict=True)
            for n, line in enumerate(part)]  # fmt: skip
    path = write(tmp_path, "series,time,x,y", rows)
    ends = len("\n".join(["series,time,x,y", *rows[:40]]).encode()) - 5
    with pytest.raises(DataError, match=match):
        read(path, size=ends)


def test_times_with_offsets_from_a_block_on_are_refused(tmp_path):
    rows = [f"s{n % 4},{usual(n)}{'' if n < 40 else '+01:00'},{n % 17}.5" for n in range(80)]
    path = write(tmp_path, "series,time,x", rows)
    ends = len("\n".join(["series,time,x", *rows[:40]]).encode()) - 5
    with pytest.raises(DataError, match=r"from line 42 on times are dates, zone UTC, and dates"):
        read(path, size=ends)


def test_blocks_whose_rows_are_all_left_out_are_counted(tmp_path):
    path = write(tmp_path, "series,time,x", rows_of(usual))
    for bounds in ({"time__start": "2024-03-05 01:30"}, {"time__end": "2024-03-05 00:20"}):
        blocks, parts = read(path, config(**bounds))
        whole, report = read_log(path, config(**bounds))
        assert blocks.counts["rows_outside"] == report.counts["rows_outside"]
        assert sum(part.readings.num_readings for part in parts) == whole.readings.num_readings
        assert blocks.rows_read == ROWS
    with pytest.raises(DataError, match="all rows were dropped"):
        read(path, config(time__start="2025-01-01"))


def test_a_long_log_without_channels_or_readings_is_refused_like_a_short_one(tmp_path):
    path = write(tmp_path, "series,time,word", rows_of(usual, lambda n: f"w{n % 7}x"))
    with pytest.raises(DataError) as short:
        read_log(path)
    with pytest.raises(DataError) as long:
        read(path)
    assert str(long.value) == str(short.value)


@pytest.mark.parametrize(
    ("header", "row", "settings"),
    [
        ("time,x,pressure", lambda n: f"{usual(n)},{n % 17}.5,{110 + n % 9}/{70 + n % 7}",
         {"columns__pairs": ["pressure"]}),
        ("t1,a,t2,b", lambda n: f"{usual(n)},{n % 17}.5,{usual(n)}:30,{n % 13}.25", {}),
        ("station,2024-01-01,2024-01-02,2024-01-03",
         lambda n: f"w{n},{n % 17}.5,{n % 13}.25,{n % 11}.75", {}),
    ],
    ids=["pairs", "clocks", "turned"],
)  # fmt: skip
def test_logs_that_are_reshaped_are_reshaped_block_by_block(tmp_path, header, row, settings):
    path = write(tmp_path, header, map(row, range(ROWS)))
    whole, _ = read_log(path, config(**settings))
    blocks, parts = read(path, config(**settings))
    assert blocks.channels == whole.channels
    assert {name for part in parts for name in part.series_ids} == {*whole.series_ids}
    assert sum(part.readings.num_readings for part in parts) == whole.readings.num_readings
    values = np.sort(np.concatenate([part.readings.values for part in parts]))
    assert np.array_equal(values, np.sort(whole.readings.values))


def test_long_files_whose_times_overlap_are_refused_where_nothing_tells_them_apart(tmp_path):
    times = pd.date_range("2024-01-01", periods=400, freq="1h")
    for number, start in enumerate(
        (0, 100)
    ):  # each is read in several blocks, never beside another
        frame = pd.DataFrame({"time": times[start : start + 200], "flow": np.arange(200) % 7})
        frame.to_csv(tmp_path / f"pump{number}x.csv", index=False)
    blocks = LogBlocks(tmp_path, LatentODEConfig().data, size=1500)
    assert sum(len(each.readings.values) for each in blocks.read()) == 400
    with pytest.raises(
        DataError, match="no column tells the series apart, the times of the 2 files"
    ):
        blocks.one_series()
