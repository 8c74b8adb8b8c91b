"""Bad cells, missing values, repeated readings and outliers: nothing is lost without a count."""

import numpy as np
import pandas as pd
import pytest
from log_files import arrays, ns, read, readings_of, settings

from latentode.data.reading.cells.plain_numbers import parse_cell
from latentode.data.reading.log import read_log
from latentode.errors import DataError

T0 = ns("2024-01-01")
SECOND = 1_000_000_000


def log_with(cells, column="x"):
    rows = "".join(f"2024-01-01 00:00:{i:02d},{cell}\n" for i, cell in enumerate(cells))
    return f"time,{column}\n{rows}"


def test_bad_cells_are_listed_with_line_column_and_suggestion(tmp_path):
    text = log_with(["1", "ERR", "2", "fault", "ERR", "3", "ERR"])
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "4 cells are not numbers" in message
    assert "(line 3, column 'x': 'ERR' 3 times; line 5, column 'x': 'fault')" in message
    assert "--na ERR,fault" in message


@pytest.mark.parametrize("cells", [['"1,5"', "2"], ["2", '"-3,25"']])
def test_decimal_comma_between_commas_is_read_where_it_has_one_meaning(tmp_path, cells):
    dataset, _ = read(tmp_path, log_with(cells))
    numbers = [float(cell.strip('"').replace(",", ".")) for cell in cells]
    assert dataset.readings.values.tolist() == numbers
    again, _ = read(tmp_path, log_with(cells), cells__decimal=",")
    assert arrays(again.readings) == arrays(dataset.readings)


def test_marks_between_thousands_are_read_where_they_have_one_meaning(tmp_path):
    dataset, _ = read(tmp_path, log_with(["1", '"1,234.5"']))
    assert dataset.readings.values.tolist() == [1, 1234.5]
    with pytest.raises(DataError, match=r"'1,234' at line 3 .* --decimal \. .* --decimal , "):
        read(tmp_path, log_with(["1", '"1,234"']))


def test_configured_spellings_are_missing(tmp_path):
    text = log_with(["1", "ERR", "-", "unknown", "2"])
    dataset, report = read(tmp_path, text, cells__na=("ERR", "-", "unknown"))
    assert dataset.readings.values.tolist() == [1.0, 2.0]
    assert report.counts == {"missing_cells": 3}
    again, _ = read(tmp_path, text, cells__na=("ERR", "unknown"))
    assert arrays(again.readings) == arrays(dataset.readings)  # a dash is no reading anyway


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "null", "None", "N/A", '""', " "])
def test_usual_spellings_are_missing(tmp_path, cell):
    dataset, report = read(tmp_path, log_with(["1", cell, "2"]))
    assert dataset.readings.num_readings == 2
    assert report.counts == {"missing_cells": 1}
    # beside a bad cell the column is read in the slow way
    dataset, report = read(tmp_path, log_with(["1", cell, "2", "E"]), cells__na=("E",))
    assert report.counts == {"missing_cells": 2}


@pytest.mark.parametrize(
    "cell", ["inf", "-Infinity", "1e400", "1e300", "1e-320", "0x1F", "1_000", "٣"]
)
def test_what_no_sensor_writes_is_a_bad_cell(tmp_path, cell):
    text = log_with(["1", cell, "2"])
    with pytest.raises(DataError, match="line 3, column 'x'"):
        read(tmp_path, text)
    dataset, report = read(tmp_path, text, cells__on_bad_row="nan", cells__max_bad=0.5)
    assert dataset.readings.values.tolist() == [1.0, 2.0]
    assert report.counts["bad_cells"] == 1


@pytest.mark.parametrize("cell", ["0", "-0.0", "1e30", "1e-30", "+5", ".5", "5.", "1E3"])
def test_what_a_sensor_writes_is_a_number(tmp_path, cell):
    dataset, _ = read(tmp_path, log_with([cell]))
    assert dataset.readings.values.tolist() == [float(cell)]
    assert parse_cell(cell, {""}) == float(cell)


def test_bad_cells_are_dropped_with_their_row_or_alone_and_counted(tmp_path):
    rows = "".join(f"{s},2024-01-01 00:00:{i:02d},{i},{i}\n" for i in range(60) for s in "ab")
    text = "id,time,x,y\n" + rows + "a,2024-01-02,ERR,7\nb,2024-01-02,8,ERR\n"
    dropped, report = read(tmp_path, text, cells__on_bad_row="drop")
    assert dropped.readings.num_readings == 240
    assert report.counts == {"bad_cells": 2, "rows_with_bad_cells": 2}
    assert report.per_channel["bad_cells"] == {"x": 1, "y": 1}
    assert report.per_series["rows_with_bad_cells"] == {"a": 1, "b": 1}
    emptied, report = read(tmp_path, text, cells__on_bad_row="nan")
    assert emptied.readings.num_readings == 242
    assert report.counts == {"bad_cells": 2}


def test_more_bad_cells_than_accepted_are_refused(tmp_path):
    text = log_with(["1"] * 50 + ["ERR"] * 2)
    with pytest.raises(DataError, match=r"3.8% of the values and more than --max-bad"):
        read(tmp_path, text, cells__on_bad_row="nan")
    _, report = read(tmp_path, text, cells__on_bad_row="nan", cells__max_bad=0.05)
    assert report.counts["bad_cells"] == 2


def test_bad_cell_far_down_a_file_is_found_with_its_line(tmp_path):
    cells = [str(i % 89) for i in range(400_000)]
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    text = "time_s,x\n" + rows + "400000,text\n"
    with pytest.raises(DataError, match="line 400002, column 'x': 'text'"):
        read(tmp_path, text)


def test_bad_cells_of_a_long_log_count_by_channel_and_text_channels_are_left_out(tmp_path):
    rows = "".join(f"a,{i},t,{i}\na,{i},state,idling\n" for i in range(200))
    text = "series,time_s,channel,value\n" + rows + "a,200,t,ERR\n"
    with pytest.raises(
        DataError, match=r"1 cell is not a number.*line 402, column 'value', channel 't': 'ERR'"
    ):
        read(tmp_path, text)
    dataset, report = read(tmp_path, text, cells__on_bad_row="nan")
    assert dataset.channels == ("t",)
    assert report.counts == {"bad_cells": 1, "cells_of_text_columns": 200}
    assert report.per_channel["bad_cells"] == {"t": 1}


def test_a_row_without_a_time_is_blank_only_if_nothing_else_was_written_in_it(tmp_path):
    log, rows = tmp_path / "log.csv", [f"2024-01-01 {h:02d}:00,{h}.5,{h}" for h in range(20)]
    for row in (",ERR,", ",ERR,ERR", ",2.5,"):
        log.write_text("\n".join(["time,a,b", *rows, row, ""]))
        with pytest.raises(DataError, match=r"a time in column 'time' .* \(first: line 22\)"):
            read_log(log)
    log.write_text("\n".join(["time,a,b", *rows, ",,", ""]))
    dataset, _ = read_log(log)
    assert dataset.readings.num_readings == 40


def test_rows_without_time_or_id_or_channel_are_dropped_up_to_the_limit(tmp_path):
    rows = "".join(f"a,2024-01-01 00:{i // 60:02d}:{i % 60:02d},x,{i}\n" for i in range(600))
    text = "id,time,channel,value\n" + rows
    lost = "a,,x,1\n,2024-01-02,x,1\na,2024-01-02,,1\n"
    dataset, report = read(tmp_path, text + lost)
    assert dataset.readings.num_readings == 600
    reasons = ("rows_without_time", "rows_without_id", "rows_without_channel")
    assert [report.counts[reason] for reason in reasons] == [1, 1, 1]
    assert report.rows_read == 603
    for row, what in zip(lost.splitlines(), ("time", "id", "channel"), strict=True):
        with pytest.raises(DataError, match=f"{what}.*line 602.*--max-bad"):
            read(tmp_path, text + row, cells__max_bad=0.001)


@pytest.mark.parametrize(("policy", "expected"), [("mean", 2.0), ("first", 3.0), ("last", 1.0)])
def test_repeated_readings_are_merged_by_policy_and_counted(tmp_path, policy, expected):
    text = "id,time,x,y\na,2024-01-01,3,5\na,2024-01-01,1,5\nb,2024-01-01,4,\n"
    dataset, report = read(tmp_path, text, duplicates=policy)
    assert readings_of(dataset) == {
        ("a", "x", T0): expected,
        ("a", "y", T0): 5.0,
        ("b", "x", T0): 4.0,
    }
    assert report.counts["duplicates_merged"] == 1
    assert report.counts["duplicates_identical"] == 1
    assert report.per_channel["duplicates_merged"] == {"x": 1}
    assert report.per_series["duplicates_identical"] == {"a": 1}


def test_repeated_readings_may_be_refused_with_their_lines(tmp_path):
    text = "id,time,x\na,2024-01-02,1\na,2024-01-01,3\nb,2024-01-01,2\na,2024-01-01,3\n"
    with pytest.raises(
        DataError, match=r"'x' of series 'a' has two readings .*line 3 and line 5., 1 such"
    ):
        read(tmp_path, text, duplicates="error")


def test_mean_of_repeats_does_not_depend_on_their_order(tmp_path):
    values = [0.1, 1e16, -1e16, 0.3, 7.7]
    results = set()
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(values)
        text = "time,x\n" + "".join(f"2024-01-01,{v!r}\n" for v in order.tolist())
        dataset, _ = read(tmp_path, text, duplicates="mean")
        results.add(dataset.readings.values.tobytes())
    assert len(results) == 1


def test_equal_repeats_keep_their_value_to_the_bit(tmp_path):
    dataset, _ = read(tmp_path, "time,x\n" + "2024-01-01,0.1\n" * 3)
    assert dataset.readings.values.tolist() == [0.1]  # (0.1 + 0.1 + 0.1) / 3 is not 0.1


def test_outliers_are_clipped_by_robust_deviations_and_counted(tmp_path):
    values = [i + i % 3 / 4 for i in range(99)] + [1e9]
    rows = "".join(f"{i},{v},{7 if i else 1000}\n" for i, v in enumerate(values))
    text = "time_s,x,constant\n" + rows
    plain, report = read(tmp_path, text)
    assert "values_clipped" not in report.counts
    dataset, report = read(tmp_path, text, clip_outliers=5)
    middle = np.median(values)
    limit = middle + 5 * 1.4826 * np.median(np.abs(np.array(values) - middle))
    found = dataset.readings.dense(slice(0, 100))
    assert found[-1, 0] == pytest.approx(limit)
    np.testing.assert_array_equal(found[:-1], plain.readings.dense(slice(0, 99)))
    assert report.counts["values_clipped"] == 1
    assert report.per_channel["values_clipped"] == {"x": 1}


def test_frames_report_rows_instead_of_lines():
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=3), "x": [1, "ERR", 2.5]})
    with pytest.raises(DataError, match=r"DataFrame: 1 cell is not.*row 1, column 'x': 'ERR'"):
        read_log(frame)
    dataset, _ = read_log(frame, settings(cells__na=("ERR",)))
    assert dataset.readings.values.tolist() == [1.0, 2.5]


def test_object_cells_of_any_kind_are_read_or_refused():
    cells = [True, "2,5", None, pd.NA, 3, float("nan"), object()]
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=7), "x": cells}, dtype=object)
    with pytest.raises(DataError, match="row 6, column 'x': '<object"):
        read_log(frame)
    dataset, report = read_log(frame, settings(cells__on_bad_row="nan", cells__max_bad=0.5))
    assert dataset.readings.values.tolist() == [1, 2.5, 3]
    assert report.counts["bad_cells"] == 1


def test_large_values_keep_their_small_differences(tmp_path):
    cells = [repr(1e12 + i * 1e-3) for i in range(50)]
    dataset, _ = read(tmp_path, log_with(cells))
    assert dataset.readings.values.tolist() == [float(cell) for cell in cells]


def test_reading_twice_gives_the_same_arrays(tmp_path):
    text = log_with(range(50))
    assert arrays(read(tmp_path, text)[0].readings) == arrays(read(tmp_path, text)[0].readings)


@pytest.mark.parametrize("cell", ["5,000.5", "5000.50", "5.0005e3", "5000.5"])
def test_a_number_that_is_missing_is_so_however_its_cell_is_written(tmp_path, cell):
    text = log_with(["1.5", f'"{cell}"', "2.5", '"1,234.5"'])
    dataset, _ = read(tmp_path, text, cells__na=("x=5000.5",))
    assert dataset.readings.values.tolist() == [1.5, 2.5, 1234.5]
