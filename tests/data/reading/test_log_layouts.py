"""Layouts, roles of columns, and what is detected or refused."""

import numpy as np
import pandas as pd
import pytest
from log_files import ns, read, readings_of, said, settings, write

from latentode.data.reading.log import read_log
from latentode.errors import ConfigError, DataError, ResourceError

SECOND = 1_000_000_000


def test_wide_log_has_a_series_an_id_and_a_channel_a_column(tmp_path):
    dataset, report = read(
        tmp_path,
        "station,timestamp,PM2.5,TEMP\nb,2024-01-01 00:00:00,1,2\na,2024-01-01 01:00:00,,4\n",
    )
    assert dataset.series_ids == ("a", "b")
    assert dataset.channels == ("PM2.5", "TEMP")
    assert readings_of(dataset) == {
        ("a", "TEMP", ns("2024-01-01T01:00")): 4.0,
        ("b", "PM2.5", ns("2024-01-01T00:00")): 1.0,
        ("b", "TEMP", ns("2024-01-01T00:00")): 2.0,
    }
    assert (report.layout, report.columns["id"]) == ("wide", "station")
    assert report.counts == {"missing_cells": 1}
    assert report.missing == pytest.approx(0.25)


def test_long_log_gives_each_channel_its_own_times(tmp_path):
    dataset, report = read(
        tmp_path,
        "node,timestamp,channel,value\nn1,2024-01-01T00:00:00Z,t,1.5\n"
        "n1,2024-01-01T00:00:01Z,h,40\nn2,2024-01-01T00:00:00Z,t,2\n",
    )
    assert dataset.channels == ("h", "t")
    assert dataset.clock.zone == "UTC"
    assert len(readings_of(dataset)) == 3
    assert dataset.readings.num_rows == 3
    assert report.layout == "long"


def test_wide_log_without_ids_is_one_series_named_after_the_file(tmp_path):
    dataset, _ = read(tmp_path, "date,HUFL,HULL\n2024-01-01,1,2\n2024-01-02,3,4\n", "ETTh1.csv")
    assert dataset.series_ids == ("ETTh1",)
    assert dataset.channels == ("HUFL", "HULL")


def test_numeric_column_called_series_is_the_id(tmp_path):
    dataset, _ = read(tmp_path, "series,time,x\n10,0,1\n2,0,2\n2,1,3\n", time__unit="s")
    assert dataset.series_ids == ("2", "10")


def test_value_column_without_channel_column_is_a_wide_log(tmp_path):
    text = "series,time,value,anomaly\na,0,1,0\na,1,2,1\n"
    dataset, _ = read(tmp_path, text, time__unit="min")
    assert dataset.channels == ("value", "anomaly")


def test_ids_are_kept_byte_for_byte(tmp_path):
    ids = ["007", "7", "NA", "nan", "9007199254740993", "9007199254740992", "1e3", "True", " x"]
    rows = "".join(f"{name},{i},1\n" for i, name in enumerate(ids))
    dataset, _ = read(tmp_path, "id,time,x\n" + rows, time__unit="s")
    assert set(dataset.series_ids) == set(ids)
    numeric = "id,time,x\n007,0,1\n7,0,2\n9007199254740993,0,3\n9007199254740992,0,4\n"
    dataset, _ = read(tmp_path, numeric, time__unit="s")
    assert dataset.series_ids == ("007", "7", "9007199254740992", "9007199254740993")


def test_channel_names_are_no_missing_values(tmp_path):
    text = "series,time,channel,value\na,0,NA,1\na,0,007,2\na,0,7,3\n"
    dataset, _ = read(tmp_path, text, time__unit="s")
    assert dataset.channels == ("007", "7", "NA")


def test_influx_export_skips_annotations_and_reads_every_table(tmp_path):
    text = (
        "#group,false,false,true,true,false,false,true,true,true\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,"
        "string,string\n#default,_result,,,,,,,,\n"
        ",result,table,_start,_stop,_time,_value,_field,_measurement,host\n"
        ",,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:00:00Z,1.5,cpu,sys,a\n"
        ",,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:00:10.25Z,2.5,cpu,sys,b\n"
        "\n#group,false\n#datatype,string\n"
        ",result,table,_start,_stop,_time,_value,_field,_measurement,host\n"
        ",,2,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:00:00Z,7,mem,sys,a\n"
    )
    dataset, report = read(tmp_path, text)
    assert report.layout == "influx"
    start = ns("2024-01-01")
    assert readings_of(dataset) == {
        ("a", "cpu", start): 1.5,
        ("a", "mem", start): 7.0,
        ("b", "cpu", start + 10_250_000_000): 2.5,
    }


def test_influx_export_without_tags_takes_the_measurement_as_series(tmp_path):
    text = (
        "#datatype,string,long,dateTime:RFC3339,double,string,string\n"
        ",result,table,_time,_value,_field,_measurement\n"
        ",,0,2024-01-01T00:00:00Z,1,value,temp\n,,1,2024-01-01T00:00:00Z,2,value,hum\n"
    )
    dataset, _ = read(tmp_path, text)
    assert dataset.series_ids == ("hum", "temp")


def test_influx_fields_of_one_name_in_two_measurements_stay_two_channels(tmp_path):
    text = (
        "#datatype,string,long,dateTime:RFC3339,double,string,string,string\n"
        ",result,table,_time,_value,_field,_measurement,host\n"
        ",,0,2024-01-01T00:00:00Z,1,value,temp,a\n,,1,2024-01-01T00:00:00Z,2,value,hum,a\n"
    )
    dataset, _ = read(tmp_path, text)
    assert dataset.channels == ("hum.value", "temp.value")


def test_home_assistant_export_is_one_series_with_a_channel_an_entity(tmp_path):
    text = (
        "entity_id,state,last_changed\nsensor.t,20.5,2024-01-01T00:00:00.000Z\n"
        "sensor.t,unavailable,2024-01-01T00:01:00.000Z\nsensor.h,unknown,2024-01-01T00:01:00.000Z\n"
        "sensor.h,41,2024-01-01T00:02:00.000Z\nsun.sun,above_horizon,2024-01-01T00:02:00.000Z\n"
    )
    dataset, report = read(tmp_path, text, "history.csv")
    assert dataset.series_ids == ("history",)
    assert dataset.channels == ("sensor.h", "sensor.t")
    assert report.layout == "homeassistant"
    assert report.counts == {"missing_cells": 2, "cells_of_text_columns": 1}


def test_decimal_comma_is_taken_where_all_fractions_have_one(tmp_path):
    text = "time;t;h\n2024-01-01;1,5;40\n2024-01-02;2,25;\n"
    dataset, report = read(tmp_path, text)
    assert sorted(dataset.readings.values) == [1.5, 2.25, 40.0]
    assert any("decimal comma" in note for note in said(report))
    explicit, _ = read(tmp_path, text, cells__decimal=",")
    assert np.array_equal(explicit.readings.values, dataset.readings.values)


def test_text_column_is_left_out_with_a_note(tmp_path):
    text = "time,x,comment\n2024-01-01,1,ok\n2024-01-02,2,check\n"
    dataset, report = read(tmp_path, text)
    assert dataset.channels == ("x",)
    assert any("'comment' holds text only" in line for line in report.plan())
    with pytest.raises(DataError, match="2 cells are not numbers"):
        read(tmp_path, text, columns__channels=("x", "comment"))


def test_booleans_are_zero_and_one(tmp_path):
    dataset, _ = read(tmp_path, "time,on\n2024-01-01,True\n2024-01-02,false\n2024-01-03,\n")
    assert dataset.readings.values.tolist() == [1.0, 0.0]
    frame = pd.DataFrame(
        {"time": pd.to_datetime(["2024-01-01", "2024-01-02"]), "on": [True, False]}
    )
    assert read_log(frame)[0].readings.values.tolist() == [1.0, 0.0]


def test_static_columns_are_numbers_or_one_hot(tmp_path):
    text = "id,time,x,site,height\na,0,1,A,10\na,1,2,A,10.0\nb,0,3,B,\nc,0,4,,12\n"
    dataset, report = read(tmp_path, text, time__unit="s", columns__static=("site", "height"))
    assert dataset.static_columns == ("site=A", "site=B", "height")
    nan = np.nan
    expected = [[1, 0, 10], [0, 1, nan], [nan, nan, 12]]
    np.testing.assert_array_equal(dataset.static, expected)
    assert dataset.channels == ("x",)
    assert report.columns["static"] == ("site", "height")


def test_static_column_that_changes_is_refused(tmp_path):
    text = "id,time,x,site\na,0,1,A\na,1,2,B\n"
    with pytest.raises(DataError, match=r"'site'.*'A' and 'B' in series 'a'"):
        read(tmp_path, text, time__unit="s", columns__static=("site",))


def test_future_columns_are_inputs_and_may_stand_alone(tmp_path):
    text = "id,time,x,dose\na,0,1,5\na,1,2,\na,2,,7\n"
    dataset, _ = read(tmp_path, text, time__unit="h", columns__future=("dose",))
    hour = 3600 * SECOND
    assert dataset.channels == ("x",)
    assert dataset.readings.times.tolist() == [0, hour]
    assert dataset.inputs.channels == ("dose",)
    assert dataset.inputs.times.tolist() == [0, 2 * hour]
    assert dataset.inputs.values.tolist() == [5.0, 7.0]


@pytest.mark.parametrize(
    "text",
    [
        "id,time,channel,value\na,0,x,1\na,1,x,2\na,2,dose,7\na,0,dose,5\n",
        "id,time,channel,value,dose\na,0,x,1,5\na,1,x,2,\na,2,,,7\n",
    ],
    ids=["channel", "column"],
)
def test_future_inputs_of_a_long_log_are_channels_or_columns(tmp_path, text):
    dataset, _ = read(tmp_path, text, time__unit="s", columns__future=("dose",))
    assert dataset.channels == ("x",)
    assert dataset.inputs.times.tolist() == [0, 2 * SECOND]
    assert dataset.inputs.values.tolist() == [5.0, 7.0]


def test_chosen_channels_come_in_the_order_given_and_the_rest_is_counted(tmp_path):
    text = "series,time,channel,value\na,0,x,1\na,0,y,2\na,0,z,3\n"
    dataset, report = read(tmp_path, text, time__unit="s", columns__channels=("z", "x"))
    assert dataset.channels == ("z", "x")
    assert report.counts["readings_of_other_channels"] == 1
    assert report.per_channel["readings_of_other_channels"] == {"y": 1}


def test_channel_that_is_absent_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no column 'TEMPS'. Did you mean 'TEMP'"):
        read(tmp_path, "time,TEMP\n2024-01-01,1\n", columns__channels=("TEMPS",))
    text = "series,time,channel,value\na,0,x,1\n"
    with pytest.raises(DataError, match="no channel 'q'"):
        read(tmp_path, text, time__unit="s", columns__channels=("q",))


def test_column_without_a_reading_is_left_out_unless_it_is_chosen(tmp_path):
    text = "time,x,y\n2024-01-01,1,\n2024-01-02,2,NaN\n"
    dataset, report = read(tmp_path, text)
    assert dataset.channels == ("x",)
    assert report.left_out == {"y": "it is empty"}
    assert any("'y' left out" in decision for decision in said(report))
    dataset, report = read(tmp_path, text, columns__channels=("x", "y"))
    assert dataset.channels == ("x", "y")
    assert report.missing == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "values", "option"),
    [
        ("a,b\n1,2\n3,4\n", {}, "--time-column"),
        (
            "time,timestamp,x\n2024-01-01,2024-01-05,1\n2024-01-02,2024-01-09,2\n"
            "2024-01-03,2024-01-30,2\n",
            {},
            "--time-column",
        ),
        (
            "time,sensor,node,x\n2024-01-01,a,a,1\n2024-01-01,b,a,2\n2024-01-01,a,b,3\n",
            {},
            "--id-column",
        ),
        ("time,x\n2024-01-01,1\n", {"layout": "long"}, "--channel-column"),
        (
            "time,channel,a,b\n2024-01-01,x,1,2\n",
            {"layout": "long"},
            "--value-column",
        ),
        ("clock,x\n12:00:00,1\n12:01:00,2\n11:59:00,3\n", {}, "time of day"),
        ("time,x\n0,1\n1,2\n", {}, "--time-unit"),
    ],
)
def test_ambiguity_is_an_error_that_names_the_option(tmp_path, text, values, option):
    with pytest.raises(DataError, match=option):
        read(tmp_path, text, **values)


def test_series_told_apart_by_an_unnamed_text_column_are_not_merged(tmp_path):
    rows = "".join(f"2024-01-{d:02d},{room},{d}\n" for d in range(1, 9) for room in ("hall", "lab"))
    dataset, report = read(tmp_path, "time,room,x\n" + rows)
    assert dataset.series_ids == ("hall", "lab")
    assert any("'room'" in note for note in said(report))


def test_column_that_numbers_the_rows_is_no_channel_and_no_id(tmp_path):
    text = "id,time,sensor,x\n1,2024-01-01,a,5\n2,2024-01-02,a,6\n3,2024-01-03,b,7\n"
    dataset, report = read(tmp_path, text)
    assert (dataset.series_ids, dataset.channels) == (("a", "b"), ("x",))
    assert any("only numbers the rows" in note for note in said(report))


def test_clocks_that_keep_one_distance_are_one_time_and_the_first_is_taken(tmp_path):
    text = "start,end,x\n" + "".join(
        f"2024-01-01 0{hour}:00,2024-01-01 0{hour}:30,{hour % 3}.5\n" for hour in range(9)
    )
    dataset, report = read(tmp_path, text)
    assert (report.columns["time"], dataset.channels) == ("start", ("x",))
    assert any("same distance" in decision for decision in said(report))


def test_double_column_names_are_told_apart_in_a_file_and_refused_in_a_frame(tmp_path):
    dataset, report = read(tmp_path, "time,x,x\n2024-01-01,1,2\n")
    assert dataset.channels == ("x", "x.2")
    assert any("'x.2'" in decision or "x.2" in decision for decision in said(report))
    frame = pd.DataFrame([[1, 2, 3]], columns=["time", "x", "x"])
    with pytest.raises(DataError, match="'x' 2 times"):
        read_log(frame)


def test_too_many_channels_are_refused(tmp_path):
    names = ",".join(f"c{i}" for i in range(2000))
    text = f"time,{names}\n2024-01-01" + ",1" * 2000 + "\n"
    with pytest.raises(ResourceError, match="--max-channels"):
        read(tmp_path, text)
    rows = "".join(f"2024-01-01,c{i},1\n" for i in range(5))
    with pytest.raises(ResourceError, match="at most 3 channels, got 5"):
        read(tmp_path, "time,channel,value\n" + rows, max_channels=3)


def test_absent_configured_column_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"no column 'stamp'. Did you mean 'timestamp'"):
        read(tmp_path, "timestamp,x\n2024-01-01,1\n", columns__time="stamp")


def test_unknown_zone_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        read(tmp_path, "time,x\n2024-01-01,1\n", time__tz="Mars/Olympus")


def test_frames_of_any_index_and_dtype_read_like_files(tmp_path):
    text = "sensor,time,x,y\n7,2024-01-01 00:00:00,1.5,\n8,2024-01-01 00:00:01,,2\n"
    expected, _ = read(tmp_path, text)
    frame = pd.read_csv(write(tmp_path, text), parse_dates=["time"])
    for variant in (
        frame,
        frame.set_index("time"),
        frame.astype({"sensor": "category", "x": "Float64", "y": object}),
        frame.assign(time=frame["time"].astype(str)),
        frame.astype({"sensor": float}),
    ):
        before = variant.copy()
        dataset, report = read_log(variant, settings())
        assert readings_of(dataset) == readings_of(expected)
        assert dataset.series_ids == ("7", "8")
        assert report.source == "DataFrame"
        pd.testing.assert_frame_equal(variant, before)


@pytest.mark.parametrize(
    "columns", [{"channels": ("y",), "future": ("y",)}, {"static": ("y",), "future": ("y",)}]
)
def test_a_column_that_is_named_as_two_things_is_refused(tmp_path, columns):
    with pytest.raises(ConfigError, match=r"one meaning for column 'y'.*--future-columns"):
        read(tmp_path, "time,x,y\n0,1,2\n1,2,3\n2,1,4\n", time={"unit": "s"}, columns=columns)
