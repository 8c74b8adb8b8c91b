"""A score is one row of one list."""

import json
import re

import numpy as np
import pytest
from places import ROOT
from scipy import stats
from small_series import DAY, HOUR, irregular_dataset, whole_span

from latentode.cli.commands.evaluate import describe
from latentode.evaluation import baselines, evaluate_task, forecast_task, metrics, scores
from latentode.evaluation.naive_rows import NaiveRows

SCALE = np.array([2.0, 5.0])


def _task():
    dataset = irregular_dataset(3, counts=(120, 80))
    return forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=12, **whole_span(dataset)
    )


def _predictor(_, targets):
    draws = np.sin(np.arange(40.0)[:, None] + np.arange(len(targets))) * (2 + targets.channel)
    return draws, np.zeros(len(targets))


def _evaluated(task):
    return evaluate_task(
        task, _predictor, scale=SCALE, naive=NaiveRows(np.zeros(2)), chunk_windows=5
    )


def _upper_error(forecast):
    return np.abs(forecast.values - np.quantile(forecast.draws, 0.9, axis=0))


@pytest.fixture
def added(monkeypatch):
    row = scores.Score(
        "error_90", "upper error", _upper_error, scores.IN_STD, of_error=np.abs, form=".3f"
    )
    monkeypatch.setattr(scores, "SCORES", (*scores.SCORES, row))
    return row


def test_a_new_row_is_in_the_result_the_table_and_the_json(added):
    task = _task()
    result = _evaluated(task)
    averages = []
    for name, entry in result["channels"].items():
        assert list(entry["model"])[-1] == added.key
        assert list(entry["baselines"]["last"])[-1] == added.key
        averages.append(entry["model"][added.key] / SCALE[task.visible.channels.index(name)])
    overall = result["overall"]
    assert overall["model"][added.key] == pytest.approx(np.mean(averages), rel=1e-12)
    assert overall["baselines"]["mean"][added.key] == overall["baselines"]["mean"]["mae"]
    text = describe({"forecast": json.loads(json.dumps(result))})
    header, row = text.splitlines()[1:3]
    assert header.endswith("width 90%  upper error")
    assert row.endswith(f"{overall['model'][added.key]:.3f}")


def test_a_new_row_changes_no_other_number(added):
    task = _task()
    with_row = _evaluated(task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "SCORES", scores.SCORES[:-1])
        without = _evaluated(task)
    for entry in (with_row["overall"], *with_row["channels"].values()):
        for numbers in (entry["model"], *entry["baselines"].values()):
            del numbers[added.key]
    assert with_row == without


def test_a_score_without_point_form_or_scale_is_the_models_alone_and_in_its_own_unit(monkeypatch):
    def width(forecast):
        low, high = metrics.central_interval(forecast.draws)
        return high - low

    row = scores.Score("width", "width", width, scores.UNSCALED)
    monkeypatch.setattr(scores, "SCORES", (row, *scores.SCORES))
    result = _evaluated(_task())
    channels = [entry["model"]["width"] for entry in result["channels"].values()]
    assert result["overall"]["model"]["width"] == pytest.approx(np.mean(channels), rel=1e-12)
    assert all("width" not in entry for entry in result["overall"]["baselines"].values())
    assert describe({"forecast": result}).splitlines()[3].split()[:2] == ["last", "-"]


def test_averages_and_scalings_are_those_of_their_formulas():
    values = np.array([3.0, -4.0])
    assert scores.MAE.average(scores.MAE.summand(values).mean()) == -0.5
    root = scores.RMSE.average(scores.RMSE.summand(values).mean())
    assert root == pytest.approx(np.sqrt(12.5), rel=1e-15)
    average, std = np.array([6.0, 2.0]), np.array([3.0, np.e])
    np.testing.assert_array_equal(scores.IN_STD.apply(average, std), average / std)
    np.testing.assert_array_equal(scores.UNSCALED.apply(average, std), average)
    # dividing data by their deviation lowers the entropy by its logarithm
    np.testing.assert_allclose(
        scores.OF_STANDARDISED.apply(stats.norm.entropy(0, std), std),
        stats.norm.entropy(0, 1),
        rtol=1e-15,
    )


def test_every_baseline_has_exactly_the_scores_of_point_forecasts():
    result = _evaluated(_task())
    for_points = [score.key for score in scores.SCORES if score.of_error]
    for name in baselines.NAMES:
        assert list(result["overall"]["baselines"][name]) == for_points
    assert list(result["overall"]["model"]) == [score.key for score in scores.SCORES]


def test_no_other_module_of_evaluation_or_plots_spells_a_key():
    keys = "|".join(score.key for score in scores.SCORES)
    spelled = re.compile(rf"""["']({keys})["']""")
    files = [
        path
        for folder in ("evaluation", "plot", "results", "estimators", "cli/commands")
        for path in (ROOT / "latentode" / folder).rglob("*.py")
    ]
    assert len(files) > 20
    assert [path.name for path in files if spelled.search(path.read_text("utf-8"))] == ["scores.py"]
