"""Readings beside a prediction: logs in any form, windows of time, words where nothing was read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from predictions import CLOCKS, log, points, prediction

from latentode import plot
from latentode.errors import ConfigError, DataError, LatentODEWarning


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_a_panel_without_a_reading_says_why():
    other = replace(log(), series_ids=("x", "y"))
    grid = plot.forecast(prediction(), observed=other)
    assert not any(points(axes, "observed") for axes in grid.flat)
    assert words(grid[0, 0]) == ["the log has no series a"]
    grid = plot.forecast(prediction(), observed=log(), series=["a", "b"])
    assert words(grid[0, 0]) == []
    assert words(grid[1, 0]) == ["the log has no such channel"]
    assert words(grid[0, 1]) == ["no reading of this series in the log"]
    (said,) = words(plot.forecast(prediction(), observed=log(), window=("2024-04-05", None))[0, 0])
    assert said == "no reading in this time; last at 2024-03-31 11:00"  # 09:00Z of summer time
    later = plot.interpolation(prediction(CLOCKS[2]), observed=log(CLOCKS[2]), window=(None, "9"))
    assert words(later[0, 0])[0].startswith("no reading in this time; last at 475")
    assert not any(words(axes) for axes in plot.forecast(prediction()).flat)


def test_a_channel_without_a_prediction_is_said():
    dataset = prediction()
    dataset["value"][..., 1] = np.nan
    grid = plot.forecast(dataset)
    assert [words(axes) for axes in grid.flat] == [[], ["no prediction of this channel"]]


def test_the_log_beside_a_forecast_may_have_any_form(tmp_path):
    hours = pd.date_range("2024-03-31", periods=10, freq="h", tz="UTC")
    frame = pd.DataFrame({"when": hours, "unit": "a", "level": np.arange(10.0), "x": 1.0})
    frame.loc[3, "level"] = -999
    frame = pd.concat([frame, frame.assign(unit="b", level=5.0)])
    reading = {"columns": {"id": "unit"}, "cells": {"na": ["-999"]}}
    dataset = prediction(attrs={"reading": reading})
    frame.to_csv(tmp_path / "log.csv", index=False)
    for observed in (frame, tmp_path / "log.csv", str(tmp_path / "log.csv")):
        axes = plot.forecast(dataset, observed=observed, channels=["level"])[0, 0]
        (later,) = points(axes, "observed later")
        assert later.get_ydata().tolist() == [0.0, 1.0, 2.0]


def test_a_log_of_one_series_is_that_of_the_only_one_predicted():
    frame = pd.DataFrame(
        {"t": pd.date_range("2024-03-31", periods=9, freq="h"), "level": np.arange(9.0)}
    )
    dataset = prediction(CLOCKS[1], series_ids=("pump",))
    assert points(plot.forecast(dataset, observed=frame)[0, 0], "observed later")


def test_codes_in_a_log_beside_a_forecast_are_warned_of_in_words_of_python():
    times = pd.date_range("2024-03-30", periods=200, freq="15min")
    level = np.sin(np.arange(200) / 9).round(2)
    level[5:9] = -9999
    frame = pd.DataFrame({"t": times, "level": level})
    dataset = prediction(CLOCKS[1], series_ids=("pump",))
    with pytest.warns(LatentODEWarning, match=r"data.cells.na=\('-9999',\).*Read it first"):
        plot.forecast(dataset, observed=frame)


def test_local_times_that_fall_back_are_refused_beside_a_forecast():
    utc = pd.date_range("2023-10-28T20:00", periods=400, freq="7min", tz="UTC")
    frame = pd.DataFrame({"t": utc.tz_convert("Europe/Berlin").tz_localize(None), "level": 1.5})
    frame["level"] += np.sin(np.arange(400) / 9)
    with pytest.raises(DataError, match=r"data\.time\.tz='Europe/Berlin'.*Read it first"):
        plot.forecast(prediction(CLOCKS[1], series_ids=("pump",)), observed=frame)


def test_a_window_bounds_the_axis_and_what_is_drawn():
    axes = plot.forecast(prediction(), observed=log(), window=("2024-03-30T20:00", None))[0, 0]
    (before,) = points(axes, "observed")
    assert before.get_ydata().tolist() == list(range(-5, 0))  # from 19:00Z, local winter time
    assert axes.get_xlim()[0] == pytest.approx(before.get_xdata()[0])
    axes = plot.forecast(prediction(), window=(None, "2024-03-31T01:00Z"))[0, 0]
    assert len(points(axes, "median")[0].get_xdata()) == 2
    between = plot.interpolation(
        prediction(CLOCKS[2]), observed=log(CLOCKS[2]), window=(475_508, "475510")
    )[0, 0]
    assert points(between, "observed")[0].get_ydata().tolist() == [-12 + 8 + i for i in range(3)]


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (("2024-04-02", "2024-04-01"), "expected a time after 2024-04-02, got 2024-04-01"),
        (("soon", None), "window: expected .* got 'soon'. Correct --from"),
    ],
)
def test_a_window_that_is_none_is_refused(window, message):
    with pytest.raises(ConfigError, match=message):
        plot.forecast(prediction(), window=window)
