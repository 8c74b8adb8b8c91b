"""Totals from rates: exact for even rates, true at readings, and never falling."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import predictor_of
from small_series import EPOCH, HOUR, make_dataset

from latentode.data.counters import Counters
from latentode.prediction.counter_totals import CounterTotals
from latentode.prediction.log_densities import prequential_score, reading_scores
from latentode.prediction.predictor import Predictor

COUNTERS = Counters(("total",), np.array([1e9]), np.array([HOUR]), HOUR)


def log_of(times, totals):
    times = np.asarray(times, dtype=np.int64)
    return make_dataset([(times, np.zeros(len(times), int), np.asarray(totals, float))], ("total",))


def totals_at(log, times, rates):
    """Totals (draw, query), with the rates (draw, cell) that a function gives for cells' times."""
    times = np.asarray(times, dtype=np.int64)
    cells = CounterTotals.of(COUNTERS, log, np.zeros(len(times), np.int64), times)
    drawn = rates(cells.times)
    unused = np.full((len(drawn), len(times)), np.nan)
    draws = np.concatenate([unused, drawn], axis=1)[..., None]
    return cells.from_rates(draws, len(times))[..., 0]


def test_an_even_rate_is_a_straight_line_before_between_and_after():
    read = EPOCH + np.array([0.0, 3.2, 4.1, 9.0]) * HOUR
    log = log_of(read, 50 + 2 * (read - EPOCH) / HOUR)
    asked = EPOCH + (np.linspace(-7.0, 700.0, 400) * HOUR).astype(np.int64)
    even = totals_at(log, asked, lambda times: np.full((1, len(times)), 2.0))
    np.testing.assert_allclose(even[0], 50 + 2 * (asked - EPOCH) / HOUR, rtol=1e-9)


def test_each_counter_of_each_series_has_its_own_readings():
    begins = np.array([[0.0, 100.0], [1_000.0, 5_000.0], [20.0, 70.0]])  # (series, counter)
    read = EPOCH + np.array([0, 3, 7]) * HOUR
    times, channel = np.tile(read, 2), np.repeat([0, 1], 3)
    risen = 2.0 * (times - EPOCH) / HOUR
    log = make_dataset([(times, channel, own[channel] + risen) for own in begins], ("a", "b"))
    both = Counters(("a", "b"), np.full(2, 1e9), np.full(2, HOUR), HOUR)
    series, hours = np.repeat([2, 0, 1], 4), np.tile([0.5, 3.0, 5.0, 9.0], 3)
    asked = EPOCH + (hours * HOUR).astype(np.int64)
    cells = CounterTotals.of(both, log, series, asked)
    found = cells.from_rates(np.full((1, len(asked) + len(cells.times), 2), 2.0), len(asked))
    np.testing.assert_allclose(found[0], begins[series] + 2.0 * hours[:, None], rtol=1e-9)


def test_between_readings_the_rise_is_shared_by_the_rates():
    log = log_of([EPOCH, EPOCH + 4 * HOUR], [10.0, 18.0])
    asked = EPOCH + np.array([0, 1, 2, 3, 4]) * HOUR
    shared = totals_at(log, asked, lambda _: np.array([[1.0, 0.0, 3.0, -9.0, 0.0]]))
    np.testing.assert_allclose(shared[0], [10, 12, 12, 18, 18])
    silent = totals_at(log, asked, lambda times: np.zeros((1, len(times))))
    np.testing.assert_allclose(silent[0], [10, 12, 14, 16, 18])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_draw_falls_and_readings_are_met(seed):
    generator = np.random.default_rng(seed)
    read = EPOCH + np.cumsum(generator.integers(1, 20 * HOUR, 12))
    truth = np.cumsum(generator.choice([0.0, 0.1, 1e5], 12))
    asked = np.sort(generator.integers(EPOCH - 50 * HOUR, read[-1] + 900 * HOUR, 60))
    asked = np.sort(np.concatenate([asked, read]))
    draws = totals_at(
        log_of(read, truth), asked, lambda times: generator.normal(size=(4, len(times)))
    )
    assert (np.diff(draws, axis=1) >= -1e-9 * (1 + np.abs(draws[:, 1:]))).all()
    assert (draws >= 0).all()
    met = draws[:, np.searchsorted(asked, read)]
    np.testing.assert_allclose(met, np.broadcast_to(truth, met.shape), rtol=1e-12)


def test_a_total_that_was_never_read_is_unknown():
    empty = log_of([], []).with_readings(
        replace(log_of([], []).readings, series_starts=np.array([0, 0]))
    )
    assert np.isnan(totals_at(empty, [EPOCH], lambda times: np.zeros((2, len(times))))).all()


METER = np.cumsum(np.random.default_rng(1).gamma(2.0, 3.0, 200))
TIMES = EPOCH + np.arange(200) * HOUR


def meter_with(values):
    both = np.concatenate([values, np.sin(np.arange(len(values)))])
    channel = np.repeat([0, 1], len(values))
    times = np.concatenate([TIMES[: len(values)]] * 2)
    return make_dataset([(times, channel, both)], ("total", "other"))


LOG = meter_with(METER)
PREDICTOR = predictor_of(LOG, channels__counters=("total",), num_draws=8)
AHEAD = np.zeros(30, int), TIMES[-1] + np.arange(1, 31) * HOUR // 2


def test_a_forecast_starts_at_the_last_reading_and_its_draws_never_fall():
    draws = PREDICTOR.query(LOG, *AHEAD).draws[..., 0]
    assert (draws >= METER[-1]).all()
    assert (np.diff(draws, axis=1) >= 0).all()
    assert (draws[:, -1] > METER[-1]).any()
    # a reset is the new start, a leap is left out, or followed where it is to be kept
    for last, start in [(3.0, 3.0), (1e12, METER[-2])]:
        log = meter_with(np.append(METER[:-1], last))
        assert (np.abs(PREDICTOR.query(log, *AHEAD).draws[:, 0, 0] - start) < 200).all()
    kept = replace(PREDICTOR, keeps_far=True).query(log, *AHEAD).draws[..., 0]
    assert (kept >= 1e12).all()


def test_a_draw_is_the_same_whatever_else_is_asked():
    series, times = AHEAD
    every = PREDICTOR.query(LOG, series, times)
    some = PREDICTOR.query(LOG, series[3::7], times[3::7])
    np.testing.assert_allclose(some.draws, every.draws[:, 3::7], rtol=1e-6)


def test_the_density_of_totals_is_that_of_their_rates_over_the_time_between():
    other = Predictor(PREDICTOR.model, PREDICTOR.schema, seed=3, num_draws=8)
    log = meter_with(METER[:150])
    future = METER[150:160, None] * [1.0, np.nan]
    series, times = np.zeros(10, int), TIMES[150:160]
    given_totals = other.query(log, series, times, future)
    rates = np.diff(METER[149:160])[:, None] * [12.0, np.nan]  # in a horizon of 12 hours
    plain = replace(PREDICTOR.schema, counters=replace(PREDICTOR.schema.counters, names=()))
    as_rates = PREDICTOR.schema.modelled(log)
    given_rates = Predictor(PREDICTOR.model, plain, seed=3, num_draws=8).query(
        as_rates, series, times, rates
    )
    np.testing.assert_allclose(
        given_totals.log_prob[:, 0], given_rates.log_prob[:, 0] + np.log(12.0), rtol=1e-5
    )


def test_the_score_of_a_series_counts_totals_by_their_rises():
    shifted = meter_with(METER + 1e6)
    one, other = (prequential_score(PREDICTOR, log)[0] for log in (LOG, shifted))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, other, rtol=1e-4)
    jumped = meter_with(np.where(np.arange(200) < 150, METER, METER + 90))
    before, after = (reading_scores(PREDICTOR, log)[2][:, 0] for log in (LOG, jumped))
    # up to the end of its block nothing but the jump itself is another than it was
    assert np.flatnonzero(after[:156] != before[:156]).tolist() == [150]
    assert after[150] < before[150]


@pytest.mark.parametrize("counters", [("total",), ()])
def test_plan_names_counters(counters):
    lines = predictor_of(LOG, channels__counters=counters).schema.plan()
    assert ("counters, modelled by their rates: total" in lines) is bool(counters)
