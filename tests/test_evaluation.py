"""Evaluation against oracles whose scores are known, and tasks against leakage."""

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from latentode import baselines
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.targets import Targets
from latentode.data.tasks import _quotas, _spread
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import (
    Task,
    evaluate_task,
    forecast_task,
    interpolation_task,
    table,
)

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
EPOCH = 1_700_000_000_000_000_000
LOG = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "logs"


def _dataset(parts, channels=("a", "b"), units=()):
    """From one list of (times, channel, values) a series."""
    series = np.concatenate([np.full(len(part[0]), i) for i, part in enumerate(parts)])
    times, channel, values = (np.concatenate([p[k] for p in parts]) for k in range(3))
    readings = Readings.from_triplets(
        series, times, channel, values, num_series=len(parts), channels=channels
    )
    ids = tuple(f"s{index}" for index in range(len(parts)))
    return TimeSeriesDataset(ids, readings, Clock("calendar", "UTC"), units=units)


def _irregular(seed=0, counts=(60, 90, 20), channels=("a", "b")):
    """Series with a value that identifies each reading."""
    generator = np.random.default_rng(seed)
    parts, number = [], 0
    for count in counts:
        cells = generator.choice(count * len(channels) * 2, count, replace=False)
        times = EPOCH + cells // len(channels) * HOUR
        parts.append((times, cells % len(channels), number + np.arange(float(count))))
        number += count
    return _dataset(parts, channels)


def _bounds(dataset, share=0.0, end=1.0):
    owned = [dataset.readings.times[dataset.readings.rows_of(i)] for i in range(len(dataset))]
    start = np.array([t[0] + int(share * (t[-1] - t[0])) for t in owned])
    stop = np.array([t[-1] - int((1 - end) * (t[-1] - t[0])) for t in owned])
    return {"start_ns": start, "stop_ns": stop}


def _triplets(readings):
    rows = readings.reading_rows()
    return readings.row_series()[rows], readings.times[rows], readings.channel_index


def _gaussian(mean, std, num_draws=200):
    """Predictor with a normal density of known mean and deviation at each target."""
    generator = np.random.default_rng(5)

    def predict(visible, targets):
        m, s = mean(visible, targets), std(visible, targets)
        draws = m + s * generator.normal(size=(num_draws, len(targets)))
        return draws, stats.norm.logpdf(targets.values, m, s)

    return predict


# ---- tasks ----


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 30),
    st.floats(0, 0.9),
)
def test_forecast_task_shows_only_the_past_and_asks_only_for_the_horizon(
    seed, context, horizon, max_windows, share
):
    dataset = _irregular(seed)
    bounds = _bounds(dataset, 0.8 * share, 0.8)
    context, horizon = context * HOUR, horizon * HOUR
    try:
        task = forecast_task(
            dataset, context_ns=context, horizon_ns=horizon, max_windows=max_windows, **bounds
        )
    except DataError:
        return
    window, times, _ = _triplets(task.visible.readings)
    assert 1 <= len(task.visible) <= max_windows
    for index, name in enumerate(task.visible.series_ids):
        series = dataset.series_ids.index(name)
        shown, mine = times[window == index], task.targets.window == index
        origin = shown.max()
        asked = task.targets.times[mine]
        start, stop = bounds["start_ns"][series], bounds["stop_ns"][series]
        assert start <= origin
        assert shown.min() > origin - context
        assert asked.min() > origin
        assert asked.max() <= min(origin + horizon, stop)
        # nothing in the two intervals is missing: values identify readings
        s, t, _ = _triplets(dataset.readings)
        own = s == series
        between = own & (t > origin) & (t <= min(origin + horizon, stop))
        assert set(task.targets.values[mine]) == set(dataset.readings.values[between])
        past = own & (t > origin - context) & (t <= origin)
        assert len(shown) == past.sum()
        seen = task.visible.readings.values[window == index]
        assert not set(seen) & set(task.targets.values[mine])


def test_forecast_origins_have_a_whole_horizon_unless_the_series_is_too_short():
    hours = EPOCH + np.arange(100) * HOUR
    parts = [(hours[:n], np.zeros(n, int), np.arange(float(n))) for n in (100, 8)]
    dataset = _dataset(parts)
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=10 * HOUR, max_windows=30, **_bounds(dataset)
    )
    counts = np.bincount(task.targets.window)
    assert task.visible.series_ids == ("s0",) * 29 + ("s1",)
    np.testing.assert_array_equal(counts, [10] * 29 + [7])


def test_forecast_origins_are_spread_over_rows_and_hours_of_the_day():
    hours = EPOCH + np.arange(961) * HOUR
    dataset = _dataset([(hours, np.zeros(961, int), np.arange(961.0))])
    task = forecast_task(
        dataset, context_ns=HOUR, horizon_ns=HOUR, max_windows=40, **_bounds(dataset)
    )
    origins = (task.visible.readings.times - EPOCH) // HOUR
    # one origin in each fortieth of the 960 rows with a successor: 24 h strides would alias
    np.testing.assert_array_equal(origins // 24, np.arange(40))
    assert len(np.unique(origins % 24)) >= 20


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.data())
def test_spread_takes_different_candidates_in_order(count, data):
    quota = data.draw(st.integers(0, count))
    chosen = _spread(np.arange(count) + 7, quota)
    assert len(chosen) == quota
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(range(7, count + 7))


def test_forecast_uses_every_origin_when_there_are_fewer_than_asked_for():
    dataset = _dataset([(EPOCH + np.arange(12) * HOUR, np.zeros(12, int), np.arange(12.0))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=2 * HOUR, max_windows=500, **_bounds(dataset)
    )
    assert len(task.visible) == 10


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(1, 200))
def test_quotas_use_what_there_is_and_favour_no_series(counts, total):
    quotas = _quotas(counts, total)
    assert sum(quotas) == min(total, sum(counts))
    assert all(0 <= quota <= count for quota, count in zip(quotas, counts, strict=True))
    cut_short = [q for q, c in zip(quotas, counts, strict=True) if q < c]
    if cut_short:
        assert max(quotas) <= min(cut_short) + 1


def test_forecast_task_shows_context_before_the_start():
    dataset = _dataset([(EPOCH + np.arange(50) * HOUR, np.zeros(50, int), np.arange(50.0))])
    bounds = _bounds(dataset)
    bounds["start_ns"] = bounds["start_ns"] + 30 * HOUR
    task = forecast_task(
        dataset, context_ns=20 * HOUR, horizon_ns=5 * HOUR, max_windows=3, **bounds
    )
    np.testing.assert_array_equal(np.diff(task.visible.readings.series_starts), [20] * 3)


def test_forecast_task_refuses_what_it_cannot_cut():
    dataset = _irregular()
    good = {"context_ns": DAY, "horizon_ns": DAY, "max_windows": 4, **_bounds(dataset)}
    for name in ("context_ns", "horizon_ns", "max_windows"):
        with pytest.raises(ConfigError, match=f"{name}: expected at least 1, got 0"):
            forecast_task(dataset, **{**good, name: 0})
    with pytest.raises(ShapeError, match=r"start_ns: expected shape \(3,\)"):
        forecast_task(dataset, **{**good, "start_ns": np.zeros(2, np.int64)})
    with pytest.raises(DataError, match=r"at least one window .* got none\. Give a longer log"):
        forecast_task(dataset, **{**good, "start_ns": good["stop_ns"]})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.floats(0, 0.8), st.floats(0.05, 0.9))
def test_interpolation_task_splits_the_part_into_shown_and_hidden(seed, context, share, hidden):
    dataset = _irregular(seed)
    bounds = _bounds(dataset, 0.8 * share, 0.9)
    task = interpolation_task(
        dataset, context_ns=context * HOUR, hidden=hidden, seed=seed, **bounds
    )
    window, times, channel = _triplets(task.visible.readings)
    shown = set(zip(window, times, channel, strict=True))
    asked = set(zip(task.targets.window, task.targets.times, task.targets.channel, strict=True))
    assert len(asked) == len(task.targets)
    assert not shown & asked
    for index, name in enumerate(task.visible.series_ids):
        series = dataset.series_ids.index(name)
        start, stop = bounds["start_ns"][series], bounds["stop_ns"][series]
        s, t, _ = _triplets(dataset.readings)
        inside = (s == series) & (t >= start - context * HOUR) & (t <= stop)
        mine = task.targets.window == index
        values = [*task.visible.readings.values[window == index], *task.targets.values[mine]]
        assert sorted(values) == sorted(dataset.readings.values[inside])
        assert (task.targets.times[mine] >= start).all()


def test_interpolation_task_hides_the_share_asked_for_reading_by_reading():
    hours = np.repeat(EPOCH + np.arange(4_000) * HOUR, 2)
    dataset = _dataset([(hours, np.tile([0, 1], 4_000), np.arange(8_000.0))])
    task = interpolation_task(dataset, context_ns=0, hidden=0.3, seed=1, **_bounds(dataset))
    assert len(task.targets) == pytest.approx(2_400, abs=5 * math.sqrt(8_000 * 0.21))
    both = len(task.targets) - len(np.unique(task.targets.times))
    assert both == pytest.approx(360, abs=5 * math.sqrt(4_000 * 0.09 * 0.91))


def test_interpolation_task_depends_on_its_seed_but_not_on_other_series():
    dataset = _irregular(3)

    def hidden_of(data, seed):
        task = interpolation_task(data, context_ns=0, seed=seed, **_bounds(data))
        first = task.visible.series_ids.index("s1")
        return task.targets.values[task.targets.window == first].tolist()

    alone = dataset.select_series([1])
    assert hidden_of(dataset, 4) == hidden_of(alone, 4) != hidden_of(alone, 5)


def test_interpolation_task_leaves_out_windows_without_targets_and_numbers_the_rest_anew():
    hours = EPOCH + np.arange(40) * HOUR
    parts = [
        (hours[:n], np.zeros(n, int), base + np.arange(float(n)))
        for n, base in ((40, 0), (1, 100), (40, 200))
    ]
    dataset = _dataset(parts)
    task = interpolation_task(dataset, context_ns=0, seed=0, **_bounds(dataset))
    # a single reading is either shown or hidden: no window
    assert task.visible.series_ids == ("s0", "s2")
    np.testing.assert_array_equal(task.targets.values >= 200, task.targets.window == 1)


def test_interpolation_task_refuses_shares_and_negative_lengths():
    dataset = _irregular()
    with pytest.raises(ConfigError, match=r"hidden: expected a share between 0 and 1, got 1"):
        interpolation_task(dataset, context_ns=0, hidden=1, **_bounds(dataset))
    with pytest.raises(ConfigError, match="context_ns: expected at least 0, got -1"):
        interpolation_task(dataset, context_ns=-1, **_bounds(dataset))


# ---- evaluation with oracles ----


def _ar_dataset(phi=0.9, length=4_000, scales=(1.0, 50.0)):
    """Two independent AR(1) channels with unit innovations, times a scale, hourly."""
    noise = np.random.default_rng(8).normal(size=(length, 2))
    x = np.zeros((length, 2))
    for index in range(1, length):
        x[index] = phi * x[index - 1] + noise[index]
    times = np.repeat(EPOCH + np.arange(length) * HOUR, 2)
    channel = np.tile([0, 1], length)
    units = (("b", "ppm"),)
    return _dataset([(times, channel, (x * scales).ravel())], units=units)


def _ar_oracle(phi=0.9, scales=(1.0, 50.0), inflate=1.0):
    """The conditional distribution given the last visible value of the channel."""

    def lead(visible, targets):
        last = visible.readings.times[visible.readings.series_starts[1:] - 1]
        return (targets.times - last[targets.window]) / HOUR

    def mean(visible, targets):
        final = visible.readings.dense(visible.readings.series_starts[1:] - 1)
        return final[targets.window, targets.channel] * phi ** lead(visible, targets)

    def std(visible, targets):
        variance = (1 - phi ** (2 * lead(visible, targets))) / (1 - phi**2)
        return inflate * np.asarray(scales)[targets.channel] * np.sqrt(variance)

    return _gaussian(mean, std)


STATIONARY = 1 / math.sqrt(1 - 0.81)


def _ar_result(inflate=1.0, **options):
    dataset = _ar_dataset()
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=600, **_bounds(dataset)
    )
    return evaluate_task(
        task,
        _ar_oracle(inflate=inflate),
        scale=STATIONARY * np.array([1.0, 50.0]),
        fallback=np.zeros(2),
        period_ns=DAY,
        **options,
    )


def test_oracle_of_an_ar_process_has_the_scores_of_its_closed_form():
    result = _ar_result()
    std = np.sqrt((1 - 0.81 ** np.arange(1, 7)) / 0.19)
    model, count = result["channels"]["a"]["model"], 600 * 6
    assert result["channels"]["a"]["num_targets"] == count
    # overlapping horizons share innovations: an error of 4 / sqrt(600) of each number
    rough = {"rel": 4 / math.sqrt(600)}
    assert model["mae"] == pytest.approx(std.mean() * math.sqrt(2 / math.pi), **rough)
    assert model["rmse"] == pytest.approx(math.sqrt(np.square(std).mean()), **rough)
    assert model["crps"] == pytest.approx(std.mean() / math.sqrt(math.pi), **rough)
    entropy = (0.5 * np.log(2 * math.pi * math.e) + np.log(std)).mean()
    assert model["nll"] == pytest.approx(entropy, abs=4 * math.sqrt(0.5 / 600))
    assert model["coverage_90"] == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 600))
    assert sum(result["pit"]) == pytest.approx(1.0)
    np.testing.assert_allclose(result["pit"], 0.1, atol=4 * math.sqrt(0.09 / 600))


def test_oracle_beats_every_baseline_and_the_skill_says_so():
    result = _ar_result()
    model, naive = result["overall"]["model"], result["overall"]["baselines"]
    best = min(entry["mae"] for entry in naive.values())
    assert model["mae"] < best
    assert result["skill"]["mae"] == pytest.approx(1 - model["mae"] / best, rel=1e-12)
    assert result["skill"]["crps"] == pytest.approx(1 - model["crps"] / best, rel=1e-12)
    assert result["skill"]["crps"] > 0.25
    assert len(result["sentences"]) == 2
    assert all("the model beats the best baseline" in text for text in result["sentences"])


def test_overall_is_the_mean_over_channels_in_training_standard_deviations():
    result = _ar_result()
    parts = [(result["channels"][n], STATIONARY * s) for n, s in (("a", 1.0), ("b", 50.0))]
    for key in ("mae", "rmse", "crps"):
        expected = np.mean([entry["model"][key] / scale for entry, scale in parts])
        assert result["overall"]["model"][key] == pytest.approx(expected, rel=1e-12)
        for name in baselines.NAMES:
            expected = np.mean([entry["baselines"][name][key] / scale for entry, scale in parts])
            got = result["overall"]["baselines"][name][key]
            assert got == pytest.approx(expected, rel=1e-12)
    # the density of a standardised reading: both channels are the same process in other units
    overall = result["overall"]["model"]["nll"]
    expected = np.mean([entry["model"]["nll"] - math.log(scale) for entry, scale in parts])
    assert overall == pytest.approx(expected, rel=1e-12)
    assert parts[0][0]["model"]["nll"] - math.log(STATIONARY) == pytest.approx(overall, abs=0.2)


def test_baseline_scores_are_those_of_their_own_predictions():
    dataset = _ar_dataset(length=500)
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=20, **_bounds(dataset)
    )
    result = evaluate_task(
        task, _ar_oracle(), scale=np.ones(2), fallback=np.zeros(2), chunk_windows=3
    )
    chosen = task.targets.channel == 1
    for name in baselines.NAMES:
        answer = baselines.predict(name, task.visible, task.targets, fallback=np.zeros(2))
        error = (answer - task.targets.values)[chosen]
        entry = result["channels"]["b"]["baselines"][name]
        assert entry["mae"] == entry["crps"] == pytest.approx(np.abs(error).mean(), rel=1e-12)
        assert entry["rmse"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-12)


@pytest.mark.parametrize(("inflate", "word"), [(0.4, "narrow"), (3.0, "wide")])
def test_sentence_says_when_intervals_are_too_narrow_or_too_wide(inflate, word):
    result = _ar_result(inflate)
    assert f"they are too {word}." in result["sentences"][-1]
    assert f"{result['overall']['model']['coverage_90']:.1%}" in result["sentences"][-1]


def _line_task(units=()):
    hours = EPOCH + np.arange(100) * HOUR
    times = np.repeat(hours, 2)
    values = np.stack([np.arange(100.0), 5 - 3 * np.arange(100.0)], axis=1).ravel()
    values += 0.01 * np.random.default_rng(1).normal(size=200)  # or the spline is exact as well
    dataset = _dataset([(times, np.tile([0, 1], 100), values)], units=units)
    return forecast_task(
        dataset, context_ns=DAY, horizon_ns=4 * HOUR, max_windows=10, **_bounds(dataset)
    )


def _off_by(amount, num_draws=50):
    return _gaussian(
        lambda _, targets: targets.values + amount * (targets.channel == 0),
        lambda _, targets: np.full(len(targets), 1e-6),
        num_draws,
    )


def test_sentence_names_the_channel_on_which_the_model_loses():
    result = evaluate_task(
        _line_task(units=(("a", "degC"),)), _off_by(0.5), scale=np.ones(2), fallback=np.zeros(2)
    )
    lost = [text for text in result["sentences"] if "loses" in text and "channel a" in text]
    assert len(lost) == 1
    assert "loses to the linear baseline on channel a by MAE 0.5 against" in lost[0]
    assert lost[0].endswith("degC.")
    assert result["sentences"][0].startswith(
        "Over 2 channels the model loses to the best baseline (linear) by MAE 0.25 against"
    )
    assert result["skill"]["mae"] < 0


def test_channels_that_are_lost_come_worst_first():
    def predictor(_, targets):
        error = np.array([0.5, 2.0])[targets.channel]
        return np.tile(targets.values + error, (30, 1)), np.zeros(len(targets))

    result = evaluate_task(_line_task(), predictor, scale=np.ones(2), fallback=np.zeros(2))
    lost = [text for text in result["sentences"] if "on channel" in text]
    assert ["channel b" in text for text in lost] == [True, False]


def test_mae_is_of_the_median_and_rmse_of_the_mean_of_skewed_draws():
    task = _line_task()
    skewed = stats.expon.ppf((np.arange(999) + 0.5) / 999)[:, None]

    def predictor(_, targets):
        return targets.values + skewed, np.zeros(len(targets))

    result = evaluate_task(task, predictor, scale=np.ones(2), fallback=np.zeros(2))
    model = result["overall"]["model"]
    assert model["mae"] == pytest.approx(np.median(skewed), rel=1e-9)
    assert model["rmse"] == pytest.approx(skewed.mean(), rel=1e-9)


def test_skill_is_missing_where_the_best_baseline_has_no_error():
    hours = EPOCH + np.arange(50) * HOUR
    dataset = _dataset([(hours, np.zeros(50, int), np.full(50, 3.0))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=HOUR, max_windows=9, **_bounds(dataset)
    )
    options = {"scale": np.ones(2), "fallback": np.zeros(2)}
    assert evaluate_task(task, _off_by(1.0), **options)["skill"] == {"crps": None, "mae": None}

    def exact(_, targets):
        return np.tile(targets.values, (30, 1)), np.zeros(len(targets))

    result = evaluate_task(task, exact, **options)
    assert result["skill"] == {"crps": 0.0, "mae": 0.0}
    assert "only equals" in result["sentences"][0]
    assert result["overall"]["model"]["coverage_90"] == 1.0


# ---- schema, chunks, bad predictors ----


def test_result_has_exactly_the_documented_keys_and_json_types():
    result = _ar_result()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {
        "overall",
        "channels",
        "channels_without_targets",
        "pit",
        "skill",
        "sentences",
        "num_windows",
        "num_targets",
    }
    numbers = {"mae", "rmse", "crps", "nll", "coverage_90"}
    for entry in (result["overall"], *result["channels"].values()):
        assert set(entry["model"]) == numbers
        assert tuple(entry["baselines"]) == ("last", "mean", "linear", "spline", "seasonal")
        for naive in entry["baselines"].values():
            assert set(naive) == {"mae", "rmse", "crps"}
    assert set(result["overall"]) == {"model", "baselines"}
    for entry in result["channels"].values():
        assert set(entry) == {"model", "baselines", "num_targets"}
    assert set(result["skill"]) == {"crps", "mae"}
    assert len(result["pit"]) == 10
    assert result["num_windows"] == 600
    assert result["num_targets"] == 7_200


def test_channels_without_targets_are_listed_and_do_not_count():
    hours = EPOCH + np.arange(60) * HOUR
    dataset = _dataset([(hours, np.zeros(60, int), np.sin(np.arange(60.0)))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=HOUR, max_windows=9, **_bounds(dataset)
    )
    result = evaluate_task(task, _off_by(0.5), scale=np.array([2.0, 1e-9]), fallback=np.zeros(2))
    assert result["channels_without_targets"] == ["b"]
    assert list(result["channels"]) == ["a"]
    assert result["overall"]["model"]["mae"] == pytest.approx(0.25, rel=1e-4)


def test_chunks_of_windows_change_nothing_and_stay_small():
    dataset = _irregular(2, counts=(200, 150, 80))
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=DAY, max_windows=23, **_bounds(dataset)
    )
    sizes = []

    def predictor(visible, targets):
        sizes.append(len(visible))
        assert targets.window.min() >= 0
        assert targets.window.max() < len(visible)
        first = visible.readings.values[
            visible.readings.row_starts[visible.readings.series_starts[:-1]]
        ]
        steps = np.arange(25.0)[:, None] - 12
        return first[targets.window] + steps * (1 + targets.channel), -first[targets.window]

    options = {"scale": np.ones(2), "fallback": np.zeros(2), "period_ns": DAY}
    whole = evaluate_task(task, predictor, **options)
    parts = evaluate_task(task, predictor, chunk_windows=5, **options)
    assert sizes == [23, 5, 5, 5, 5, 3]
    assert parts == whole  # the same numbers in the same order: equal to the last bit


def test_targets_in_any_order_give_the_same_result():
    task = _line_task()
    order = np.random.default_rng(0).permutation(len(task.targets))
    mixed = Task(task.visible, task.targets.select(order))
    options = {"scale": np.ones(2), "fallback": np.zeros(2), "chunk_windows": 4}

    def predictor(_, targets):
        return targets.times % 7 + np.arange(30.0)[:, None], np.zeros(len(targets))

    one, other = (evaluate_task(t, predictor, **options) for t in (task, mixed))
    for name, entry in one["channels"].items():
        for key, number in entry["model"].items():
            assert other["channels"][name]["model"][key] == pytest.approx(number, rel=1e-12)


def test_numbers_that_are_not_finite_become_none_and_a_sentence():
    def broken(_, targets):
        draws = np.tile(targets.values, (30, 1))
        draws[3, targets.channel == 0] = np.inf
        return draws, np.zeros(len(targets))

    result = evaluate_task(_line_task(), broken, scale=np.ones(2), fallback=np.zeros(2))
    json.dumps(result, allow_nan=False)
    for key in ("mae", "rmse", "crps", "coverage_90"):
        assert result["channels"]["a"]["model"][key] is None
        assert result["overall"]["model"][key] is None
        assert result["channels"]["b"]["model"][key] is not None
    assert result["skill"] == {"crps": None, "mae": None}
    assert "not finite for 50.00% of the readings" in result["sentences"][0]
    assert table(result)[1][:4] == ["model", "-", "-", "-"]


def test_few_draws_are_told_instead_of_a_verdict_on_the_intervals():
    options = {"scale": np.ones(2), "fallback": np.zeros(2)}
    result = evaluate_task(_line_task(), _off_by(0.0, num_draws=1), **options)
    assert result["sentences"][-1].startswith("With 1 draw a 90 % interval cannot be judged")
    assert result["overall"]["model"]["crps"] == result["overall"]["model"]["mae"]


def test_evaluate_task_refuses_what_does_not_fit():
    task = _line_task()
    good = {"scale": np.ones(2), "fallback": np.zeros(2)}
    with pytest.raises(ShapeError, match=r"draws: expected shape \(draw, 80\).* got \(80, 30\)"):
        evaluate_task(task, lambda _, t: (np.zeros((80, 30)), np.zeros(len(t))), **good)
    with pytest.raises(ShapeError, match=r"log_prob: expected \(80,\), got \(1,\)"):
        evaluate_task(task, lambda _, t: (np.zeros((30, len(t))), np.zeros(1)), **good)
    with pytest.raises(ShapeError, match=r"scale: expected shape \(2,\), got \(3,\)"):
        evaluate_task(task, _off_by(0), scale=np.ones(3), fallback=np.zeros(2))
    with pytest.raises(ConfigError, match=r"positive .* got 0\.0 for channel 'b'"):
        evaluate_task(task, _off_by(0), scale=np.array([1.0, 0.0]), fallback=np.zeros(2))
    with pytest.raises(ConfigError, match="chunk_windows: expected at least 1, got 0"):
        evaluate_task(task, _off_by(0), chunk_windows=0, **good)
    empty = Task(task.visible, task.targets.select(slice(0, 0)))
    with pytest.raises(DataError, match="at least one target, got none"):
        evaluate_task(empty, _off_by(0), **good)


def test_table_has_a_row_for_the_model_and_each_baseline():
    result = _ar_result()
    rows = table(result)
    assert rows[0] == ["", "MAE", "RMSE", "CRPS", "NLL", "coverage 90%"]
    assert [row[0] for row in rows[1:]] == ["model", *baselines.NAMES]
    assert {len(row) for row in rows} == {6}
    model = result["overall"]["model"]
    assert rows[1][1:] == [
        f"{model['mae']:.4g}",
        f"{model['rmse']:.4g}",
        f"{model['crps']:.4g}",
        f"{model['nll']:.4g}",
        f"{model['coverage_90']:.1%}",
    ]
    assert rows[2][4:] == ["-", "-"]


# ---- a sinusoid and a real log ----


def test_interpolation_of_a_sinusoid_ranks_spline_over_line_over_last():
    generator = np.random.default_rng(0)
    hours = np.sort(generator.choice(2_400, 800, replace=False)) * 0.25
    times = EPOCH + (hours * HOUR).astype(np.int64)
    dataset = _dataset([(times, np.zeros(800, int), np.sin(2 * np.pi * hours / 24))])
    task = interpolation_task(dataset, context_ns=0, seed=3, **_bounds(dataset))
    result = evaluate_task(
        task, _off_by(0.0), scale=np.full(2, math.sqrt(0.5)), fallback=np.zeros(2), period_ns=DAY
    )
    naive = {name: entry["mae"] for name, entry in result["overall"]["baselines"].items()}
    assert naive["spline"] < naive["linear"] < naive["last"] < naive["mean"]
    assert naive["seasonal"] < naive["last"]
    # mean |error| of a constant on a sine: 2 / pi, in standard deviations of 1 / sqrt(2)
    assert naive["mean"] == pytest.approx(2 / math.pi * math.sqrt(2), rel=0.1)
    assert result["overall"]["model"]["mae"] < 1e-5


def _read_air_quality(path, stations=3):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    channels = [name for name in rows[0] if name not in ("station", "timestamp")]
    parts = []
    for station in sorted({row["station"] for row in rows})[:stations]:
        cells = [
            (row["timestamp"], index, float(row[name]))
            for row in rows
            if row["station"] == station
            for index, name in enumerate(channels)
            if row[name] not in ("", "NaN")
        ]
        when = [datetime.fromisoformat(cell[0]).replace(tzinfo=UTC).timestamp() for cell in cells]
        times = np.array(when, dtype=np.int64) * 1_000_000_000
        parts.append((times, np.array([c[1] for c in cells]), np.array([c[2] for c in cells])))
    return _dataset(parts, channels)


def test_tasks_of_a_real_log_leak_nothing_and_evaluate():
    path = LOG / "air_quality_wide.csv"
    if not path.exists():
        pytest.skip("needs the real logs beside the repository (shared/data/logs)")
    dataset = _read_air_quality(path)
    bounds = _bounds(dataset, 0.8)
    forecast = forecast_task(dataset, context_ns=7 * DAY, horizon_ns=DAY, max_windows=60, **bounds)
    window, times, _ = _triplets(forecast.visible.readings)
    origins = np.full(len(forecast.visible), np.iinfo(np.int64).min)
    np.maximum.at(origins, window, times)
    assert len(forecast.visible) == 60
    assert (forecast.targets.times > origins[forecast.targets.window]).all()
    assert (forecast.targets.times <= origins[forecast.targets.window] + DAY).all()

    filled = interpolation_task(dataset, context_ns=DAY, seed=0, **bounds)
    shown = set(zip(*_triplets(filled.visible.readings), strict=True))
    asked = (filled.targets.window, filled.targets.times, filled.targets.channel)
    assert not shown & set(zip(*asked, strict=True))

    values, channel = dataset.readings.values, dataset.readings.channel_index
    mean = np.array([values[channel == c].mean() for c in range(len(dataset.channels))])
    std = np.array([values[channel == c].std() for c in range(len(dataset.channels))])
    climate = _gaussian(lambda _, t: mean[t.channel], lambda _, t: std[t.channel], 100)
    for task, best in ((forecast, None), (filled, "linear")):
        result = evaluate_task(task, climate, scale=std, fallback=mean, period_ns=DAY)
        json.dumps(result, allow_nan=False)
        assert set(result["channels"]) == set(dataset.channels)
        naive = {name: entry["mae"] for name, entry in result["overall"]["baselines"].items()}
        assert all(0 < number < 5 for number in naive.values())
        if best is not None:
            assert min(naive, key=naive.get) == best
            assert any("loses to the linear baseline" in text for text in result["sentences"])


def test_targets_from_readings_lists_every_reading_in_order():
    dataset = _irregular(1)
    targets = Targets.from_readings(dataset.readings)
    series, times, channel = _triplets(dataset.readings)
    np.testing.assert_array_equal(targets.window, series)
    np.testing.assert_array_equal(targets.times, times)
    np.testing.assert_array_equal(targets.channel, channel)
    np.testing.assert_array_equal(targets.values, dataset.readings.values)
    assert targets.channel.dtype == targets.window.dtype == np.int64
