import numpy as np
import pytest
import torch
from event_cases import F64, SECOND, batch_of, hawkes
from scipy import stats

from latentode.data.batches.event_batch import EventBatch
from latentode.data.synthetic import events as simulate
from latentode.models.point_processes import (
    HomogeneousProcess,
    SelfCorrectingProcess,
    goodness_of_fit,
)
from latentode.models.point_processes.event_scores import EventScores

SETS, STREAMS = 1000, 5


def p_values(process, drawn, kind=None):
    """p-values of the three tests on each of many data sets, shape (set, 3)."""
    events = EventBatch.of(drawn, SECOND)
    with torch.no_grad():
        scores = process.score(events)
    found = []
    for i in range(0, drawn.num_series, STREAMS):
        rows = slice(i, i + STREAMS)
        part = EventScores(*(getattr(scores, n)[rows] for n in scores.__dataclass_fields__))
        batch = EventBatch(*(getattr(events, n)[rows] for n in events.__dataclass_fields__))
        rescaled = goodness_of_fit.rescale(part, batch, kind)
        tests = (
            goodness_of_fit.time_rescaling,
            goodness_of_fit.uniformity,
            goodness_of_fit.dispersion,
        )
        found.append([test(rescaled).p_value for test in tests])
    return np.array(found)


TRUTHS = {
    "poisson": (
        lambda n: simulate.poisson_events(n, 20.0, rate=1.5),
        lambda: HomogeneousProcess(torch.tensor([1.5], dtype=F64)),
        None,
    ),
    "self_correcting": (
        lambda n: simulate.self_correcting_events(n, 30.0),
        lambda: SelfCorrectingProcess.of(0.0, 1.0, 1.0),
        None,
    ),
    "one kind of a hawkes process": (
        lambda n: simulate.hawkes_events(
            n, 30.0, background=[0.4, 0.3], branching=[[[0.3, 0.2]], [[0.1, 0.4]]], decay=[2.0]
        ),
        lambda: hawkes([0.4, 0.3], [[[0.3, 0.2]], [[0.1, 0.4]]], [2.0]),
        1,
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_each_test_has_its_size_on_simulated_truth(name):
    draw, truth, kind = TRUTHS[name]
    share = (p_values(truth(), draw(SETS * STREAMS), kind) < 0.05).mean(0)
    assert ((share >= 0.03) & (share <= 0.07)).all(), share


def test_a_constant_rate_is_rejected_where_it_is_wrong():
    constant = HomogeneousProcess(torch.ones(1, dtype=F64))
    bursts = simulate.hawkes_events(
        200 * STREAMS, 50.0, background=[0.3], branching=[[[0.7]]], decay=[3.0]
    )
    gaps, _, dispersed = (p_values(constant, bursts) < 0.05).mean(0)
    assert min(gaps, dispersed) > 0.95
    # a drift within windows that are laid end to end is a wave: slow, and so no matter of gaps
    drift = simulate.poisson_events(
        200 * STREAMS, 50.0, rate=lambda t: 0.04 * t, bound=2.0, random_state=1
    )
    assert (p_values(constant, drift) < 0.05).mean(0)[2] > 0.95


def test_a_slow_drift_is_found_by_uniformity():
    constant = HomogeneousProcess(torch.ones(1, dtype=F64))
    series = simulate.poisson_events(100, 250.0, rate=lambda t: 0.6 + t / 300, bound=1.6)
    events = EventBatch.of(series, SECOND)
    scores = constant.score(events)
    found = []
    for i in range(100):
        one = EventScores(
            scores.log_intensity[[i]], scores.increments[[i]].detach(), scores.scored[[i]]
        )
        batch = EventBatch(*(getattr(events, n)[[i]] for n in events.__dataclass_fields__))
        found.append(goodness_of_fit.uniformity(goodness_of_fit.rescale(one, batch)).p_value < 0.05)
    assert np.mean(found) > 0.9


def test_p_values_agree_with_scipy():
    for distance, count in ((0.05, 400), (0.1, 150), (0.3, 12), (0.02, 100)):
        expected = stats.kstwo.sf(distance, count)
        assert goodness_of_fit.kolmogorov_p(distance, count) == pytest.approx(expected, abs=0.02)


def test_windows_are_laid_end_to_end_with_their_last_silence():
    process = HomogeneousProcess(torch.tensor([0.5], dtype=F64))
    events = batch_of([[2.0], [], [4.0, 8.0]])
    rescaled = goodness_of_fit.rescale(process.score(events), events)
    assert rescaled.times.tolist() == pytest.approx([1.0, 12.0, 14.0])
    assert rescaled.total == pytest.approx(15.0)
    assert goodness_of_fit.gaps(rescaled).tolist() == pytest.approx([1.0, 11.0, 2.0])


def test_kinds_with_few_events_are_not_tested_and_no_event_is_no_evidence():
    process = HomogeneousProcess(torch.tensor([0.5, 0.5], dtype=F64))
    events = batch_of([[1.0] * 3], [[0, 0, 1]], kinds=2)
    found = goodness_of_fit.goodness_of_fit(process.score(events), events, ("a", "b"))
    assert set(found) == {"all"}
    silent = batch_of([[]], kinds=2)
    tests = goodness_of_fit.goodness_of_fit(process.score(silent), silent, ("a", "b"))["all"]
    assert (tests["time_rescaling"].count, tests["time_rescaling"].p_value) == (0, 1.0)


def test_quantiles_of_exponential_gaps_lie_on_the_diagonal():
    process = HomogeneousProcess(torch.tensor([1.0], dtype=F64))
    events = EventBatch.of(simulate.poisson_events(1, 5000.0), SECOND)
    expected, observed = goodness_of_fit.quantiles(
        goodness_of_fit.rescale(process.score(events), events)
    )
    assert np.corrcoef(expected, observed)[0, 1] > 0.995
