"""Logs with their times along the header are turned, and read as those that are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import arrays, read, readings_of, said, write
from log_files import settings as config

from latentode.data.reading.log import read_log

FORMS = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%MZ", "%d-%b-%y %H:%M")
UNITS = {"temp": "°C", "rh": "%", "co2": "ppm"}


@st.composite
def frames(draw):
    """Times, and a column for each of some channels; some cells are empty."""
    steps = draw(st.lists(st.integers(1, 400), min_size=24, max_size=60))
    times = pd.Timestamp("2024-01-10") + pd.to_timedelta(np.cumsum(steps), unit="min")
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frame = pd.DataFrame({"time": times})
    for channel in draw(st.permutations(list(UNITS)))[: draw(st.integers(1, 3))]:
        values = random.normal(20.0, 3.0, len(times)).round(2)
        values[random.random(len(times)) < 0.2] = np.nan
        values[:2] = 20.5
        frame[channel] = values
    return frame


def transposed(frame, form, sep, label, unit):
    head = [label, *(["unit"] if unit else []), *frame["time"].dt.strftime(form)]
    lines = [head]
    for name in frame.columns[1:]:
        cells = ["" if np.isnan(value) else str(value) for value in frame[name]]
        lines.append([name, *([UNITS[name]] if unit else []), *cells])
    return "".join(sep.join(line) + "\n" for line in lines)


@settings(max_examples=15, deadline=None)
@given(
    frames(),
    st.sampled_from(FORMS),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["channel", "", "Sensor", "Messgröße"]),
    st.booleans(),
)
def test_a_transposed_log_holds_what_the_plain_one_holds(
    tmp_path_factory, frame, form, sep, label, unit
):
    folder = tmp_path_factory.mktemp("log")
    frame["time"] = pd.to_datetime(frame["time"].dt.strftime(form), format=form, utc=True)
    if "Z" not in form:
        frame["time"] = frame["time"].dt.tz_localize(None)
    plain, _ = read_log(write(folder, frame.to_csv(index=False), "plain.csv"))
    told = {} if label in ("channel", "Messgröße") or len(frame.columns) > 2 else {
        "columns__channel": label or "Unnamed: 0"
    }  # fmt: skip
    text = transposed(frame, form, sep, label, unit)
    log, report = read(folder, text, **told)
    values = {(channel, time): value for (_, channel, time), value in readings_of(plain).items()}
    found = readings_of(log)
    named = {(channel, time): value for (_, channel, time), value in found.items()}
    if log.channels == ("value",):  # a column called Sensor names series
        named = {(series, time): value for (series, _, time), value in found.items()}
    assert named == values
    assert any("the log is turned" in words for words in said(report))
    assert not unit or dict(log.units).items() <= UNITS.items()


def test_rows_of_stations_are_series(tmp_path):
    times = pd.date_range("2024-03-04", periods=30, freq="h").strftime("%Y-%m-%d %H:%M")
    rows = [[name, *map(str, np.arange(30) + k)] for k, name in enumerate(["north", "south"])]
    text = "".join(",".join(row) + "\n" for row in [["station", *times], *rows])
    log, report = read(tmp_path, text)
    assert log.series_ids == ("north", "south")
    again, _ = read_log(tmp_path / "log.csv", report.pinned(config()))
    assert arrays(again.readings) == arrays(log.readings)


def test_a_frame_of_many_times_is_turned_and_read_alike_by_what_was_detected():
    times = pd.date_range("2024-03-04", periods=3_000, freq="min")
    values = np.random.default_rng(0).normal(size=(2, 3_000))
    frame = pd.DataFrame(values, columns=times)
    frame.insert(0, "channel", ["flow", "level"])
    log, report = read_log(frame)
    assert log.channels == ("flow", "level")
    assert np.array_equal(log.readings.values.reshape(-1, 2), values.T)
    again, _ = read_log(frame, report.pinned(config()))
    assert arrays(again.readings) == arrays(log.readings)


@pytest.mark.parametrize(
    "text",
    [
        "time,2024,2025,2026\n" + "".join(f"2024-03-{d:02d},{d},{d},{d}\n" for d in range(1, 29)),
        "t,x\n" + "".join(f"2024-03-{d:02d},{d}\n" for d in range(1, 29)),
    ],
)
def test_a_log_with_a_column_of_times_is_left_as_it_is(tmp_path, text):
    _, report = read(tmp_path, text)
    assert report.rows_read == 28
    assert not any("turned" in words for words in said(report))
