"""Which latent paths readings are predicted from."""

from dataclasses import replace

import numpy as np
import pytest
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.prediction import latent_points, window_solver
from latentode.prediction.latent_points import PATHS, UNREMEMBERED

SERIES = np.array([0, 1, 2, 0, 1])
TIMES = EPOCH + np.array([20, 60, 130, 125, 121]) * HOUR


def paths_of(monkeypatch, wanted="readings", **settings):
    """How many latent paths a query is answered from."""
    found = []
    solved = window_solver.WindowSolver.solved

    def watched(*arguments, **options):
        for part in solved(*arguments, **options):
            found.append(len(part.solved.z0))
            yield part

    monkeypatch.setattr(window_solver.WindowSolver, "solved", watched)
    log = irregular_log()
    predictor_of(log, **settings).query(log, SERIES, TIMES, wanted=wanted)
    assert len(set(found)) == 1
    return found[0]


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({"num_draws": 40}, PATHS),
        ({"num_draws": 5}, 5),
        ({"num_draws": 40, "wanted": "latent"}, 40),
        ({"num_draws": 40, "model__memory": False}, UNREMEMBERED),
        ({"num_draws": 40, "model__dynamics_noise": "learned"}, 40),
    ],
)
def test_draws_of_readings_share_few_paths(monkeypatch, settings, paths):
    assert paths_of(monkeypatch, **settings) == paths


@pytest.mark.parametrize("settings", [{}, {"model__memory": False}, {"model__posterior": "cnf"}])
def test_draws_that_share_paths_are_the_same_whatever_else_is_asked(settings):
    log = irregular_log()
    predictor = predictor_of(log, num_draws=40, **settings)
    values = np.full((len(TIMES), 2), 20.5)
    whole = predictor.query(log, SERIES, TIMES, values)
    for some in ([3], [4, 0]):
        found = predictor.query(log, SERIES[some], TIMES[some], values[some])
        np.testing.assert_allclose(found.draws, whole.draws[:, some], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(found.log_prob, whole.log_prob[some], rtol=1e-5, atol=1e-4)
    for count in (1, 5, 20):
        fewer = replace(predictor, num_draws=count).query(log, SERIES, TIMES).draws
        np.testing.assert_allclose(fewer, whole.draws[:count], rtol=1e-5, atol=1e-4)


def test_few_paths_say_of_readings_what_many_say(monkeypatch):
    log = irregular_log()
    predictor = predictor_of(log, num_draws=2_000, model__likelihood="gaussian")
    values = np.quantile(predictor.query(log, SERIES, TIMES).draws, 0.9, axis=0)
    few = predictor.query(log, SERIES, TIMES, values)
    monkeypatch.setattr(latent_points, "PATHS", 2_000)
    many = predictor.query(log, SERIES, TIMES, values)
    spread = many.draws.std(axis=0)
    # noise is the same: what is left is a fifth of the standard error of 2,000 draws of both
    assert (np.abs(few.draws.mean(axis=0) - many.draws.mean(axis=0)) / spread).max() < 0.05
    np.testing.assert_allclose(few.draws.std(axis=0), spread, rtol=0.05)
    np.testing.assert_allclose(few.log_prob, many.log_prob, atol=0.02)
