"""Windows of published tasks, their naive rows and metrics."""

import numpy as np
import pytest
import torch
from irregular_cases import random_windows
from scipy.interpolate import CubicSpline

from benchmarks.irregular import naive
from benchmarks.irregular.choices import parts, some_of
from benchmarks.irregular.task import (
    SeriesTask,
    channel_mean_metrics,
    forecast_metrics,
    interpolation_metrics,
    pooled_metrics,
)
from benchmarks.irregular.windows import Scale, Windows

NAN = np.nan


def two_windows():
    """The first shows rows 0 and 2 and asks for rows 1 and 2; the second shows none."""
    times = np.array([[0.0, 1.0, 4.0], [0.0, 2.0, 3.0]])
    values = np.array(
        [
            [[1.0, 10.0], [2.0, NAN], [3.0, 30.0]],
            [[NAN, NAN], [5.0, 50.0], [6.0, NAN]],
        ]
    )
    shown = np.array([[True, False, True], [False, False, False]])[..., None]
    asked = np.array([[False, True, True], [True, True, True]])[..., None]
    return Windows.build(times, values, shown, asked)


def task_of(windows, interpolates=True):
    return SeriesTask(
        "some",
        len(windows),
        lambda index, _: windows.take(index),
        windows,
        windows,
        10.0,
        interpolation_metrics,
        interpolates,
    )


def test_rows_without_a_shown_reading_are_left_out_and_padded_by_the_last_time():
    windows = two_windows()
    assert windows.lengths.tolist() == [2, 0]
    assert windows.times.tolist() == [[0.0, 4.0], [0.0, 0.0]]
    assert windows.values[0].tolist() == [[1.0, 10.0], [3.0, 30.0]]
    assert np.isnan(windows.values[1]).all()


def test_a_target_that_is_visible_too_is_marked_as_seen():
    windows = two_windows()
    assert windows.query_times.tolist() == [[1.0, 4.0], [2.0, 3.0]]
    assert windows.asked().tolist() == [
        [[True, False], [True, True]],
        [[True, True], [True, False]],
    ]
    assert windows.seen[0].tolist() == [[False, False], [True, True]]
    assert windows.asked(held_out=True).sum() == 4
    hidden = windows.without_seen()
    assert hidden.asked().tolist() == windows.asked(held_out=True).tolist()
    assert not hidden.seen.any()


@pytest.mark.parametrize(("anchor", "zero"), [("origin", 4.0), ("start", 0.0)])
def test_a_batch_measures_time_from_the_anchor_in_units_of_the_model(anchor, zero):
    windows = two_windows()
    scale = Scale.fit(windows, 2.0)
    batch = windows.batch(scale, anchor)
    assert batch.times[0].tolist() == [(0.0 - zero) / 2, (4.0 - zero) / 2]
    assert batch.query_times[0].tolist() == [(1.0 - zero) / 2, (4.0 - zero) / 2]
    assert batch.lower == min(-zero / 2, 0.0)
    assert batch.upper == max((4.0 - zero) / 2, 1.5)  # of the second window, which shows nothing
    assert torch.equal(batch.mask, torch.from_numpy(np.isfinite(windows.values)))
    assert torch.equal(batch.target_mask, torch.from_numpy(windows.asked()))
    back = scale.scaler.inverse(batch.targets.double().numpy())
    np.testing.assert_allclose(back[windows.asked()], windows.targets[windows.asked()], rtol=1e-6)


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_networks_know_the_time_since_the_start_where_they_are_told(anchor):
    windows = two_windows()
    scale = Scale.fit(windows, 2.0, dated=True)
    batch = windows.batch(scale, anchor)
    if anchor == "start":
        assert batch.times[0].tolist() == [t / 2.0 for t in windows.times[0]]
    angle = 2 * np.pi / 16 * windows.query_times[0] / 2.0
    known = batch.inputs(batch.query_times)[0]
    assert known.shape[-1] == scale.input_dim == 4
    np.testing.assert_allclose(known[:, 0], np.sin(angle), rtol=1e-6)
    np.testing.assert_allclose(known[:, 1], np.cos(angle), rtol=1e-6)
    assert windows.batch(Scale.fit(windows, 2.0), anchor).inputs.dim == 0


def test_scales_do_not_know_what_is_asked_twice_or_not_at_all():
    windows = two_windows()
    scale = Scale.fit(windows, 1.0)
    # 1, 3 shown, 2 held out of the first; 5, 6 of the second; 3 counts once
    assert scale.scaler.mean[0] == np.mean([1, 3, 2, 5, 6])


def test_targets_of_the_ragged_form_are_in_the_order_of_the_mask():
    windows = random_windows(np.random.default_rng(0))
    visible, targets = windows.dataset()
    assert np.array_equal(targets.values, windows.targets[windows.asked()])
    assert visible.readings.num_readings == np.isfinite(windows.values).sum()


def test_naive_interpolators_hold_the_ends_as_numpy_does():
    windows = random_windows(np.random.default_rng(1), shown=0.6)
    found = naive.predict(task_of(windows), windows, np.zeros(2))
    for window in range(len(windows)):
        for channel in range(2):
            read = np.isfinite(windows.values[window, :, channel])
            times, values = windows.times[window, read], windows.values[window, read, channel]
            asked = windows.asked()[window, :, channel]
            queries = windows.query_times[window, asked]
            line = found["linear"][window, asked, channel]
            np.testing.assert_allclose(line, np.interp(queries, times, values), atol=1e-6)
            curve = CubicSpline(times, values, bc_type="natural")
            held = curve(np.clip(queries, times[0], times[-1]))
            np.testing.assert_allclose(found["spline"][window, asked, channel], held, atol=1e-5)
    assert np.array_equal(np.isnan(found["mean"]), ~windows.asked())


def test_naive_forecasters_go_on_with_a_line():
    times = np.arange(6.0)[None]
    windows = Windows.build(
        times, times[..., None] * 2, (times < 3)[..., None], (times >= 3)[..., None]
    )
    found = naive.predict(task_of(windows, interpolates=False), windows, np.array([7.0]))
    np.testing.assert_allclose(found["linear"][0, :, 0], [6.0, 8.0, 10.0], atol=1e-12)
    assert found["last"][0, :, 0].tolist() == [4.0] * 3
    assert found["training mean"][0, :, 0].tolist() == [7.0] * 3


def test_the_training_mean_stands_in_for_a_channel_that_was_never_shown():
    windows = two_windows()
    found = naive.predict(task_of(windows), windows, np.array([7.0, 70.0]))
    assert found["linear"][1, 0].tolist() == [7.0, 70.0]


def test_metrics_against_sums_by_hand():
    windows = two_windows()
    guess = np.where(windows.asked(), windows.targets + 1.0, 99.0)
    guess[0, 1] += 1.0  # both seen targets are off by 2
    assert interpolation_metrics(guess, windows) == {
        "MSE, held out": 1.0,
        "MSE, all points": (4 * 1 + 2 * 4) / 6,
    }
    assert forecast_metrics(guess, windows) == {"MSE": (4 * 1 + 2 * 4) / 6}
    # first channel: errors 1, 2, 1, 1; second: 2, 1
    found = channel_mean_metrics(guess, windows)
    assert found["MSE, mean of variables"] == (7 / 4 + 5 / 2) / 2
    assert found["MAE, mean of variables"] == (5 / 4 + 3 / 2) / 2
    assert found["MSE, pooled"] == 2.0
    assert pooled_metrics(guess, windows)["MAE, held out"] == 1.0


def test_a_variable_without_targets_does_not_count():
    windows = two_windows()
    windows.targets[..., 1] = NAN
    guess = np.where(windows.asked(), windows.targets + 2.0, 0.0)
    assert channel_mean_metrics(guess, windows)["MSE, mean of variables"] == 4.0


def test_choices_keep_exactly_what_they_are_told():
    rng = np.random.default_rng(0)
    rows = rng.random((50, 30)) < 0.5
    kept = some_of(rng, rows, np.full(50, 0.3))
    assert not (kept & ~rows).any()
    assert kept.sum(1).tolist() == [int(3 * n // 10) for n in rows.sum(1)]
    each = np.repeat([0.1, 0.5], 25)
    own = some_of(rng, np.ones((50, 30), dtype=bool), each)
    assert own.sum(1).tolist() == [3] * 25 + [15] * 25
    places = some_of(rng, np.ones((500, 10), dtype=bool), np.full(500, 0.3)).mean(0)
    assert np.abs(places - 0.3).max() < 0.1  # five standard deviations


def test_parts_are_disjoint_and_whole():
    first, second, third = parts(np.random.default_rng(0).permutation(103), 0.72, 0.08)
    assert [len(first), len(second), len(third)] == [74, 8, 21]
    assert sorted([*first, *second, *third]) == list(range(103))
