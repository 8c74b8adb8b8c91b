"""Settings pinned to what was detected: the same log is read the same, and a part of it alike."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from log_files import arrays, ns, read, readings_of, settings, write

from latentode.data.reading.log import read_log
from latentode.data.reading.report import OF_EVERY_LOG
from latentode.errors import DataError

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


def test_bounds_of_time_are_those_of_one_log(tmp_path):
    options = {"time__start": "2024-01-02", "time__end": "2024-01-04"}
    text = "time,x\n" + "".join(f"2024-01-0{day},{day}\n" for day in range(1, 7))
    dataset, report = read(tmp_path, text, **options)
    assert dataset.readings.num_rows == 3
    pinned = report.pinned(settings(**options))
    assert (pinned.time.start, pinned.time.end) == (None, None)
    later = write(tmp_path, "time,x\n2024-01-07,7\n2024-01-08,8\n", "later.csv")
    assert read_log(later, pinned)[0].readings.num_rows == 2


@hypothesis_settings(deadline=None, max_examples=25)
@given(
    day_first=st.booleans(),
    mark=st.sampled_from("/-"),
    early=st.integers(1, 12),
    month=st.integers(2, 11),
)
def test_the_order_of_dates_holds_for_a_short_later_log(
    tmp_path_factory, day_first, mark, early, month
):
    folder = tmp_path_factory.mktemp("order")

    def stamp(moment):
        parts = (moment.day, moment.month) if day_first else (moment.month, moment.day)
        return f"{parts[0]:02}{mark}{parts[1]:02}{mark}{moment.year} {moment:%H:%M}"

    begin = datetime(2024, month, 1)
    lines = [f"{stamp(begin + timedelta(hours=6 * k))},{k % 5}\n" for k in range(4 * 26)]
    _, report = read(folder, "time,x\n" + "".join(lines))
    pinned = report.pinned(settings())
    assert pinned.time.dayfirst is day_first
    moment = datetime(2025, month, early, 6)
    later = write(folder, f"time,x\n{stamp(moment)},1\n", "later.csv")
    dataset, second = read_log(later, pinned)
    assert dataset.readings.times.tolist() == [ns(moment.isoformat())]
    assert second.pinned(pinned) == pinned


def test_dates_with_the_year_first_pin_no_order(tmp_path):
    _, report = read(tmp_path, "time,x\n2024-01-01,1\n2024-01-02,2\n")
    assert report.pinned(settings()).time.dayfirst is None


def test_a_decimal_comma_holds_for_a_later_log_that_shows_none(tmp_path):
    text = "time;x\n" + "".join(f"2024-01-01 00:{m:02};{m},25\n" for m in range(30))
    _, report = read(tmp_path, text)
    pinned = report.pinned(settings())
    assert pinned.cells.decimal == ","
    later = write(tmp_path, "time;x\n2024-01-02 00:00;1,250\n", "later.csv")
    assert readings_of(read_log(later, pinned)[0]) == {("later", "x", ns("2024-01-02")): 1.25}
    points = write(tmp_path, "time;x\n2024-01-02 00:00;1.25\n2024-01-02 00:10;2.5\n", "points.csv")
    assert read_log(points, pinned)[0].readings.values.tolist() == [1.25, 2.5]


@pytest.mark.parametrize(
    ("options", "cell"),
    [
        ({"cells__censored": "bound"}, "<0.05"),
        ({"cells__states": ("Auto=1",)}, "Auto"),
        ({"cells__na": ("E7",)}, "E7"),
    ],
)
def test_what_was_said_of_cells_holds_for_a_later_log(tmp_path, options, cell):
    text = "time,x\n" + "".join(f"2024-01-01 00:{m:02},{m}\n" for m in range(30))
    _, report = read(tmp_path, text + f"2024-01-01 01:00,{cell}\n", **options)
    later = write(tmp_path, f"time,x\n2024-01-02,{cell}\n2024-01-03,7\n", "later.csv")
    dataset, _ = read_log(later, report.pinned(settings(**options)))
    kept = {"<0.05": [0.05, 7], "Auto": [1, 7], "E7": [7]}[cell]
    assert dataset.readings.values.tolist() == kept


@pytest.mark.parametrize(("far", "side"), [("2099-12-31", "end"), ("1970-01-01", "start")])
def test_a_question_about_times_is_told_from_others(tmp_path, far, side):
    body = [f"2024-01-01 00:{m:02},{-9999 if m % 9 == 0 else m}\n" for m in range(60)]
    _, report = read(tmp_path, "time,x\n" + "".join(body) + f"{far},5\n")
    assert {question.about for question in report.questions} == {"time", "missing"}
    with pytest.raises(DataError, match=rf"--{side} any") as told:
        report.settle("training", about=OF_EVERY_LOG)
    assert "--na" not in str(told.value)
    with pytest.raises(DataError, match="--na=-9999"):
        report.settle("training")
