"""The seasonal memory reads one period earlier, and says nothing where it cannot."""

import numpy as np
import pytest
import torch

from latentode.models.decoders.seasonal import SeasonalMemory
from latentode.models.nn.nearest import ReadingTable


def memory(period=1.0, strength=0.5):
    module = SeasonalMemory(1, period).double()
    with torch.no_grad():
        module.strength.fill_((np.log(strength / (1 - strength)) + 1.0) / 5.0)
    return module


def window(times, values):
    stamps = torch.as_tensor(times, dtype=torch.float64)[None]
    residuals = torch.as_tensor(values, dtype=torch.float64)[None, None, :, None]
    mask = torch.ones(1, len(times), 1, dtype=torch.bool)
    return stamps, mask, torch.tensor([len(times)]), residuals


def ask(module, rows, queries):
    asked = torch.as_tensor(queries, dtype=torch.float64)[None]
    stamps, mask, lengths, residuals = rows
    table = ReadingTable.of(stamps, mask, lengths)
    return module(table, residuals, asked)[0, 0, :, 0].tolist()


def test_a_periodic_residual_is_expected_again():
    times = np.linspace(-2.0, 0.0, 41)
    rows = window(times, np.sin(2 * np.pi * times))
    queries = np.array([0.05, 0.4, 0.75, 1.3, 2.9])  # the last two need two and three periods
    found = ask(memory(strength=0.8), rows, queries)
    # linear between readings 1/20 of a period apart: error at most (2 pi)^2 / 8 / 400
    np.testing.assert_allclose(found, 0.8 * np.sin(2 * np.pi * queries), atol=0.8 * 0.0124)


def test_earlier_periods_count_less_and_less():
    times = np.linspace(-6.0, 0.0, 121)
    rows = window(times, np.floor(times + 1e-9))  # one value a period
    module, query = memory(strength=0.5), 0.5
    with torch.no_grad():
        module.forgetting.fill_(np.log(0.3 / 0.7) / 5.0)
    weights = 0.3 ** np.arange(4)
    expected = 0.5 * (weights * [-1, -2, -3, -4]).sum() / weights.sum()
    np.testing.assert_allclose(ask(module, rows, [query]), [expected], rtol=1e-12)
    found = ask(module, window(times[80:], np.floor(times[80:] + 1e-9)), [query])
    weights = weights[:2]
    np.testing.assert_allclose(found, [0.5 * (weights * [-1, -2]).sum() / weights.sum()])


def test_only_the_past_is_read():
    times = np.linspace(-2.0, 0.0, 21)
    before, after = np.cos(times), np.cos(times)
    after[times > -0.5] += 10.0
    queries = [-0.3, 0.4]  # they lie one period after readings at -1.3 and -0.6
    same = [ask(memory(), window(times, values), queries) for values in (before, after)]
    assert same[0] == same[1]


@pytest.mark.parametrize("start", [-2.0, -1.999, -0.7])
def test_periods_beyond_the_longest_window_need_not_be_looked_for(start):
    times = np.linspace(start, 0.0, 60)
    stamps, mask, lengths, residuals = window(times, np.cos(3 * times))
    table, asked = ReadingTable.of(stamps, mask, lengths), torch.linspace(-1, 2, 50).double()[None]
    every, near = (memory()(table, residuals, asked, span) for span in (torch.inf, -start))
    torch.testing.assert_close(near, every, rtol=1e-14, atol=0.0)
    assert every.any()


@pytest.mark.parametrize(
    ("times", "query"),
    [
        ([-0.4, -0.2, 0.0], 0.1),  # the window is shorter than a period
        ([-1.6, -0.1, 0.0], 0.1),  # the neighbours of -0.9 are further apart than a quarter period
    ],
)
def test_nothing_is_expected_without_near_readings(times, query):
    assert ask(memory(), window(times, np.ones(3)), [query]) == [0.0]


def test_a_channel_that_was_never_read_expects_nothing_and_has_a_finite_gradient():
    module = memory()
    stamps, mask, lengths, residuals = window([-1.0, -0.5, 0.0], [0.0, 0.0, 0.0])
    table = ReadingTable.of(stamps, torch.zeros_like(mask), lengths)
    out = module(table, residuals, stamps + 0.3)
    out.sum().backward()
    assert out.abs().max() == 0.0
    assert torch.isfinite(module.strength.grad).all()
