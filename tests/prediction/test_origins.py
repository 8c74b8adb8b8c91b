"""When series begin that were never read, and what is said where nothing tells."""

from dataclasses import replace

import numpy as np
import pytest
from model_cases import EPOCH, HOUR, irregular_log, predictor_of

from latentode.data.dataset import Clock
from latentode.errors import ConfigError, DataError
from latentode.prediction.origins import begins_of, origins_of, prior_line, without_begin
from latentode.prediction.query_windows import NO_ORIGIN

LOG = irregular_log()
FIRST_INPUT = int(LOG.inputs.times[0])


def without_readings(*series, log=LOG):
    """The log, but for the readings of some series."""
    owner = log.readings.row_series()[log.readings.reading_rows()]
    return log.with_readings(log.readings.select_readings(~np.isin(owner, series)))


def test_a_series_never_read_begins_at_its_first_known_input():
    assert origins_of(without_readings(1)).tolist() == [NO_ORIGIN, FIRST_INPUT, NO_ORIGIN]


def test_a_time_that_is_given_comes_first():
    given = origins_of(without_readings(0, 2), "2024-05-01T06:00")
    moment = int(np.datetime64("2024-05-01T06:00", "ns").astype(np.int64))
    assert given.tolist() == [moment, NO_ORIGIN, moment]


def test_a_number_is_a_time_of_an_elapsed_clock():
    elapsed = replace(without_readings(0), clock=Clock("elapsed", unit="h"))
    assert origins_of(elapsed, 2.5)[0] == 2.5 * HOUR


def test_a_time_that_no_series_needs_is_refused():
    with pytest.raises(ConfigError, match="all have some"):
        origins_of(LOG, "2024-05-01")


def test_what_is_no_time_is_refused_with_the_option():
    with pytest.raises(ConfigError, match=r"origin: expected a date .* got 'soon'.*--from"):
        origins_of(without_readings(0), "soon")


def test_series_of_which_nothing_tells_the_begin_are_named():
    bare = replace(without_readings(0, 1), inputs=None)
    line = without_begin(bare, origins_of(bare))
    assert "'s0', 's1' left out" in line
    assert "--from TIME (in Python origin=TIME)" in line
    assert without_begin(LOG, origins_of(LOG)) is None


def test_a_log_of_which_nothing_tells_any_begin_is_refused():
    bare = replace(without_readings(0, 1, 2), inputs=None)
    with pytest.raises(DataError, match=r"got neither of series 's0', 's1', 's2'\. Pass --from"):
        without_begin(bare, origins_of(bare))


def test_the_note_names_the_series_and_their_begins():
    bare = without_readings(1)
    begins = begins_of(bare, origins_of(bare), np.array([0, 1, 1]))
    assert list(begins) == ["s1"]
    line = prior_line(begins)
    assert "'s1' from 20" in line
    assert "prior alone" in line


@pytest.mark.parametrize("anchor", ["origin", "start"])
def test_answers_from_the_prior_are_finite_and_one_path(anchor):
    predictor = predictor_of(LOG, num_draws=30, model__anchor=anchor)
    bare = without_readings(0, 1, 2)
    times = FIRST_INPUT + np.arange(0, 40, 4) * HOUR
    series, origins = np.full(len(times), 1), origins_of(bare)
    whole = predictor.query(bare, series, times, origins=origins)
    assert np.isfinite(whole.draws).all()
    # whatever else is asked, an answer is the same
    some = predictor.query(bare, series[3:5], times[3:5], origins=origins)
    np.testing.assert_allclose(some.draws, whole.draws[:, 3:5], rtol=1e-5, atol=1e-5)
    # static covariates and known inputs count
    one, other = (
        predictor.query(bare, index, times, origins=origins, wanted="latent").latent
        for index in (series, np.full(len(times), 2))
    )
    assert np.isfinite(one).all()
    assert not np.allclose(other.mean(0), one.mean(0), atol=1e-3)


def test_readings_of_other_series_change_nothing():
    predictor = predictor_of(LOG, num_draws=10)
    times, series = EPOCH + np.arange(1, 30, 7) * HOUR, np.full(5, 0)
    origins = origins_of(without_readings(0))
    beside = predictor.query(without_readings(0), series, times, origins=origins)
    alone = predictor.query(without_readings(0, 1, 2), series, times, origins=origins)
    np.testing.assert_allclose(beside.draws, alone.draws, rtol=1e-6, atol=1e-6)


def test_a_model_of_readings_alone_is_not_asked_for_a_prior():
    bare = replace(without_readings(0, 1, 2), inputs=None)
    with pytest.raises(ConfigError, match=r"Train with --static-columns or --future-columns"):
        origins_of(bare, "2024-05-01", learned=False)
    with pytest.raises(DataError, match=r"Give a log with readings.*--static-columns"):
        without_begin(bare, origins_of(bare), learned=False)
    some = replace(without_readings(0), inputs=None)
    assert "--from" not in without_begin(some, origins_of(some), learned=False)
    assert "do not rely on them" in prior_line({"s0": ""}, learned=False)
