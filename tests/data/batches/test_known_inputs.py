import math

import numpy as np
import torch

from latentode.data.batches.known_inputs import KnownInputs


def inputs(knot_times, knot_values, periods=(1.0, 7.0)):
    phases = torch.tensor([[0.1, 0.2], [3.0, 4.0]], dtype=torch.float64)[:, : len(periods)]
    rates = torch.tensor([2 * math.pi / p for p in periods], dtype=torch.float64)
    return KnownInputs(phases, rates, torch.tensor(knot_times).double(), torch.tensor(knot_values))


HELD = inputs(
    [[0.0, 1.0, 4.0], [2.0, 5.0, math.inf]],
    [[[1.0], [2.0], [3.0]], [[4.0], [5.0], [9.0]]],
)


def test_given_inputs_hold_their_last_value_and_are_zero_before_the_first():
    times = torch.tensor([[-1.0, 0.0, 0.5, 1.0, 100.0], [1.9, 2.0, 4.9, 5.0, 1e9]]).double()
    held = HELD(times)[..., -1]
    assert held.tolist() == [[0.0, 1.0, 1.0, 2.0, 3.0], [0.0, 4.0, 4.0, 5.0, 5.0]]


def test_the_calendar_is_two_harmonics_of_each_period():
    times = torch.tensor([[0.0, 0.3, -2.7], [11.0, 1e4, 5.5]], dtype=torch.float64)
    found = HELD(times)[..., :-1].double().numpy()
    angle = HELD.phases.numpy()[:, None] + HELD.rates.numpy() * times.numpy()[..., None]
    expected = np.concatenate([w(h * angle) for h in (1, 2) for w in (np.sin, np.cos)], axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # features are float32
    assert found.shape[-1] == 8 == HELD.dim - 1


def test_the_calendar_comes_back_after_a_period():
    one = inputs([[0.0], [0.0]], [[[]], [[]]], periods=(1.0,))
    times = torch.tensor([[0.25, 0.9], [0.1, -3.0]], dtype=torch.float64)
    torch.testing.assert_close(one(times), one(times + 4.0), rtol=0, atol=1e-6)
    assert not torch.allclose(one(times), one(times + 0.5))


def test_without_period_or_given_input_there_are_no_features():
    none = inputs([[0.0], [0.0]], [[[]], [[]]], periods=())
    assert none.dim == 0
    assert none(torch.zeros(2, 5, dtype=torch.float64)).shape == (2, 5, 0)


def test_a_window_does_not_depend_on_the_others():
    times = torch.tensor([[0.2, 3.0], [2.2, 7.0]], dtype=torch.float64)
    alone = [HELD.select(torch.tensor([w]))(times[w : w + 1]) for w in (0, 1)]
    assert torch.equal(HELD(times), torch.cat(alone))
