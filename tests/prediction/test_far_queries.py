"""A query that is too far ahead for a latent path costs the others nothing, and is named."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from export_cases import MODELS, eager, fitted, log_of_kinds
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.errors import LatentODEWarning, SolverError
from latentode.prediction.predictor import Predictor
from latentode.runtime.predictor import ExportedPredictor

NEAR = EPOCH + np.array([121, 60, 130]) * HOUR
YEAR = 8_766 * HOUR
LOG = irregular_log()
UNREAD = LOG.with_readings(LOG.readings.select_readings(np.zeros(LOG.readings.num_readings, bool)))


def says_far():
    return pytest.warns(
        LatentODEWarning, match=r"series s0 at \d{4}-.*: more than .* an earlier time"
    )


@pytest.mark.parametrize("settings", [{}, {"model__knots": 0}, {"model__anchor": "start"}])
@pytest.mark.parametrize("years", [2, 100, 200])
def test_a_far_query_leaves_the_others_as_they_are(settings, years):
    predictor = predictor_of(LOG, num_draws=40, **settings)
    owner, times = np.zeros(4, np.int64), np.append(NEAR, EPOCH + years * YEAR)
    with says_far():
        found = predictor.query(LOG, owner, times)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LatentODEWarning)
        alone = predictor.query(LOG, owner[:3], NEAR)
    # batches of other sizes are summed in another order
    np.testing.assert_allclose(found.draws[:, :3], alone.draws, rtol=1e-5, atol=1e-4)
    center, scale = predictor.schema.scaler.center, predictor.schema.scaler.scale
    low, middle, high = np.quantile(found.draws[:, 3], [0.1, 0.5, 0.9], axis=0)
    assert (np.abs(middle - center) < 10 * scale).all()
    assert (low < high).all()


@pytest.mark.parametrize("years_before", [0, 60, 100])
def test_far_queries_are_named_at_any_date(years_before):
    readings = LOG.readings
    moved = replace(readings, times=readings.times - years_before * YEAR)  # 1963 is before 0
    predictor = predictor_of(LOG.with_readings(moved))
    with says_far():
        later = NEAR[:1] + (30 - years_before) * YEAR
        predictor.query(LOG.with_readings(moved), np.zeros(1, np.int64), later)


def test_a_far_query_is_answered_from_what_training_knows_of_no_series():
    predictor = predictor_of(LOG, num_draws=2_000)
    later = np.array([0, 1]), np.full(2, EPOCH + 30 * YEAR)
    with pytest.warns(LatentODEWarning, match="and 1 more: more than"):
        found = predictor.query(LOG, *later).draws
    expected = predictor.query(UNREAD, *later).draws
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("method", ["ab4", "rk4"])
def test_a_path_is_followed_as_far_as_the_budget_of_the_solver(method):
    settings = {"solver__method": method, "solver__max_nfe": 500, "solver__gradient": "backprop"}
    predictor = predictor_of(LOG, model__knots=0, **settings)
    unit, context = predictor.schema.time_scale.unit_ns, predictor.schema.lengths.context_ns
    reach = int(predictor.model.solver.reach * unit) - context
    last, owner = LOG.readings.first_and_last()[1][0], np.zeros(1, np.int64)
    predictor.query(LOG, owner, np.array([last + reach]))
    with says_far():
        predictor.query(LOG, owner, np.array([last + reach + unit]))


def test_a_series_that_begins_long_before_what_is_asked_is_answered():
    predictor = predictor_of(LOG)
    times = EPOCH + np.array([HOUR, 200 * YEAR])
    begins = np.full(len(LOG), EPOCH)
    with pytest.warns(LatentODEWarning, match="series s0 at 2.* after it begins, which is as far"):
        found = predictor.query(UNREAD, np.zeros(2, np.int64), times, origins=begins).draws
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_follows_a_path_as_far(name):
    model, log = fitted(name), log_of_kinds()
    predictor, exported = Predictor.of(model, 5), ExportedPredictor.of(eager(model), 5)
    assert exported.path_reach == pytest.approx(predictor.path_reach, rel=1e-9)
    owner, times = np.zeros(2, np.int64), EPOCH + np.array([125 * HOUR, 100 * YEAR])
    with says_far():
        expected = predictor.query(log, owner, times).draws
    with says_far():
        found = exported.query(log, owner, times).draws
    # float32, as the graph is computed in
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * abs(expected).max())


def test_a_path_that_cannot_be_solved_is_named_by_its_series():
    predictor = predictor_of(LOG)
    model = predictor.model
    weights = {name: v * math.nan if name.startswith("dynamics") else v for name, v in
               model.state_dict().items()}  # fmt: skip
    model.load_state_dict(weights)
    with pytest.raises(SolverError, match=r"series s1: expected a latent path .* becomes NaN") as e:
        replace(predictor, model=model).query(LOG, np.ones(1, np.int64), NEAR[:1])
    assert e.value.status == "non_finite"
