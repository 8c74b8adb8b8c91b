import numpy as np
import pytest
import torch
from event_cases import F64, SECOND, batch_of, jump_process, streams
from scipy import stats

from latentode.data.batches.event_batch import EventBatch
from latentode.errors import ConfigError, ResourceError
from latentode.prediction import next_event

ROWS, MARKS = [[0.5, 2.0, 2.2], []], [[0, 1, 0], []]


@pytest.fixture(params=[False, True], ids=["alone", "with a share of the own rate"])
def process(request):
    return jump_process(share=request.param)


@pytest.fixture
def events():
    return batch_of(ROWS, MARKS, kinds=2, window=(0.0, 3.0))


def longer(row, mark, until):
    """The same stream watched for longer, with other events perhaps."""
    return batch_of([row], [mark], kinds=2, window=(0.0, until))


def test_survival_is_the_likelihood_of_seeing_nothing(process, events):
    following = next_event.NextEvent(process, next_event.present(process, events), 4.0)
    got = following.survival(torch.tensor([[0.0, 1.0, 4.0]] * 2, dtype=F64))
    assert got[:, 0].tolist() == [1.0, 1.0]
    for i, ahead in ((1, 1.0), (2, 4.0)):
        for series in (0, 1):
            seen, more = (
                process.score(longer(ROWS[series], MARKS[series], 3.0 + t)).log_prob().item()
                for t in (0.0, ahead)
            )
            # the dense compensator is off by O((h / 8)^4)
            assert got[series, i].log().item() == pytest.approx(more - seen, abs=1e-6)


def test_quantiles_invert_survival_and_the_mean_is_its_integral(process, events):
    following = next_event.NextEvent(process, next_event.present(process, events), 6.0)
    levels = torch.tensor([0.1, 0.5, 0.8])
    found = following.quantile(levels)
    torch.testing.assert_close(
        following.survival(found), (1 - levels.double()).expand(2, 3), rtol=1e-9, atol=0
    )
    assert torch.isinf(following.quantile(torch.tensor([1 - 1e-9]))).all()
    grid = torch.linspace(0, 6, 6001, dtype=F64).expand(2, -1)
    expected = torch.trapezoid(following.survival(grid), grid)
    torch.testing.assert_close(following.mean(), expected, rtol=1e-6, atol=0)


def test_the_next_mark_has_the_shares_of_the_rates(process, events):
    following = next_event.NextEvent(process, next_event.present(process, events), 4.0)
    got = following.marks(torch.tensor([[1.5], [1.5]], dtype=F64))[0, 0]
    log_rates = [
        process.score(longer([*ROWS[0], 4.5], [*MARKS[0], k], 4.5)).log_intensity[0, -1]
        for k in (0, 1)
    ]
    expected = torch.stack(log_rates).softmax(0)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=0)


def test_after_one_more_event_the_streams_are_where_a_new_walk_ends(process, events):
    at = next_event.present(process, events)
    following = next_event.NextEvent(process, at, 4.0)
    got = following.after(torch.tensor([0.7, 1.1], dtype=F64), torch.tensor([1, 0]))
    again = next_event.present(process, longer([*ROWS[0], 3.7], [*MARKS[0], 1], 3.7))
    torch.testing.assert_close(got.state[:1], again.state, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(got.counts[:1], again.counts, rtol=1e-9, atol=1e-12)
    assert got.last[0] == again.last[0]


def test_intensities_are_left_limits_at_events_and_agree_with_the_likelihood(process, events):
    times = torch.tensor([[0.2, 2.0, 2.7], [1.0, 0.0, 3.0]], dtype=F64)
    got = next_event.intensity(process, events, times)
    for series, column, row, mark in (
        (0, 0, [0.2], [0]), (0, 1, [0.5, 2.0], [0, 1]), (0, 2, [*ROWS[0], 2.7], [0, 1, 0, 1]),
        (1, 2, [3.0], [1]),
    ):  # fmt: skip
        expected = process.score(longer(row, mark, 3.0)).log_intensity[0, -1].exp()
        torch.testing.assert_close(got[series, column, mark[-1]], expected, rtol=1e-9, atol=0)


def test_draws_of_the_next_event_follow_its_survival(process, events):
    following = next_event.NextEvent(process, next_event.present(process, events), 30.0)
    drawn = following.draw(1000, torch.Generator().manual_seed(0))
    for series in (0, 1):
        times = drawn[series][torch.isfinite(drawn[series])]
        survival = following.survival(times.expand(2, -1))[series]
        assert stats.kstest(survival.numpy(), "uniform").pvalue > 0.01


def thinned(process, at, horizon, generator):
    """One future of the first stream by Ogata's thinning, the bound re-checked at each proposal."""
    time, current, found = 0.0, at, []
    while True:
        following = next_event.NextEvent(process, current, horizon)
        waited, bound = 0.0, 1.0
        while True:
            waited += float(torch.empty(1).exponential_(bound, generator=generator))
            if time + waited > horizon:
                return found
            ahead = torch.full((1, 1), waited, dtype=F64)
            edges = torch.cat([ahead - 1e-4, ahead], 1).clamp(min=0.0)
            rate = float(following.expected(edges).sum(-1).diff()) / float(edges.diff())
            assert rate <= bound, "the bound of the test is too low"
            if float(torch.rand(1, generator=generator)) * bound < rate:
                break
        shares = following.marks(ahead)[0, 0]
        kind = torch.multinomial(shares, 1, generator=generator)
        time += waited
        found.append(time)
        current = following.after(ahead[:, 0], kind)


def bounded_process():
    process = jump_process()
    with torch.no_grad():
        process.process.log_scale.sub_(1.6)  # so that no rate exceeds the bound of thinning
        process.excite.weight.mul_(0.5)
    return process


def test_inversion_and_thinning_draw_the_same_futures():
    process, generator = bounded_process(), torch.Generator().manual_seed(1)
    events = batch_of([ROWS[0]], [MARKS[0]], kinds=2, window=(0.0, 3.0))
    at = next_event.present(process, events)
    drawn = next_event.simulate(process, at, 3.0, 400, generator)
    by_inversion = torch.isfinite(drawn.times).sum(-1)[:, 0].numpy()
    by_thinning = np.array([len(thinned(process, at, 3.0, generator)) for _ in range(80)])
    assert stats.ks_2samp(by_inversion, by_thinning).pvalue > 0.01
    assert by_inversion.mean() == pytest.approx(
        by_thinning.mean(), abs=4 * by_thinning.std() / np.sqrt(80)
    )


def test_simulated_counts_less_their_compensator_have_mean_0_and_the_martingale_variance():
    process = bounded_process()
    at = next_event.present(process, batch_of([[]], kinds=2, window=(0.0, 1.0)))
    drawn = next_event.simulate(process, at, 5.0, 400, torch.Generator().manual_seed(0))
    times, marks = drawn.times[:, 0], drawn.marks[:, 0]
    rows = [(1 + t[torch.isfinite(t)]).tolist() for t in times]
    kinds = [m[m >= 0].tolist() for m in marks]
    futures = streams(rows, kinds, kinds=2, window=(0.0, 6.0)).between(SECOND, 6 * SECOND)
    batch = EventBatch.of(streams(rows, kinds, kinds=2, window=(0.0, 6.0)), SECOND)
    with torch.no_grad():
        seen = process.score(batch).increments.sum((1, 2))
        before = process.score(longer([], [], 1.0)).increments.sum()
    error = futures.counts().sum(1) - (seen - before).numpy()
    variance = float((seen - before).mean())
    assert abs(error.mean()) < 4 * np.sqrt(variance / 400)
    assert error.var() == pytest.approx(variance, rel=0.3)
    assert drawn.counts(2).sum().item() == sum(map(len, rows))


def test_what_cannot_be_is_refused(process, events, monkeypatch):
    at = next_event.present(process, events)
    with pytest.raises(ConfigError, match="a length above 0"):
        next_event.NextEvent(process, at, 0.0)
    monkeypatch.setattr(next_event, "_MAX_EVENTS", 5)
    with torch.no_grad():
        process.process.log_scale.add_(3.0)
    with pytest.raises(ResourceError, match="Shorten the horizon"):
        next_event.simulate(process, at, 10.0, 2, torch.Generator())


def test_futures_that_would_take_too_much_memory_are_refused_before_they_are_drawn(process, events):
    at = next_event.present(process, events)
    with pytest.raises(ResourceError, match=r"of memory.*1,000,000,000 futures"):
        next_event.simulate(process, at, 10.0, 10**9, torch.Generator())
