"""Poisson processes of an uncertain rate: constant rates, where all is known in closed form."""

import math

import numpy as np
import pytest
import torch
from event_cases import F64, batch_of

from latentode.models.point_processes.event_scores import EventScores
from latentode.ode.trajectory import SolveStats, Trajectory
from latentode.prediction.event_mixture import NextOfMixture, increments_between, mixture_scores

RATES = torch.tensor([0.2, 1.0, 3.0], dtype=F64)


def counts_of(rates, until=10.0):
    """Expected counts that grow evenly, at rates (draw, kind), for two series."""
    grid = torch.linspace(0, until, 11, dtype=F64)
    states = grid[:, None, None, None] * rates[None, :, None]  # (step, draw, batch, kind)
    states = states.expand(-1, -1, 2, -1)
    zero, end = torch.zeros((), dtype=F64), torch.tensor(until, dtype=F64)
    slopes = rates[None, :, None].expand_as(states)
    return Trajectory(zero, until / 10, states, slopes, zero, end, SolveStats(0, 10, "none"))


def scores_of(rates, events):
    """Scores of a mixture of constant rates (draw, kind)."""
    picked = rates.log()[:, events.marks]
    picked = torch.where(events.scored, picked, 0.0)
    return mixture_scores(picked, increments_between(counts_of(rates), events), events.scored)


@pytest.fixture
def events():
    return batch_of([[1.0, 1.5, 7.0], []], [[0, 1, 0], []], kinds=2)


def test_the_likelihood_is_the_mean_of_those_of_the_draws(events):
    rates = torch.stack([RATES, RATES.flip(0) / 2], dim=1)
    got = scores_of(rates, events).log_prob()
    each = [
        rates[:, [0, 1, 0]].log().sum(1) - 10 * rates.sum(1),
        -10 * rates.sum(1),
    ]
    expected = torch.stack([one.logsumexp(0) - math.log(3) for one in each])
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_the_rate_is_the_mean_of_the_draws_given_what_happened():
    got = scores_of(RATES[:, None], batch_of([[2.0, 2.5], [1.0, 9.0]]))
    first = torch.exp(-2 * RATES)
    second = first * RATES * torch.exp(-0.5 * RATES)
    expected = torch.stack([(w * RATES).sum() / w.sum() for w in (first, second)])
    torch.testing.assert_close(got.log_intensity[0].exp(), expected, rtol=1e-12, atol=0)


def test_kinds_share_what_all_expect(events):
    rates = torch.stack([RATES, 2 * RATES], dim=1)  # shares that all draws agree on
    got = scores_of(rates, events)
    assert isinstance(got, EventScores)
    torch.testing.assert_close(got.increments[..., 1], 2 * got.increments[..., 0])
    alone = scores_of(torch.stack([RATES], dim=1) * 3, batch_of([[1.0, 1.5, 7.0], []]))
    torch.testing.assert_close(got.increments.sum(-1), alone.increments.sum(-1))


def test_kinds_with_windows_of_their_own():
    windows = np.array([[[0.0, 4.0], [2.0, 10.0]]] * 2)
    batch = batch_of([[1.0, 3.0], []], [[0, 1], []], kinds=2, windows=windows)
    rates = torch.stack([RATES, RATES], dim=1)
    got = increments_between(counts_of(rates), batch)
    torch.testing.assert_close(got.sum((2, 3)), (4 + 8) * RATES[:, None].expand(-1, 2))


def test_what_comes_next_under_an_uncertain_rate():
    begin, end = torch.tensor([1.0, 3.0], dtype=F64), torch.tensor([9.0, 5.0], dtype=F64)
    rates = torch.stack([RATES, 3 * RATES], dim=1) / 4
    following = NextOfMixture(counts_of(rates), begin, end)
    ahead = torch.tensor([[0.0, 1.0, 2.0]] * 2, dtype=F64)
    survival = following.survival(begin[:, None] + ahead)
    by_hand = torch.exp(-RATES[:, None] * ahead[0]).mean(0)
    torch.testing.assert_close(survival, by_hand.expand(2, -1), rtol=1e-12, atol=0)
    levels = torch.tensor([0.1, 0.5, 0.97], dtype=F64)
    found = following.quantile(levels)
    assert torch.isinf(found[1, 2])  # beyond its end
    real = torch.isfinite(found)
    back = following.survival(begin[:, None] + torch.where(real, found, 0.0))
    # Hermite polynomials between grid points one apart
    torch.testing.assert_close(back[real], (1 - levels).expand(2, -1)[real], rtol=2e-3, atol=0)
    span = (end - begin)[:, None]
    mean = (-torch.expm1(-RATES * span) / RATES).mean(1)
    torch.testing.assert_close(following.mean(), mean, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        following.marks(begin + 1), torch.tensor([[0.25, 0.75]] * 2, dtype=F64)
    )
    torch.testing.assert_close(following.expected()[:, 0], 8 * rates)


def test_the_kind_of_the_next_event_is_told_by_the_draws_that_were_silent_until_then():
    begin, end = torch.tensor([1.0, 3.0], dtype=F64), torch.tensor([9.0, 5.0], dtype=F64)
    rates = torch.stack([RATES, torch.ones(3, dtype=F64)], dim=1)
    following = NextOfMixture(counts_of(rates), begin, end)
    for wait in (0.0, 0.5, 2.0):
        density = (torch.exp(-rates.sum(1) * wait)[:, None] * rates).mean(0)  # of each kind
        found = following.marks(begin + wait)
        torch.testing.assert_close(found, (density / density.sum()).expand(2, -1))
