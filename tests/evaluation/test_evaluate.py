"""Evaluation against oracles whose scores are known."""

import csv
import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from ar_process import STATIONARY, ar_dataset, ar_oracle, ar_result, gaussian
from places import SHARED
from scipy import stats
from small_series import DAY, EPOCH, HOUR, irregular_dataset, make_dataset, triplets, whole_span

from latentode import baselines
from latentode.data.climatology import Climatology
from latentode.errors import ConfigError, DataError, ShapeError
from latentode.evaluation import evaluate_task, forecast_task, interpolation_task, table
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.tasks import Task

BARE = NaiveRows(np.zeros(2))
LOG = SHARED / "data" / "logs"


# ---- evaluation with oracles ----


def test_oracle_of_an_ar_process_has_the_scores_of_its_closed_form():
    result = ar_result()
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
    result = ar_result()
    model, naive = result["overall"]["model"], result["overall"]["baselines"]
    best = min(entry["mae"] for entry in naive.values())
    assert model["mae"] < best
    assert result["skill"]["mae"] == pytest.approx(1 - model["mae"] / best, rel=1e-12)
    assert result["skill"]["crps"] == pytest.approx(1 - model["crps"] / best, rel=1e-12)
    assert result["skill"]["crps"] > 0.25
    bare, *verdicts, paths = result["sentences"]
    assert bare.startswith("The naive forecasts have no bands, as")
    assert len(verdicts) == 2
    assert all("the model beats the best baseline" in text for text in verdicts)
    # its draws are right at each time and independent of each other
    assert paths.startswith("Of whole paths")


def climatology_of(dataset):
    found = Climatology.fit(dataset.readings, dataset.clock, daily=False)
    return lambda targets: found.at(targets.times, targets.channel, dataset.clock)


def test_climatology_of_normal_readings_has_the_scores_of_the_closed_form():
    dataset = ar_dataset()
    climatology = climatology_of(dataset)
    result = ar_result(naive=NaiveRows(np.zeros(2), DAY, climatology=climatology))
    row = result["channels"]["a"]["baselines"]["climatology"]
    # an autocorrelation of .9 leaves 1 / 19 of 4,000 readings: an error of 4 / sqrt(210)
    rough = {"rel": 4 / math.sqrt(210)}
    assert row["mae"] == pytest.approx(STATIONARY * math.sqrt(2 / math.pi), **rough)
    assert row["rmse"] == pytest.approx(STATIONARY, **rough)
    assert row["crps"] == pytest.approx(STATIONARY / math.sqrt(math.pi), **rough)
    assert row["coverage_90"] == pytest.approx(0.9, abs=0.05)
    assert set(row) == {"mae", "rmse", "crps", "coverage_90", "width_90"}
    assert row["width_90"] == pytest.approx(2 * 1.645 * STATIONARY, **rough)
    assert table(result)[-1][0] == "climatology"
    assert table(result)[-1][4] == "-"  # it has no density


def test_each_score_is_compared_with_the_baseline_that_is_best_by_it():
    """Of readings that are 0 or 10, the last one errs less, and the distribution scores better."""
    generator = np.random.default_rng(0)
    values = 10.0 * (generator.random(400) < 0.5)
    dataset = make_dataset([(EPOCH + np.arange(400) * HOUR, np.zeros(400, int), values)])
    task = forecast_task(
        dataset, context_ns=HOUR // 2, horizon_ns=HOUR, max_windows=300, **whole_span(dataset)
    )
    climatology = climatology_of(dataset)
    result = evaluate_task(
        task, _off_by(6.0), scale=np.ones(2), naive=NaiveRows(np.zeros(2), climatology=climatology)
    )
    naive = result["overall"]["baselines"]
    least = {key: min(naive, key=lambda name: naive[name][key]) for key in ("mae", "crps")}
    assert least["crps"] == "climatology"
    assert naive["climatology"]["crps"] == pytest.approx(2.5, abs=0.1)  # p (1 - p) times 10
    for key, sentence in zip(("mae", "crps"), result["sentences"][1:], strict=False):
        assert f"({least[key]})" in sentence
        model = result["overall"]["model"][key]
        assert result["skill"][key] == pytest.approx(1 - model / naive[least[key]][key])


def test_overall_is_the_mean_over_channels_in_training_standard_deviations():
    result = ar_result()
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
    dataset = ar_dataset(length=500)
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=20, **whole_span(dataset)
    )
    result = evaluate_task(task, ar_oracle(), scale=np.ones(2), naive=BARE, chunk_windows=3)
    chosen = task.targets.channel == 1
    for name in baselines.NAMES:
        answer = baselines.predict(name, task.visible, task.targets, fallback=np.zeros(2))
        error = (answer - task.targets.values)[chosen]
        entry = result["channels"]["b"]["baselines"][name]
        assert entry["mae"] == entry["crps"] == pytest.approx(np.abs(error).mean(), rel=1e-12)
        assert entry["rmse"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-12)


@pytest.mark.parametrize(("inflate", "word"), [(0.4, "narrow"), (3.0, "wide")])
def test_sentence_says_when_intervals_are_too_narrow_or_too_wide(inflate, word):
    result = ar_result(inflate)
    (sentence,) = [text for text in result["sentences"] if f"they are too {word}." in text]
    assert f"{result['overall']['model']['coverage_90']:.1%}" in sentence


def _line_task(units=()):
    hours = EPOCH + np.arange(100) * HOUR
    times = np.repeat(hours, 2)
    values = np.stack([np.arange(100.0), 5 - 3 * np.arange(100.0)], axis=1).ravel()
    values += 0.01 * np.random.default_rng(1).normal(size=200)  # or the spline is exact as well
    dataset = make_dataset([(times, np.tile([0, 1], 100), values)], units=units)
    return forecast_task(
        dataset, context_ns=DAY, horizon_ns=4 * HOUR, max_windows=10, **whole_span(dataset)
    )


def _off_by(amount, num_draws=50):
    return gaussian(
        lambda _, targets: targets.values + amount * (targets.channel == 0),
        lambda _, targets: np.full(len(targets), 1e-6),
        num_draws,
    )


def test_sentence_names_the_channel_on_which_the_model_loses():
    result = evaluate_task(
        _line_task(units=(("a", "degC"),)), _off_by(0.5), scale=np.ones(2), naive=BARE
    )
    lost = [text for text in result["sentences"] if "loses" in text and "channel a" in text]
    for sentence, score in zip(lost, ("MAE", "CRPS"), strict=True):
        assert f"loses to the linear baseline on channel a by {score} 0.5 against" in sentence
        assert sentence.endswith("degC.")
    assert result["sentences"][1].startswith(
        "Over 2 channels the model loses to the best baseline (linear) by MAE 0.25 against"
    )
    assert result["skill"]["mae"] < 0


def test_channels_that_are_lost_come_worst_first():
    def predictor(_, targets):
        error = np.array([0.5, 2.0])[targets.channel]
        return np.tile(targets.values + error, (30, 1)), np.zeros(len(targets))

    result = evaluate_task(_line_task(), predictor, scale=np.ones(2), naive=BARE)
    lost = [text for text in result["sentences"] if "on channel" in text]
    assert ["channel b" in text for text in lost] == [True, True, False, False]


def test_mae_is_of_the_median_and_rmse_of_the_mean_of_skewed_draws():
    task = _line_task()
    skewed = stats.expon.ppf((np.arange(999) + 0.5) / 999)[:, None]

    def predictor(_, targets):
        return targets.values + skewed, np.zeros(len(targets))

    result = evaluate_task(task, predictor, scale=np.ones(2), naive=BARE)
    model = result["overall"]["model"]
    assert model["mae"] == pytest.approx(np.median(skewed), rel=1e-9)
    assert model["rmse"] == pytest.approx(skewed.mean(), rel=1e-9)


def test_skill_is_missing_where_the_best_baseline_has_no_error():
    hours = EPOCH + np.arange(50) * HOUR
    dataset = make_dataset([(hours, np.zeros(50, int), np.full(50, 3.0))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=HOUR, max_windows=9, **whole_span(dataset)
    )
    options = {"scale": np.ones(2), "naive": BARE}
    assert evaluate_task(task, _off_by(1.0), **options)["skill"] == {"crps": None, "mae": None}

    def exact(_, targets):
        return np.tile(targets.values, (30, 1)), np.zeros(len(targets))

    result = evaluate_task(task, exact, **options)
    assert result["skill"] == {"crps": 0.0, "mae": 0.0}
    assert "only equals" in result["sentences"][1]
    assert result["overall"]["model"]["coverage_90"] == 1.0


# ---- schema, chunks, bad predictors ----


def test_result_has_exactly_the_documented_keys_and_json_types():
    result = ar_result()
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {
        "overall",
        "channels",
        "channels_without_targets",
        "pit",
        "skill",
        "paths",
        "sentences",
        "num_windows",
        "num_targets",
    }
    numbers = {"mae", "rmse", "crps", "nll", "coverage_90", "width_90"}
    for entry in (result["overall"], *result["channels"].values()):
        assert set(entry["model"]) == numbers
        assert tuple(entry["baselines"]) == ("last", "mean", "linear", "spline", "seasonal")
        for naive in entry["baselines"].values():
            assert set(naive) == {"mae", "rmse", "crps"}
    assert set(result["overall"]) == {"model", "baselines"}
    for entry in result["channels"].values():
        assert set(entry) == {"unit", "model", "baselines", "num_targets"}
    assert set(result["skill"]) == {"crps", "mae"}
    assert set(result["paths"]) == {"model", "shuffled", "channels", "num_paths"}
    for name in ("model", "shuffled"):
        assert set(result["paths"][name]) == {"coverage_90", "energy", "variogram"}
    assert list(result["paths"]["channels"]) == ["a", "b"]
    assert len(result["pit"]) == 10
    assert result["num_windows"] == 600
    assert result["num_targets"] == 7_200


def test_channels_without_targets_are_listed_and_do_not_count():
    hours = EPOCH + np.arange(60) * HOUR
    dataset = make_dataset([(hours, np.zeros(60, int), np.sin(np.arange(60.0)))])
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=HOUR, max_windows=9, **whole_span(dataset)
    )
    result = evaluate_task(task, _off_by(0.5), scale=np.array([2.0, 1e-9]), naive=BARE)
    assert result["channels_without_targets"] == ["b"]
    assert list(result["channels"]) == ["a"]
    assert result["overall"]["model"]["mae"] == pytest.approx(0.25, rel=1e-4)


def test_chunks_of_windows_change_nothing_and_stay_small():
    dataset = irregular_dataset(2, counts=(200, 150, 80))
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=DAY, max_windows=23, **whole_span(dataset)
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

    options = {"scale": np.ones(2), "naive": NaiveRows(np.zeros(2), DAY)}
    whole = evaluate_task(task, predictor, **options)
    parts = evaluate_task(task, predictor, chunk_windows=5, **options)
    assert sizes == [23, 5, 5, 5, 5, 3]
    assert parts == whole  # the same numbers in the same order: equal to the last bit


def test_targets_in_any_order_give_the_same_result():
    task = _line_task()
    order = np.random.default_rng(0).permutation(len(task.targets))
    mixed = Task(task.visible, task.targets.select(order))
    options = {"scale": np.ones(2), "naive": BARE, "chunk_windows": 4}

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

    result = evaluate_task(_line_task(), broken, scale=np.ones(2), naive=BARE)
    json.dumps(result, allow_nan=False)
    for key in ("mae", "rmse", "crps", "coverage_90"):
        assert result["channels"]["a"]["model"][key] is None
        assert result["overall"]["model"][key] is None
        assert result["channels"]["b"]["model"][key] is not None
    assert result["skill"] == {"crps": None, "mae": None}
    assert "not finite for 50.00% of the readings" in result["sentences"][0]
    assert table(result)[1][:4] == ["model", "-", "-", "-"]


def test_few_draws_are_told_instead_of_a_verdict_on_the_intervals():
    options = {"scale": np.ones(2), "naive": BARE}
    result = evaluate_task(_line_task(), _off_by(0.0, num_draws=1), **options)
    assert result["sentences"][-1].startswith("With 1 sample path a 90 % interval cannot be judged")
    assert result["overall"]["model"]["crps"] == result["overall"]["model"]["mae"]


def test_evaluate_task_refuses_what_does_not_fit():
    task = _line_task()
    good = {"scale": np.ones(2), "naive": BARE}
    with pytest.raises(ShapeError, match=r"draws: expected shape \(draw, 80\).* got \(80, 30\)"):
        evaluate_task(task, lambda _, t: (np.zeros((80, 30)), np.zeros(len(t))), **good)
    with pytest.raises(ShapeError, match=r"log_prob: expected \(80,\), got \(1,\)"):
        evaluate_task(task, lambda _, t: (np.zeros((30, len(t))), np.zeros(1)), **good)
    with pytest.raises(ShapeError, match=r"scale: expected shape \(2,\), got \(3,\)"):
        evaluate_task(task, _off_by(0), scale=np.ones(3), naive=BARE)
    with pytest.raises(ConfigError, match=r"positive .* got 0\.0 for channel 'b'"):
        evaluate_task(task, _off_by(0), scale=np.array([1.0, 0.0]), naive=BARE)
    with pytest.raises(ConfigError, match="chunk_windows: expected at least 1, got 0"):
        evaluate_task(task, _off_by(0), chunk_windows=0, **good)
    empty = Task(task.visible, task.targets.select(slice(0, 0)))
    with pytest.raises(DataError, match="at least one target, got none"):
        evaluate_task(empty, _off_by(0), **good)


def test_table_has_a_row_for_the_model_and_each_baseline():
    result = ar_result()
    rows = table(result)
    assert rows[0] == ["", "MAE", "RMSE", "CRPS", "NLL", "coverage 90%", "width 90%"]
    assert [row[0] for row in rows[1:]] == ["model", *baselines.NAMES]
    assert {len(row) for row in rows} == {7}
    model = result["overall"]["model"]
    assert rows[1][1:] == [
        f"{model['mae']:.4g}",
        f"{model['rmse']:.4g}",
        f"{model['crps']:.4g}",
        f"{model['nll']:.4g}",
        f"{model['coverage_90']:.1%}",
        f"{model['width_90']:.4g}",
    ]
    assert rows[2][4:] == ["-", "-", "-"]


# ---- a sinusoid and a real log ----


def test_interpolation_of_a_sinusoid_ranks_spline_over_line_over_last():
    generator = np.random.default_rng(0)
    hours = np.sort(generator.choice(2_400, 800, replace=False)) * 0.25
    times = EPOCH + (hours * HOUR).astype(np.int64)
    dataset = make_dataset([(times, np.zeros(800, int), np.sin(2 * np.pi * hours / 24))])
    task = interpolation_task(dataset, context_ns=0, seed=3, **whole_span(dataset))
    result = evaluate_task(
        task, _off_by(0.0), scale=np.full(2, math.sqrt(0.5)), naive=NaiveRows(np.zeros(2), DAY)
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
    return make_dataset(parts, channels)


def test_tasks_of_a_real_log_leak_nothing_and_evaluate():
    path = LOG / "air_quality_wide.csv"
    if not path.exists():
        pytest.skip("needs the real logs beside the repository (shared/data/logs)")
    dataset = _read_air_quality(path)
    bounds = whole_span(dataset, 0.8)
    forecast = forecast_task(dataset, context_ns=7 * DAY, horizon_ns=DAY, max_windows=60, **bounds)
    window, times, _ = triplets(forecast.visible.readings)
    origins = np.full(len(forecast.visible), np.iinfo(np.int64).min)
    np.maximum.at(origins, window, times)
    assert len(forecast.visible) == 60
    assert (forecast.targets.times > origins[forecast.targets.window]).all()
    assert (forecast.targets.times <= origins[forecast.targets.window] + DAY).all()

    filled = interpolation_task(dataset, context_ns=DAY, seed=0, **bounds)
    shown = set(zip(*triplets(filled.visible.readings), strict=True))
    asked = (filled.targets.window, filled.targets.times, filled.targets.channel)
    assert not shown & set(zip(*asked, strict=True))

    values, channel = dataset.readings.values, dataset.readings.channel_index
    mean = np.array([values[channel == c].mean() for c in range(len(dataset.channels))])
    std = np.array([values[channel == c].std() for c in range(len(dataset.channels))])
    climate = gaussian(lambda _, t: mean[t.channel], lambda _, t: std[t.channel], 100)
    for task, best in ((forecast, None), (filled, "linear")):
        result = evaluate_task(task, climate, scale=std, naive=NaiveRows(mean, DAY))
        json.dumps(result, allow_nan=False)
        assert set(result["channels"]) == set(dataset.channels)
        naive = {name: entry["mae"] for name, entry in result["overall"]["baselines"].items()}
        assert all(0 < number < 5 for number in naive.values())
        if best is not None:
            assert min(naive, key=naive.get) == best
            assert any("loses to the linear baseline" in text for text in result["sentences"])
