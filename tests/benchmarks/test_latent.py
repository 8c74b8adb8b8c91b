"""Task latent-density: faults and labels, areas and bounds, and that it runs."""

import math

import numpy as np
import pytest
from click.testing import CliRunner
from model_cases import irregular_log

from benchmarks import latent_density
from benchmarks.__main__ import main
from benchmarks.flows.latent_logs import _fault, load, plant_faults
from benchmarks.flows.latent_scores import per_reading, roc_area, score
from latentode.config import LatentODEConfig
from latentode.estimators import LatentODE

HOUR = 3_600_000_000_000
SMALL = latent_density.PROTOCOL | latent_density.SMOKE


def test_faults_change_the_readings_that_they_label_and_no_others():
    log = irregular_log((200, 200), hours=100, extras=False)
    times = log.readings.times
    after = int(np.median(times))
    options = {"channels": [0, 1], "length_ns": 20 * HOUR, "faults": 4}
    faulty, labels = plant_faults(log, after, rng=np.random.default_rng(0), **options)
    changed = faulty.readings.values != log.readings.values
    assert np.array_equal(changed, labels)
    assert 0 < labels.mean() < 0.3
    assert (times[log.readings.reading_rows()][labels] >= after).all()
    assert set(log.readings.channel_index[labels]) <= {0, 1}
    assert log.readings.times is faulty.readings.times  # nothing else is touched
    again = plant_faults(log, after, rng=np.random.default_rng(0), **options)[1]
    assert np.array_equal(again, labels)


@pytest.mark.parametrize("kind", ["shift", "drift", "stuck", "spikes"])
def test_each_fault_is_what_it_is_called(kind):
    values, share = np.sin(np.arange(50.0)), np.arange(50) / 50
    change = _fault(kind, values, share, 2.0, np.random.default_rng(1)) - values
    if kind == "shift":
        np.testing.assert_allclose(np.abs(change), 6.0)
    elif kind == "drift":
        np.testing.assert_allclose(np.abs(change), 8.0 * share, atol=1e-12)
    elif kind == "stuck":
        np.testing.assert_allclose(change + values, values[0])
    else:
        assert set(np.abs(change).round(9)) == {0.0, 10.0}


def test_the_area_counts_pairs_in_the_right_order_and_ties_by_half():
    scores, labels = np.array([3.0, 1.0, 2.0, 2.0]), np.array([True, False, True, False])
    assert roc_area(scores, labels) == (2 + 1.5) / 4
    assert roc_area(-scores, labels) == pytest.approx(1 - 3.5 / 4)
    assert roc_area(scores, np.ones(4, dtype=bool)) is None


def test_a_bound_a_reading_is_a_ratio_with_the_error_of_its_windows():
    rng = np.random.default_rng(0)
    counts = rng.integers(5, 30, size=400).astype(float)
    totals = 2.0 * counts + rng.normal(size=400) * np.sqrt(counts)
    mean, error = per_reading(totals, counts)
    assert mean == pytest.approx(2.0, abs=5 * error)
    # independent noise of unit variance a reading
    assert error == pytest.approx(1 / math.sqrt(counts.sum()), rel=0.15)


def row(prior, gain, part="pump_station"):
    return {"part": part, "prior": prior, "posterior": "normal", "gain": gain, "gain_se": 0.01}


def test_a_prior_that_does_not_raise_the_bound_is_told_with_the_amount():
    rows = [row("cnf", -0.02), row("fitted", 0.03), row("cnf", -1.0, "nab_known_cause")]
    assert latent_density.check({"rows": rows}) == [
        "pump_station, prior cnf: expected a higher IWAE than that of the normal prior, got "
        "-0.0200 +- 0.0100 nats a reading."
    ]
    assert len(latent_density.check({"rows": []})) == 2


def test_the_error_over_seeds_counts_where_it_is_the_larger():
    facts = dict.fromkeys(("auc_readings", "auc_windows", "train_seconds"), 1.0)
    facts |= dict.fromkeys(("windows", "readings", "parameters"), 5) | {"validation_gain": None}
    runs = [
        row("cnf", 0.0) | facts | {"seed": seed, "elbo": value, "elbo_se": 0.1, "iwae": 0.0}
        | {"iwae_se": 0.2}
        for seed, value in ((0, -1.0), (1, 1.0))
    ]  # fmt: skip
    (found,) = latent_density.summarise(runs)
    assert (found["elbo"], found["iwae_se"], found["seeds"]) == (0.0, 0.2, [0, 1])
    assert found["elbo_se"] == pytest.approx(math.sqrt(2.0) / math.sqrt(2))
    assert found["validation_gain"] is None


def test_the_labels_of_nab_are_no_channel_and_reach_the_right_readings(shared_data):
    assert (shared_data / "nab_known_cause.csv.gz").is_file()
    log = load("nab_known_cause", SMALL | {"rows": 1500})
    assert log.clean.channels == ("value",)
    assert len(log.labels) == log.clean.readings.num_readings
    assert 0 < log.labels.mean() < 0.5
    settings = {"model.latent_dim": 2, "model.hidden_dim": 4, "windows.context": "24h"}
    settings |= {"windows.horizon": "6h", "train.max_epochs": 1, "train.steps_per_epoch": 1}
    config = LatentODEConfig().updated(**settings, **log.settings)
    fitted = LatentODE(config=config).fit(log.clean).fitted_
    found = score(fitted, log, SMALL | {"windows": 40})
    assert found["anomalous_readings"] > 0
    assert found["windows"] < 40  # bounds are those of windows without an anomaly
    assert 0 <= found["auc_windows"] <= 1
    assert found["elbo"] <= found["iwae"]


@pytest.mark.slow
def test_the_task_runs_on_the_pump_station(monkeypatch):
    # would bind the process of the tests to one core
    monkeypatch.setattr("benchmarks.__main__.limit_threads", lambda _threads: None)
    words = ["latent-density", "--smoke", "--seeds", "0", "--only", "pump_station"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.count("| fitted |") == 2
    assert done.output.count("held-out IWAE of pump_station") == 5
