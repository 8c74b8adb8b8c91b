"""Settings pinned to what was detected: the same log is read the same, and a part of it alike."""

import pytest
from log_files import arrays, read, readings_of, settings, write

from latentode.data.reading.log import read_log

LAYOUTS = {
    "wide": ("id,time,x,y\na,2024-01-01,1,2\na,2024-01-02,2,\nb,2024-01-01,3,4\n", {}),
    "wide without id": ("time,x,note\n2024-01-01,1,ok\n2024-01-02,2,off\n", {}),
    "hidden id": ("who,t_s,x\na,0,1\nb,0,2\na,1,3\nb,1,4\n", {}),
    "long": ("series,time,channel,value\na,1700000000,x,1\na,1700000001,y,2\n", {}),
    "milliseconds": ("time,x\n1700000000000,1\n1700000001000,2\n", {}),
    "day first": ("time,x\n03/04/2024 10:00,1\n04/04/2024 10:00,2\n", {"time__dayfirst": True}),
    "semicolon": ("time;x\n2024-01-01;1,5\n2024-01-02;2,5\n", {}),
    "home assistant": (
        "entity_id,state,last_changed\nsensor.a,1,2024-01-01T00:00:00Z\n"
        "sensor.b,2,2024-01-01T00:00:01Z\nsensor.a,unavailable,2024-01-01T00:00:02Z\n",
        {},
    ),
    "influx": (
        "#group,false,false,true,false,true\n#datatype,string,long,dateTime:RFC3339,double,string\n"
        "#default,_result,,,,\n,result,table,_time,_value,_field\n"
        ",,0,2024-01-01T00:00:00Z,1,x\n,,0,2024-01-01T00:01:00Z,2,x\n",
        {},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_log_is_read_alike_with_what_was_detected_of_it(tmp_path, layout):
    text, options = LAYOUTS[layout]
    dataset, report = read(tmp_path, text, **options)
    pinned = report.pinned(settings(**options))
    again, second = read_log(tmp_path / "log.csv", pinned)
    assert arrays(again.readings) == arrays(dataset.readings)
    assert again.series_ids == dataset.series_ids
    assert again.clock == dataset.clock
    assert second.pinned(pinned) == pinned
    assert pinned.columns.channels == dataset.channels
    assert pinned.layout != "auto"
    assert pinned.time.unit != "auto"


def test_part_of_a_log_is_read_as_the_whole_was(tmp_path):
    text, _ = LAYOUTS["hidden id"]
    _, report = read(tmp_path, text)
    part = write(tmp_path, "who,t_s,x\nb,0,2\n", "part.csv")
    assert readings_of(read_log(part, report.pinned(settings()))[0]) == {("b", "x", 0): 2.0}


def test_explicit_settings_outweigh_what_was_detected(tmp_path):
    options = {
        "columns__channels": ("y",), "time__tz": "Europe/Berlin", "cells__na": ("-",),
        "duplicates": "last",
    }  # fmt: skip
    text = "time,x,y\n2024-01-01,1,-\n2024-01-02,2,4\n"
    _, report = read(tmp_path, text, **options)
    pinned = report.pinned(settings(**options))
    assert pinned.columns.channels == ("y",)
    assert pinned.time.tz == "Europe/Berlin"
    assert pinned.cells == settings(**options).cells
    assert pinned.duplicates == "last"


def test_extra_column_is_left_out_with_a_note(tmp_path):
    _, report = read(tmp_path, "time,x\n2024-01-01,1\n2024-01-02,2\n")
    more = write(tmp_path, "time,new,x\n2024-01-01,9,1\n2024-01-02,9,2\n", "more.csv")
    dataset, second = read_log(more, report.pinned(settings()))
    assert dataset.channels == ("x",)
    assert second.left_out == {"new": "not among --channels"}
