import math

import numpy as np
import pytest
from event_cases import SECOND, shared_truths
from scipy import stats

from latentode import synthetic
from latentode.data.synthetic.event_oracles import ORACLES, sinusoidal_rate
from latentode.errors import ConfigError
from latentode.models.point_processes import goodness_of_fit
from latentode.training.events.scoring import score_streams


@pytest.mark.parametrize("name", sorted(shared_truths()))
def test_streams_come_from_the_process_of_their_name(name):
    streams = synthetic.make_events(name, 24, 200.0, random_state=3)
    truth = shared_truths()[name]
    scores, batch = score_streams(truth, streams, SECOND)
    assert goodness_of_fit.time_rescaling(goodness_of_fit.rescale(scores, batch)).p_value > 0.01
    # a martingale: counts less their compensator have mean 0 and its variance
    error = streams.num_scored - float(scores.increments.sum())
    assert abs(error) < 4 * math.sqrt(float(scores.increments.sum()))


def test_the_inhomogeneous_stream_follows_its_rate():
    streams = synthetic.make_events("inhomogeneous", 40, 200.0)
    seconds = streams.times / SECOND
    grid = np.linspace(0, 200, 20_001)
    total = np.r_[0.0, np.cumsum((sinusoidal_rate(grid[1:]) + sinusoidal_rate(grid[:-1])) / 200)]
    share = np.interp(seconds, grid, total) / total[-1]
    assert stats.kstest(share, "uniform").pvalue > 0.01
    assert streams.num_scored == pytest.approx(40 * total[-1], abs=4 * math.sqrt(40 * total[-1]))


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_a_seed_gives_the_same_streams(name):
    one, other, third = (synthetic.make_events(name, 3, 50.0, random_state=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.times, other.times)
    assert not np.array_equal(one.times, third.times)
    assert one.exposure(SECOND).tolist() == [[50.0]] * 3


def test_an_unknown_process_is_refused():
    with pytest.raises(ConfigError, match="expected one of poisson, inhomogeneous"):
        synthetic.make_events("hawkes")
