"""Labels of whole series by trained networks, and the task of mortality."""

import numpy as np
import pytest
import torch
from irregular_cases import few_stays

from benchmarks import physionet_mortality as mortality
from benchmarks.frame import Options
from benchmarks.irregular import labels, study, training
from benchmarks.irregular.windows import Scale, Windows
from latentode.evaluation.classification import area_under_curve

TINY = mortality.PROTOCOL | {
    "stays": 200,
    "epochs": 2,
    "batch": 20,
    "draws": 2,
    "members": 2,
    "config": {"model.latent_dim": 2, "model.hidden_dim": 6, "model.knots": 0},
}


def levels_task(count=120, length=12):
    """Noisy levels, of which the high ones are labelled 1; a reading in five is asked for."""
    rng = np.random.default_rng(0)
    outcome = (np.arange(count) % 3 == 0).astype(np.int64)
    times = np.sort(rng.random((count, length)), axis=1)
    values = (rng.normal(size=(count, length, 1)) + 2.0 * outcome[:, None, None]).astype(np.float32)

    def draw(index, rng):
        shown = rng.random((len(index), length, 1)) < 0.8
        return Windows.build(times[index], values[index], shown, ~shown)

    return labels.LabelTask(
        draw=draw,
        labels=outcome[:80],
        validation=labels.Labelled(draw(np.arange(80, count), rng), outcome[80:]),
        scale=Scale.fit(draw(np.arange(80), rng), 0.25),
    )


@pytest.mark.parametrize("name", list(study.BUILDERS))
def test_a_trained_network_tells_labels_apart_and_repeats(name):
    task = levels_task()
    config = training.settings(TINY | {"epochs": 4}, "levels", 80, 0, "cpu")

    def run():
        build = study.BUILDERS[name]
        fitted = labels.fit(task, config, lambda *a: build(*a, num_classes=2))
        windows = task.validation.windows
        return fitted, labels.probabilities(fitted.model, windows, task.scale, 4, seed=0)

    fitted, found = run()
    # the mean of ten readings has an area of 0.99
    assert area_under_curve(found, task.validation.labels) > 0.9
    best = min(record["1 - AUC"] for record in fitted.history)
    assert best < 0.1
    assert np.array_equal(found, run()[1])


def test_labels_go_with_their_series():
    task = levels_task()
    sampler = labels.LabelSampler(task, "origin")
    batch = sampler.batch(np.array([0, 1, 3, 3]), (0, 1))
    assert batch.labels.tolist() == [1, 0, 1, 1]
    assert batch.target_mask.any((1, 2)).all()
    assert torch.equal(batch.labels, sampler.batch(np.array([0, 1, 3, 3]), (0, 2)).labels)


def test_a_share_is_hidden_in_training_and_nothing_in_validation():
    stays = few_stays()
    chosen = mortality.Split(np.array([1, 0]), np.array([1]), np.array([0]))
    task = mortality.mortality(stays, chosen, 0.5)
    assert task.labels.tolist() == [1, 0]
    windows = [task.draw(np.array([0]), np.random.default_rng(seed)) for seed in range(200)]
    for part in windows:
        # every reading of the stay is either shown or asked for
        assert np.isfinite(part.values).sum() + part.asked().sum() == 3
    hidden = np.mean([part.asked().sum() / 3 for part in windows])
    # the first of two rows, which has two of the three readings; four standard errors
    assert hidden == pytest.approx(2 / 3 * 0.25, abs=0.08)
    whole = task.validation.windows
    assert np.isfinite(whole.values).sum() == 3
    assert not whole.asked().any()
    assert task.validation.labels.tolist() == [1]


@pytest.mark.usefixtures("shared_data")
def test_splits_are_disjoint_and_the_regression_beats_chance():
    split = mortality.split(400, 0)
    assert sorted([*split.train, *split.validation, *split.test]) == list(range(400))
    options = Options(mortality.PROTOCOL | mortality.SMOKE, seeds=(0,), only=(mortality.NAIVE,))
    found = {run["metric"]: run["value"] for run in mortality.run(options)["runs"]}
    assert found["AUC"] > 0.6
    assert 0 < found["Brier"] < 0.25
    assert 0 < found["calibration error"] < 0.25


@pytest.mark.usefixtures("shared_data")
def test_networks_and_their_means_have_rows():
    runs = mortality.run(Options(TINY, seeds=(0,), only=("LatentODE",)))["runs"]
    names = {run["model"] for run in runs}
    assert names == {"LatentODE", "LatentODE, 2 members"}
    parameters = {run["model"]: run["parameters"] for run in runs}
    assert parameters["LatentODE, 2 members"] == 2 * parameters["LatentODE"]
    assert len(runs) == 6


def test_a_regression_that_reaches_the_target_does_not_hide_a_network_that_does_not():
    def row(model, mean):
        return {"model": model, "metric": "AUC", "mean": mean}

    report = {"rows": [row(mortality.NAIVE, 0.9), row("LatentODE", 0.85)]}
    assert mortality.check(report) == [
        "physionet-mortality: expected an AUC of at least 0.858, got 0.8500."
    ]
    assert mortality.check({"rows": [row("LatentODE, 3 members", 0.86)]}) == []
