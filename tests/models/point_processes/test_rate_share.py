import math

import numpy as np
import pytest
import torch
from event_cases import F64, SECOND, batch_of, jump_process, rate_share, streams

from latentode.data.batches.event_batch import EventBatch
from latentode.models.point_processes import HomogeneousProcess, OwnRateProcess, RateShare
from latentode.models.point_processes import goodness_of_fit as fit_tests
from latentode.prediction import next_event

ROWS, MARKS = [[0.05, 4.05, 4.1, 4.4, 7.0], [], [2.0, 3.0]], [[0, 1, 1, 0, 1], [], [1, 0]]


def score(process, row, marks, end):
    return process.score(batch_of([row], [marks], kinds=2, window=(0.0, end)))


def shared(model, share, batch):
    scores = model.score(batch)
    return share.scores(batch, scores, scores)


def test_the_density_of_the_next_event_and_the_chance_of_none_sum_to_one():
    process = jump_process(share=True)
    past, marks = [0.3, 0.4, 0.5], [0, 1, 0]
    seen = score(process, past, marks, 0.5).log_prob().item()
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = math.exp(score(process, past, marks, 6.5).log_prob().item() - seen)
    for node, weight in zip(nodes, weights, strict=True):
        time = 0.5 + 3.0 * (node + 1)
        for mark in (0, 1):
            density = score(process, [*past, time], [*marks, mark], time).log_prob().item() - seen
            total += 3.0 * weight * math.exp(density)
    # four steps of eight nodes in the model's compensator, forty in time
    assert total == pytest.approx(1.0, abs=1e-5)


def test_expected_counts_have_the_rates_as_slopes():
    process, step = jump_process(share=True, step=0.1), 1e-4
    for mark in (0, 1):
        low, high = (
            score(process, ROWS[0], MARKS[0], end).increments[0, -1, mark].item()
            for end in (7.6 - step, 7.6 + step)
        )
        rate = score(process, [*ROWS[0], 7.6], [*MARKS[0], mark], 8.0).log_intensity[0, -1]
        assert (high - low) / (2 * step) == pytest.approx(rate.exp().item(), rel=1e-5)


def test_without_a_share_it_is_the_model_bit_for_bit_and_a_tiny_one_changes_next_to_nothing():
    process = jump_process()
    batch = batch_of(ROWS, MARKS, kinds=2, window=(0.0, 8.0))
    alone = process.follow(batch, process.fresh(3))[0]
    assert torch.equal(process.score(batch).log_prob(), alone.log_prob())
    process.share = rate_share(start=1e-12, switch=1e-12)
    torch.testing.assert_close(process.score(batch).log_prob(), alone.log_prob(), atol=1e-9, rtol=0)


def test_the_rate_before_an_event_knows_nothing_of_what_comes_later():
    process = jump_process(share=True)
    one = score(process, [0.3, 0.9, 1.5], [0, 1, 0], 8.0)
    other = score(process, [0.3, 0.9, 7.5], [0, 1, 1], 8.0)
    torch.testing.assert_close(one.log_intensity[0, :2], other.log_intensity[0, :2])
    torch.testing.assert_close(one.increments[0, :2], other.increments[0, :2])


def test_padding_changes_nothing():
    process = jump_process(share=True)
    together = process.score(batch_of(ROWS, MARKS, kinds=2, window=(0.0, 8.0))).log_prob()
    alone = [score(process, r, m, 8.0).log_prob() for r, m in zip(ROWS, MARKS, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-10, atol=1e-10)


def test_parts_of_a_stream_add_up_to_the_whole():
    process = jump_process(share=True)
    whole = streams(ROWS[:1], MARKS[:1], kinds=2, window=(0.0, 8.0))
    parts = (whole.between(0, 5 * SECOND), whole.between(5 * SECOND + 1, 8 * SECOND))
    total = sum(process.score(EventBatch.of(part, SECOND)).log_prob() for part in parts)
    expected = process.score(EventBatch.of(whole, SECOND)).log_prob()
    # a nanosecond lies between the parts
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pace", [0.2, 1.0, 5.0, 100.0])
def test_a_stream_of_any_pace_costs_a_few_nats_more_than_the_better_of_the_two(pace):
    rates = torch.ones(1, dtype=F64)
    model, own = HomogeneousProcess(rates), OwnRateProcess(rates, 1.0, 0.05)
    gaps = np.random.default_rng(0).exponential(1 / pace, 200)
    batch = batch_of([np.cumsum(gaps).tolist()], window=(0.0, float(gaps.sum())))
    start, switch = 0.01, 1e-3
    got = shared(model, RateShare(own, start, switch), batch).log_prob().item()
    stay = 200 * math.log1p(-switch)
    assert got >= own.score(batch).log_prob().item() + math.log(start) + stay
    assert got >= model.score(batch).log_prob().item() + math.log1p(-start) + stay


def test_a_stream_that_changes_its_pace_is_followed_after_the_change():
    rates = torch.ones(1, dtype=F64)
    model, own = HomogeneousProcess(rates), OwnRateProcess(rates, 1.0, 0.05)
    gaps = np.concatenate([np.full(100, 1.0), np.full(100, 0.02)])
    batch = batch_of([np.cumsum(gaps).tolist()], window=(0.0, float(gaps.sum())))
    odds = RateShare(own, 0.01, 1e-3).log_odds(
        own.score(batch), model.score(batch), batch.valid
    )  # fmt: skip
    assert odds[0, 100] < 0
    assert odds[0, -1] > 0


def test_rescaled_gaps_of_its_own_draws_are_exponential():
    process = jump_process(kinds=1, share=True, step=1.0)
    seen = batch_of([[]] * 8, window=(0.0, 1e-9))
    at = next_event.present(process, seen)
    drawn = next_event.simulate(process, at, 60.0, 1, torch.Generator().manual_seed(0))
    rows = [row[row.isfinite()].tolist() for row in drawn.times[0]]
    batch = batch_of(rows, window=(0.0, 60.0))
    test = fit_tests.time_rescaling(fit_tests.rescale(process.score(batch), batch))
    assert sum(map(len, rows)) > 100
    assert test.p_value > 0.01
