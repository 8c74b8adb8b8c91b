"""Peers on summaries: what they learn of what is known, and that they repeat themselves."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from benchmarks import frame, sensors, toy
from benchmarks import physionet_mortality as mortality
from benchmarks.frame import Options
from benchmarks.irregular import boosting, naive, peers, study, summary_mlp
from benchmarks.irregular.quantiles import LEVELS, MEDIAN
from benchmarks.irregular.questions import Questions
from benchmarks.irregular.summaries import NAMES
from benchmarks.irregular.windows import Windows
from latentode.evaluation.classification import area_under_curve

NAN = np.nan


@pytest.fixture(params=list(peers.PEERS))
def name(request):
    if request.param == "boosting":
        pytest.importorskip("lightgbm", reason="LightGBM comes with the extra bench")
    return request.param


def known(seed, count=2000):
    """Two channels: a line of features with noise, and an anchor that changes by another line."""
    rng = np.random.default_rng(seed)
    windows, rows = rng.uniform(-1, 1, (count // 4, 2)), rng.uniform(-1, 1, (count, 1))
    window = np.repeat(np.arange(count // 4), 4)
    anchor = np.stack([np.zeros(count), rng.normal(size=count) * 10], axis=1)
    truth = np.stack(
        [2 * windows[window, 0] - rows[:, 0], anchor[:, 1] + 2 * windows[window, 1]], axis=1
    )
    answers = truth + 0.5 * rng.normal(size=truth.shape)
    answers[::3, 0] = NAN
    blank = np.zeros((count // 4, 2, len(NAMES)), np.float32), np.zeros((count, 2, 1), np.float32)
    windows, rows = windows.astype(np.float32), rows.astype(np.float32)
    asked = Questions(blank[0], windows, blank[1], rows, window, anchor, answers)
    return asked, truth


def test_a_line_is_learned_and_the_channel_that_changes_is_known(name):
    (train, _), (choose, _), (test, truth) = known(0), known(1, 800), known(2, 800)
    fitted = peers.PEERS[name](train, choose, seed=0, mean=True)
    found, mean = fitted.predict_quantiles(test), fitted.predict_mean(test)
    asked = np.isfinite(test.answers)
    assert found.shape == (len(LEVELS), *truth.shape)
    # the features do not hold the anchor: only a change can be told from them
    assert fitted.changes.tolist()[1] is True
    # without the features the error would be 1.0 in both on average
    for answer in (found[MEDIAN], mean):
        error = np.abs(answer - truth)
        assert error[asked[:, 0], 0].mean() < 0.3
        assert error[:, 1].mean() < 0.3
    inside = (found[0] <= test.answers) & (test.answers <= found[-1])
    # trees know their training rows too well: bands are narrower than they say
    assert 0.75 < inside[asked].mean() < 0.97
    assert fitted.num_parameters > 0


def test_the_same_seed_gives_the_same_peer(name, monkeypatch):
    monkeypatch.setattr(summary_mlp, "EPOCHS", 2)
    monkeypatch.setattr(boosting, "ROUNDS", 5)
    (train, _), (choose, _) = known(0, 800), known(1, 400)
    found = [
        peers.PEERS[name](train, choose, seed=seed).predict_quantiles(choose) for seed in (0, 0, 1)
    ]
    assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_channel_without_readings_keeps_its_anchor():
    pytest.importorskip("lightgbm", reason="LightGBM comes with the extra bench")
    train, _ = known(0, 800)
    train.answers[:, 1] = NAN
    fitted = boosting.Boosting.fit(train, train, seed=0)
    assert_array_equal(fitted.predict_quantiles(train)[MEDIAN][:, 1], train.anchor[:, 1])


def test_labels_are_told_apart(name):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1500, 3))
    died = rng.random(1500) < 1 / (1 + np.exp(-3 * features[:, 0]))
    features[::5, 1] = NAN
    train, choose = ((features[part], died[part]) for part in (slice(0, 1000), slice(1000, 1200)))
    fitted = mortality.PEERS[name](train, choose, seed=0)
    found = fitted.probability(features[1200:])
    best = area_under_curve(features[1200:, 0], died[1200:])
    assert area_under_curve(found, died[1200:]) > best - 0.03
    assert ((found > 0) & (found < 1)).all()
    assert_array_equal(
        found, mortality.PEERS[name](train, choose, seed=0).probability(features[1200:])
    )


def test_inputs_are_scaled_and_what_is_unknown_is_flagged():
    features = np.array([[0.0, NAN, 5.0], [1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [1e9, 6.0, 5.0]])
    inputs = summary_mlp.Inputs.fit(features)
    found = inputs(features)
    assert inputs.dim == found.shape[1] == 4
    assert found[:, 3].tolist() == [1, 0, 0, 0]
    assert found[0, 1] == 0
    assert inputs(np.array([[1e12, 0.0, 5.0]]))[0, 0] == 5  # far is far enough
    assert (found[:, 2] == 0).all()


def test_the_pinball_loss_is_that_of_what_is_asked():
    outputs, answers = torch.zeros(2, 2 * len(LEVELS)), torch.tensor([[1.0, NAN], [-1.0, NAN]])
    # errors of 1 and -1: level and 1 - level, a half in the mean
    assert summary_mlp.pinball(outputs, answers).tolist() == pytest.approx([0.5, 0.0])


def test_climatology_says_the_training_distribution():
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, (50, 40, 1))
    times = np.tile(np.arange(40.0), (50, 1))
    windows = Windows.build(times, values, times[..., None] < 20, times[..., None] >= 20)
    (found,) = naive.Climatology.fit(windows).predict(windows, 200, seed=0)
    assert found.mean[0, 0, 0] == pytest.approx(np.median(values), abs=0.01)
    draws = found.draw()
    assert draws.shape == (200, 50, 20, 1)
    # 200 x 1000 draws of 99 quantiles
    assert draws.std() == pytest.approx(values.std(), rel=0.02)


def test_peers_and_naive_rows_stand_in_published_tasks(name, monkeypatch):
    monkeypatch.setattr(summary_mlp, "EPOCHS", 1)
    monkeypatch.setattr(boosting, "ROUNDS", 5)
    options = Options(toy.PROTOCOL | toy.SMOKE, seeds=(0,), only=(name, "naive"))
    runs = study.run({"interpolation": toy.interpolation}, options)
    rows = {(run["model"], run["metric"]) for run in runs}
    assert {(name, "MSE, held out"), (name, "CRPS"), (f"{name}, median", "MSE, held out")} <= rows
    assert ("climatology", "coverage 90") in rows
    assert all(np.isfinite(run["value"]) for run in runs)


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("log", ["rr-lyrae", "pump-station"])
def test_peers_stand_in_the_task_of_sensors(name, log, monkeypatch):
    monkeypatch.setattr(peers, "_LEARN", 60)
    monkeypatch.setattr(peers, "_CHOOSE", 30)
    monkeypatch.setattr(boosting, "ROUNDS", 3)
    monkeypatch.setattr(summary_mlp, "EPOCHS", 1)
    options = Options(sensors.PROTOCOL | sensors.SMOKE, seeds=(0,), only=(log, name, "naive"))
    runs = sensors.run(options)["runs"]
    rows = {(run["model"], run["metric"]): run["value"] for run in runs}
    assert {(name, "MAE"), (name, "CRPS"), (name, "coverage 90"), ("climatology", "CRPS")} <= {
        *rows
    }
    assert all(np.isfinite(value) for value in rows.values())


@pytest.mark.usefixtures("shared_data")
def test_peers_stand_in_the_task_of_mortality(name):
    options = Options(mortality.PROTOCOL | mortality.SMOKE, seeds=(0,), only=(name, "climatology"))
    found = {(r["model"], r["metric"]): r["value"] for r in mortality.run(options)["runs"]}
    assert found["climatology", "AUC"] == 0.5
    assert found[name, "AUC"] > 0.55


def test_trees_are_left_out_where_lightgbm_is_absent(monkeypatch):
    monkeypatch.setattr(boosting, "available", lambda: False)
    assert peers.present(["naive", "boosting", "summary-mlp"]) == ["naive", "summary-mlp"]


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize("interpolates", [False, True])
def test_windows_to_learn_from_lie_in_their_part(interpolates):
    options = Options(sensors.PROTOCOL, seeds=(0,))
    log = sensors.LOGS["pump-station"]
    dataset, schema = sensors.learned(log, log.read(0), 0, options)
    for part in ("train", "validation"):
        starts, stops = schema.split.bounds(dataset, part)
        tasks = peers.part_tasks(dataset, schema, part, 50, interpolates=interpolates)
        index = {name: place for place, name in enumerate(dataset.series_ids)}
        for task in tasks:
            series = np.array([index[name] for name in task.visible.series_ids])
            owner = series[task.targets.window]
            assert (task.targets.times > starts[owner]).all()
            assert (task.targets.times <= stops[owner]).all()


def test_rows_of_trees_name_the_library_and_tables_say_so():
    pytest.importorskip("lightgbm", reason="LightGBM comes with the extra bench")
    rows = peers.stamped("boosting", [{"model": "boosting", "commit": "abc"}])
    others = peers.stamped("summary-mlp", [{"model": "summary-mlp", "commit": "abc"}])
    assert "library" not in others[0]
    made = {"processor": "a processor", "cores": "2", "python": "3"}
    report = {"task": "sensors", "threads": 1, "machine": made, "runs": rows + others}
    assert frame.origin(report).strip().endswith(f"Python 3, {rows[0]['library']}.")
