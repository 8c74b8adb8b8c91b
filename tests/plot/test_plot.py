import re
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from predictions import CLOCKS, HOUR, START, log, points, prediction

from latentode import plot, results
from latentode.errors import (
    ConfigError,
    OutputExistsError,
    ResourceError,
    ShapeError,
)
from latentode.plot import style


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_forecast_draws_the_median_over_sorted_times(clock):
    dataset = prediction(clock)
    grid = plot.forecast(dataset, observed=log(clock))
    assert grid.shape == (2, 1)
    (median,) = points(grid[0, 0], "median")
    assert (np.diff(median.get_xdata()) > 0).all()
    expected = np.median(dataset["value"].values[:, 0, [1, 2, 3, 0], 0], axis=0)
    np.testing.assert_allclose(median.get_ydata(), expected, rtol=1e-12)


def test_forecast_draws_the_central_intervals():
    dataset = prediction()
    axes = plot.forecast(dataset, levels=(0.5, 0.9), channels=["level"])[0, 0]
    wide, narrow = axes.collections
    assert [c.get_label() for c in (wide, narrow)] == ["90% interval", "50% interval"]
    value = dataset["value"].values[:, 0, :, 0]
    low, high = np.quantile(value, 0.05, axis=0).min(), np.quantile(value, 0.95, axis=0).max()
    heights = wide.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((low, high), rel=1e-12)
    assert narrow.get_paths()[0].vertices[:, 1].max() < high


def lines_of_paths(axes):
    """Thin lines, without the median."""
    return [line.get_ydata() for line in axes.get_lines() if line.get_linewidth() < 1]


def test_a_few_draws_are_drawn_as_paths_over_sorted_times():
    dataset = prediction()
    paths = lines_of_paths(plot.forecast(dataset, channels=["level"])[0, 0])
    expected = dataset["value"].values[:8, 0, [1, 2, 3, 0], 0]
    np.testing.assert_array_equal(paths, expected)
    assert len(points(plot.interpolation(dataset)[0, 0], "sample paths")) == 1


@pytest.mark.parametrize(("num_draws", "number"), [(1, 0), (2, 2), (8, 8), (9, 8)])
def test_paths_are_no_more_than_there_are_draws(num_draws, number):
    dataset = prediction(num_draws=num_draws)
    assert len(lines_of_paths(plot.forecast(dataset)[0, 0])) == number


def test_periods_that_are_predicted_in_part_are_marked():
    dataset = results.aggregate(prediction(), "max", by="2h")
    axes = plot.forecast(dataset)[0, 0]
    (partial,) = points(axes, "period in part")
    wanted = ~dataset["complete"].values[0]
    assert 0 < wanted.sum() < len(wanted)
    medians = np.median(dataset["value"].values[:, 0, wanted, 0], axis=0)
    np.testing.assert_allclose(partial.get_ydata(), medians, rtol=1e-12)
    assert axes.get_title(loc="left") == "Forecast of a: max by 2h"


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_forecast_tells_readings_before_from_readings_after(clock):
    axes = plot.forecast(prediction(clock), observed=log(clock), history=3.0)[0, 0]
    (before,), (after,) = points(axes, "observed"), points(axes, "observed later")
    assert before.get_ydata().tolist() == list(range(-9, 0))  # three spans of three hours
    assert after.get_ydata().tolist() == [0, 1, 2, 3]
    assert before.get_markerfacecolor() != after.get_markerfacecolor() == "white"
    assert before.get_xdata()[-1] < points(axes, "median")[0].get_xdata()[0] == after.get_xdata()[0]


def test_the_legend_is_within_the_picture_beside_wide_labels():
    result = prediction()
    result["value"] = result["value"] + 2e5
    axes = plot.forecast(result, observed=log())[0, 0]
    axes.figure.canvas.draw()
    assert len(axes.get_legend().get_texts()) == 6
    assert axes.get_legend().get_window_extent().x1 < axes.figure.bbox.x1


def test_interpolation_tells_seen_readings_from_held_out_ones():
    source = log()
    kept = np.arange(30) % 2 == 0
    seen = source.with_readings(source.readings.select_readings(kept))
    hidden = source.with_readings(source.readings.select_readings(~kept))
    axes = plot.interpolation(prediction(), observed=seen, held_out=hidden)[0, 0]
    assert points(axes, "observed")[0].get_ydata().tolist() == list(range(-20, 10, 2))
    assert points(axes, "held out")[0].get_ydata().tolist() == list(range(-19, 10, 2))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    fan = ["90% interval", "50% interval", "median", "sample paths"]
    assert legend == [*fan, "observed", "held out"]


def test_all_series_are_drawn_side_by_side_up_to_what_can_be_looked_at():
    assert plot.forecast(prediction(), series="all", channels=["all"]).shape == (2, 2)
    many = tuple(f"s{i}" for i in range(41))
    with pytest.raises(ConfigError, match="series: expected at most 40 in one picture, got 41"):
        plot.forecast(prediction(series_ids=many), series="all")
    one = plot.forecast(prediction(series_ids=("x", "all")), series="all")
    assert one[0, 0].get_title(loc="left") == "Forecast of all"


def test_of_a_state_the_chance_of_one_is_drawn():
    dataset = prediction(attrs={"kinds": {"level": "binary"}})
    dataset["value"][..., 0] = (dataset["value"][..., 0] > 0.3).astype(float)
    axes = plot.forecast(dataset)[0, 0]
    assert axes.get_ylabel() == "level (chance of 1)"
    (chance,) = axes.get_lines()
    expected = dataset["value"].values[:, 0, [1, 2, 3, 0], 0].mean(axis=0)
    np.testing.assert_allclose(chance.get_ydata(), expected)


@pytest.mark.parametrize("name", ["Temp, °C (LGR S/N: 1000001, SEN S/N: 1000001)", "x" * 200])
def test_a_long_name_stays_beside_its_panel(name):
    grid = style.panels(2, 1, None, size=(7.2, 2.1))
    for axes in grid[:, 0]:
        style.name_axis(axes.yaxis, name)
    grid[0, 0].figure.canvas.draw()
    for axes in grid[:, 0]:
        label, panel = axes.yaxis.label.get_window_extent(), axes.get_window_extent()
        assert panel.y0 <= label.y0 < label.y1 <= panel.y1


def test_panels_are_named_with_units_and_zone():
    grid = plot.forecast(prediction(), series=["a", "b"])
    assert grid.shape == (2, 2)
    assert grid[0, 0].get_ylabel() == "level (m)"
    assert grid[1, 0].get_ylabel() == "flow_$x"
    assert grid[1, 1].get_xlabel() == "time (Europe/Berlin)"
    assert grid[0, 1].get_title(loc="left") == "Forecast of b"
    naive, elapsed = (plot.forecast(prediction(c))[-1, 0].get_xlabel() for c in CLOCKS[1:])
    assert (naive, elapsed) == ("time (zone not stated)", "time (h)")


def test_the_time_axis_shows_local_time():
    axes = plot.forecast(prediction(), channels=["level"])[0, 0]
    axes.figure.draw_without_rendering()
    locator = axes.xaxis.get_major_locator()
    hours = [num2date(place, tz=locator.tz).hour for place in locator()]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    # 00:00Z to 03:00Z on the night on which Berlin skips from 02:00 to 03:00
    assert "03:00" in labels
    assert not any(label.startswith("02:") for label in labels)
    assert {1, 3, 5} <= set(hours)


def test_what_is_left_out_is_stated():
    channels = tuple(f"c{i}" for i in range(12))
    grid = plot.forecast(prediction(channels=channels))
    assert len(grid) == 8
    assert "(8 of 12 channels)" in grid[0, 0].get_title(loc="left")


def test_forecast_draws_into_the_axes_of_the_caller():
    figure = Figure()
    given = figure.subplots(2, 1)
    grid = plot.forecast(prediction(), ax=given)
    assert grid[0, 0] is given[0]
    assert grid[1, 0] is given[1]
    with pytest.raises(ShapeError, match=r"expected 2 axes \(2 rows, 1 columns\), got 1"):
        plot.forecast(prediction(), ax=given[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"series": "z"}, r"series: expected some of 'a', 'b', got \['z'\]"),
        ({"channels": ["z"]}, "channel: expected some of 'level'"),
        ({"channels": []}, r"got \[\]"),
        ({"levels": (1.0,)}, "levels: expected numbers between 0 and 1"),
    ],
)
def test_forecast_refuses_what_it_cannot_draw(options, message):
    with pytest.raises(ConfigError, match=message):
        plot.forecast(prediction(), **options)


def test_forecast_of_a_single_padded_step_can_be_drawn(tmp_path):
    dataset = results.to_dataset(
        np.zeros((1, 2, 2, 1)),
        np.full((2, 2), START),
        series_ids=("a", "b"),
        channels=("level",),
        clock=CLOCKS[0],
        valid=[[True, False], [False, False]],
    )
    for series in ("a", "b"):
        grid = plot.forecast(dataset, observed=log(), series=series)
        assert plot.save(grid, tmp_path / f"{series}.png").stat().st_size > 1000


def latent_states(size=3, series_ids=("a", "_b$")):
    angles = np.linspace(0, 5, 30)
    path = np.zeros((1, len(series_ids), 30, size))
    path[..., 0], path[..., 1] = 3 * np.cos(angles), np.sin(angles)
    times = np.tile(START + HOUR * np.arange(30), (len(series_ids), 1))
    return results.to_dataset(
        path, times, series_ids=series_ids, channels=None, dim="latent", clock=CLOCKS[0]
    )


def test_latent_trajectory_projects_on_the_principal_plane():
    dataset = latent_states()
    axes = plot.latent_trajectory(dataset, series=["a"])
    assert isinstance(axes, Axes)
    x, y = axes.get_lines()[0].get_data()
    states = dataset["value"].values[0, 0]
    # the states lie in a plane, so that the projection keeps every distance
    drawn = np.hypot(x[:, None] - x, y[:, None] - y)
    true = np.linalg.norm(states[:, None] - states, axis=-1)
    np.testing.assert_allclose(drawn, true, atol=1e-12)
    shares = [int(s) for s in re.findall(r"(\d+)%", axes.get_xlabel() + axes.get_ylabel())]
    assert sum(shares) == 100
    assert shares[0] > shares[1]


def test_latent_trajectory_takes_two_latent_dimensions():
    axes = plot.latent_trajectory(latent_states(), components=(1, 0))
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata()[0], 3.0, rtol=1e-12)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latent 1", "latent 0")
    assert len(axes.get_legend().get_texts()) == 2


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (prediction(), {}, "expected latent states"),
        (latent_states(), {"components": (0, 3)}, "expected two of 0 to 2"),
        (latent_states(), {"series": ["z"]}, "series: expected some of"),
    ],
)
def test_latent_trajectory_refuses_what_it_cannot_draw(dataset, options, message):
    with pytest.raises(ConfigError, match=message):
        plot.latent_trajectory(dataset, **options)


def test_training_curves_mark_the_best_epoch():
    crps = [0.9, float("nan"), 0.4, 0.5]
    history = [{"epoch": i, "train_loss": -i, "validation_crps": c} for i, c in enumerate(crps)]
    history.append({"epoch": 4, "train_loss": "", "validation_crps": None})
    loss, score = plot.training_curves(history)
    assert loss.get_lines()[0].get_ydata()[:4].tolist() == [0, -1, -2, -3]
    assert np.isnan(loss.get_lines()[0].get_ydata()[4])
    assert score.texts[0].get_text() == "best: 0.4 at epoch 2"


def test_training_curves_can_be_drawn_without_a_validation():
    _, score = plot.training_curves([{"epoch": 1, "train_loss": 2.0}])
    assert not score.texts


def test_training_curves_refuse_an_empty_history():
    with pytest.raises(ConfigError, match="at least one epoch"):
        plot.training_curves([])


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_save_writes_the_same_bytes_for_the_same_picture(tmp_path, suffix, start):
    paths = [
        plot.save(plot.forecast(prediction(series_ids=("<b>泵$", "c"))), tmp_path / f"{i}{suffix}")
        for i in range(2)
    ]
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(start)


def test_save_refuses_other_formats_and_existing_files(tmp_path):
    axes = plot.training_curves([{"epoch": 1, "train_loss": 2.0}])
    with pytest.raises(ConfigError, match="expected a name in png, svg, pdf"):
        plot.save(axes, tmp_path / "a.gif")
    path = plot.save(axes[0].figure, tmp_path / "a.png")
    with pytest.raises(OutputExistsError, match="exists already"):
        plot.save(axes, path, overwrite=False)
    with pytest.raises(ResourceError, match="cannot be written"):
        plot.save(axes, tmp_path / "nowhere" / "a.png")


def test_no_picture_touches_the_global_state_of_pyplot():
    plot.forecast(prediction())
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_density_draws_the_grid_with_samples_field_and_paths_upon_it():
    rows = np.mgrid[0:32, 0:48][0]
    log_density = -0.01 * (rows - 10.0) ** 2
    field = np.stack([np.ones_like(log_density), np.zeros_like(log_density)], -1)
    axes = plot.density(
        log_density,
        extent=(-3.0, 3.0, 0.0, 2.0),
        samples=np.zeros((5, 2)),
        field=field,
        paths=np.zeros((2, 4, 2)),
        labels=("x (m)", "y (m)"),
    )
    (image,) = axes.get_images()
    assert image.get_array().max() == 1.0
    assert image.get_array()[10].min() == 1.0
    assert list(image.get_extent()) == [-3.0, 3.0, 0.0, 2.0]
    assert image.origin == "lower"
    samples, *paths = axes.get_lines()
    assert len(samples.get_xdata()) == 5
    assert len(paths) == 2
    assert axes.get_xlabel() == "x (m)"
    (arrows,) = [item for item in axes.collections if hasattr(item, "U")]
    assert (arrows.U == 1.0).all()
    assert (arrows.V == 0.0).all()
    assert not plot.density(None, extent=(0.0, 1.0, 0.0, 1.0)).get_images()


def test_densities_stand_side_by_side_under_their_titles():
    view = {"log_density": np.zeros((4, 4)), "extent": (0.0, 1.0, 0.0, 1.0)}
    axes = plot.densities({"one $x": view, "two": view}, labels=("a", "b"))
    assert [ax.get_title(loc="left") for ax in axes] == ["one $x", "two"]
    assert axes[0].figure is axes[1].figure
    assert [ax.get_ylabel() for ax in axes] == ["b", "b"]
    with pytest.raises(ShapeError, match="ax: expected 1 axes"):
        plot.densities({"one": view}, ax=axes)


def test_density_refuses_arrays_that_are_no_grid():
    with pytest.raises(
        ShapeError, match=r"log_density: expected shape \(row, column\), got \(3,\)"
    ):
        plot.density(np.zeros(3), extent=(0.0, 1.0, 0.0, 1.0))
    with pytest.raises(ShapeError, match=r"field: expected shape \(row, column, 2\), got \(3, 3\)"):
        plot.density(None, extent=(0.0, 1.0, 0.0, 1.0), field=np.zeros((3, 3)))


@pytest.mark.parametrize("clock", CLOCKS, ids=str)
def test_crossings_draws_the_probabilities_of_limits_over_sorted_times(clock):
    found = results.exceedance(prediction(clock), ["level>0.5", "flow_$x<0"])
    grid = plot.crossings(found, series=("a", "b"))
    assert grid.shape == (2, 2)
    for name, label in (
        ("reached", "reached until then"),
        ("probability", "beyond it at the time"),
    ):
        (line,) = points(grid[1, 1], label)
        assert (np.diff(line.get_xdata()) > 0).all()
        np.testing.assert_array_equal(line.get_ydata(), found[name].values[1, 1, [1, 2, 3, 0]])
    (median,) = points(grid[0, 0], "median of first crossings")
    times = np.sort(points(grid[0, 0], "reached until then")[0].get_xdata())
    assert median.get_xdata()[0] in times
    assert grid[0, 1].get_title(loc="left") == "level>0.5, b"


def test_a_limit_that_no_draw_crosses_has_no_time_of_crossing():
    grid = plot.crossings(results.exceedance(prediction(), "level>99"))
    assert not points(grid[0, 0], "median of first crossings")


def test_crossings_refuses_unknown_limits():
    found = results.exceedance(prediction(), "level>0.5")
    with pytest.raises(ConfigError, match=r"condition: expected some of 'level>0\.5'"):
        plot.crossings(found, limits="level>9")
