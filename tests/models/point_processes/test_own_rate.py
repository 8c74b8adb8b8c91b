from itertools import pairwise

import numpy as np
import pytest
import torch
from event_cases import F64, batch_of
from scipy.integrate import quad

from latentode.models.point_processes import OwnRateProcess

ROWS, MARKS = [[0.05, 4.05, 4.1, 4.4, 7.0], [], [2.0, 3.0]], [[0, 1, 1, 0, 1], [], [1, 0]]
RATES = torch.tensor([0.4, 0.2], dtype=F64)


def rate_by_hand(t, row, marks, mark, weight, decay):
    """The posterior mean of the gamma prior, event by event."""
    count = sum(
        np.exp(-decay * (t - u)) for u, k in zip(row, marks, strict=True) if u < t and k == mark
    )
    exposure = quad(lambda u: np.exp(-decay * (t - u)), 0, t)[0]
    return (weight * RATES[mark].item() + count) / (weight + exposure)


@pytest.mark.parametrize("decay", [1e-7, 0.3, 30.0])
def test_the_rate_is_the_posterior_mean_and_the_compensator_its_integral(decay):
    process = OwnRateProcess(RATES, 1.5, decay)
    scores = process.score(batch_of(ROWS, MARKS, kinds=2, window=(0.0, 8.0)))
    for series, (row, marks) in enumerate(zip(ROWS, MARKS, strict=True)):
        for i, (t, k) in enumerate(zip(row, marks, strict=True)):
            expected = np.log(rate_by_hand(t, row, marks, k, 1.5, decay))
            assert scores.log_intensity[series, i].item() == pytest.approx(expected, abs=1e-8)
        knots = [0.0, *row, *[row[-1] if row else 0.0] * (5 - len(row)), 8.0]
        for gap, (low, high) in enumerate(pairwise(knots)):
            for mark in (0, 1):
                expected = quad(
                    lambda t, row=row, marks=marks, mark=mark: rate_by_hand(
                        t, row, marks, mark, 1.5, decay
                    ),
                    low, high, points=[low + 0.1 * (high - low)],
                )[0]  # fmt: skip
                got = scores.increments[series, gap, mark].item()
                assert got == pytest.approx(expected, abs=1e-6)


def test_it_forgets_nothing_where_decay_is_slow_and_the_prior_in_the_long_run():
    times = (np.arange(1, 2001) / 5.0).tolist()
    slow = OwnRateProcess(RATES[:1], 2.0, 1e-9)
    batch = batch_of([times], window=(0.0, 400.0))
    before, _ = slow.counts(batch)
    rate = slow.log_rates(before, batch.times).exp()[0, -1, 0].item()
    # 1,999 events in 400 units of time, and a prior that is worth two units
    assert rate == pytest.approx((2.0 * 0.4 + 1999) / 402, rel=1e-6)


def test_a_change_of_the_unit_of_time_costs_n_log_c():
    c = 3600.0
    one = OwnRateProcess(RATES, 1.5, 0.3).score(batch_of(ROWS, MARKS, kinds=2, window=(0.0, 8.0)))
    rows = [[t * c for t in row] for row in ROWS]
    other = OwnRateProcess(RATES / c, 1.5 * c, 0.3 / c).score(
        batch_of(rows, MARKS, kinds=2, window=(0.0, 8.0 * c))
    )
    expected = torch.tensor([5.0, 0.0, 2.0], dtype=F64) * np.log(c)
    torch.testing.assert_close(one.log_prob() - other.log_prob(), expected)
