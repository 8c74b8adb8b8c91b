import itertools

import numpy as np
import pytest
import torch
from event_cases import F64, SECOND, batch_of, hawkes, shared_truths, streams

from latentode.data.batches.event_batch import EventBatch
from latentode.data.dataset import Clock
from latentode.data.events import EventStreams
from latentode.data.synthetic import events as simulate
from latentode.errors import ConfigError
from latentode.models.nn.decayed_counts import decayed_counts
from latentode.models.point_processes import (
    HawkesProcess,
    HomogeneousProcess,
    LogLinearProcess,
    PiecewiseConstantProcess,
    RenewalProcess,
    SelfCorrectingProcess,
)

ROWS, MARKS = [[0.5, 1.5, 1.75, 6.0], [], [4.0]], [[0, 1, 0, 1], [], [1]]
RATES = torch.tensor([0.4, 0.7], dtype=F64)


def perturbed(process):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in process.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return process


PROCESSES = {
    "homogeneous": lambda: HomogeneousProcess(RATES),
    "piecewise": lambda: PiecewiseConstantProcess(RATES, 10.0, 4),
    "log_linear": lambda: LogLinearProcess(RATES, 10.0),
    "hawkes": lambda: HawkesProcess(RATES, torch.tensor([0.5, 3.0], dtype=F64)),
    "self_correcting": lambda: SelfCorrectingProcess(RATES),
    "renewal": lambda: RenewalProcess(RATES, 1.0, 3),
}


def rate_at(process, times, marks, t, kinds):
    """Rates at t after given events: read as the log-intensity of one more event of each kind."""
    found = []
    for kind in range(kinds):
        batch = batch_of([[*times, t]], [[*marks, kind]], kinds=kinds, window=(0.0, 10.0))
        found.append(process.score(batch).log_intensity[0, -1].exp().item())
    return found


@pytest.mark.parametrize("name", PROCESSES)
def test_expected_counts_are_the_integral_of_the_rate(name):
    process = perturbed(PROCESSES[name]())
    times, marks = ROWS[0], MARKS[0]
    scores = process.score(batch_of([times], [marks], kinds=2))
    points, weights = np.polynomial.legendre.leggauss(24)
    knots = [0.0, *times, 10.0]
    inner = [2.5, 5.0, 7.5] if name == "piecewise" else []
    for gap in range(5):
        low, high = knots[gap], knots[gap + 1]
        cuts = [low, *(c for c in inner if low < c < high), high]
        total = np.zeros(2)
        for a, b in itertools.pairwise(cuts):
            nodes = (a + b) / 2 + (b - a) / 2 * points
            rates = [rate_at(process, times[:gap], marks[:gap], t, 2) for t in nodes]
            total += (b - a) / 2 * (weights @ np.array(rates))
        # times are whole nanoseconds, and a log-normal hazard is not analytic at a gap of 0
        rtol = 2e-3 if name == "renewal" else 1e-7
        np.testing.assert_allclose(scores.increments[0, gap].detach(), total, rtol=rtol)


@pytest.mark.parametrize("name", PROCESSES)
def test_every_parameter_has_the_gradient_of_finite_differences(name):
    process = perturbed(PROCESSES[name]())
    batch = batch_of(ROWS, MARKS, kinds=2)
    process.score(batch).log_prob().sum().backward()
    for parameter in process.parameters():
        flat, index = parameter.data.view(-1), parameter.numel() // 2
        values = []
        for step in (1e-5, -2e-5):
            flat[index] += step
            values.append(process.score(batch).log_prob().sum().item())
        flat[index] += 1e-5
        slope = (values[0] - values[1]) / 2e-5
        assert parameter.grad.view(-1)[index].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", PROCESSES)
def test_series_do_not_know_each_other(name):
    process = perturbed(PROCESSES[name]())
    together = process.score(batch_of(ROWS, MARKS, kinds=2)).log_prob()
    alone = [
        process.score(batch_of([row], [marks], kinds=2)).log_prob()
        for row, marks in zip(ROWS, MARKS, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-12, atol=1e-12)


def test_decayed_counts_equal_a_double_loop_across_blocks():
    rng = np.random.default_rng(0)
    times = torch.from_numpy(np.sort(rng.uniform(0, 50, (2, 100)), axis=1))
    marks = torch.from_numpy(rng.integers(0, 3, (2, 100)))
    valid = torch.ones_like(marks, dtype=torch.bool)
    valid[1, 80:] = False
    decay, first = torch.tensor([0.1, 30.0], dtype=F64), torch.rand(2, 2, 3, dtype=F64)
    got = decayed_counts(times, marks, valid, decay, 3, first)
    for row, i in ((0, 0), (0, 31), (0, 32), (0, 99), (1, 70), (1, 95)):
        since = times[row, i] - times[row]
        expected = first[row] * torch.exp(-decay * since[0])[:, None]
        for earlier in range(i):
            if valid[row, earlier]:
                expected[:, marks[row, earlier]] += torch.exp(-decay * since[earlier])
        torch.testing.assert_close(got[row, i], expected, rtol=1e-10, atol=1e-12)


SIMULATED = {
    "poisson": (
        lambda n: simulate.poisson_events(n, 20.0, rate=1.5),
        lambda: HomogeneousProcess(torch.tensor([1.5], dtype=F64)),
    ),
    "hawkes": (
        lambda n: simulate.hawkes_events(
            n, 20.0, background=[0.3, 0.2], branching=[[[0.3, 0.2]], [[0.1, 0.4]]], decay=[2.0]
        ),
        lambda: hawkes([0.3, 0.2], [[[0.3, 0.2]], [[0.1, 0.4]]], [2.0]),
    ),
    "self_correcting": (
        lambda n: simulate.self_correcting_events(n, 20.0, base=0.1, growth=0.8, drop=0.7),
        lambda: SelfCorrectingProcess.of(0.1, 0.8, 0.7),
    ),
    "renewal": (
        lambda n: simulate.renewal_events(n, 20.0, mean=-0.5, sd=1.0),
        lambda: RenewalProcess.of(-0.5, 1.0),
    ),
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_counts_less_their_compensator_have_mean_0_and_the_variance_of_a_martingale(name):
    draw, truth = SIMULATED[name]
    events = draw(2000)
    scores = truth().score(EventBatch.of(events, SECOND))
    compensator = scores.increments.sum((-2, -1)).detach().numpy()
    error = events.counts().sum(1) - compensator
    # Var(N - Lambda) = E Lambda for every point process
    assert abs(error.mean()) < 4 * np.sqrt(compensator.mean() / 2000)
    assert error.var() == pytest.approx(compensator.mean(), rel=0.12)


def test_the_thinning_bound_is_checked():
    growing = lambda t: 0.1 * t  # noqa: E731
    drawn = simulate.poisson_events(500, 10.0, rate=growing, bound=1.0)
    assert drawn.counts().mean() == pytest.approx(5.0, abs=4 * np.sqrt(5 / 500))
    with pytest.raises(ConfigError, match="Raise the bound"):
        simulate.poisson_events(500, 20.0, rate=growing, bound=1.0)
    with pytest.raises(ConfigError, match="Give a finite bound"):
        simulate.poisson_events(5, 20.0, rate=growing)
    with pytest.raises(ConfigError, match="spectral radius below 1"):
        simulate.hawkes_events(1, 1.0, background=[1.0], branching=[[[1.1]]], decay=[1.0])


# MATHS.md, "Point processes: oracles": nats per event of the true process, gaps only, whole set
PUBLISHED = {
    "poisson": 0.9950, "hawkes1": 0.4999, "hawkes2": 0.0150, "self_correcting": 0.7567,
    "renewal": 0.2602,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_true_processes_reproduce_the_published_oracles(name, shared_data):
    arrivals = np.load(shared_data / "point_processes" / f"{name}.npz")["arrival_times"]
    times = np.rint(arrivals * SECOND).astype(np.int64)
    events = EventStreams.build(
        np.repeat(np.arange(64), 1024), times.ravel(), np.zeros(times.size, np.int64),
        series_ids=[str(i) for i in range(64)], mark_names=["event"],
        windows=np.stack([np.zeros(64, np.int64), times[:, -1]], axis=1),
        clock=Clock("elapsed", None, "s"),
    )  # fmt: skip
    scores = shared_truths()[name].score(EventBatch.of(events, SECOND))
    assert -scores.log_prob().sum().item() / times.size == pytest.approx(PUBLISHED[name], abs=6e-5)


def test_a_tail_that_is_cut_off_would_bias_the_rate():
    # what the windows are for: from the first to the last event, a rate of 1 looks like 2.1
    drawn = simulate.poisson_events(4000, 2.0, rate=1.0)
    rows = np.split(drawn.times / SECOND, drawn.starts[1:-1])
    spans = [(row[-1] - row[0], len(row)) for row in rows if len(row) > 1]
    naive = sum(n for _, n in spans) / sum(s for s, _ in spans)
    assert drawn.rates(SECOND)[0] == pytest.approx(1.0, abs=0.05)
    assert naive > 2
    assert streams([[1.0]]).rates(SECOND)[0] == 0.1
