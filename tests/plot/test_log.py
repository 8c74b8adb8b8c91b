"""The picture of a log before training."""

import numpy as np
import pytest
from look_cases import START, look_at
from matplotlib.dates import date2num

from latentode import plot
from latentode.data.dataset import Clock
from latentode.errors import ShapeError


def data_of(columns, series=None, clock=Clock("calendar")):  # noqa: B008
    return look_at(columns, series=series, clock=clock)[2]


@pytest.mark.parametrize("clock", [Clock("calendar"), Clock("elapsed", unit="h")])
def test_every_series_has_a_line_and_every_channel_a_panel(clock):
    values = np.arange(60.0)
    grid = plot.readings(data_of({"a": values, "b": -values}, np.arange(60) % 3, clock))
    assert grid.shape == (3, 1)
    lines = grid[0, 0].get_lines()
    assert [set(line.get_ydata()) for line in lines] == [{0.0}, {1.0}, {2.0}]
    drawn = np.concatenate([line.get_ydata() for line in grid[2, 0].get_lines()])
    assert sorted(drawn) == sorted(-values)


def test_values_outside_of_the_range_and_times_outside_of_the_span_are_not_shown():
    values = np.arange(100.0)
    values[3] = -9999
    grid = plot.readings(
        data_of({"a": values}), ranges={"a": (0, 99)}, span=(START, START + 50 * 600 * 10**9)
    )
    (line,) = grid[1, 0].get_lines()
    assert line.get_ydata().min() == 0
    left, right = grid[1, 0].get_xlim()
    start = date2num(np.datetime64(START, "ns"))
    width = 50 * 600 / 86_400
    assert (left, right) == pytest.approx((start - 0.02 * width, start + 1.02 * width), abs=1e-9)


def test_what_is_left_out_is_said():
    columns = {f"$c{i}": np.arange(400.0) for i in range(11)}
    grid = plot.readings(data_of(columns, np.arange(400) % 50))
    assert grid.shape == (9, 1)
    assert grid[0, 0].get_title("left") == "Readings (8 of 11 channels; values of 8 of 50 series)"
    assert grid[0, 0].get_ylabel().replace("\n", " ") == "50 series (first 40)"


def test_axes_must_be_as_many_as_are_needed():
    data = data_of({"a": np.arange(30.0)})
    figure = plot.readings(data)[0, 0].figure
    assert plot.readings(data, ax=figure.axes).shape == (2, 1)
    with pytest.raises(ShapeError, match="expected 2 axes"):
        plot.readings(data, ax=figure.axes[:1])
